"""Fields under names of other languages, tables and short layouts, and values in other ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apilog.formats.contract import ParsedRecords
from tests.formats.read_rows import lines_of, read_lines, rows

TIMES = [datetime(2026, 11, 21, 10, 0, n, 250_000, tzinfo=UTC) for n in range(12)]
REQUESTS = [(("GET", "POST")[n % 2], f"/orders/{n}", (200, 404)[n % 2], 12 + n) for n in range(12)]
Line = Callable[[int], dict[str, Any]]


def read(*lines: str) -> list[dict[str, object]]:
    found: ParsedRecords = read_lines(lines_of(*lines))
    assert not found.rejects.height
    return rows(found)


def iso(n: int) -> str:
    return f"{TIMES[n]:%Y-%m-%dT%H:%M:%S}.250Z"


NAMES = {
    "Spanish": "fecha metodo ruta estado duracion_ms",
    "Portuguese": "data método caminho codigo duracao_ms",
    "Italian": "data_ora metodo percorso stato durata_ms",
    "French": "horodatage méthode chemin statut durée_ms",
    "short": "ts rm ru st rt_ms",
    "columns of a table": "timestamp httpRequest_requestMethod jsonPayload_path httpRequest_status "
    "jsonPayload_latency_ms",
    "a method as the request": "timestamp request url status time_elapsed_ms",
    "a path as the route": "ts method route result_code ms_elapsed",
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_names_in_many_words_are_known(names: str) -> None:
    found = read(
        *(
            json.dumps(dict(zip(names.split(), (iso(n), *REQUESTS[n]), strict=True)))
            for n in range(12)
        )
    )
    told = [(r["timestamp"], r["method"], r["path"], r["status"], r["duration_ms"]) for r in found]
    assert told == [(TIMES[n], *REQUESTS[n]) for n in range(12)]


def in_digits(n: int) -> str:
    return f"{TIMES[n]:%Y%m%d%H%M%S}"


WRITTEN: dict[str, tuple[Callable[[int], object], timedelta]] = {
    "digits alone": (in_digits, timedelta(milliseconds=250)),
    "digits with milliseconds": (lambda n: f"{in_digits(n)}250", timedelta()),
    "the name of a zone": (
        lambda n: f"{TIMES[n] + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}.250+01:00[Europe/Berlin]",
        timedelta(),
    ),
    "seconds and nanoseconds": (
        lambda n: {"seconds": int(TIMES[n].timestamp()), "nanos": 250_000_000},
        timedelta(),
    ),
}


@pytest.mark.parametrize(("written", "lost"), WRITTEN.values(), ids=WRITTEN)
def test_times_are_read_that_are_written_in_other_ways(
    written: Callable[[int], object], lost: timedelta
) -> None:
    lines = [
        json.dumps({"reqTime": written(n), "method": m, "path": p, "status": s, "ms": ms})
        for n, (m, p, s, ms) in enumerate(REQUESTS)
    ]
    assert [r["timestamp"] for r in read(*lines)] == [t - lost for t in TIMES]


def test_seconds_with_nanoseconds_beside_them_are_one_duration() -> None:
    lines = [
        json.dumps(
            {"time": iso(n), "path": p, "status": s, "took": {"secs": ms % 2, "nanos": ms * 1000}}
        )
        for n, (_, p, s, ms) in enumerate(REQUESTS)
    ]
    assert [r["duration_ms"] for r in read(*lines)] == [
        ms % 2 * 1000 + ms / 1000 for *_, ms in REQUESTS
    ]


def test_methods_of_frameworks_are_in_capitals_and_sizes_may_name_bytes() -> None:
    lines = [
        json.dumps({"time": iso(n), "method": m.lower(), "path": p, "status": s, "size": f"{ms}B"})
        for n, (m, p, s, ms) in enumerate(REQUESTS)
    ]
    found = read(*lines)
    assert [(r["method"], r["response_bytes"]) for r in found] == [
        (m, ms) for m, *_, ms in REQUESTS
    ]


@pytest.mark.parametrize("template", ["/orders/{id}", "/orders/:id", "/orders/<id>", "/orders"])
def test_templates_stay_routes(template: str) -> None:
    lines = [
        json.dumps({"time": iso(n), "method": m, "route": template, "status": s, "ms": ms})
        for n, (m, _, s, ms) in enumerate(REQUESTS)
    ]
    read_lines(lines_of(*lines), columns=("timestamp", "path", "row"))
    assert {r.get("path") for r in read(*lines)} == {None}


SIZES: dict[str, tuple[Callable[[int, int], tuple[object, object]], str, str]] = {
    "bodies": (lambda n, _: (0 if n % 2 == 0 else 90 + n, 500 + 7 * n), "request_bytes", "bytes"),
    "whole requests": (lambda n, line: (200 + line, 500 + 7 * n), "request_bytes", "bytes"),
    "answers before durations": (lambda n, _: (612, 4000 + 333 * n), "response_bytes", "us"),
}


@pytest.mark.parametrize(("sizes", "first", "second"), SIZES.values(), ids=SIZES)
def test_a_size_behind_the_status_may_be_that_of_the_request(
    sizes: Callable[[int, int], tuple[object, object]], first: str, second: str
) -> None:
    requests = [f"{m} {p}{'/x' * (n % 5)} HTTP/1.1" for n, (m, p, *_) in enumerate(REQUESTS)]
    pairs = [sizes(n, len(request)) for n, request in enumerate(requests)]
    lines = [
        f'[{TIMES[n]:%d/%b/%Y:%H:%M:%S} +0000] 203.0.113.7 "{requests[n]}" {s} {a} {b}'
        for n, ((_, _, s, _), (a, b)) in enumerate(zip(REQUESTS, pairs, strict=True))
    ]
    found = read(*lines)
    assert [r[first] for r in found] == [a for a, _ in pairs]
    if second == "bytes":
        assert [r["response_bytes"] for r in found] == [b for _, b in pairs]
