"""Requests that API Gateway took, in each of the shapes in which it logs them.

A request is its `$context` variables; a shape is a string with variables in it, as in the
console, or an object of such strings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

Context = Mapping[str, str]
"""Variables without `$context.`; one that is not there is logged as `-`."""

_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_.]*[A-Za-z0-9_])")
_NUMBER = re.compile(r'"(\$context\.[A-Za-z.]*(?:status|latency|length))"', re.IGNORECASE)


def render(log_format: str, context: Context) -> str:
    """Return what API Gateway writes: every value as the text that it is."""
    return _VARIABLE.sub(lambda variable: context.get(variable[1], "-"), log_format)


def _object(keys: Mapping[str, object]) -> str:
    return json.dumps(keys)


def nested_in(*names: str) -> str:
    """Return objects within objects, by the dots in the variables."""
    root: dict[str, object] = {}
    for name in names:
        inner = root
        *above, last = name.split(".")
        for key in above:
            inner = inner.setdefault(key, {})  # type: ignore[assignment]
        inner[last] = f"$context.{name}"
    return _object(root)


def _flat(key: Callable[[str], str], *names: str) -> str:
    return _object({key(name): f"$context.{name}" for name in names})


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|\.", "_", name).lower()


def _camel(name: str) -> str:
    first, *rest = name.split(".")
    return first + "".join(part[0].upper() + part[1:] for part in rest)


_REST = (
    "requestId",
    "identity.sourceIp",
    "identity.caller",
    "identity.user",
    "requestTime",
    "httpMethod",
    "resourcePath",
    "status",
    "protocol",
    "responseLength",
)
_HTTP = tuple(
    "routeKey" if name == "resourcePath" else name
    for name in _REST
    if name not in ("identity.caller", "identity.user")
)
_WEBSOCKET = (
    "requestId",
    "identity.sourceIp",
    "identity.caller",
    "identity.user",
    "requestTime",
    "eventType",
    "routeKey",
    "status",
    "connectionId",
)


def _json(names: tuple[str, ...], **console: str) -> dict[str, str]:
    """Return the console's preset, and the same under other keys."""
    preset = _object({k: f"$context.{name}" for k, name in console.items()})
    return {"console": preset, **styles(*names)}


def styles(*names: str) -> dict[str, str]:
    """Return objects of these variables under keys in many styles."""
    return {
        "nested": nested_in(*names),
        "camel": _flat(_camel, *names),
        "snake": _flat(_snake, *names),
        "dotted": _flat(str, *names),
        "kebab": _flat(lambda name: _snake(name).replace("_", "-"), *names),
        "upper": _flat(lambda name: _snake(name).upper(), *names),
        "context": _flat(lambda name: _camel(f"context.{name}"), *names),
        "within": nested_in(*(f"context.{name}" for name in names)).replace(
            "$context.context.", "$context."
        ),
        "unquoted": _NUMBER.sub(r"\1", _flat(str, *names)),
    }


def _xml(*names: str) -> str:
    elements = (f"<{n.split('.')[-1]}>$context.{n}</{n.split('.')[-1]}>" for n in names)
    inner = " ".join(elements).replace("sourceIp>", "ip>")
    return f'<request id="$context.requestId"> {inner} </request>'


def _csv(*names: str) -> str:
    return ",".join(f"$context.{name}" for name in names)


_WHO = "$context.identity.sourceIp $context.identity.caller $context.identity.user"
_CLF = (
    f'{_WHO} [$context.requestTime] "$context.httpMethod $context.resourcePath '
    '$context.protocol" $context.status $context.responseLength $context.requestId'
)
_HTTP_CLF = (
    '$context.identity.sourceIp - - [$context.requestTime] "$context.httpMethod '
    '$context.routeKey $context.protocol" $context.status $context.responseLength '
    "$context.requestId"
)
_WEBSOCKET_CLF = (
    f'{_WHO} [$context.requestTime] "$context.eventType $context.routeKey '
    '$context.connectionId" $context.status $context.requestId'
)
_MORE = "$context.extendedRequestId"
_ANSWER = ("httpMethod", "resourcePath", "status", "protocol", "responseLength")
_HTTP_ANSWER = ("httpMethod", "routeKey", "status", "protocol", "responseLength")
_CALLER = ("identity.sourceIp", "identity.caller", "identity.user", "requestTime")

