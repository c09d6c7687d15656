"""Every figure of `apilog report` on a real log, computed a second time by plain Python.

Nothing is shared with the package: lines are taken apart by one regular expression, and
each metric is written out from its definition. Anomalies have an oracle of their own.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

import apilog
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

LOGS = [SAMPLE_LOGS / "api.log.1.gz", SAMPLE_LOGS / "api.log"]
LINE = re.compile(
    r'(?P<ip>\S+) - (?P<user>\S+) \[(?P<time>[^]]+)\] "(?P<method>\S+) (?P<path>[^ ?]+)\S* \S+" '
    r'(?P<status>\d+) (?P<size>\d+) "[^"]*" "[^"]*" (?P<whole>\S+) (?P<upstream>\S+)$'
)
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    time: datetime
    method: str
    route: str
    status: int
    size: int
    whole: float | None
    upstream: float | None
    ip: str
    user: str | None


def number(text: str) -> float | None:
    return None if text == "-" else 1000 * float(text)


def parsed(text: str) -> Request:
    found = LINE.match(text)
    assert found, text
    return Request(
        time=datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z"),
        method=found["method"],
        route=re.sub(r"/\d+(?=/|$)", "/{id}", found["path"]),
        status=int(found["status"]),
        size=int(found["size"]),
        whole=number(found["whole"]),
        upstream=number(found["upstream"]),
        ip=found["ip"],
        user=None if found["user"] == "-" else found["user"],
    )


def folded(requests: list[Request]) -> list[Request]:
    """Routes that were never found, under their common name."""
    statuses: dict[tuple[str, str], set[int]] = defaultdict(set)
    for r in requests:
        statuses[r.method, r.route].add(r.status)
    return [
        Request(r.time, r.method, "(not found)", *(getattr(r, name) for name in REST))
        if statuses[r.method, r.route] == {404}
        else r
        for r in requests
    ]


REST = ("status", "size", "whole", "upstream", "ip", "user")


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    texts = gzip.decompress(LOGS[0].read_bytes()).decode() + LOGS[1].read_text()
    return folded([parsed(text) for text in texts.splitlines()])


def ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def quantile(values: list[float], q: float) -> float | None:
    return sorted(values)[math.floor(q * (len(values) - 1))] if values else None


def latencies(name: str, values: list[float]) -> Row:
    row: Row = {
        f"{name}_mean_ms": sum(values) / len(values) if values else None,
        f"{name}_min_ms": min(values, default=None),
        f"{name}_max_ms": max(values, default=None),
    }
    return row | {f"{name}_{p}_ms": quantile(values, q) for p, q in QUANTILES.items()}


def figures(group: list[Request], seconds: float) -> Row:
    """Every metric of some requests, by the name of its column."""
    client = sum(400 <= r.status <= 499 for r in group)
    server = sum(500 <= r.status <= 599 for r in group)
    count = len(group)
    return {
        "requests": count,
        "request_rate": count / seconds,
        "errors": client + server,
        "error_rate": ratio(client + server, count),
        "client_errors": client,
        "client_error_rate": ratio(client, count),
        "server_errors": server,
        "server_error_rate": ratio(server, count),
        **latencies("latency", [r.whole for r in group if r.whole is not None]),
        **latencies("upstream_latency", [r.upstream for r in group if r.upstream is not None]),
        "request_bytes": None,  # is not logged
        "response_bytes": sum(r.size for r in group) if group else None,
        "consumers": len({r.user for r in group} - {None}) or None,
        "clients": len({r.ip for r in group}),
        "last_seen": max((r.time for r in group), default=None),
    }


def assert_same(name: str, expected: Any, given: Any, where: object) -> None:
    if isinstance(expected, datetime):
        assert datetime.fromisoformat(given) == expected, (name, where)
    elif isinstance(expected, float) and re.search(r"_p\d\d_ms$", name):
        assert given == pytest.approx(expected, rel=0.01), (name, where)
    elif isinstance(expected, float):
        assert given == pytest.approx(expected, rel=1e-9), (name, where)
    else:
        assert given == expected, (name, where)


def check(
    rows: list[Row], groups: dict[tuple[Any, ...], list[Request]], keys: list[str], seconds: float
) -> None:
    """One row for each group, and each of its figures right."""
    assert len(rows) == len(groups)
    for row in rows:
        key = tuple(row[k] for k in keys)
        expected = figures(groups[key], seconds)
        metrics = {name: value for name, value in row.items() if name not in keys}
        assert metrics
        for name, value in metrics.items():
            assert_same(name, expected[name], value, key)


def grouped(
    requests: Iterable[Request], key: Callable[[Request], tuple[Any, ...]]
) -> dict[tuple[Any, ...], list[Request]]:
    groups: dict[tuple[Any, ...], list[Request]] = defaultdict(list)
    for request in requests:
        groups[key(request)].append(request)
    return dict(groups)


@pytest.fixture
def document(run: Run) -> Row:
    parsed_document: Row = json.loads(run("report", *LOGS, "-f", "json").text)
    return parsed_document


def seconds_of(requests: list[Request]) -> float:
    times = [r.time for r in requests]
    return (max(times) - min(times)).total_seconds()


def source(request: Request) -> str:
    """Who caused an error; this format does not say what stands behind a 5xx."""
    return "client" if request.status < 500 else "unknown"


def test_every_table_agrees_with_plain_python(document: Row, requests: list[Request]) -> None:
    tables, seconds = document["tables"], seconds_of(requests)
    endpoints = grouped(requests, lambda r: (None, r.method, r.route))
    keys = ["gateway", "method", "route"]
    check(tables["overview"], {(): requests}, [], seconds)
    check(tables["gateways"], {(None,): requests}, ["gateway"], seconds)
    check(tables["endpoints"], endpoints, keys, seconds)
    check(tables["latency"], endpoints, keys, seconds)
    check(tables["statuses"], grouped(requests, lambda r: (r.status,)), ["status"], seconds)
    check(tables["consumers"], grouped(requests, lambda r: (r.user,)), ["consumer"], seconds)
    failed = [r for r in requests if r.status >= 400]
    errors = grouped(failed, lambda r: (None, r.method, r.route, r.status, source(r)))
    check(tables["errors"], errors, [*keys, "status", "error_source"], seconds)
    assert len(endpoints) > 8
    assert len(errors) > 30


def test_the_traffic_of_each_hour_agrees_with_plain_python(
    document: Row, requests: list[Request]
) -> None:
    hours = grouped(requests, lambda r: (r.time.replace(minute=0, second=0),))
    first = min(hours)[0]
    every = {
        (first + timedelta(hours=h),): hours.get((first + timedelta(hours=h),), [])
        for h in range(24)
    }
    rows = [
        row | {"timestamp": datetime.fromisoformat(row["timestamp"])}
        for row in document["tables"]["traffic"]
    ]
    assert [row["timestamp"] for row in rows] == [hour for (hour,) in every]
    check(rows, every, ["timestamp"], seconds_of(requests))


def test_rows_come_busiest_first_and_the_rest_in_order(document: Row) -> None:
    tables = document["tables"]
    for name in ("gateways", "endpoints", "errors", "latency", "consumers"):
        counts = [row["requests"] for row in tables[name]]
        assert counts == sorted(counts, reverse=True), name
    statuses = [row["status"] for row in tables["statuses"]]
    assert statuses == sorted(statuses)


def test_the_window_is_the_first_and_last_record(document: Row, requests: list[Request]) -> None:
    window = {key: datetime.fromisoformat(text) for key, text in document["window"].items()}
    assert window["since"] == min(r.time for r in requests)
    assert window["until"] == max(r.time for r in requests)


def test_every_line_is_accounted_for(document: Row, requests: list[Request]) -> None:
    read = document["input"]
    assert [read[key] for key in ("lines", "records", "rejects", "skipped")] == [3000, 3000, 0, 0]
    assert [file["lines"] for file in read["files"]] == [1500, 1500]
    assert len(requests) == 3000


@pytest.mark.slow
def test_duckdb_agrees_on_the_endpoints(document: Row) -> None:
    with duckdb.connect() as database:
        database.register("requests", apilog.scan(LOGS).collect().to_arrow())
        rows = database.sql(
            """
            with sorted as (
                select *, list_sort(list(duration_ms) over (partition by method, route)) as all_ms
                from requests
            )
            select gateway, method, route, count(*), avg((status >= 400)::int),
                   avg((status >= 500)::int),
                   any_value(all_ms[1 + floor(0.5 * (len(all_ms) - 1))::int]),
                   any_value(all_ms[1 + floor(0.95 * (len(all_ms) - 1))::int]),
                   max(duration_ms), sum(response_bytes), count(distinct consumer)
            from sorted group by all having not bool_and(status = 404)
            """
        ).fetchall()
    given = {
        (row["gateway"], row["method"], row["route"]): row
        for row in document["tables"]["endpoints"]
        if row["route"] != "(not found)"
    }
    assert len(rows) == len(given) == 8
    for *key, count, errors, server, p50, p95, most, size, consumers in rows:
        row = given[tuple(key)]
        assert (row["requests"], row["response_bytes"]) == (count, size)
        assert (row["consumers"], row["latency_max_ms"]) == (consumers, most)
        assert row["error_rate"] == pytest.approx(errors)
        assert row["server_error_rate"] == pytest.approx(server)
        assert row["latency_p50_ms"] == pytest.approx(p50, rel=0.01)
        assert row["latency_p95_ms"] == pytest.approx(p95, rel=0.01)
