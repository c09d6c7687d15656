"""What frameworks are advised to log: in their own words, and read when they do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import apilog
from apilog.formats.registry import ADVICE, TEMPLATES
from tests.commands import Run
from tests.formats.read_rows import lines_of, read_lines, rows
from tests.weblog import write

WERKZEUG = '203.0.113.7 - - [20/Nov/2026 09:15:08] "GET /a HTTP/1.1" 200 -'
CLF = '203.0.113.7 - - [20/Nov/2026:09:15:08 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'
ASPNET = {
    "Timestamp": "2026-11-20T09:15:08.123Z",
    "EventId": 2,
    "LogLevel": "Information",
    "Category": "Microsoft.AspNetCore.Hosting.Diagnostics",
    "Message": "Request finished HTTP/1.1 GET http://shop.example/a - 200 5 - 12.5ms",
    "State": {
        "ElapsedMilliseconds": 12.5,
        "StatusCode": 200,
        "Protocol": "HTTP/1.1",
        "Method": "GET",
        "Host": "shop.example",
        "Path": "/a",
    },
}


def advised(run: Run, path: Path) -> dict[str, str]:
    (found,) = json.loads(run("detect", path, "-f", "json").text)["files"]
    return {lack["column"]: lack["directive"] for lack in found["lacks"]}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("werkzeug", WERKZEUG),
        ("fiber-short", "[10:00:00] 200 -   1.2345ms GET /v1/users/42"),
        ("squid-common", CLF.removesuffix(' "-" "curl/8"') + " TCP_MEM_HIT:HIER_NONE"),
    ],
)
def test_a_framework_is_not_told_nginx_s_variables(
    run: Run, tmp_path: Path, name: str, line: str
) -> None:
    lacks = advised(run, write(tmp_path / "server.log", [line] * 2))
    assert lacks == dict(ADVICE.get(name, {}))
    assert not any("$request" in directive for directive in lacks.values())


@pytest.mark.parametrize(
    ("name", "line", "column", "value"),
    [
        ("gunicorn", f"{CLF} 12500us", "duration_ms", 12.5),
        (
            "aiohttp",
            f"{CLF} 12500us".replace("- - ", ""),
            "duration_ms",
            12.5,
        ),
        ("fiber", "2026-11-20 09:15:08 | 200 | 12.5ms | ::1 | GET | /a |", "duration_ms", 12.5),
        ("aspnetcore", json.dumps(ASPNET), "duration_ms", 12.5),
        (
            "serilog",
            "2026-11-20 09:15:08.123 +00:00 [INF] HTTP GET /a responded 200 in 12.5 ms",
            "duration_ms",
            12.5,
        ),
        (
            "rails",
            (
                '{"method":"GET","path":"/a","format":"json","controller":"Shop","action":"show",'
                '"status":200,"duration":12.5,"view":3.1,"host":"shop.example",'
                '"remote_ip":"203.0.113.7","request_id":"6a9b","time":"2026-11-20T09:15:08.123Z"}'
            ),
            "client_ip",
            "203.0.113.7",
        ),
    ],
)
def test_what_the_template_makes_it_write_is_read(
    name: str, line: str, column: str, value: object
) -> None:
    assert TEMPLATES[name]
    (record,) = rows(read_lines(lines_of(line)))
    assert record[column] == value
    assert (record["path"], record["status"]) == ("/a", 200)
    assert record["timestamp"]


def test_templates_are_printed(run: Run) -> None:
    assert "file-log" in run("formats", "kong", "--template").text
    assert json.loads(run("formats", "tyk", "--template").text)["access_logs"]["enabled"] is True


def test_durations_with_their_unit_leave_no_doubt(tmp_path: Path) -> None:
    log = write(tmp_path / "gunicorn.log", [f"{CLF} {n}us" for n in (1500, 900, 4000, 2100)])
    (file,) = apilog.report([log], tables=["overview"]).input.files
    assert file.doubts == ()
