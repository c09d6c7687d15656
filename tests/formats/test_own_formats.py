"""`[formats.NAME]`: formats that the user describes, named with `-l` and tried first."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import apilog
from apilog.config import load_config
from apilog.errors import DeclarationError, UsageError
from apilog.formats.own.declarations import LINES, declare_format
from apilog.options import ColumnMapping, OwnFormat
from tests.any_text import any_text
from tests.commands import Run

JSON_LINES = """\
{"t": 1763630106123, "r": {"c": 200}, "took": 0.5, "u": "/a"}
{"t": 1763630107123, "r": {"c": 503}, "took": 1.5, "u": "/b"}
"""
ORDERS = """
[formats.orders]
lines = "json"
gateway = "order-desk"

[formats.orders.columns]
timestamp = {key = "t", unit = "ms"}
status = "r.c"
duration_ms = {key = "took", unit = "s"}
path = "u"
"""
WORDS = (
    r"(?<when>\S+ \S+) <(?<ip>[^>]*)> (?<method>\S+) (?<path>\S+) -> (?<code>\d+) in (?<took>\w+)"
)
WORD_LINES = """\
20.07.2026 10:15:06 <203.0.113.9> GET /a -> 200 in 12ms
20.07.2026 10:15:07 <203.0.113.9> GET /b -> 500 in 1200ms
something else
"""
SQL = "SELECT timestamp, method, path, status, duration_ms, client_ip FROM requests"


def rows(path: Path, *names: str, **options: Any) -> list[tuple[Any, ...]]:
    return apilog.scan(path, **options).select(names).collect().rows()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_section_describes_json(run: Run, folder: Path) -> None:
    (folder / "a.log").write_text(JSON_LINES)
    (folder / "apilog.toml").write_text(ORDERS)
    expected = [
        "2025-11-20T09:15:06.123000Z,,/a,200,500.0,",
        "2025-11-20T09:15:07.123000Z,,/b,503,1500.0,",
    ]
    for options in ((), ("-l", "orders")):
        assert run("query", SQL, "a.log", "-f", "csv", *options).text.splitlines()[1:] == expected
    assert b'"format":"orders"' in run("report", "a.log", "-f", "json").stdout
    assert "orders" in run("detect", "a.log").text
    ran = run("query", "SELECT DISTINCT gateway FROM requests", "a.log", "-f", "csv")
    assert ran.text.splitlines()[1:] == ["order-desk"]
    # Once, another key may be named on the command line.
    ran = run("query", SQL, "a.log", "-f", "csv", "-l", "orders", "--column", "status=")
    assert ",/a,,500.0," in ran.text


def test_the_facade_takes_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(JSON_LINES)
    columns = {"timestamp": {"key": "t", "unit": "ms"}, "status": "r.c", "path": "u"}
    formats: dict[str, Any] = {"orders": {"lines": "json", "columns": columns}}
    assert rows(path, "status", "path", formats=formats) == [(200, "/a"), (503, "/b")]
    own = OwnFormat(name="orders", lines="json", columns=(ColumnMapping("status", "r.c"),))
    with pytest.raises(UsageError, match=r"formats.orders.columns.statsu is no column"):
        rows(path, formats={"orders": {"lines": "json", "columns": {"statsu": "x"}}})
    report = apilog.report(
        path, "orders", formats={"orders": own}, columns=["timestamp=t:ms"], tables=["overview"]
    )
    assert report.input.files[0].format == "orders"
    assert report.input.records == 2


@pytest.mark.slow
def test_a_regular_expression_with_a_layout_and_a_zone(run: Run, folder: Path) -> None:
    (folder / "a.log").write_text(WORD_LINES)
    (folder / "apilog.toml").write_text(
        f"""
