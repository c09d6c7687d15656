"""What gateways and platforms are advised to set: accepted where it goes, and read when logged."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from apilog.formats.contract import Refusal
from apilog.formats.file_plan import FileSample, UnrecognisedFormat, plan_file
from apilog.formats.platform_advice import ADVICE, TEMPLATES
from apilog.formats.registry import gateway_template
from apilog.formats.several_lines import REFUSED_LOGS
from tests.commands import Run
from tests.formats.read_rows import lines_of, read_lines, rows
from tests.weblog import write

KRAKEND = {
    "clientIP": "203.0.113.7",
    "jwt.sub": "till",
    "time": "2026/11/21 - 10:00:00.123",
    "method": "GET",
    "path": "/v1/users/42",
    "proto": "HTTP/1.1",
    "statusCode": "200",
    "header.Referer": "-",
    "header.User-Agent": "curl/8.1",
    "latencyMs": "12.345",
    "host": "api.example.com",
}


def test_each_has_advice_and_a_template() -> None:
    assert ADVICE.keys() == TEMPLATES.keys()
    assert all(gateway_template(name) == TEMPLATES[name] for name in TEMPLATES)


def test_krakends_template_is_read_with_every_column_that_is_advised() -> None:
    settings = json.loads(TEMPLATES["krakend"])["extra_config"]["telemetry/logging"]
    layout = settings["access_log_custom_format"]
    line = re.sub(r"%\{([^}]+)\}", lambda value: KRAKEND[value[1]], layout).rstrip("\n")
    outcome = read_lines(lines_of(line))
    (row,) = rows(outcome)
    assert [*outcome.records["gateway"]] == ["krakend"]
    assert (row["duration_ms"], row["consumer"]) == (12.345, "till")
    lacking = {column for column in ADVICE["krakend"] if row.get(column) is None}
    assert lacking == {"upstream_duration_ms"}


@pytest.mark.parametrize(
    ("name", "parse"),
    [
        ("krakend", json.loads),
        ("gravitee", yaml.safe_load),
        ("wso2", tomllib.loads),
        ("tomcat", ElementTree.fromstring),
        ("reactor-netty", ElementTree.fromstring),
    ],
)
def test_templates_are_of_their_configurations_language(
    name: str, parse: Callable[[str], object]
) -> None:
    assert parse(gateway_template(name)) is not None


def test_a_router_that_knows_no_more_is_not_told_to(run: Run, tmp_path: Path) -> None:
    line = (
        "2026-11-21T10:00:00.123456+00:00 heroku[router]: at=info method=GET path=/a "
        'host=shop.example request_id=6a9b fwd="203.0.113.9" dyno=web.1 connect=1ms service=15ms '
        "status=200 bytes=120 protocol=https"
    )
    log = write(tmp_path / "heroku.log", [line] * 3)
    (found,) = json.loads(run("detect", log, "-f", "json").text)["files"]
    lacks = {lack["column"]: lack["directive"] for lack in found["lacks"]}
    assert "app's own log" in lacks["consumer"]
    assert "duration_ms" not in lacks
    assert found["suggestion"] == TEMPLATES["heroku"]


@pytest.mark.parametrize("refusal", REFUSED_LOGS, ids=lambda refusal: refusal.pattern[:20])
def test_logs_of_several_lines_a_request_are_refused_with_what_to_log(refusal: Refusal) -> None:
    for sample in refusal.samples:
        with pytest.raises(UnrecognisedFormat) as refused:
            plan_file("a.log", FileSample(first=f"{sample}\n".encode() * 3, is_whole=True))
        assert refusal.message in str(refused.value)
        assert refused.value.hint == refusal.hint


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "10:00AM INF main.go:12 > request method=GET url=/a status=200 duration=15.25",
            {"duration_ms": 15.25, "status": 200, "timestamp": None},
        ),
        (
            (
                "10:00:00.123 request_id=6a9b [info] method=GET path=/a format=html "
                "controller=Shop action=show params={} status=200 duration=15.25 state=set"
            ),
            {"duration_ms": 15.25, "path": "/a", "gateway": None},
        ),
        (
            (
                '[10:00:00.123] INFO (7): request completed {"req":{"method":"GET","url":"/a?b=1"},'
                '"res":{"statusCode":200},"responseTime":15}'
            ),
            {"duration_ms": 15.0, "path": "/a", "gateway": None},
        ),
        (
            (
                "261121/100000.123, (1:web1:7:k:10000) [response] http://localhost: get /a "
                '{"b":"1 2"} 404 (6ms)'
            ),
            {"method": "GET", "status": 404, "duration_ms": 6.0},
        ),
    ],
)
def test_lines_of_consoles_are_read(line: str, expected: dict[str, object]) -> None:
    (row,) = rows(read_lines(lines_of(line)))
    assert {column: row.get(column) for column in expected} == expected


def test_a_duration_of_zerolog_is_in_milliseconds_however_short() -> None:
    line = "2026-11-21T10:00:00Z INF done method=GET url=/a status=200 duration=0.25"
    (row,) = rows(read_lines(lines_of(line)))
    assert row["duration_ms"] == 0.25


def test_what_a_program_is_told_is_not_said_to_be_nginxs(run: Run, tmp_path: Path) -> None:
    line = '[GIN] 2026/11/21 - 10:00:00 | 200 | 43.7ms | 203.0.113.7 | GET "/v1"'
    text = run("detect", write(tmp_path / "gin.log", [line] * 2)).text
    assert "To log everything:\n  // in place of gin.Default()" in text
