"""The access logs of Envoy and its family that are lines of text, by their default formats."""

from __future__ import annotations

from apilog.formats.envoy.operators import parse_envoy_format
from apilog.formats.nginx.format import NginxFormat

_ENVOY = "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage"
_ISTIO = "https://istio.io/latest/docs/tasks/observability/logs/access-log/"
_EMISSARY = "https://emissary-ingress.dev/docs/3.10/topics/running/ambassador/"

_START = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
    "%RESPONSE_CODE% %RESPONSE_FLAGS% "
)
_SIZES_AND_TIMES = "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
_CALLER = (
    '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" '
    '"%UPSTREAM_HOST%"'
)
_MESH = (
    " %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% "
    "%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME%"
)
_FAILURE = '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" '
_DETAILS = "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
_MIXER = '"%DYNAMIC_METADATA(istio.mixer:status)%" '

DEFAULT = f"{_START}{_SIZES_AND_TIMES}{_CALLER}"
"""Envoy's default format string."""

_LINE = '[2026-11-21T10:00:00.123Z] "GET /v1/users/42 HTTP/1.1" 200 - '
_FAILED = '[2026-11-21T10:00:01.123Z] "POST /v1/users HTTP/2" 503 UH '
_ID = "0a629dd8-a1ec-441d-80a8-3b09f4f95c2e"
_CALLED = f'"203.0.113.7,10.0.0.1" "curl/8.1" "{_ID}" "api.example.com" "10.0.3.5:8080"'
_ALONE = f'"203.0.113.7" "-" "{_ID}" "api.example.com" "-"'
_IN_MESH = (
    " outbound|9080||orders.shop.svc.cluster.local 10.0.0.9:51234 10.0.0.9:8443 "
    "203.0.113.7:51234 api.example.com"
)


def _envoy_format(name: str, string: str, title: str, url: str, *samples: str) -> NginxFormat:
    return NginxFormat(
        name=name,
        log_format=parse_envoy_format(string),
        gateway="envoy",
        title=title,
        url=url,
        samples=samples,
    )


ENVOY_FORMATS: tuple[NginxFormat, ...] = (
    _envoy_format(
        "envoy",
        DEFAULT,
        "Envoy's default format, also that of Contour, Gloo and Envoy Gateway as text",
        _ENVOY,
        f"{_LINE}0 512 57 50 {_CALLED}",
        f"{_FAILED}12 19 0 - {_ALONE}",
    ),
    _envoy_format(
        "emissary",
        f"ACCESS {DEFAULT}",
        "Emissary-ingress (Ambassador)",
        _EMISSARY,
        f"ACCESS {_LINE}0 512 57 50 {_CALLED}",
        f"ACCESS {_FAILED}12 19 0 - {_ALONE}",
    ),
    _envoy_format(
        "istio",
        f"{_START}{_DETAILS}{_FAILURE}{_SIZES_AND_TIMES}{_CALLER}{_MESH} %ROUTE_NAME%",
        "Istio's proxies, also Apigee hybrid's ingress",
        _ISTIO,
        f'{_LINE}via_upstream - "-" 0 512 57 50 {_CALLED}{_IN_MESH} default',
    ),
    _envoy_format(
        "istio-before-1.9",
        f"{_START}{_FAILURE}{_SIZES_AND_TIMES}{_CALLER}{_MESH} %ROUTE_NAME%",
        "Istio's proxies before 1.9, without the details of the answer",
        _ISTIO,
        f'{_LINE}"-" 0 512 57 50 {_CALLED}{_IN_MESH} default',
    ),
    _envoy_format(
        "istio-mixer",
        f"{_START}{_MIXER}{_FAILURE}{_SIZES_AND_TIMES}{_CALLER}{_MESH} %ROUTE_NAME%",
        "Istio's proxies of 1.3 to 1.7, with the status of Mixer",
        _ISTIO,
        f'{_LINE}"-" "-" 0 512 57 50 {_CALLED}{_IN_MESH} default',
    ),
)
"""Envoy's family as text; what it writes as JSON is told by its keys."""
