"""Sample calls as API Gateway logs them, in every way in which the log is delivered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from apilog.formats.gateways.aws.templates import LOG_FORMATS
from tests.formats.gateways import aws_shapes
from tests.formats.gateways.deliveries import (
    CLOUDWATCH,
    CLOUDWATCH_OBJECTS,
    OBJECTS,
    Deliver,
    Event,
    lines,
)
from tests.formats.gateways.sample_calls import Call, Fault, Rendering

FAULTS = {
    Fault.KEY: "INVALID_API_KEY",
    Fault.QUOTA: "QUOTA_EXCEEDED",
    Fault.POLICY: "API_CONFIGURATION_ERROR",
    Fault.UNREACHABLE: "INTEGRATION_FAILURE",
    Fault.TIMEOUT: "INTEGRATION_TIMEOUT",
    Fault.BUSY: "THROTTLED",
}
"""Values of `error.responseType`."""


def context(call: Call) -> aws_shapes.Context:
    """Return the call as `$context` variables; one that is missing is logged as `-`."""
    known: dict[str, object] = {
        "requestId": call.request_id,
        "extendedRequestId": "UBuxEFWvoAMFbVw=",
        "requestTime": f"{call.at:%d/%b/%Y:%H:%M:%S} +0000",
        "requestTimeEpoch": round(call.at.timestamp() * 1000),
        "apiId": call.api,
        "stage": "prod",
        "domainName": "api.example.com",
        "httpMethod": call.method,
        "path": call.path,
        "resourcePath": call.route,
        "routeKey": f"{call.method} {call.route}",
        "protocol": "HTTP/1.1",
        "status": call.status,
        "responseLatency": call.ms,
        "responseLength": call.response_bytes,
        "identity.sourceIp": call.ip,
        "identity.userAgent": call.agent,
        "identity.apiKeyId": call.consumer,
        "identity.caller": call.consumer,
        "authorizer.principalId": call.consumer,
        "integration.status": call.upstream_status,
        "integration.latency": call.upstream_ms,
        "integrationStatus": call.upstream_status,
        "integrationLatency": call.upstream_ms,
        "error.responseType": call.fault and FAULTS.get(call.fault),
        "eventType": "MESSAGE",
        "connectionId": "GQIVrd7yoAMCJQw=",
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _written(
    log_format: str, deliver: Deliver, of: Callable[[Call], aws_shapes.Context]
) -> Callable[[Sequence[Call]], bytes]:
    def write(calls: Sequence[Call]) -> bytes:
        return deliver([Event(c.at, aws_shapes.render(log_format, of(c))) for c in calls])

    return write


def _shape(
    log_format: str,
    *lacks: str,
    deliver: Deliver = lines,
    of: Callable[[Call], aws_shapes.Context] = context,
    says: Mapping[str, Callable[[Call], object]] | None = None,
) -> Rendering:
    return Rendering(
        gateway="aws-apigateway",
        write=_written(log_format, deliver, of),
        lacks=frozenset(lacks),
        faults=FAULTS,
        in_seconds="requestTimeEpoch" not in log_format,
        says=says or {},
    )


_FULL = (
    *("requestId", "requestTimeEpoch", "apiId", "stage", "domainName", "httpMethod", "path"),
    *("resourcePath", "protocol", "status", "responseLatency", "responseLength"),
    *("identity.sourceIp", "identity.userAgent", "identity.apiKeyId", "identity.caller"),
    *("integration.status", "integration.latency", "error.responseType"),
)
_NEVER = ("operation", "plan", "request_bytes")
_PRESET_LACKS = (
    *(*_NEVER, "api", "stage", "path", "host", "user_agent", "upstream_status", "duration_ms"),
    *("upstream_duration_ms", "error_type"),
)
_MESSAGE_LACKS = (
    *("plan", "request_bytes", "method", "path", "protocol", "response_bytes", "duration_ms"),
    "user_agent",
)


def _message(call: Call) -> aws_shapes.Context:
    """Return the call as a message over a WebSocket."""
    return {**context(call), "routeKey": call.route}


_STYLES = aws_shapes.styles(*_FULL)
_OLDER = aws_shapes.styles(
    *("requestTime" if name == "requestTimeEpoch" else name for name in _FULL)
)
_OF_MESSAGES: Mapping[str, Callable[[Call], object]] = {"operation": lambda _: "MESSAGE"}


def _presets(shapes: Mapping[str, str]) -> dict[str, str]:
    """Return the shapes that are offered as they stand; the formats below have other keys."""
    return {name: s for name, s in shapes.items() if name == "console" or "aws-" in name}


FORMATS: Mapping[str, Rendering] = {
    **{
        f"AWS REST, preset {n}": _shape(s, *_PRESET_LACKS)
        for n, s in _presets(aws_shapes.REST_SHAPES).items()
    },
    **{
        f"AWS HTTP, preset {n}": _shape(s, *_PRESET_LACKS, "consumer")
        for n, s in _presets(aws_shapes.HTTP_SHAPES).items()
    },
    **{
        f"AWS WebSocket, preset {n}": _shape(
            s,
            *(c for c in {*_PRESET_LACKS, *_MESSAGE_LACKS} if c != "operation"),
            of=_message,
            says=_OF_MESSAGES,
        )
        for n, s in _presets(aws_shapes.WEBSOCKET_SHAPES).items()
    },
    **{f"AWS REST, all keys {n}": _shape(s, *_NEVER) for n, s in _STYLES.items()},
    "AWS REST, all keys, text time": _shape(_OLDER["nested"], *_NEVER),
    "AWS REST, template": _shape(LOG_FORMATS["REST"], *_NEVER),
    "AWS HTTP, template": _shape(LOG_FORMATS["HTTP"], *_NEVER),
    "AWS WebSocket, template": _shape(
        LOG_FORMATS["WebSocket"],
        *(c for c in _MESSAGE_LACKS if c != "user_agent"),
        of=_message,
        says=_OF_MESSAGES,
    ),
}
"""Renderings, by what is logged."""

_PATIENT = ("export to S3", "filter-log-events", "tail", "Insights CSV")
_DELIVERED: Mapping[str, tuple[str, Sequence[str], Sequence[str]]] = {
    "JSON": (LOG_FORMATS["REST"], _NEVER, tuple(CLOUDWATCH)),
    "CLF": (aws_shapes.REST_SHAPES["aws-clf-extended"], _PRESET_LACKS, tuple(CLOUDWATCH)),
    "JSON, numbers without quotes": (_STYLES["unquoted"], _NEVER, _PATIENT),
    "CSV": (aws_shapes.REST_SHAPES["aws-csv-extended"], _PRESET_LACKS, _PATIENT),
    "XML": (aws_shapes.REST_SHAPES["aws-xml-extended"], _PRESET_LACKS, _PATIENT),
}
"""Format, columns that it lacks, and the ways in which it is delivered."""

DELIVERIES: Mapping[str, Rendering] = {
    **{
        f"AWS {name}, {way}": _shape(log_format, *lacks, deliver=CLOUDWATCH[way])
        for name, (log_format, lacks, ways) in _DELIVERED.items()
        for way in ways
    },
    **{
        f"AWS JSON, {way}": _shape(LOG_FORMATS["REST"], *_NEVER, deliver=deliver)
        for way, deliver in {**OBJECTS, **CLOUDWATCH_OBJECTS}.items()
    },
    "AWS JSON, numbers without quotes, no newline between": _shape(
        _STYLES["unquoted"], *_NEVER, deliver=OBJECTS["no newline between"]
    ),
}
"""Renderings, by how the log is delivered."""

SHAPES: Mapping[str, Rendering] = {**FORMATS, **DELIVERIES}
