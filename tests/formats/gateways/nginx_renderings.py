"""Sample calls as nginx logs them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial

from apilog.formats.nginx import library
from apilog.formats.nginx.grammar import LiteralText, LogFormat, parse_log_format
from apilog.formats.nginx.library import SUGGESTION
from tests.formats.gateways.sample_calls import Call, Fault, Rendering

_BUILT_IN = {f.name: f.log_format for f in library.NGINX_FORMATS}


def _upstream_status(call: Call) -> int | None:
    """Return `$upstream_status`, nginx's own answer where it had tried to reach the service."""
    is_own = call.fault in (Fault.UNREACHABLE, Fault.TIMEOUT)
    return call.status if is_own else call.upstream_status


def variables(call: Call) -> Mapping[str, str]:
    """Return the call by nginx's variables, without those that have no value."""
    known: dict[str, object] = {
        "remote_addr": call.ip,
        "remote_user": call.consumer,
        "time_local": f"{call.at:%d/%b/%Y:%H:%M:%S} +0000",
        "time_iso8601": call.at.isoformat(timespec="seconds"),
        "msec": f"{call.at.timestamp():.3f}",
        "request": f"{call.method} {call.target} HTTP/1.1",
        "request_method": call.method,
        "request_uri": call.target,
        "server_protocol": "HTTP/1.1",
        "host": "api.example.com",
        "status": f"{call.status or 0:03}",
        "body_bytes_sent": call.response_bytes,
        "http_user_agent": call.agent,
        "request_length": call.request_bytes,
        "request_time": f"{call.ms / 1000:.3f}",
        "upstream_response_time": (
            None if call.upstream_ms is None else f"{call.upstream_ms / 1000:.3f}"
        ),
        "upstream_status": _upstream_status(call),
        "proxy_upstream_name": call.api,
        "request_id": call.request_id,
        "req_id": call.request_id,
        "api_plan": call.plan,
        "operation": call.operation,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _escaped(log_format: LogFormat, value: str | None) -> str:
    if log_format.escape == "json":
        return json.dumps(value or "", ensure_ascii=False)[1:-1]
    written = "-" if value is None else value
    return re.sub(r"[^ !#-\[\]-~]", _hexadecimal, written)


def _hexadecimal(found: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02X}" for byte in found[0].encode())


def text(log_format: LogFormat, calls: Sequence[Call]) -> bytes:
    """Return the file that nginx writes by this format."""
    lines = []
    for known in map(variables, calls):
        parts = (
            p.text if isinstance(p, LiteralText) else _escaped(log_format, known.get(p.name))
            for p in log_format.parts
        )
        lines.append("".join(parts) + "\n")
    return "".join(lines).encode()


_KEYS = {
    "time": "time_iso8601",
    "client_ip": "remote_addr",
    "consumer": "remote_user",
    "plan": "api_plan",
    "api": "proxy_upstream_name",
    "operation": "operation",
    "method": "request_method",
    "uri": "request_uri",
    "protocol": "server_protocol",
    "host": "host",
    "status": "status",
    "upstream_status": "upstream_status",
    "request_time": "request_time",
    "upstream_response_time": "upstream_response_time",
    "request_length": "request_length",
    "body_bytes_sent": "body_bytes_sent",
    "http_user_agent": "http_user_agent",
    "request_id": "request_id",
}
_JSON = "{" + ",".join(f'"{key}":"${name}"' for key, name in _KEYS.items()) + ',"stage":"prod"}'
_LTSV = "\t".join(f"{key}:${name}" for key, name in _KEYS.items()) + "\tstage:prod"
_LOGFMT = " ".join(f'{key}="${name}"' for key, name in _KEYS.items()) + " stage=prod"


def _no_upstream(call: Call) -> str | None:
    unasked = _upstream_status(call) is None
    return "no_upstream" if unasked and (call.status or 0) >= 500 else None


def _shape(
    log_format: LogFormat,
    *lacks: str,
    in_seconds: bool = True,
    gateway: str | None = "nginx",
) -> Rendering:
    return Rendering(
        gateway=gateway,
        write=partial(text, log_format),
        lacks=frozenset(lacks),
        in_seconds=in_seconds,
        says={"upstream_status": _upstream_status, "error_type": _no_upstream},
    )


_CUSTOM = ("stage", "operation", "plan")
_NO_UPSTREAM = ("upstream_status", "error_type")
_COMBINED_LACKS = (
    *(*_CUSTOM, *_NO_UPSTREAM, "api", "host", "duration_ms", "upstream_duration_ms"),
    *("request_bytes", "request_id"),
)

FORMATS: Mapping[str, Rendering] = {
    "nginx, combined": _shape(_BUILT_IN["combined"], *_COMBINED_LACKS, gateway=None),
    "nginx, combined with times": _shape(
        parse_log_format(_BUILT_IN["combined"].string + " $request_time $upstream_response_time"),
        *(c for c in _COMBINED_LACKS if "duration" not in c),
        gateway=None,
    ),
    "nginx, apilog's log_format": _shape(parse_log_format(SUGGESTION), *_CUSTOM, "api"),
    "nginx, ingress": _shape(_BUILT_IN["ingress-nginx"], *_CUSTOM, "host"),
    "nginx, JSON": _shape(parse_log_format(_JSON, "json")),
    "nginx, JSON with milliseconds": _shape(
        parse_log_format(_JSON.replace("time_iso8601", "msec"), "json"), in_seconds=False
    ),
    "nginx, LTSV": _shape(parse_log_format(_LTSV)),
    "nginx, logfmt": _shape(parse_log_format(_LOGFMT)),
}
"""Renderings, by what is logged."""
