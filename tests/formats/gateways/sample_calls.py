"""Calls as plain data, and the records that apilog is to read through any gateway.

A rendering is a way to log them. It says which columns it lacks: these are null, never 0.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from hypothesis import strategies as st

from tests.aggregate.oracle import Record

START = datetime(2026, 11, 21, 10, 0, 0, 250_000, tzinfo=UTC)


class Fault(StrEnum):
    """A failure in the gateway, or between it and the service behind."""

    KEY = "no key that is known"
    QUOTA = "too many requests"
    POLICY = "failed after the service had answered"
    UNREACHABLE = "the service could not be reached"
    TIMEOUT = "the service did not answer in time"
    BUSY = "there was no room for the request"
    UPSTREAM = "the service answered with an error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of an API; None where a value is missing."""

    number: int
    seconds: int
    """Seconds since the first one."""
    method: str = "GET"
    path: str = "/v1/orders/42"
    route: str = "/v1/orders/{id}"
    status: int | None = 200
    upstream_status: int | None = 200
    ms: int = 57
    upstream_ms: int | None = 50
    fault: Fault | None = None
    operation: str | None = "get-order"
    api: str = "orders"
    ip: str = "203.0.113.7"
    consumer: str | None = "mobile"
    plan: str | None = "gold"
    request_bytes: int = 300
    response_bytes: int = 512
    agent: str | None = "curl/8.1"

    @property
    def at(self) -> datetime:
        """Return when it came in."""
        return START + timedelta(seconds=self.seconds)

    @property
    def request_id(self) -> str:
        """Return the id, a UUID."""
        return str(uuid.UUID(int=0x8D1FBBF2_5A3D_4A8E_9F63_000000000000 + self.number))

    @property
    def target(self) -> str:
        """Return the path with a query that holds a secret."""
        return f"{self.path}?page=2&token=5ecret"

    @property
    def record(self) -> Record:
        """Return everything that a gateway could log, but for its own names of failures."""
        return {
            "timestamp": self.at,
            "api": self.api,
            "stage": "prod",
            "operation": self.operation,
            "method": self.method,
            "path": self.path,
            "route": self.route,
            "host": "api.example.com",
            "protocol": "HTTP/1.1",
            "user_agent": self.agent,
            "status": self.status,
            "upstream_status": self.upstream_status,
            "duration_ms": float(self.ms),
            "upstream_duration_ms": None if self.upstream_ms is None else float(self.upstream_ms),
            "request_bytes": self.request_bytes,
            "response_bytes": self.response_bytes,
            "client_ip": self.ip,
            "consumer": self.consumer,
            "plan": self.plan,
            "request_id": self.request_id,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """A way in which a gateway's calls lie in a file."""

    gateway: str | None
    write: Callable[[Sequence[Call]], bytes]
    lacks: frozenset[str]
    """Columns that it has no values for."""
    faults: Mapping[Fault, str] = field(default_factory=dict)
    """The gateway's names of failures."""
    in_seconds: bool = False
    """Whether its times are whole seconds."""
    says: Mapping[str, Callable[[Call], object]] = field(default_factory=dict)
    """Columns in which it has words of its own, or only some of the values."""

    def record(self, call: Call) -> Record:
        """Return the record that is to be read, without nulls."""
        named = None if call.fault is None else self.faults.get(call.fault)
        record = call.record | {"error_type": named}
        record |= {column: say(call) for column, say in self.says.items()}
        if self.in_seconds:
            record["timestamp"] = call.at.replace(microsecond=0)
        known = {k: v for k, v in record.items() if v is not None and k not in self.lacks}
        return {"gateway": self.gateway, **known}


CALLS: tuple[Call, ...] = (
    Call(number=0, seconds=0),
    Call(number=1, seconds=61, path="/v1/orders/43", ms=120, upstream_ms=110, consumer="web"),
    Call(
        number=2,
        seconds=122,
        method="POST",
        path="/v1/orders",
        route="/v1/orders",
        operation="create-order",
        status=201,
        upstream_status=201,
        request_bytes=4096,
        response_bytes=0,
        ip="2001:db8::7",
    ),
    # Nobody is known to have called, nor from where; nothing was asked of the service.
    Call(
        number=3,
        seconds=130,
        status=401,
        ms=1,
        fault=Fault.KEY,
        upstream_status=None,
        upstream_ms=None,
        consumer=None,
        plan=None,
    ),
    Call(
        number=4,
        seconds=190,
        status=429,
        ms=2,
        fault=Fault.QUOTA,
        upstream_status=None,
        upstream_ms=None,
    ),
    Call(number=5, seconds=251, status=404, upstream_status=404, fault=Fault.UPSTREAM),
    Call(
        number=6,
        seconds=312,
        method="POST",
        path="/v1/orders",
        route="/v1/orders",
        operation="create-order",
        status=503,
        upstream_status=503,
        ms=900,
        upstream_ms=880,
        fault=Fault.UPSTREAM,
    ),
    Call(number=7, seconds=320, status=500, fault=Fault.POLICY, consumer="web", plan="free"),
    Call(
        number=8,
        seconds=500,
        status=502,
        ms=3,
        fault=Fault.UNREACHABLE,
        upstream_status=None,
        upstream_ms=None,
    ),
    Call(
        number=9,
        seconds=801,
        status=504,
        ms=29_000,
        fault=Fault.TIMEOUT,
        upstream_status=None,
        upstream_ms=None,
    ),
    # The client went away before there was an answer.
    Call(
        number=10,
        seconds=1500,
        status=None,
        ms=700,
        response_bytes=0,
        upstream_status=None,
        upstream_ms=None,
    ),
    # The gateway answered by itself, as it does for OPTIONS.
    Call(
        number=11,
        seconds=1560,
        method="OPTIONS",
        status=204,
        ms=0,
        response_bytes=0,
        agent=None,
        operation=None,
        upstream_status=None,
        upstream_ms=None,
        consumer=None,
        plan=None,
    ),
    Call(
        number=12,
        seconds=7262,
        path="/v1/users/7/address",
        route="/v1/users/{id}/address",
        api="users",
        operation="get-address",
        agent="Mozilla/5.0 (X11; Linux x86_64) ünï",
        ms=58,
        upstream_ms=0,
    ),
    Call(
        number=13,
        seconds=7263,
        path="/v1/users/8/address",
        route="/v1/users/{id}/address",
        api="users",
        operation="get-address",
        consumer="nightly-export",
        plan="free",
        status=500,
        upstream_status=500,
        fault=Fault.UPSTREAM,
    ),
    Call(
        number=14,
        seconds=7300,
        status=503,
        ms=0,
        fault=Fault.BUSY,
        upstream_status=None,
        upstream_ms=None,
    ),
)
"""A call of every kind."""

SOURCES: dict[int, str] = {
    3: "client",
    4: "client",
    5: "client",
    6: "upstream",
    7: "gateway",
    8: "gateway",
    9: "gateway",
    13: "upstream",
    14: "gateway",
}
"""Number of a call to the source of its error."""


@st.composite
def traffic(draw: st.DrawFn) -> list[Call]:
    """Draw some of the calls, in any order and number, with other sizes and durations."""
    kinds = draw(st.lists(st.sampled_from(CALLS), min_size=1, max_size=8))
    calls = []
    for number, kind in enumerate(kinds):
        asked = kind.upstream_ms is not None
        # A service takes no longer than the whole call: fields without a name are told by that.
        ms = draw(st.integers(1, 60_000))
        calls.append(
            replace(
                kind,
                number=number,
                seconds=draw(st.integers(0, 90_000)) * 10 + number,
                ms=ms,
                upstream_ms=draw(st.integers(0, ms)) if asked else None,
                request_bytes=draw(st.integers(0, 2**40)),
                response_bytes=draw(st.integers(0, 2**40)),
                ip=draw(st.ip_addresses().map(str)),
            )
        )
    return calls
