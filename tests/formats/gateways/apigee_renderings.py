"""Sample calls as Apigee writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from apilog.formats.gateways.apigee.router import ROUTER_FORMATS
from apilog.formats.nginx.grammar import LiteralText, LogFormat
from tests.formats.gateways import apigee_shapes
from tests.formats.gateways.deliveries import OBJECTS, Deliver, Event
from tests.formats.gateways.sample_calls import Call, Fault, Rendering

_TARGET_FAULT = "messaging.adaptors.http.flow.ErrorResponseCode"
FAULTS = {
    Fault.KEY: "steps.oauth.v2.InvalidApiKey",
    Fault.QUOTA: "policies.ratelimit.QuotaViolation",
    Fault.POLICY: "steps.jsonthreatprotection.ExecutionFailed",
    Fault.UNREACHABLE: "messaging.adaptors.http.flow.ServiceUnavailable",
    Fault.TIMEOUT: "messaging.adaptors.http.flow.GatewayTimeout",
    Fault.BUSY: "policies.ratelimit.SpikeArrestViolation",
    Fault.UPSTREAM: _TARGET_FAULT,
}


def _request_id(call: Call) -> str:
    return f"rt-1-{call.number}"


def request(call: Call) -> apigee_shapes.Request:
    """Return the call as the shapes of Apigee take it."""
    return apigee_shapes.Request(
        number=call.number,
        at=call.at,
        method=call.method,
        path=call.path,
        status=call.status,
        target=call.upstream_status,
        taken=call.ms,
        target_taken=call.upstream_ms,
        fault=call.fault and FAULTS[call.fault],
        app=call.consumer,
        client=call.consumer and f"key of {call.consumer}",
        developer=call.consumer and "shop@@@7f3a",
        product=call.plan,
        flow=call.operation,
        agent=call.agent,
        request_bytes=call.request_bytes,
        response_bytes=call.response_bytes,
        api=call.api,
        ip=call.ip,
    )


_NEVER = frozenset({"host", "protocol"})


def _lines(render: apigee_shapes.Render, calls: Sequence[Call]) -> list[str]:
    return render([request(call) for call in calls])


def _text(render: apigee_shapes.Render, calls: Sequence[Call]) -> bytes:
    return "".join(f"{line}\n" for line in _lines(render, calls)).encode()


def _delivered(render: apigee_shapes.Render, deliver: Deliver, calls: Sequence[Call]) -> bytes:
    texts = _lines(render, calls)
    return deliver([Event(c.at, text) for c, text in zip(calls, texts, strict=True)])


def _batches(calls: Sequence[Call]) -> bytes:
    """Return what the adapters send to Apigee: some records, and whose they are."""
    records = [json.loads(line) for line in _lines(apigee_shapes.SHAPES["runtime records"], calls)]
    for record in records:
        del record["organization"], record["environment"]
    wrapper = {"organization": "shop", "environment": "prod"}
    found = [{**wrapper, "records": records[at : at + 4]} for at in range(0, len(records), 4)]
    return "\n".join(json.dumps(batch) for batch in found).encode()


def _router(log_format: LogFormat, calls: Sequence[Call]) -> bytes:
    lines = []
    for call in calls:
        known: dict[str, object] = {
            "time_iso8601": call.at.isoformat(timespec="seconds"),
            "remote_addr_port": f"{call.ip}:52814",
            "hostname": "router-1",
            "upstream_addr": "10.0.0.5:8998",
            "request_time": f"{call.ms / 1000:.3f}",
            "status": f"{call.status or 0:03}",
            "processor_status": f"{call.status or 0:03}",
            "request_length": call.request_bytes,
            "body_bytes_sent": call.response_bytes,
            "request": f"{call.method} {call.target} HTTP/1.1",
            "upstream_http_x_apigee_message_id": _request_id(call),
            "http_user_agent": _ascii(call),
            "host": "api.example.com",
            "apigee_connection": "router-1-93936-241022-1",
            "http_x_forwarded_for": "203.0.113.7, 10.0.0.1",
            "upstream_http_x_apigee_fault_code": call.fault and FAULTS[call.fault],
            "my_x_apigee_target_latency": -1 if call.upstream_ms is None else call.upstream_ms,
            "upstream_http_x_apigee_proxy": call.api,
            "tail": "/v1/orders",
        }
        parts = (
            p.text if isinstance(p, LiteralText) else _or_dash(known.get(p.name))
            for p in log_format.parts
        )
        lines.append("".join(parts) + "\n")
    return "".join(lines).encode()


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _failed_answer(call: Call) -> int | None:
    """Return what the service answered, which a router knows only where that was an error."""
    return call.status if call.fault is Fault.UPSTREAM else None


def _ascii(call: Call) -> str | None:
    return call.agent and call.agent.encode("ascii", "ignore").decode()


_LACKING = {
    **apigee_shapes.LACKING,
    # Without the time at which the target's answer came, its status is not to be told.
    "flow variables by their names": {"operation", "upstream_status"},
}
_ROUTER_LACKS = frozenset({"stage", "operation", "consumer", "plan"})


def _shape(name: str, write: Callable[[Sequence[Call]], bytes]) -> Rendering:
    return Rendering(
        gateway="apigee",
        write=write,
        lacks=_NEVER | _LACKING.get(name, set()),
        faults=FAULTS,
        in_seconds="times as text" in name,
        says={"request_id": _request_id, "api_version": lambda _: "7"},
    )


FORMATS: Mapping[str, Rendering] = {
    **{
        f"Apigee, {name}": _shape(name, partial(_text, render))
        for name, render in apigee_shapes.SHAPES.items()
    },
    **{
        f"Apigee, router log, {f.name}": Rendering(
            gateway="apigee",
            write=partial(_router, f.log_format),
            lacks=_ROUTER_LACKS | ({"host"} if "no-host" in f.name else set()),
            faults=FAULTS,
            in_seconds=True,
            says={
                "request_id": _request_id,
                "upstream_status": _failed_answer,
                "user_agent": _ascii,
            },
        )
        for f in ROUTER_FORMATS
    },
}
"""Renderings, by what is logged."""

_ENTRIES = ("array", "array, pretty-printed")
_DELIVERED = {
    "analytics as JSON": tuple(OBJECTS),
    "Google's message template": ("pretty-printed, no newline",),
    "Cloud Logging": _ENTRIES,
    "Cloud Logging, as text": _ENTRIES,
}

DELIVERIES: Mapping[str, Rendering] = {
    **{
        f"Apigee, {name}, {way}": _shape(
            name, partial(_delivered, apigee_shapes.SHAPES[name], OBJECTS[way])
        )
        for name, ways in _DELIVERED.items()
        for way in ways
    },
    "Apigee, batches of runtime records": _shape("runtime records", _batches),
}
"""Renderings, by how the log is delivered."""

SHAPES: Mapping[str, Rendering] = {**FORMATS, **DELIVERIES}
