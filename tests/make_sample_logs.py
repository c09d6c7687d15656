"""Write sample_logs/: a day of made-up traffic, in every built-in format.

Run it by hand: `python -m tests.make_sample_logs`. The same seed gives the same bytes.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path

from apilog.formats.gateways import GATEWAYS
from apilog.formats.nginx.advised_formats import ADVISED_FORMATS
from apilog.formats.nginx.frameworks import FRAMEWORK_FORMATS
from apilog.formats.nginx.grammar import LiteralText, LogFormat, parse_log_format
from apilog.formats.nginx.library import SUGGESTION
from apilog.formats.nginx.router_formats import ROUTER_FORMATS
from apilog.formats.text_formats import ALL_TEXT_FORMATS
from tests import success_story

DAY = datetime(2026, 11, 20, tzinfo=UTC)
CONSUMERS = ("-", "mobile-app", "partner-acme", "partner-globex", "web-shop", "nightly-export")
AGENTS = (
    "okhttp/4.12.0",
    "python-requests/2.32.3",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0",
    "curl/8.10.1",
)
ENDPOINTS = (
    ("GET", "/v1/users/{}", 30, 24.0),
    ("GET", "/v1/orders/{}", 24, 41.0),
    ("POST", "/v1/orders", 12, 88.0),
    ("GET", "/v1/products", 18, 17.0),
    ("GET", "/v1/search?q={}", 10, 160.0),
    ("PUT", "/v1/users/{}/address", 4, 52.0),
    ("DELETE", "/v1/carts/{}", 2, 20.0),
    ("GET", "/healthz", 8, 1.0),
)
SCANS = ("/.env", "/wp-login.php", "/phpmyadmin/index.php", "/.git/config")


@dataclass(frozen=True, slots=True)
class Request:
    """One made-up request."""

    time: datetime
    ip: str
    consumer: str
    method: str
    target: str
    status: int
    size: int
    length: int
    seconds: float
    upstream: float | None
    agent: str
    number: int

    @property
    def local(self) -> str:
        """The time as `$time_local` writes it."""
        return f"{self.time:%d/%b/%Y:%H:%M:%S +0000}"

    @property
    def line(self) -> str:
        """The request line."""
        return f"{self.method} {self.target} HTTP/1.1"

    @property
    def upstream_seconds(self) -> str:
        """`$upstream_response_time`."""
        return "-" if self.upstream is None else f"{self.upstream:.3f}"

    @property
    def request_id(self) -> str:
        """`$request_id`."""
        return f"{self.number * 0x9E3779B97F4A7C15 % 2**128:032x}"


def requests(rng: random.Random, count: int, start: datetime, hours: float) -> list[Request]:
    """Return `count` requests in the order of their time, more of them by day than by night."""
    times: list[datetime] = []
    while len(times) < count:
        at = rng.random() * hours
        hour = (start + timedelta(hours=at)).hour
        if rng.random() < 0.25 + 0.75 * (1 - abs(hour - 14) / 14):
            times.append(start + timedelta(hours=at))
    return [_request(rng, at, number) for number, at in enumerate(sorted(times), 1)]


def _request(rng: random.Random, at: datetime, number: int) -> Request:
    if rng.random() < 0.03:
        method, target, status, mean = "GET", rng.choice(SCANS), 404, 0.5
    else:
        method, template, _, mean = rng.choices(ENDPOINTS, [e[2] for e in ENDPOINTS])[0]
        target = template.format(rng.randrange(1, 5000))
        status = rng.choices((200, 304, 400, 401, 404, 500, 503), (90, 4, 2, 1, 2, 0.7, 0.3))[0]
    failing = at.hour == 15 and target.startswith("/v1/orders")
    if failing and rng.random() < 0.35:
        status, mean = 502, 2000.0
    seconds = round(mean * rng.lognormvariate(0, 0.6) / 1000, 3)
    reaches = status != 401 and target not in SCANS
    return Request(
        time=at,
        ip=f"{rng.choice(('198.51.100', '203.0.113', '192.0.2'))}.{rng.randrange(1, 255)}",
        consumer=rng.choices(CONSUMERS, (6, 30, 12, 7, 25, 4))[0],
        method=method,
        target=target,
        status=status,
        size=0 if status == 304 else rng.randrange(120, 9000),
        length=rng.randrange(180, 900),
        seconds=seconds,
        upstream=round(seconds * 0.93, 3) if reaches else None,
        agent=rng.choice(AGENTS),
        number=number,
    )


def values(r: Request) -> dict[str, str]:
    """The request by nginx's variables."""
    contacted = r.upstream is not None
    return {
        "remote_addr": r.ip,
        "ident": "ident",
        "remote_user": r.consumer,
        "time_local": r.local,
        "msec": f"{r.time.timestamp():.3f}",
        "request": r.line,
        "request_method": r.method,
        "request_uri": r.target,
        "blanks": "  ",
        "jetty_prefix": f"{r.time:%Y-%m-%d %H:%M:%S}.137:INFO :oejs.RequestLog:qtp1-20: ",
        "request_type": "ai_chat",
        "llm_model": "gpt-4-0613",
        "llm_prompt_tokens": str(r.length),
        "llm_completion_tokens": str(r.size),
        "llm_time_to_first_token": f"{r.seconds * 500:.0f}",
        "request_llm_model": "gpt-4",
        "target": r.target,
        "scheme": "https",
        "host": "api.example.com",
        "http_host": "api.example.com",
        "server": "10.0.3.7",
        "status": str(r.status),
        "body_bytes_sent": str(r.size),
        "request_length": str(r.length),
        "request_time": f"{r.seconds:.3f}",
        "request_time_ms": f"{r.seconds * 1000:.0f}",
        "request_time_us": f"{r.seconds * 1_000_000:.0f}",
        "request_duration": f"{r.seconds * 1000:.0f}ms",
        "upstream_response_time_ms": f"{r.seconds * 930:.0f}" if contacted else "-1",
        "millisecond": f"{r.number % 1000:03}",
        "termination_state": "----",
        "pad": "    ",
        "squid_result": "TCP_MISS",
        **dict.fromkeys(("queue_time_ms", "wait_time_ms", "connect_time_ms", "retries"), "0"),
        "upstream_response_time": r.upstream_seconds,
        "upstream_status": str(r.status) if contacted else "-",
        "upstream_addr": "10.0.3.7:8080" if contacted else "-",
        "processor_addr": "10.0.3.7:8080" if contacted else "-",
        "upstream_response_length": str(r.size) if contacted else "-",
        "proxy_upstream_name": "shop-orders-8080",
        "proxy_alternative_upstream_name": "",
        "http_user_agent": r.agent,
        "requests_total": str(r.number),
        "router_name": "orders@docker",
        "server_url": "http://10.0.3.7:8080",
        "ssl_protocol": "TLSv1.3",
        "ssl_cipher": "TLS_AES_256_GCM_SHA384",
        "req_id": r.request_id,
        "request_id": r.request_id,
    }