[formats.words]
lines = "regex"
pattern = '{WORDS}'
columns.timestamp = {{key = "when", format = "%d.%m.%Y %H:%M:%S", tz = "Europe/Berlin"}}
columns.status = "code"
"""
    )
    ran = run("query", SQL, "a.log", "-f", "csv")
    assert ran.text.splitlines()[1:] == [
        "2026-07-20T08:15:06Z,GET,/a,200,12.0,203.0.113.9",
        "2026-07-20T08:15:07Z,GET,/b,500,1200.0,203.0.113.9",
    ]
    (account,) = apilog.report("a.log", formats=load_config().formats).input.files
    assert (account.format, account.records, account.rejects) == ("words", 2, 1)


@pytest.mark.parametrize(
    ("section", "line"),
    [
        (
            {"lines": "nginx", "pattern": "$msec|$uri|$status|$took", "columns": {}},
            "1700000000.5|/a|200|1500",
        ),
        (
            {"lines": "apache", "pattern": "%{sec}t|%U|%>s|%{took}n", "columns": {}},
            "1700000000|/a|200|1500",
        ),
        (
            {
                "lines": "aws",
                "pattern": "$context.requestTimeEpoch|$context.path|$context.status|$context.took",
            },
            "1700000000000|/a|200|1500",
        ),
        (
            {"lines": "w3c", "pattern": "#Fields: date time cs-uri-stem sc-status took"},
            "2026-07-20 08:15:06 /a 200 1500",
        ),
        (
            {"lines": "w3c"},
            "#Fields: date time cs-uri-stem sc-status took\n2026-07-20 08:15:06 /a 200 1500",
        ),
        (
            {
                "lines": "traefik",
                "pattern": "StartUTC, RequestPath, DownstreamStatus, request_took",
            },
            (
                '{"StartUTC":"2026-07-20T08:15:06Z","RequestPath":"/a","DownstreamStatus":200,'
                '"request_took":"1500"}'
            ),
        ),
        ({"lines": "csv", "pattern": "time,path,status,took"}, "2026-07-20T08:15:06Z,/a,200,1500"),
        ({"lines": "logfmt"}, "time=2026-07-20T08:15:06Z path=/a status=200 took=1500"),
        ({"lines": "ltsv"}, "time:2026-07-20T08:15:06Z\tpath:/a\tstatus:200\ttook:1500"),
        ({"lines": "json"}, '{"time":"2026-07-20T08:15:06Z","path":"/a","status":200,"took":1500}'),
    ],
)
def test_every_way_to_write_lines(tmp_path: Path, section: dict[str, Any], line: str) -> None:
    path = tmp_path / "a.log"
    path.write_text(f"{line}\n" * 3)
    key = {"apache": "note_took", "traefik": "request_took"}.get(section["lines"], "took")
    columns = {"duration_ms": {"key": key, "unit": "us"}}
    formats = {"mine": {**section, "columns": columns}}
    for log_format in (None, "mine"):
        found = rows(path, "path", "status", "duration_ms", formats=formats, log_format=log_format)
        assert found == [("/a", 200, 1.5)] * 3
    assert apilog.detect(path, formats=formats).files[0].format == "mine"


def test_a_variant_of_a_known_format(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 "me" "x"\n'
    )
    formats = {"mine": {"lines": "combined", "columns": {"consumer": "http_referer"}}}
    assert rows(path, "consumer", "path", formats=formats) == [("me", "/a")]


@pytest.mark.parametrize(("given", "gateway"), [({}, "nginx"), ({"gateway": ""}, None)])
def test_a_gateway_may_be_left_open(
    tmp_path: Path, given: dict[str, str], gateway: str | None
) -> None:
    path = tmp_path / "a.log"
    path.write_text("1700000000.5|/a|200\n")
    formats = {"mine": {"lines": "nginx", "pattern": "$msec|$uri|$status", **given}}
    assert rows(path, "gateway", formats=formats) == [(gateway,)]


def test_other_logs_are_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text('203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5\n')
    formats: dict[str, Any] = {
        "orders": {"lines": "json", "columns": {"status": "code"}},
        "words": {"lines": "regex", "pattern": WORDS, "columns": {"status": "code"}},
    }
    assert apilog.detect(path, formats=formats).files[0].format == "common"
    other = tmp_path / "b.log"
    other.write_text('{"time":"2026-07-20T08:15:06Z","path":"/a","status":200}\n')
    assert apilog.detect(other, formats=formats).files[0].format == "json"


def test_of_two_formats_that_read_the_same_lines_the_one_with_all_its_keys_counts(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.log"
    path.write_text('{"time":"2026-07-20T08:15:06Z","loc":"/a","status":200}\n')
    formats: dict[str, Any] = {
        "one": {"lines": "json", "columns": {"status": "status", "path": "url"}},
        "two": {"lines": "json", "columns": {"status": "status", "path": "loc"}},
    }
    assert apilog.detect(path, formats=formats).files[0].format == "two"
    assert rows(path, "path", formats=formats) == [("/a",)]


WRONG = [
    ("lines = 'jsn'", 2, "formats.x.lines is 'jsn'", "did you mean json?"),
    ("pattern = 'x'", 1, "formats.x.lines is missing", "json, logfmt"),
    ("lines = 'json'\nlins = 'x'", 3, "formats.x.lins is no setting", "did you mean lines?"),
    ("lines = 'json'\npattern = 'x'", 3, "formats.x.pattern does not go with", "regex"),
    ("lines = 'regex'", 1, "formats.x.pattern is missing", "need one"),
    ("lines = 'regex'\npattern = '(?=x)(?<a>b)'", 3, "look-around", "linear time"),
    (r"lines = 'regex'" + "\n" + r"pattern = '(?<a>b)\1'", 3, "backreferences", "linear time"),
    ("lines = 'regex'\npattern = '(x'", 3, "unclosed group", "docs.rs"),
    ("lines = 'regex'\npattern = '(x)'", 3, "has no group with a name", "(?<status>"),
    ("lines = 'regex'\npattern = '(?<a>(?:b{1000}){1000})'", 3, "size limit", ""),
    ("lines = 'apache'\npattern = '%Z'", 3, "no directive '%Z'", ""),
    ("lines = 'nginx'\npattern = 'abc'", 3, "has no variable", ""),
    ("lines = 'w3c'\npattern = '#Fields: date date'", 3, "has date twice", "#Fields: date time"),
    ("lines = 'w3c'\npattern = 'x'", 3, "names no fields", "#Fields: date time"),
    ("lines = 'traefik'", 1, "formats.x.pattern is missing", "need one"),
    (
        "lines = 'traefik'\npattern = 'StartUTC Duratoin'",
        3,
        "Traefik has no field 'Duratoin'",
        "mean Duration or",
    ),
    (
        "lines = 'w3c'\npattern = 'date time sc-status'\ncolumns.consumer = 'cs-user'",
        4,
        "is 'cs-user', which is not in the pattern",
        "it has date, time, sc-status",
    ),
    ("lines = 3", 2, "formats.x.lines is not a text", "write lines"),
    ("lines = 'json'\ngateway = ' '", 3, "formats.x.gateway is blank", ""),
    ("lines = 'json'\ncolumns = 3", 3, "formats.x.columns is not a table", "[formats.x.columns]"),
    ("lines = 'json'\n\n[formats.x.columns]\nstatsu = 'a'", 5, "is no column", "mean status?"),
    ("lines = 'json'\ncolumns.status = 3", 3, "columns.status names no key", "{key"),
    ("lines = 'json'\ncolumns.status = {ky = 'a'}", 3, "status.ky is no setting", "mean key?"),
    ("lines = 'json'\ncolumns.status = {unit = 's'}", 3, "status.key is missing", ""),
    ("lines = 'json'\ncolumns.status = {key = 1}", 3, "status.key is not a text", ""),
    (
        "lines = 'json'\ncolumns.duration_ms = {key = 'a', unit = 'msec'}",
        3,
        "unit is 'msec', which is no unit",
        "did you mean ms?",
    ),
    ("lines = 'json'\ncolumns.status = {key='a', unit='s'}", 3, "status has none", "duration_ms"),
    ("lines = 'json'\ncolumns.status = {key='a', tz='UTC'}", 3, "is for timestamp alone", ""),
    ("lines = 'json'\ncolumns.timestamp = {key='a', tz='Europe/Berln'}", 3, "time zone", "Berlin?"),
    (
        "lines = 'json'\ncolumns.timestamp = {key='a', format='%H:%M'}",
        3,
        "does not hold a whole time",
        "",
    ),
    (
        "lines = 'json'\ncolumns.timestamp = {key='a', unit='s', tz='UTC'}",
        3,
        "does not go with format or tz",
        "",
    ),
    (
        "lines = 'json'\ncolumns.timestamp = {key='a', format='%F %T %z', tz='UTC'}",
        3,
        "does not go with a format that has a zone",
        "",
    ),
    (
        "lines = 'regex'\npattern = '(?<took>x)'\ncolumns.status = 'tok'",
        4,
        "is 'tok', which is not in the pattern",
        "did you mean took?",
    ),
]


@pytest.mark.parametrize(("text", "line", "problem", "hint"), WRONG)
def test_wrong_sections_are_refused_where_they_are_read(
    run: Run, folder: Path, text: str, line: int, problem: str, hint: str
) -> None:
    (folder / "apilog.toml").write_text(f"[formats.x]\n{text}\n")
    ran = run("report", "a.log")
    assert ran.code == 2
    assert f"apilog.toml:{line}:" in ran.stderr
    assert problem in ran.stderr
    assert hint in ran.stderr


@pytest.mark.parametrize("name", ["combined", "json", "a b", "-x", ""])
def test_names_that_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(DeclarationError):
        declare_format(name, {"lines": "json"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | any_text(max_size=5) | st.sampled_from(LINES),
    lambda inner: st.dictionaries(st.sampled_from(["key", "unit", "status", "tz"]), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["lines", "pattern", "gateway", "columns", "x"]), VALUES))
def test_any_section_is_a_format_or_refused(values: dict[str, Any]) -> None:
    with contextlib.suppress(DeclarationError):
        assert declare_format("x", values).name == "x"


def test_the_formats_are_listed(run: Run, folder: Path) -> None:
    (folder / "apilog.toml").write_text(ORDERS)
    assert "orders" in run("formats").text
    assert "orders" in run("formats", "orders").text