REST_SHAPES: Mapping[str, str] = {
    **_json(
        _REST,
        requestId="requestId",
        extendedRequestId="extendedRequestId",
        ip="identity.sourceIp",
        caller="identity.caller",
        user="identity.user",
        requestTime="requestTime",
        httpMethod="httpMethod",
        resourcePath="resourcePath",
        status="status",
        protocol="protocol",
        responseLength="responseLength",
    ),
    "aws-clf": _CLF,
    "aws-clf-extended": f"{_CLF} {_MORE}",
    "aws-clf-extended-first": f"{_MORE} {_CLF}",
    "aws-clf-joined": f"{_CLF} {_MORE}".replace("] ", "]"),
    "aws-csv": _csv(
        *_CALLER, "httpMethod", "resourcePath", "protocol", "status", "responseLength", "requestId"
    ),
    "aws-csv-extended": _csv(
        *_CALLER,
        *("httpMethod", "resourcePath", "protocol", "status", "responseLength", "requestId"),
        "extendedRequestId",
    ),
    "aws-xml": _xml(*_CALLER, *_ANSWER),
    "aws-xml-extended": _xml("extendedRequestId", *_CALLER, *_ANSWER),
    "aws-serverless": (
        "requestId: $context.requestId, ip: $context.identity.sourceIp, "
        "caller: $context.identity.caller, user: $context.identity.user, "
        "requestTime: $context.requestTime, httpMethod: $context.httpMethod, "
        "resourcePath: $context.resourcePath, status: $context.status, "
        "protocol: $context.protocol, responseLength: $context.responseLength"
    ),
}
"""Log formats of REST APIs; plain text goes by the name of its format."""

HTTP_SHAPES: Mapping[str, str] = {
    **_json(
        _HTTP,
        requestId="requestId",
        ip="identity.sourceIp",
        requestTime="requestTime",
        httpMethod="httpMethod",
        routeKey="routeKey",
        status="status",
        protocol="protocol",
        responseLength="responseLength",
    ),
    "aws-clf": _HTTP_CLF,
    "aws-clf-extended": f"{_HTTP_CLF} {_MORE}",
    "aws-http-csv": _csv(
        *("identity.sourceIp", "requestTime", "httpMethod", "routeKey", "protocol", "status"),
        *("responseLength", "requestId"),
    ),
    "aws-http-csv-extended": _csv(
        *("identity.sourceIp", "requestTime", "httpMethod", "routeKey", "protocol", "status"),
        *("responseLength", "requestId", "extendedRequestId"),
    ),
    "aws-http-xml": _xml("identity.sourceIp", "requestTime", *_HTTP_ANSWER),
    "aws-http-xml-extended": _xml(
        "identity.sourceIp", "requestTime", *_HTTP_ANSWER, "extendedRequestId"
    ),
}

WEBSOCKET_SHAPES: Mapping[str, str] = {
    **_json(
        _WEBSOCKET,
        requestId="requestId",
        ip="identity.sourceIp",
        caller="identity.caller",
        user="identity.user",
        requestTime="requestTime",
        eventType="eventType",
        routeKey="routeKey",
        status="status",
        connectionId="connectionId",
    ),
    "aws-websocket-clf": _WEBSOCKET_CLF,
    "aws-websocket-clf-guide": _WEBSOCKET_CLF.replace("$context.status ", "$context.status  "),
    "aws-websocket-csv": _csv(
        *_CALLER, "eventType", "routeKey", "connectionId", "status", "requestId"
    ),
    "aws-websocket-xml": _xml(*_CALLER, "eventType", "routeKey", "status", "connectionId"),
}

UUID = "8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a59"
SHORT = "GQIVriFLIAMEMsA="

REST: Context = {
    "requestId": UUID,
    "extendedRequestId": "UBuxEFWvoAMFbVw=",
    "identity.sourceIp": "203.0.113.7",
    "identity.caller": "AROAEXAMPLE:alice",
    "identity.user": "AROAEXAMPLE:alice",
    "requestTime": "21/Nov/2026:10:00:00 +0000",
    "httpMethod": "GET",
    "resourcePath": "/users/{userId}",
    "status": "200",
    "protocol": "HTTP/1.1",
    "responseLength": "512",
}
HTTP: Context = {
    "requestId": SHORT,
    "extendedRequestId": SHORT,
    "identity.sourceIp": "2001:db8::7",
    "requestTime": "21/Nov/2026:10:00:00 +0000",
    "httpMethod": "POST",
    "routeKey": "POST /users/{userId}",
    "status": "503",
    "protocol": "HTTP/1.1",
    "responseLength": "33",
}
WEBSOCKET: Context = {
    "requestId": SHORT,
    "identity.sourceIp": "203.0.113.7",
    "requestTime": "21/Nov/2026:10:00:00 +0000",
    "eventType": "MESSAGE",
    "routeKey": "join",
    "status": "200",
    "connectionId": "GQIVrd7yoAMCJQw=",
}