def gateway_values(r: Request) -> dict[str, str]:
    """The request by the names that the formats of cloud gateways give its parts."""
    template = route(r)
    return {
        "source_ip": r.ip,
        "caller": "-",
        "user": r.consumer,
        "route_request": f"{r.method} {template} HTTP/1.1",
        "resource_path": template,
        "http_route_key": f"{r.method} {template}",
        "event_type": "MESSAGE",
        "connection_id": f"{r.request_id[:12]}=",
        "server_protocol": "HTTP/1.1",
        "aws_request_id": request_uuid(r),
        "aws_extended_id": f"{r.request_id[:15]}=",
        "time_iso8601": r.time.isoformat(timespec="seconds"),
        "remote_addr_port": f"{r.ip}:51234",
        "hostname": "router-1",
        "processor_status": str(r.status),
        "upstream_http_x_apigee_message_id": f"rt-1-{r.number}",
        "apigee_connection": f"router-1-31-{r.number}-1",
        "my_x_apigee_target_latency": f"{r.seconds * 930:.0f}",
        "upstream_http_x_apigee_proxy": "orders",
        "upstream_http_x_apigee_dp_color": "blue",
        "peer": f"{r.ip}:51234",
        "pid": "7",
        "level": "INFO",
        "logged_at": f"{r.time:%Y-%m-%d %H:%M:%S}",
        "logged_zone": "+0000",
        "logger_prefix": f"{r.time:%Y-%m-%dT%H:%M:%S}.000Z  INFO 7 --- [ctor-http-nio-2] ",
        "sent_http_content_length": str(r.size),
        "target": r.target,
        "time_python": f"{r.time:%Y-%m-%d %H:%M:%S},123",
        "time_web": f"{r.time:%a, %d %b %Y %H:%M:%S} GMT",
        **dict.fromkeys(("opening", "closing", "python_prefix"), ""),
        "tail_reason": HTTPStatus(r.status).phrase,
        "time_gin": f"{r.time:%Y/%m/%d - %H:%M:%S}",
        "time_good": f"{r.time:%y%m%d/%H%M%S}.000",
        "method_lower": r.method.lower(),
        "prefix": "[KRAKEND] ",
        "good_id": f" ({r.number}:web1:7:k0u742ki:10000)",
        "good_query": " {}",
        "good_tags": "",
        **dict.fromkeys(("play_head", "play_head_or_none"), "[info] access - "),
        "time_no_zone": f"{r.time:%d/%b/%Y %H:%M:%S}",
        "time_go": f"{r.time:%Y/%m/%d %H:%M:%S}",
        "time_tornado": f"{r.time:%y%m%d %H:%M:%S}",
        "time_any": f"{r.time:%Y-%m-%d %H:%M:%S} +0000",
        "clock": f"{r.time:%H:%M:%S}",
        "level_letter": "I",
        "logger_and_line": "web:2348",
        "fastapi_tag": "      INFO   ",
        "client_or_none": r.ip,
        "bar": " ",
        "request_time_rack": f"{r.seconds:.4f}",
        "request_time_seconds": f"{r.seconds:.6f}",
        "dotted_host": "api.example.com",
        "bytes_uploaded": "0",
        "direct_addr_port": "10.0.4.7:20810",
        "tail_scheme": "https",
        "tail_router": "0.000104",
        "epoch_ms": f"{r.time.timestamp() * 1000:.0f}",
        "absolute_url": f"https://api.example.com{r.target}",
        "referer_to_bar": "-",
        "agent_to_bar": r.agent,
        "zone_to_bar": "390",
        "edge_to_bar": "WA",
        "tabs": "\t ",
        "reason_phrase": HTTPStatus(r.status).phrase,
        "request_time_actix": f"{r.seconds:.6f}",
        "aspnet_head": "      ",
        "aspnet_body": "",
        "one_word": "-",
        "serilog_head": f"[{r.time:%H:%M:%S} INF] ",
        "koa_arrow": "  --> ",
        "sanic_process": "Main |",
        "dots": " ....................",
        "uwsgi_vars": "36 vars in 400 bytes",
        **dict.fromkeys(("spans", "more_fields"), ""),
    }


