"""What to set in API gateways and platforms so that their logs hold more, and what can't be set.

Invariant: what is told to be set is in the vendor's documentation, which each template names.
"""

from __future__ import annotations

from collections.abc import Mapping

_KRAKEND_ENTERPRISE = "KrakenD Enterprise, and in its access_log_custom_format"
_NO_ROUTER_FIELDS = "the app's own log: nothing can be added to the router's lines"
_NO_DRAIN_FIELDS = "the function's own log: a drain has no such field"

ADVICE: Mapping[str, Mapping[str, str]] = {
    "krakend": {
        "consumer": f"{_KRAKEND_ENTERPRISE} %{{jwt.sub}}: the Community Edition has one layout",
        "host": f"{_KRAKEND_ENTERPRISE} %{{host}}",
        "user_agent": f"{_KRAKEND_ENTERPRISE} %{{header.User-Agent}}",
        "protocol": f"{_KRAKEND_ENTERPRISE} %{{proto}}",
        "upstream_duration_ms": "telemetry/opentelemetry: the access log knows no backends",
    },
    "gravitee": {
        "consumer": "a plan with an API key, JWT or OAuth2: callers of a keyless plan are unknown",
        "plan": "a plan with an API key, JWT or OAuth2",
        "api": "reporters.file.output: json, without a request.exclude",
        "upstream_duration_ms": "reporters.file.output: json, without a request.exclude",
        "duration_ms": "reporters.file.output: json, without a request.exclude",
        "user_agent": "reporters.file.output: json, without a request.exclude",
    },
    "wso2": {
        "consumer": '[apim.analytics] type = "elk", and APIs that ask for a subscription',
        "upstream_duration_ms": '[apim.analytics] type = "elk"',
        "upstream_status": '[apim.analytics] type = "elk"',
        "response_bytes": "[apim.analytics] properties.'build_response_message' = true",
        "user_agent": '[apim.analytics] type = "elk"',
    },
    "heroku": {
        "consumer": _NO_ROUTER_FIELDS,
        "user_agent": _NO_ROUTER_FIELDS,
        "referer": _NO_ROUTER_FIELDS,
        "timestamp": "heroku logs, or a drain: each line comes with its time",
    },
    "vercel": {
        "user_agent": "the sources lambda, edge, static, external and redirect in the drain",
        "client_ip": "the sources lambda, edge, static, external and redirect in the drain",
        "duration_ms": "a drain of traces: that of logs has no durations",
        "consumer": _NO_DRAIN_FIELDS,
        "response_bytes": _NO_DRAIN_FIELDS,
    },
    "netlify": {
        "client_ip": "the drain without `Exclude personally identifiable information`",
        "user_agent": "the drain without `Exclude personally identifiable information`",
        "duration_ms": "the log type traffic in the drain",
        "consumer": _NO_DRAIN_FIELDS,
    },
}
"""Column to what to log, or to do, so that it is filled; the most useful column first."""

# The Community Edition has no setting but whether it logs:
# https://www.krakend.io/docs/logging/
_KRAKEND = """{
  "$schema": "https://www.krakend.io/schema/v3.json",
  "version": 3,
  "extra_config": {
    "telemetry/logging": {
      "level": "INFO",
      "stdout": true,
      "access_log_format": "custom",
      "access_log_custom_format": "%{clientIP} - %{jwt.sub} [%{time}] \\"%{method} %{path} \
%{proto}\\" %{statusCode} - \\"%{header.Referer}\\" \\"%{header.User-Agent}\\" %{latencyMs} \
%{host} krakend\\n"
    }
  }
}
"""
_GRAVITEE = """# gravitee.yml of the gateway, for APIs of v2 and of v4
# https://documentation.gravitee.io/apim/analyze-and-monitor-apis/reporters
reporters:
  file:
    enabled: true
    fileName: ${gravitee.home}/metrics/%s-yyyy_mm_dd
    output: json
"""
_WSO2 = """# repository/conf/deployment.toml
# https://apim.docs.wso2.com/en/latest/api-analytics/on-prem/elk-installation-guide/
[apim.analytics]
enable = true
type = "elk"
properties.'build_response_message' = true
"""
_HEROKU = """# The router's lines can't be changed: what else is to be known, the app logs itself.
# A drain keeps them all: https://devcenter.heroku.com/articles/log-drains
heroku drains:add syslog+tls://logs.example.com:6514 --app APP
"""
_VERCEL = """# https://vercel.com/docs/rest-api/logdrains
curl "https://api.vercel.com/v1/log-drains?teamId=$TEAM_ID" -X POST \\
  -H "Authorization: Bearer $VERCEL_TOKEN" -H "Content-Type: application/json" \\
  -d '{"url": "https://logs.example.com/vercel", "deliveryFormat": "ndjson",
       "sources": ["lambda", "edge", "static", "external", "redirect"]}'
"""
_NETLIFY = """# https://docs.netlify.com/manage/monitoring/log-drains/
# Logs, Log Drains, Enable a log drain: a General HTTP endpoint (or Amazon S3), the log type
# traffic, the format NDJSON, personally identifiable information not excluded. With Terraform:
resource "netlify_log_drain" "apilog" {
  site_id        = "SITE_ID"
  destination    = "http"
  log_types      = ["user_traffic"]
  format         = "ndjson"
  exclude_pii    = false
  service_config = { url = "https://logs.example.com/netlify" }
}
"""

TEMPLATES: Mapping[str, str] = {
    "krakend": _KRAKEND,
    "gravitee": _GRAVITEE,
    "wso2": _WSO2,
    "heroku": _HEROKU,
    "vercel": _VERCEL,
    "netlify": _NETLIFY,
}
"""What to put into each one's configuration so that it logs everything that it can."""
