"""Sample calls as Azure's gateways write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from tests.formats.gateways import azure_shapes
from tests.formats.gateways.deliveries import OBJECTS, Deliver, Event
from tests.formats.gateways.sample_calls import Call, Fault, Rendering

APIM_FAULTS = {
    Fault.KEY: "SubscriptionKeyNotFound",
    Fault.QUOTA: "QuotaExceeded",
    Fault.POLICY: "ExpressionValueEvaluationFailure",
    Fault.UNREACHABLE: "BackendConnectionFailure",
    Fault.TIMEOUT: "Timeout",
    Fault.BUSY: "RateLimitExceeded",
}


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _time(call: Call) -> str:
    return f"{call.at:%Y-%m-%dT%H:%M:%S.%f}0Z"


def properties(call: Call) -> azure_shapes.Properties:
    """Return the call as API Management logs it."""
    reason = call.fault and APIM_FAULTS.get(call.fault)
    asked = call.upstream_ms is not None
    return _given(
        time=_time(call),
        durationMs=call.ms,
        callerIpAddress=call.ip,
        correlationId=call.request_id,
        method=call.method,
        url=f"https://api.example.com{call.target}",
        responseCode=call.status or 0,
        responseSize=call.response_bytes,
        requestSize=call.request_bytes,
        backendTime=call.upstream_ms or 0,
        backendMethod=call.method if asked else None,
        backendUrl=f"https://orders.internal{call.path}" if asked else None,
        backendResponseCode=call.upstream_status,
        apiId=call.api,
        operationId=call.operation,
        productId=call.plan,
        apimSubscriptionId=call.consumer,
        clientProtocol="HTTP/1.1",
        requestHeaders={"Status": "999"},
        lastError=reason and {"reason": reason, "section": "inbound"},
    )


def _apim(render: azure_shapes.Render, calls: Sequence[Call], between: str = "\n") -> bytes:
    texts = render([properties(call) for call in calls])
    return (between.join(texts) + between).encode()


def _in_two(render: azure_shapes.Render, between: str, calls: Sequence[Call]) -> bytes:
    """Return two messages, one after the other."""
    half = (len(calls) + 1) // 2
    parts = (calls[:half], calls[half:])
    return b"".join(_apim(render, part, between) for part in parts if part)


def _pretty(render: azure_shapes.Render, calls: Sequence[Call]) -> bytes:
    texts = render([properties(call) for call in calls])
    return "\n".join(json.dumps(json.loads(text), indent=2) for text in texts).encode()


def _delivered(render: azure_shapes.Render, deliver: Deliver, calls: Sequence[Call]) -> bytes:
    texts = render([properties(call) for call in calls])
    return deliver([Event(c.at, text) for c, text in zip(calls, texts, strict=True)])


def _apim_shape(write: Callable[[Sequence[Call]], bytes]) -> Rendering:
    return Rendering(
        gateway="azure-apim",
        write=write,
        lacks=frozenset({"stage", "user_agent"}),
        faults=APIM_FAULTS,
    )


_RECORDS = azure_shapes.FRAMED["records object"]

_APIM: Mapping[str, Rendering] = {
    f"Azure APIM, {name}": _apim_shape(partial(_apim, render))
    for name, render in azure_shapes.SHAPES.items()
}
_APIM_DELIVERIES: Mapping[str, Rendering] = {
    **{
        f"Azure APIM, {name}": _apim_shape(partial(_apim, render))
        for name, render in azure_shapes.FRAMED.items()
    },
    **{
        f"Azure APIM, {name}, pretty-printed": _apim_shape(partial(_pretty, render))
        for name, render in azure_shapes.FRAMED.items()
    },
    **{
        f"Azure APIM, storage, {way}": _apim_shape(
            partial(_delivered, azure_shapes.storage, deliver)
        )
        for way, deliver in OBJECTS.items()
    },
    **{
        f"Azure APIM, {name}, array": _apim_shape(
            partial(_delivered, azure_shapes.SHAPES[name], OBJECTS["array"])
        )
        for name in ("table objects", "command line", "AzureDiagnostics")
    },
    "Azure APIM, records objects": _apim_shape(partial(_in_two, _RECORDS, "\n")),
    "Azure APIM, records objects, no newline": _apim_shape(partial(_in_two, _RECORDS, "")),
}

_EDGE_LACKS = frozenset({"stage", "consumer", "plan"})
APP_GATEWAY_FAULTS = {
    Fault.UNREACHABLE: "ERRORINFO_UPSTREAM_NO_LIVE",
    Fault.TIMEOUT: "ERRORINFO_UPSTREAM_TIMED_OUT",
    Fault.BUSY: "ERRORINFO_INVALID_REQUEST",
}
FRONT_DOOR_FAULTS = {
    Fault.POLICY: "OriginInvalidResponse",
    Fault.UNREACHABLE: "OriginConnectionRefused",
    Fault.TIMEOUT: "OriginTimeout",
    Fault.BUSY: "UnspecifiedClientError",
}


def _v1(call: Call) -> dict[str, object]:
    answer = "" if call.upstream_status is None else f"&SERVER-STATUS={call.upstream_status}"
    return {
        "resourceId": "/SUBSCRIPTIONS/0/PROVIDERS/MICROSOFT.NETWORK/APPLICATIONGATEWAYS/X",
        "operationName": "ApplicationGatewayAccess",
        "time": f"{call.at:%Y-%m-%dT%H:%M:%S}Z",
        "category": "ApplicationGatewayAccessLog",
        "properties": {
            "instanceId": "ApplicationGatewayRole_IN_0",
            "clientIP": call.ip,
            "clientPort": 46886,
            "httpMethod": call.method,
            "requestUri": call.path,
            "requestQuery": (
                "page=2&token=5ecret&X-AzureApplicationGateway-CACHE-HIT=0"
                f"&X-AzureApplicationGateway-LOG-ID={call.request_id}{answer}"
            ),
            "userAgent": call.agent or "-",
            "httpStatus": call.status or 0,
            "httpVersion": "HTTP/1.1",
            "receivedBytes": call.request_bytes,
            "sentBytes": call.response_bytes,
            "timeTaken": call.ms,
            "host": "api.example.com",
        },
    }


def _v2(call: Call) -> dict[str, object]:
    asked = call.upstream_ms is not None
    return {
        "timeStamp": call.at.isoformat(timespec="seconds"),
        "resourceId": "/SUBSCRIPTIONS/0/PROVIDERS/MICROSOFT.NETWORK/APPLICATIONGATEWAYS/X",
        "listenerName": "https",
        "ruleName": call.operation or "",
        "backendPoolName": call.api,
        "operationName": "ApplicationGatewayAccess",
        "category": "ApplicationGatewayAccessLog",
        "properties": {
            "clientIP": call.ip,
            "clientPort": 45057,
            "httpMethod": call.method,
            "originalRequestUriWithArgs": call.target,
            "requestUri": "/rewritten",
            "requestQuery": "page=2",
            "userAgent": call.agent or "-",
            "httpStatus": call.status or 0,
            "httpVersion": "HTTP/1.1",
            "receivedBytes": call.request_bytes,
            "sentBytes": call.response_bytes,
            "clientResponseTime": 0,
            "timeTaken": call.ms / 1000,
            "transactionId": call.request_id,
            "serverRouted": "10.0.0.4:443" if asked else "",
            "serverStatus": str(_server_status(call)),
            "serverResponseLatency": ""
            if call.upstream_ms is None
            else f"{call.upstream_ms / 1000:.3f}",
            "originalHost": "api.example.com",
            "host": "10.0.0.4",
            "error_info": (
                (call.fault and APP_GATEWAY_FAULTS.get(call.fault)) or "ERRORINFO_NO_ERROR"
            ),
        },
    }


def _server_status(call: Call) -> int | str:
    """Application Gateway writes its own answer for a server that gave none."""
    if call.fault in (Fault.UNREACHABLE, Fault.TIMEOUT):
        return call.status or ""
    return call.upstream_status or ""


def _front_door(call: Call) -> dict[str, object]:
    error = (call.fault and FRONT_DOOR_FAULTS.get(call.fault)) or "NoError"
    asked = call.upstream_ms is not None
    return {
        "time": _time(call),
        "resourceId": "/SUBSCRIPTIONS/0/PROVIDERS/MICROSOFT.CDN/PROFILES/X",
        "category": "FrontDoorAccessLog",
        "operationName": "Microsoft.Cdn/Profiles/AccessLog/Write",
        "properties": {
            "trackingReference": call.request_id,
            "httpMethod": call.method,
            "httpVersion": "1.1.0.0",
            "requestUri": f"https://api.example.com:443{call.target}",
            "requestBytes": str(call.request_bytes),
            "responseBytes": str(call.response_bytes),
            "userAgent": call.agent or "",
            "clientIp": call.ip,
            "socketIp": "198.51.100.1",
            "timeToFirstByte": "0.001",
            "timeTaken": f"{call.ms / 1000:.3f}",
            "httpStatusCode": str(call.status or 0),
            "httpStatusDetails": str(call.status or 0),
            "errorInfo": error,
            "ErrorInfo": error,
            "endpoint": call.api,
            "routingRuleName": call.operation or "",
            "hostName": "api.example.com",
            "originIp": "10.0.0.1:443" if asked else "N/A",
        },
    }


def _failed_answer(call: Call) -> int | None:
    """Front Door knows what the origin answered only where that was a failure."""
    return call.status if call.fault is Fault.UPSTREAM and (call.status or 0) >= 500 else None


Write = Callable[[Call], Mapping[str, object]]


def _edge(write: Write, deliver: Deliver, calls: Sequence[Call]) -> bytes:
    return deliver([Event(c.at, json.dumps(write(c)).replace("/", "\\/")) for c in calls])


def _all_records(write: Write, calls: Sequence[Call]) -> bytes:
    return json.dumps({"records": [write(call) for call in calls]}, indent=2).encode()


_FAULTS = {"azure-appgateway": APP_GATEWAY_FAULTS, "azure-frontdoor": FRONT_DOOR_FAULTS}


def _edge_shape(
    write: Callable[[Sequence[Call]], bytes],
    *lacks: str,
    gateway: str = "azure-appgateway",
) -> Rendering:
    is_door = gateway == "azure-frontdoor"
    return Rendering(
        gateway=gateway,
        write=write,
        lacks=_EDGE_LACKS | set(lacks),
        faults=_FAULTS[gateway],
        in_seconds=not is_door,
        says={"upstream_status": _failed_answer} if is_door else {},
    )


def _edges(write: Write, *lacks: str, gateway: str = "azure-appgateway") -> dict[str, Rendering]:
    """Return renderings, by how the log is delivered."""
    ways: dict[str, Callable[[Sequence[Call]], bytes]] = {
        "lines": partial(_edge, write, OBJECTS["lines"]),
        "array": partial(_edge, write, OBJECTS["array"]),
        "records object": partial(_all_records, write),
    }
    return {way: _edge_shape(each, *lacks, gateway=gateway) for way, each in ways.items()}


_V1_LACKS = ("api", "operation", "upstream_duration_ms", "error_type")
_BESIDE = {
    "Azure App Gateway v1": _edges(_v1, *_V1_LACKS),
    "Azure App Gateway v2": _edges(_v2),
    "Azure Front Door": _edges(_front_door, "upstream_duration_ms", gateway="azure-frontdoor"),
}

FORMATS: Mapping[str, Rendering] = {
    **_APIM,
    **{f"{name}, lines": shapes["lines"] for name, shapes in _BESIDE.items()},
}
"""Renderings, by what is logged."""

DELIVERIES: Mapping[str, Rendering] = {
    **_APIM_DELIVERIES,
    **{
        f"{name}, {way}": shape
        for name, shapes in _BESIDE.items()
        for way, shape in shapes.items()
        if way != "lines"
    },
}
"""Renderings, by how the log is delivered."""

SHAPES: Mapping[str, Rendering] = {**FORMATS, **DELIVERIES}