def proxy_values(r: Request) -> dict[str, str]:
    """The request by what Envoy and HAProxy call its values, in the terms of their formats."""
    contacted = r.upstream is not None
    return {
        "response_flags": "-" if contacted or r.status < 500 else "UH",
        "response_code_details": "via_upstream" if contacted else "direct_response",
        "upstream_host": "10.0.3.7:8080" if contacted else "-",
        "upstream_cluster": "outbound|8080||orders.shop.svc.cluster.local",
        "route_name": "default",
        "requested_server_name": "api.example.com",
        "http_x_request_id": r.request_id,
        "http_x_forwarded_for": r.ip,
        "remote_addr_port": f"{r.ip}:51310",
        "client_port": "51310",
        "time_unzoned": f"{r.time:%d/%b/%Y:%H:%M:%S}.{r.number % 1000:03}",
        "time_month_first": f"{r.time:%m/%d/%y, %H:%M:%S}",
        "service_and_instance": "W3SVC2",
        "computer": "WEB1",
        "server_addr": "10.0.0.4",
        "win32_status": "0",
        "syslog_stamp": "",
        "captured_headers": f"{{api.example.com|{r.agent}}} ",
        "frontend_name": "fe_api~",
        "backend_name": "be_orders",
        "upstream_server": "app3" if contacted else "<NOSRV>",
        "receive_time_ms": "0",
        "server_time_ms": f"{r.seconds * 930:.0f}" if contacted else "-1",
        "active_time_ms": f"{r.seconds * 1000:.0f}",
        "bytes_read": str(r.size + 200),
        "termination_state": "----" if contacted else "LR--",
        "captures": "",
        "connections": "12",
        "frontend_connections": "10",
        "backend_connections": "3",
        "server_connections": "1",
        "server_queue": "0",
        "backend_queue": "0",
        "sample_fc_err": "0",
        "sample_ssl_fc_err_hex": "0000000000000000",
        "sample_ssl_c_err": "0",
        "sample_ssl_c_ca_err": "0",
        "sample_ssl_fc_is_resumed": "0",
        "ssl_server_name": "api.example.com",
    }


def route(r: Request) -> str:
    """The template that a gateway knows the request by."""
    return re.sub(r"/[0-9]+", "/{id}", r.target.partition("?")[0])


