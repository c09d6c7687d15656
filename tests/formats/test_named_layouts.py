"""Layouts that betray who wrote them, and those that many servers write."""

from __future__ import annotations

import pytest

import apilog
from tests.formats.read_rows import lines_of, read_lines, rows
from tests.weblog import SAMPLE_LOGS

TIME = "21/Nov/2026:10:00:0"
CLF = '203.0.113.7 - - [{time}{i} +0000] "GET /v1/users/{i} HTTP/1.1" {status} {size} "-" "{ua}"'


def combined(i: int, ua: str = "curl/8.1", tail: str = "") -> str:
    line = CLF.format(time=TIME, i=i, status=(200, 504)[i % 2], size=(512, 90)[i % 2], ua=ua)
    return line + tail


@pytest.mark.parametrize(
    ("lines", "gateway"),
    [
        ([combined(i) for i in range(6)], None),
        ([combined(i, 'say \\"hi\\"') for i in range(6)], "apache"),
        ([combined(i).replace(" - - ", " bob alice ") for i in range(6)], "apache"),
        ([combined(i).replace('" 504 90', '" 504 -') for i in range(6)], None),
        ([combined(i, tail=" 0.012") for i in range(6)], None),
        ([combined(i, tail=' rt=0.012 uct="0.001" urt="0.011"') for i in range(6)], "nginx"),
        ([combined(i, tail=f' kong_request_id: "{i:032x}"') for i in range(6)], "kong"),
    ],
)
def test_the_gateway_is_who_wrote_the_line(lines: list[str], gateway: str | None) -> None:
    outcome = read_lines(lines_of(*lines))
    assert outcome.rejects.is_empty()
    assert {r.get("gateway") for r in outcome.records.to_dicts()} == {gateway}


@pytest.mark.parametrize(("factor", "ms"), [(1000, 12.0), (1, 12.0)])
def test_a_number_before_the_referer_is_in_the_unit_that_fits(factor: int, ms: float) -> None:
    durations = [12, 34, 7, 5004, 18, 5003]
    lines = [
        combined(i).replace(' "-" "curl', f' {durations[i] * factor} "-" "curl') for i in range(6)
    ]
    found = rows(read_lines(lines_of(*lines)))
    assert found[0]["duration_ms"] == ms
    assert [r["user_agent"] for r in found] == ["curl/8.1"] * 6


def test_the_host_of_an_absolute_target() -> None:
    lines = [combined(i).replace("GET /", "GET http://api.example.com:8080/") for i in range(3)]
    found = rows(read_lines(lines_of(*lines)))
    assert [(r["host"], r["path"]) for r in found] == [
        ("api.example.com", f"/v1/users/{i}") for i in range(3)
    ]


@pytest.mark.parametrize("failing", [1, 3])
def test_free_text_of_failing_requests_says_why(failing: int) -> None:
    texts = ["upstream timed out", "no live upstreams while connecting", "a b c d e"][:failing]
    good = [combined(2 * i, tail=" -") for i in range(4)]
    bad = [combined(2 * i + 1, tail=f" {text}") for i, text in enumerate(texts)]
    outcome = read_lines(lines_of(*good, *bad))
    assert outcome.rejects.is_empty()
    found = [r.get("error_type") for r in rows(outcome)]
    assert found == [*[None] * 4, *texts]


@pytest.mark.parametrize("name", ["reactor-netty", "uvicorn-timed", "tower-http"])
def test_what_stands_before_a_line_may_be_of_a_format_that_is_given(name: str) -> None:
    log = SAMPLE_LOGS / f"{name}.log"
    account = apilog.report(log, log_format=name, tables=["overview"]).input
    assert account.records == account.lines == len(log.read_bytes().splitlines())
