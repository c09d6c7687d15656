"""Shapes of lines that people post: pairs with commas, values in brackets, quotes of both kinds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apilog.formats.detect import detect_plan
from tests.formats.read_rows import lines_of, read_lines, rows

Shape = Callable[[int, str, int], str]
"""A line of the n-th request, its status and its milliseconds."""

TIME = "2026-11-21T10:00:{:02}Z"
CLF = "21/Nov/2026:10:00:{:02} +0000"

SHAPES: dict[str, Shape] = {
    "commas between pairs": lambda n, status, ms: (
        f"method=GET, uri=/orders/{n}, status={status}, latency={ms}ms, time={TIME.format(n)}"
    ),
    "semicolons between pairs": lambda n, status, ms: (
        f"time={TIME.format(n)}; verb=GET; path=/orders/{n}; code={status}; duration={ms}ms;"
    ),
    "names and values in brackets": lambda n, status, ms: (
        f'203.0.113.{n + 1} [{TIME.format(n)}] "GET /orders/{n} HTTP/1.1" {status} 17 '
        f"[rt:0.{ms:03}] [up:10.0.0.1:8080]"
    ),
    "a span of Rust's tracing": lambda n, status, ms: (
        f"{TIME.format(n)}  INFO request{{method=GET uri=/orders/{n} version=HTTP/1.1}}: "
        f"tower_http::trace::on_response: finished processing latency={ms} ms status={status}"
    ),
    "a Java program's own log": lambda n, status, ms: (
        f"2026-11-21 10:00:{n:02},000 INFO [exec-{n % 3}] c.e.AccessLog - method=GET "
        f"uri=/orders/{n} status={status} duration={ms}ms"
    ),
    "an object behind a level": lambda n, status, ms: (
        f'INFO {{"time":"{TIME.format(n)}","verb":"GET","resource":"/orders/{n}",'
        f'"code":{status},"took_ms":{ms}}}'
    ),
    "Monolog's context": lambda n, status, ms: (
        f'[2026-11-21T10:00:{n:02}.000+00:00] http.INFO: answered {{"method":"GET",'
        f'"uri":"/orders/{n}","status":{status},"duration_ms":{ms}}} []'
    ),
    "all in quotes": lambda n, status, ms: (
        f'"203.0.113.{n + 1}" "{CLF.format(n)}" "GET /orders/{n} HTTP/1.1" "{status}" '
        f'"{100 + 7 * n}" "0.{ms:03}"'
    ),
}


def requests(count: int = 20) -> list[tuple[int, str, int]]:
    return [(n, ("200", "404", "500")[n % 3], 5 + 37 * n % 900) for n in range(count)]


@pytest.mark.parametrize("name", SHAPES)
def test_a_posted_shape_is_read(name: str) -> None:
    read = rows(read_lines(lines_of(*(SHAPES[name](*request) for request in requests()))))
    found = [(r["method"], r["path"], r["status"], r["duration_ms"]) for r in read]
    assert found == [("GET", f"/orders/{n}", int(s), ms) for n, s, ms in requests()]
    assert not any("host" in row for row in read)
    assert all("timestamp" in row for row in read)


def test_an_agent_in_single_quotes_is_no_part_of_the_path() -> None:
    agents = ("curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0 Safari/537.36")
    lines = (
        f"[2026-11-21 10:00:{n:02}] [INFO    ] [gunicorn.access:24588] GET /orders/{n} HTTP/1.1 - "
        f"'{agents[n % 2]}' {status} - 203.0.113.{n + 1}"
        for n, status, _ in requests()
    )
    outcome = read_lines(lines_of(*lines))
    found = [(r["path"], r["status"], r["user_agent"], r["client_ip"]) for r in rows(outcome)]
    assert found == [
        (f"/orders/{n}", int(s), agents[n % 2], f"203.0.113.{n + 1}") for n, s, _ in requests()
    ]


def test_a_size_is_no_status() -> None:
    lines = (
        f'"203.0.113.9" "{CLF.format(n)}" "GET /a/{n} HTTP/1.1" "500" "{200 + n}"'
        for n in range(20)
    )
    assert {row["status"] for row in rows(read_lines(lines_of(*lines)))} == {500}


@pytest.mark.parametrize(
    "header", ["Zeit;Methode;Pfad;Status;Dauer (ms)", "fecha;método;ruta;estado;duración (ms)"]
)
def test_headers_of_other_languages(header: str) -> None:
    lines = (
        f"21.11.2026 10:00:{n:02};GET;/orders/{n};{status};{ms},5" for n, status, ms in requests()
    )
    read = rows(read_lines(lines_of(header, *lines)))
    assert [(r["status"], r["duration_ms"]) for r in read] == [
        (int(status), ms + 0.5) for _, status, ms in requests()
    ]


def test_a_time_as_asctime_has_it() -> None:
    lines = (
        f'[Sat Nov 21 10:00:{n:02} 2026] 203.0.113.9 "GET /a/{n} HTTP/1.1" {status} {100 + n}'
        for n, status, _ in requests()
    )
    read = rows(read_lines(lines_of(*lines)))
    assert [str(r["timestamp"])[:19] for r in read] == [
        f"2026-11-21 10:00:{n:02}" for n, *_ in requests()
    ]


def test_one_time_beside_an_upstream_is_a_doubt() -> None:
    lines = lines_of(
        *(
            f"203.0.113.9 - GET /a/{n} HTTP/1.1 - 10.0.0.{n % 3}:8080 - {status} "
            f'"u" {status} "t" 0.{ms:03} "at" 17000000{n + 10}.250'
            for n, status, ms in requests()
        )
    )
    plan = detect_plan(lines.series)
    assert plan is not None
    assert any("$upstream_response_time" in doubt for doubt in plan.doubts)