def request_uuid(r: Request) -> str:
    """The request id as a UUID."""
    return str(uuid.UUID(r.request_id))


def render(log_format: LogFormat, r: Request) -> str:
    """The line that the format makes of a request."""
    known = values(r) | gateway_values(r)
    if log_format.escape in ("envoy", "haproxy") or "time_month_first" in log_format.variables:
        known |= proxy_values(r)
    return "".join(
        p.text if isinstance(p, LiteralText) else known.get(p.name, "-") for p in log_format.parts
    )


Line = Callable[[Request], str]
NAMED = {f.name: f.log_format for f in ALL_TEXT_FORMATS}
COMBINED = NAMED["combined"]


def _combined(r: Request) -> str:
    return render(COMBINED, r)


def _timed(r: Request) -> str:
    return f"{_combined(r)} {r.seconds:.3f} {r.upstream_seconds}"


def _json(r: Request) -> str:
    keys = {
        "time": r.time.isoformat(timespec="seconds"),
        "remote_addr": r.ip,
        "remote_user": "" if r.consumer == "-" else r.consumer,
        "request_method": r.method,
        "request_uri": r.target,
        "status": str(r.status),
        "body_bytes_sent": str(r.size),
        "request_time": f"{r.seconds:.3f}",
        "upstream_response_time": "" if r.upstream is None else r.upstream_seconds,
        "http_user_agent": r.agent,
    }
    return json.dumps(keys)


def _fields(r: Request) -> dict[str, object]:
    return {
        "time": r.time.isoformat(timespec="seconds"),
        "host": r.ip,
        "user": r.consumer,
        "method": r.method,
        "uri": r.target,
        "status": r.status,
        "size": r.size,
        "apptime": f"{r.seconds:.3f}",
        "ua": r.agent,
    }


def _ltsv(r: Request) -> str:
    return "\t".join(f"{key}:{value}" for key, value in _fields(r).items())


def _logfmt(r: Request) -> str:
    return " ".join(
        f'{key}="{value}"' if " " in str(value) else f"{key}={value}"
        for key, value in _fields(r).items()
    )


def _docker(r: Request) -> str:
    stamp = f"{r.time:%Y-%m-%dT%H:%M:%S}.000000000Z"
    return json.dumps({"log": _combined(r) + "\n", "stream": "stdout", "time": stamp})


def _journald(r: Request) -> str:
    stamp = str(int(r.time.timestamp() * 1_000_000))
    return json.dumps({"__REALTIME_TIMESTAMP": stamp, "MESSAGE": _combined(r), "_COMM": "nginx"})


def _aws(r: Request) -> str:
    return json.dumps(
        {
            "requestId": request_uuid(r),
            "ip": r.ip,
            "apiKeyId": r.consumer,
            "requestTime": r.local,
            "httpMethod": r.method,
            "resourcePath": route(r),
            "path": f"/prod{r.target.partition('?')[0]}",
            "stage": "prod",
            "status": str(r.status),
            "protocol": "HTTP/1.1",
            "responseLength": str(r.size),
            "responseLatency": f"{r.seconds * 1000:.0f}",
            "integrationLatency": "-" if r.upstream is None else f"{r.upstream * 1000:.0f}",
            "integrationStatus": "-" if r.upstream is None else str(r.status),
        }
    )


def _apigee(r: Request) -> str:
    started = int(r.time.timestamp() * 1000)
    return json.dumps(
        {
            "organization": "shop",
            "environment": "prod",
            "apiproxy": "orders",
            "request_path": r.target.partition("?")[0],
            "request_verb": r.method,
            "response_status_code": r.status,
            "target_response_code": None if r.upstream is None else r.status,
            "client_received_start_timestamp": started,
            "total_response_time": round(r.seconds * 1000),
            "target_response_time": None if r.upstream is None else round(r.upstream * 1000),
            "client_ip": r.ip,
            "developer_app": "(not set)" if r.consumer == "-" else r.consumer,
            "api_product": "gold",
            "request_size": r.length,
            "response_size": r.size,
            "gateway_flow_id": f"rt-1-{r.number}",
            "useragent": r.agent,
        }
    )


