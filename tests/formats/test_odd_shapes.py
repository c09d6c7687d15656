"""Documented, rare shapes: times of other places, XML in any order, two times in one field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import apilog
from apilog.errors import ApilogError, UnreadSourcesError

ROWS = [(n, ("GET", "POST")[n % 2], f"/orders/{n}", (200, 404, 500)[n % 3]) for n in range(30)]
MICROS = [1_234 + 270_001 * n for n in range(30)]


def read(folder: Path, lines: Iterable[str]) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The records of a log, and the doubts about it."""
    log = folder / "log"
    log.write_text("".join(f"{text}\n" for text in lines))
    records = apilog.scan([log]).collect().sort("line_number").to_dicts()
    return records, apilog.report([log]).input.files[0].doubts


def json_lines(time: Callable[[int], str]) -> list[str]:
    return [
        json.dumps({"time": time(n), "method": m, "path": p, "status": s, "duration_ms": n})
        for n, m, p, s in ROWS
    ]


@pytest.mark.parametrize(
    "layout",
    [
        *("%d/%m/%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"),
        *("%m/%d/%Y %H:%M:%S", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S+0000"),
    ],
)
def test_times_of_any_place_are_read(tmp_path: Path, layout: str) -> None:
    times = [datetime(2026, 11, 21, 10, 0, n, tzinfo=UTC) for n, *_ in ROWS]
    records, doubts = read(tmp_path, json_lines(lambda n: times[n].strftime(layout)))
    assert [r["timestamp"] for r in records] == times
    assert doubts == ()


def test_a_day_that_may_be_a_month_is_a_doubt(tmp_path: Path) -> None:
    records, (doubt,) = read(tmp_path, json_lines(lambda n: f"05/11/2026 10:00:{n:02}"))
    assert records[0]["timestamp"] == datetime(2026, 11, 5, 10, tzinfo=UTC)
    assert doubt.startswith("`time` is read with the day first")


@pytest.mark.parametrize("line", [json_lines(lambda _: "yesterday at ten")[0]])
def test_a_time_that_nothing_reads_says_how_to_declare_it(tmp_path: Path, line: str) -> None:
    with pytest.raises(ApilogError) as raised:
        read(tmp_path, [line])
    assert 'timestamp = {key = "time", format = ' in hint_of(raised.value)


@pytest.mark.slow
def test_keys_of_one_letter_get_options_that_are_ready(tmp_path: Path) -> None:
    lines = [
        json.dumps({"t": f"2026-11-21T10:00:{n:02}Z", "m": m, "p": p, "s": s, "d": n})
        for n, m, p, s in ROWS
    ]
    with pytest.raises(ApilogError) as raised:
        read(tmp_path, lines)
    options = hint_of(raised.value).partition("with ")[2]
    assert options == "--column method=m --column path=p --column status=s"
    columns = dict(o.split("=") for o in options.split() if "=" in o)
    found = apilog.scan([tmp_path / "log"], columns=columns).collect().to_dicts()
    assert [(r["method"], r["path"], r["status"]) for r in found] == [row[1:] for row in ROWS]


def hint_of(error: ApilogError) -> str:
    return error.errors[0].hint if isinstance(error, UnreadSourcesError) else error.hint


@pytest.mark.parametrize("order", [1, -1])
def test_elements_of_xml_stand_in_any_order(tmp_path: Path, order: int) -> None:
    def line(n: int, method: str, path: str, status: int) -> str:
        elements = {
            "requestTime": f"21/Nov/2026:10:00:{n:02} +0000",
            "ip": "192.0.2.7",
            "httpMethod": method,
            "resourcePath": path,
            "status": str(status),
            "responseLatency": str(n),
            "userAgent": "curl 8 on Linux",
        }
        inner = " ".join(f"<{tag}>{text}</{tag}>" for tag, text in [*elements.items()][::order])
        return f'<request id="r{n}"> {inner} </request>'

    records, doubts = read(tmp_path, (line(*row) for row in ROWS))
    assert doubts == ()
    columns = ("duration_ms", "method", "route", "status")
    assert [tuple(r[c] for c in columns) for r in records] == ROWS
    assert {r["gateway"] for r in records} == {"aws-apigateway"}
    assert {r["user_agent"] for r in records} == {"curl 8 on Linux"}
    assert records[7]["request_id"] == "r7"


@pytest.mark.parametrize("lines", [1, 30])
@pytest.mark.parametrize("agent", ["", ' "-" "curl/8"'])
def test_seconds_and_microseconds_of_apache_are_told_by_each_other(
    tmp_path: Path, agent: str, lines: int
) -> None:
    texts = [
        f'192.0.2.7 - - [21/Nov/2026:10:00:{n:02} +0000] "{m} {p} HTTP/1.1" {s} 5{agent} '
        f"**{MICROS[n] // 1_000_000}/{MICROS[n]}**"
        for n, m, p, s in ROWS[-lines:]
    ]
    records, _ = read(tmp_path, texts)
    assert [r["duration_ms"] for r in records] == pytest.approx([n / 1e3 for n in MICROS[-lines:]])


def test_two_numbers_that_do_not_agree_are_no_duration(tmp_path: Path) -> None:
    texts = [
        f'192.0.2.7 - - [21/Nov/2026:10:00:{n:02} +0000] "{m} {p} HTTP/1.1" {s} 5 3/{MICROS[n]}'
        for n, m, p, s in ROWS
    ]
    records, _ = read(tmp_path, texts)
    assert {r["duration_ms"] for r in records} == {None}


@pytest.mark.parametrize("has_base", [True, False])
def test_a_suffix_is_a_path_with_a_doubt(tmp_path: Path, has_base: bool) -> None:
    base = {"proxy_basepath": "/shop"} if has_base else {}
    lines = [
        json.dumps(
            {
                "apiproxy": "orders",
                "client_received_start_timestamp": 1_795_255_200_000 + n,
                "client_received_end_timestamp": 1_795_255_200_000 + n,
                "request_verb": method,
                "proxy_pathsuffix": path,
                "response_status_code": status,
                "total_response_time": n,
                **base,
            }
        )
        for n, method, path, status in ROWS
    ]
    records, doubts = read(tmp_path, lines)
    start = "/shop" if has_base else ""
    assert [r["path"] for r in records] == [start + path for _, _, path, _ in ROWS]
    assert [d for d in doubts if "proxy_pathsuffix" in d] == list(doubts)
    assert bool(doubts) is not has_base
