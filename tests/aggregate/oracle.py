"""A report's tables in plain Python, straight from their definitions."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from apilog.schema import GUESSED_ROUTE, READ_COLUMNS
from apilog.time import bucket_start

Record = dict[str, Any]
Key = tuple[Any, ...]
NAMED = {"apigee", "aws-apigateway"}
"""Gateways that name the routes of these records."""
OTHERS = "others"
"""Stands for the row of all other keys."""


def frame_of(records: Sequence[Record]) -> pl.DataFrame:
    """The records as a frame of the whole schema; what they lack is null, but for the cause of
    errors and the origin of the route, which every record has."""
    derived = {"error_source": error_source, GUESSED_ROUTE: lambda r: is_guessed(r) or None}
    return pl.DataFrame(
        {
            name: [derived[name](r) if name in derived else r.get(name) for r in records]
            for name in READ_COLUMNS
        },
        schema=READ_COLUMNS,
    )


def is_guessed(record: Record) -> bool:
    return record.get("gateway") not in NAMED


def status_class(record: Record) -> int | None:
    status = record.get("status")
    return None if status is None else status // 100


def error_source(record: Record) -> str | None:
    match status_class(record):
        case 4:
            return "client"
        case 5:
            answer = record.get("upstream_status")
            if answer is not None:
                return "upstream" if 500 <= answer <= 599 else "gateway"
            return "unknown" if record.get("error_type") is None else "gateway"
        case _:
            return None


def durations(records: Iterable[Record], column: str) -> list[float]:
    known = (r.get(column) for r in records)
    return sorted(max(d, 0.0) for d in known if d is not None and math.isfinite(d))


def known(records: Iterable[Record], column: str) -> list[Any]:
    return [r[column] for r in records if r.get(column) is not None]


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def metric(name: str, records: Sequence[Record], seconds: float | None) -> Any:
    """One metric over some of the records of a report, in a window of so many seconds."""
    n = len(records)
    client = sum(status_class(r) == 4 for r in records)
    server = sum(status_class(r) == 5 for r in records)
    for prefix, column in (
        ("latency", "duration_ms"),
        ("upstream_latency", "upstream_duration_ms"),
    ):
        if name.startswith(f"{prefix}_"):
            return latency(name.removeprefix(f"{prefix}_"), durations(records, column))
    match name:
        case "requests":
            return n
        case "request_rate":
            return n / seconds if seconds else None
        case "errors":
            return client + server
        case "error_rate":
            return share(client + server, n)
        case "client_errors":
            return client
        case "client_error_rate":
            return share(client, n)
        case "server_errors":
            return server
        case "server_error_rate":
            return share(server, n)
        case "request_bytes" | "response_bytes":
            sizes = known(records, name)
            return sum(sizes) if sizes else None
        case "consumers" | "clients":
            column = {"consumers": "consumer", "clients": "client_ip"}[name]
            return len(set(known(records, column))) or None
        case "last_seen":
            return max(known(records, "timestamp"), default=None)
        case _:
            raise AssertionError(name)


def latency(statistic: str, values: list[float]) -> float | None:
    if not values:
        return None
    match statistic:
        case "mean":
            return math.fsum(values) / len(values)
        case "min":
            return values[0]
        case "max":
            return values[-1]
        case _:
            return values[math.floor(int(statistic[1:]) / 100 * (len(values) - 1))]


def with_folded_routes(
    records: Sequence[Record], max_routes: int = 1000, known: Collection[str] = ()
) -> list[Record]:
    """The records with routes as a report names them."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if (route := record.get("route")) is not None:
            groups[route].append(record)
    folds: dict[Any, str] = {}
    found = []
    for route, group in groups.items():
        if route in known or not all(map(is_guessed, group)):
            continue
        if all(r.get("status") == 404 for r in group):
            folds[route] = "(not found)"
        else:
            found.append(route)
    found.sort(key=lambda route: (-len(groups[route]), route))
    folds.update(dict.fromkeys(found[max_routes:], "(other)"))
    return [{**r, "route": folds.get(r.get("route"), r.get("route"))} for r in records]


def ascending(key: Key) -> Key:
    return tuple((v is None, v) for v in key)


def key_of(step: str, timezone: str) -> Callable[[Record, str], Any]:
    def value(record: Record, key: str) -> Any:
        if key == "error_source":
            return error_source(record)
        if key == "timestamp" and record.get("timestamp") is not None:
            return bucket_start(record["timestamp"], step, ZoneInfo(timezone))
        return record.get(key)

    return value


def grouped(
    records: Sequence[Record], keys: Sequence[str], value: Callable[[Record, str], Any]
) -> dict[Key, list[Record]]:
    groups: dict[Key, list[Record]] = defaultdict(list)
    for record in records:
        groups[tuple(value(record, k) for k in keys)].append(record)
    return dict(groups)


def topped(groups: dict[Key, list[Record]], top: int) -> dict[Key, list[Record]]:
    """The busiest groups, and all others as one."""
    ranked = sorted(groups, key=lambda k: (-len(groups[k]), ascending(k)))
    kept = {k: groups[k] for k in ranked[:top]}
    rest = [r for k in ranked[top:] for r in groups[k]]
    return {**kept, (OTHERS,): rest} if rest else kept


def within(
    records: Iterable[Record], since: datetime | None, until: datetime | None
) -> list[Record]:
    def inside(at: datetime | None) -> bool:
        if at is None:
            return since is None and until is None
        return (since is None or at >= since) and (until is None or at < until)

    return [r for r in records if inside(r.get("timestamp"))]


def counts(records: Iterable[Record], *keys: str) -> Counter[Key]:
    return Counter(tuple(r.get(k) for k in keys) for r in records)