def _apigee_balancer(r: Request) -> str:
    return json.dumps(
        {
            "httpRequest": {
                "latency": f"{r.seconds:.6f}s",
                "protocol": "HTTP/1.1",
                "remoteIp": r.ip,
                "requestMethod": r.method,
                "requestSize": str(r.length),
                "requestUrl": f"https://api.example.com{r.target}",
                "responseSize": str(r.size),
                "status": r.status,
                "userAgent": r.agent,
            },
            "insertId": f"{r.number:x}",
            "jsonPayload": {"statusDetails": "response_sent_by_backend"},
            "logName": "projects/shop/logs/requests",
            "resource": {"labels": {"project_id": "shop"}, "type": "http_load_balancer"},
            "timestamp": f"{r.time:%Y-%m-%dT%H:%M:%S}.000000Z",
        }
    )


def _azure_apim(r: Request) -> str:
    backend = {} if r.upstream is None else {"backendResponseCode": r.status}
    return json.dumps(
        {
            "time": f"{r.time:%Y-%m-%dT%H:%M:%S}.0000000Z",
            "resourceId": "/SUBSCRIPTIONS/0/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/CONTOSO",
            "operationName": "Microsoft.ApiManagement/GatewayLogs",
            "category": "GatewayLogs",
            "isRequestSuccess": r.status < 400,
            "durationMs": round(r.seconds * 1000),
            "callerIpAddress": r.ip,
            "correlationId": request_uuid(r),
            "properties": {
                "method": r.method,
                "url": f"https://contoso.azure-api.net{r.target}",
                "responseCode": r.status,
                "responseSize": r.size,
                "requestSize": r.length,
                "cache": "none",
                "apiId": "orders",
                "operationId": "get-order",
                "productId": "gold",
                **({} if r.consumer == "-" else {"apimSubscriptionId": r.consumer}),
                **backend,
            },
        }
    )


def _azure_appgateway(r: Request) -> str:
    return json.dumps(
        {
            "time": f"{r.time:%Y-%m-%dT%H:%M:%S}Z",
            "category": "ApplicationGatewayAccessLog",
            "properties": {
                "clientIP": r.ip,
                "httpMethod": r.method,
                "requestUri": r.target.partition("?")[0],
                "userAgent": r.agent,
                "httpStatus": r.status,
                "httpVersion": "HTTP/1.1",
                "receivedBytes": r.length,
                "sentBytes": r.size,
                "timeTaken": r.seconds + 0.0001,
                "host": "www.contoso.com",
                "serverStatus": "" if r.upstream is None else str(r.status),
                "serverResponseLatency": "" if r.upstream is None else f"{r.upstream:.3f}",
            },
        }
    )


def _azure_frontdoor(r: Request) -> str:
    return json.dumps(
        {
            "time": f"{r.time:%Y-%m-%dT%H:%M:%S}.0000000Z",
            "category": "FrontDoorAccessLog",
            "operationName": "Microsoft.Cdn/Profiles/AccessLog/Write",
            "properties": {
                "trackingReference": f"{r.number:016X}",
                "httpMethod": r.method,
                "httpVersion": "2.0.0.0",
                "requestUri": f"https://api.contoso.com:443{r.target}",
                "requestBytes": str(r.length),
                "responseBytes": str(r.size),
                "userAgent": r.agent,
                "clientIp": r.ip,
                "timeTaken": f"{r.seconds:.3f}",
                "httpStatusCode": str(r.status),
                "cacheStatus": "CONFIG_NOCACHE",
                "errorInfo": "NoError",
                "ErrorInfo": "NoError",
                "hostName": "api.contoso.com",
            },
        }
    )


_LATER = ("kong", "apisix", "apisix-without-id", "haproxy-clf", "squid", "envoy", "istio")
"""Named formats that came after the others."""
_LAST = (
    "emissary",
    "istio-before-1.9",
    "istio-mixer",
    "haproxy",
    "haproxy-https",
    "iis-native",
    "haproxy-captures",
)
"""Those that came after these."""

OF_THEIR_OWN_SEED = (*FRAMEWORK_FORMATS, *ADVISED_FORMATS, *ROUTER_FORMATS)

