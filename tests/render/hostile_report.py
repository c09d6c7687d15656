"""One report with everything in it that an output could get wrong.

Every text is what an attacker may have sent, every number what arithmetic may produce.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.metrics import METRICS, Unit
from apilog.report_model import FileInput, InputSummary, Report
from apilog.schema import TIMESTAMP

START = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
DURATION_MS = ("mean", "min", "max", "p50", "p90", "p95", "p99")

ROUTES = (
    "/users/{id}",
    '=cmd|"/C calc"!A1',
    "/a/[/b]/[red]x[/red]",
    "\x1b[2J\x1b]0;owned\x07/\x9b31m",
    "/\u202egpj.exe",
    "<script>alert('1')</script>&amp;",
    "| a | b |\n| --- |\n`x` **y** [z](https://e.example) www.e.example",
    "/kunden/größe/日本語/한국어/e\u0301/🎉",
    "/v1/" + "very/long/" * 20 + "end",
    "-1+1",
    "+49",
    "@SUM(A1)",
    "\ttab",
    "\rreturn",
    'quote "and", comma',
    "zero\u200bwidth\ufeff\u2028\u2029\xad",
    "back\\slash \\| \\x1b",
    "",
    "(not found)",
    None,
    "(other)",
)
METHODS = ("GET", "POST", "\x16\x03\x01", None, "PROPFINDPROPFIND", "<b>")


def hostile_report() -> Report:
    """The same report at every call."""
    endpoints = [_endpoint(i, route) for i, route in enumerate(ROUTES)]
    keys = ("gateway", "method", "route")
    errors = [
        {**_pick(row, *keys), "status": status, "error_source": source}
        | _pick(row, "requests", "last_seen")
        for row in endpoints
        for status, source in ((404, "client"), (502, "upstream"), (500, None))
    ]
    consumers = [
        {"consumer": route} | _pick(row, "requests", "errors", "error_rate", "client_errors")
        | _pick(row, "server_errors", "latency_mean_ms", "response_bytes", "last_seen")
        for route, row in zip(ROUTES, endpoints, strict=True)
    ]  # fmt: skip
    latency = [
        {**_pick(row, *keys, "requests"), **_latencies("latency", 10.0 * i), **_no_latencies()}
        for i, row in enumerate(endpoints)
    ]
    gateways = [{"gateway": name, **_metrics(i + 1)} for i, name in enumerate(("nginx", "apache"))]
    return Report(
        version="0.0.0",
        command="report",
        since=START,
        until=START + timedelta(hours=3, microseconds=250),
        input=_inputs(),
        tables={
            "overview": _frame([_metrics(9, requests=1_234_567)]),
            "gateways": _frame(gateways),
            "traffic": _frame([_bucket(i) for i in range(37)]),
            "endpoints": _frame(endpoints),
            "statuses": _statuses(),
            "errors": _frame(errors),
            "latency": _frame(latency),
            "consumers": _frame(consumers),
            "anomalies": _anomalies(),
        },
        bucket="5m",
        timezone="Europe/Berlin",
        notes=(
            "A \x1b[31mcoloured\x1b[0m note, [bold]markup[/bold], two\nlines.",
            "A note that is longer than a terminal of 80 columns is wide, and so is wrapped.",
        ),
    )


def empty_report() -> Report:
    """A report on empty input: every table is there, without rows."""
    hostile = hostile_report()
    nothing = InputSummary(lines=0, records=0, rejects=0, skipped=0, files=())
    return Report(
        version="0.0.0",
        command="report",
        since=None,
        until=None,
        input=nothing,
        tables={name: frame.clear() for name, frame in hostile.tables.items()},
    )


def _endpoint(i: int, route: str | None) -> dict[str, object]:
    row: dict[str, object] = {
        "gateway": None if i == 3 else "nginx",
        "method": METHODS[i % len(METHODS)],
        "route": route,
        **_metrics(i, requests=400_000 // (i * i + 1)),
    }
    if i == 2:
        row |= {"latency_p95_ms": math.nan, "latency_p99_ms": math.inf, "last_seen": None}
    return row


def _metrics(i: int, requests: int = 1_000) -> dict[str, object]:
    client, server = requests * (i % 4) // 100, requests * (i % 3) // 70
    values: dict[str, object] = {}
    for metric in METRICS.values():
        match metric.unit:
            case Unit.COUNT:
                values[metric.column] = {
                    "requests": requests,
                    "errors": client + server,
                    "client_errors": client,
                    "server_errors": server,
                }.get(metric.name, i)
            case Unit.RATIO:
                part = {"error_rate": client + server, "client_error_rate": client}
                values[metric.column] = part.get(metric.name, server) / max(requests, 1)
            case Unit.PER_SECOND:
                values[metric.column] = requests / 10_800
            case Unit.BYTES:
                values[metric.column] = requests * 321 if i % 5 else None
            case Unit.TIMESTAMP:
                values[metric.column] = START + timedelta(seconds=i * 7, microseconds=i % 2)
            case Unit.MILLISECONDS:
                upstream = metric.name.startswith("upstream")
                values[metric.column] = None if upstream else _latency(metric.name, i + 0.5)
    return values


def _latency(name: str, base: float) -> float:
    return base * (1 + DURATION_MS.index(name.rpartition("_")[2])) / 3


def _latencies(prefix: str, base: float) -> dict[str, object]:
    return {f"{prefix}_{kind}_ms": _latency(f"{prefix}_{kind}", base) for kind in DURATION_MS}


def _no_latencies() -> dict[str, object]:
    return {f"upstream_latency_{kind}_ms": None for kind in DURATION_MS}


def _bucket(i: int) -> dict[str, object]:
    requests = 0 if i in (5, 6) else 1_000 + (i * i * 37) % 900
    row = {"timestamp": START + timedelta(minutes=5 * i), **_metrics(i, requests)}
    return row if requests else row | dict.fromkeys(_latencies("latency", 0.0))


def _statuses() -> pl.DataFrame:
    counts = {200: 1_100_000, 301: 9_000, 404: 70_000, 429: 21, 502: 55_000, 101: 1, 999: 2}
    rows = [
        {"status": status, "requests": requests, "response_bytes": requests, "last_seen": START}
        for status, requests in [*counts.items(), (None, 7)]
    ]
    return _frame(rows)


def _anomalies() -> pl.DataFrame:
    return _frame(
        [
            {"timestamp": START + timedelta(minutes=5 * i), "metric": metric, "value": value}
            | {"expected": expected, "score": score, "kind": kind}
            for i, (metric, value, expected, score, kind) in enumerate(
                (
                    ("requests", 12.0, 1_000.0, -7.5, "drop"),
                    ("error_rate", 0.25, 0.01, 12.25, "spike"),
                    ("latency_p95", 1_250.0, 80.0, math.inf, "spike"),
                    ("\x1b[1mno metric", None, None, None, "=kind"),
                )
            )
        ]
    )


def _inputs() -> InputSummary:
    return InputSummary(
        lines=5,
        records=2,
        rejects=2,
        skipped=1,
        files=(
            FileInput(
                path="logs/access.log",
                format="combined",
                lines=5,
                records=2,
                rejects=2,
                skipped=1,
            ),
            FileInput(
                path="logs/\udcff\x1b[5m<b>|.gz",
                format=None,
                lines=0,
                records=0,
                rejects=0,
                skipped=0,
                error="the stream ends early\x07, after [0 lines](x)",
                hint="copy it again",
                is_damaged=True,
            ),
        ),
    )


def _frame(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    types: dict[str, pl.DataType | type[pl.DataType]] = {
        "gateway": pl.String,
        "timestamp": TIMESTAMP,
        "last_seen": TIMESTAMP,
    }
    types |= {"error_source": pl.Categorical, "status": pl.Int16}
    floats = [name for name, dtype in frame.schema.items() if dtype == pl.Null]
    return frame.with_columns(
        *(pl.col(name).cast(dtype) for name, dtype in types.items() if name in frame.columns),
        *(pl.col(name).cast(pl.Float64) for name in floats),
    )


def _pick(row: dict[str, object], *names: str) -> dict[str, object]:
    return {name: row[name] for name in names}
