"""Named text formats of proxies and application servers, in the language of nginx.

A variable that means nothing here, such as a connection's, is read over.
"""

from __future__ import annotations

from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import parse_log_format

_ENVOY = "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage"
_ISTIO = "https://istio.io/latest/docs/tasks/observability/logs/access-log/"

_ENVOY_START = '[$time_iso8601] "$request" $status $error_type '
_ENVOY_SIZES = "$request_length $body_bytes_sent $request_time_ms $upstream_response_time_ms "
_ENVOY_CALLER = '"$http_x_forwarded_for" "$http_user_agent" "$req_id" "$http_host"'
_ENVOY_LINE = '[2026-11-21T10:00:00.123Z] "GET /v1/users/42 HTTP/1.1" 200 - '
_CALLER = (
    '"203.0.113.7,10.0.0.1" "curl/8.1" "0a629dd8-a1ec-441d-80a8-3b09f4f95c2e" "api.example.com"'
)


def _server_format(
    name: str,
    gateway: str,
    string: str,
    title: str,
    url: str,
    *samples: str,
) -> NginxFormat:
    return NginxFormat(
        name=name,
        log_format=parse_log_format(string),
        gateway=gateway,
        title=title,
        url=url,
        samples=samples,
    )


SERVER_FORMATS: tuple[NginxFormat, ...] = (
    _server_format(
        "envoy",
        "envoy",
        f'{_ENVOY_START}{_ENVOY_SIZES}{_ENVOY_CALLER} "$upstream_addr"',
        "Envoy's default format, also Contour's",
        _ENVOY,
        f'{_ENVOY_LINE}0 512 57 50 {_CALLER} "10.0.3.5:8080"',
        '[2026-11-21T10:00:00.123Z] "POST /v1/users HTTP/2" 503 UH 12 19 0 - "203.0.113.7" "-" '
        '"0a629dd8-a1ec-441d-80a8-3b09f4f95c2e" "api.example.com" "-"',
    ),
    _server_format(
        "istio",
        "envoy",
        f'{_ENVOY_START}$response_code_details $connection_details "$transport_failure" '
        f'{_ENVOY_SIZES}{_ENVOY_CALLER} "$upstream_addr" $cluster $local_address '
        "$listener_address $peer_address $server_name_asked $envoy_route",
        "Istio's proxies, also Apigee hybrid's ingress",
        _ISTIO,
        f'{_ENVOY_LINE}via_upstream - "-" 0 512 57 50 {_CALLER} "10.0.3.5:8080" '
        "outbound|9080||orders.shop.svc.cluster.local 10.0.0.9:51234 10.0.0.9:8443 "
        "203.0.113.7:51234 api.example.com default",
    ),
)
"""Formats whose lines have their own time."""