LINES: dict[str, Line] = {
    **{
        f.name: partial(render, f.log_format)
        for f in ALL_TEXT_FORMATS
        if f.name not in ("apilog", *_LATER, *_LAST) and f not in OF_THEIR_OWN_SEED
    },
    "aws-apigateway": _aws,
    "apigee": _apigee,
    "azure-apim": _azure_apim,
    "azure-appgateway": _azure_appgateway,
    "azure-frontdoor": _azure_frontdoor,
    "combined-key-value": lambda r: f"{_combined(r)} rt={r.seconds:.3f} urt={r.upstream_seconds}",
    "combined-in-quotes": lambda r: '"' + _combined(r).replace('"', '""') + '"',
    "json": _json,
    "ltsv": _ltsv,
    "logfmt": _logfmt,
    "docker": _docker,
    "journald": _journald,
    "cri": lambda r: f"{r.time:%Y-%m-%dT%H:%M:%S}.000000000Z stdout F {_combined(r)}",
    "syslog-3164": lambda r: f"<190>{r.time:%b %e %H:%M:%S} edge-1 nginx: {_combined(r)}",
    "syslog-5424": lambda r: (
        f"<190>1 {r.time:%Y-%m-%dT%H:%M:%S}.000000Z edge-1 nginx 31 - - {_combined(r)}"
    ),
    "apilog": partial(render, parse_log_format(SUGGESTION)),
    "apigee-loadbalancer": _apigee_balancer,
    **{name: partial(render, NAMED[name]) for name in _LATER},
    **{name: partial(render, NAMED[name]) for name in _LAST},
}
"""Name of a log to how a request is written; a new one comes last, so that the seed leaves the
others as they are. A gateway that is not here has its samples for a log."""


def _rails(r: Request) -> str:
    tag = f"[{request_uuid(r)}]"
    return (
        f'{tag} Started {r.method} "{r.target}" for {r.ip} at {r.time:%Y-%m-%d %H:%M:%S} +0000\n'
        f"{tag} Processing by OrdersController#show as JSON\n"
        f"{tag} Completed {r.status} {HTTPStatus(r.status).phrase} in {r.seconds * 1000:.0f}ms "
        "(Views: 0.4ms | ActiveRecord: 1.0ms)"
    )


def _tower_http(r: Request) -> str:
    (log_format,) = (f.log_format for f in FRAMEWORK_FORMATS if f.name == "tower-http")
    return render(log_format, r).replace("latency=-", f"latency={r.seconds * 1000:.0f} ms")


FRAMEWORK_LINES: dict[str, Line] = {
    **{f.name: partial(render, f.log_format) for f in OF_THEIR_OWN_SEED},
    "tower-http": _tower_http,
    "rails": _rails,
}
"""The same for logs that have a seed of their own: their order is free."""

BROKEN = (
    b'203.0.113.9 - - [20/Nov/2026:23:50:00 +0000] "\\x16\\x03\\x01\\x02\\x00" 400 150 "-" "-"\n'
    b'203.0.113.9 - - [20/Nov/2026:23:50:01 +0000] "-" 400 0 "-" "-"\n'
    b"2026/11/20 23:50:02 [error] 31#31: *7 connect() failed (111: Connection refused)\n"
    b"this line is no access log line\n"
    b'203.0.113.9 - - [20/Nov/2026:23:50:03 +0000] "GET /v1/users/7 HTTP/1.1" 200 5\xff "-" "x"\n'
    b'203.0.113.9 - - [99/Nov/2026:23:50:04 +0000] "GET /v1/users/8 HTTP/1.1" 200 51 "-" "x"\n'
    b"\n"
    b'203.0.113.9 - - [20/Nov/2026:23:50:05 +0000] "GET /v1/users/9 HTTP/1.1" 200 51 "-" "cut'
)
"""Odd requests, lines of another log, and lines that are damaged."""


def files(seed: int = 7) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file."""
    rng = random.Random(seed)
    morning = requests(rng, 1500, DAY, 12)
    evening = requests(rng, 1500, DAY + timedelta(hours=12), 12)
    older = "".join(_timed(r) + "\n" for r in morning).encode()
    yield "api.log.1.gz", gzip.compress(older, mtime=0)
    yield "api.log", "".join(_timed(r) + "\n" for r in evening).encode()
    for name, line in LINES.items():
        some = requests(rng, 40, DAY, 24)
        yield f"{name}.log", "".join(line(r) + "\n" for r in some).encode()
    for name, line in FRAMEWORK_LINES.items():
        some = requests(random.Random(name), 40, DAY, 24)
        yield f"{name}.log", "".join(line(r) + "\n" for r in some).encode()
    for gateway in GATEWAYS:
        if gateway.name not in LINES:
            yield f"{gateway.name}.log", "".join(f"{s}\n" for s in gateway.samples).encode()
    yield "broken.log", BROKEN
    yield from success_story.files()


def main() -> None:
    """Write every file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "sample_logs"
    folder.mkdir(exist_ok=True)
    for name, content in files():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
