"""`--column`: the user says which key a column is read from, wherever values have names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apilog
from apilog.errors import UsageError
from apilog.formats.own.declarations import MAPPED_COLUMNS, parse_columns
from apilog.options import ColumnMapping
from tests.any_text import any_text
from tests.commands import Run
from tests.examples import about

ODD = [
    {"t": 1763630106123, "r": {"c": 200, "len": 10}, "took": 0.5, "team": "acme", "v": "GET"},
    {"t": 1763630107123, "r": {"c": 503, "len": 20}, "took": 1.5, "team": "beta", "v": "POST"},
]
TIMES = ["2025-11-20T09:15:06.123000Z", "2025-11-20T09:15:07.123000Z"]


def write_json(path: Path, objects: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(value)}\n" for value in objects))
    return path


def rows(path: Path, *names: str, **options: Any) -> list[tuple[Any, ...]]:
    return apilog.scan(path, **options).select(names).collect().rows()


def test_keys_of_nested_objects_times_and_units(run: Run, tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.log", ODD)
    columns = ("timestamp=t:ms", "status=r.c", "duration_ms=took:s", "consumer=team", "method=v")
    options = [option for column in columns for option in ("--column", column)]
    sql = "SELECT timestamp, status, duration_ms, consumer, method FROM requests"
    ran = run("query", sql, path, "-f", "csv", *options)
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.text.splitlines()[1:] == [
        f"{TIMES[0]},200,500.0,acme,GET",
        f"{TIMES[1]},503,1500.0,beta,POST",
    ]
    for given_columns in (columns, {"timestamp": {"key": "t", "unit": "ms"}, "status": "r.c"}):
        assert rows(path, "status", columns=given_columns) == [(200,), (503,)]


def test_a_key_with_a_dot_in_it_is_one_key(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.log", [{"time": TIMES[0], "a.b": 404, "a": {"c": 5}}])
    assert rows(path, "status", "response_bytes", columns=["status=a.b", "response_bytes=a.c"]) == [
        (404, 5)
    ]


def test_what_is_named_wins_and_is_guessed_for_nothing_else(tmp_path: Path) -> None:
    objects = [
        {"time": t, "status": 200, "path": "/a", "duration": d, "took": 7}
        for t, d in zip(TIMES, (120, 140), strict=True)
    ]
    path = write_json(tmp_path / "a.log", objects)
    assert rows(path, "duration_ms", "upstream_duration_ms") == [(120.0, None), (140.0, None)]
    columns = ["upstream_duration_ms=duration:ms"]
    assert rows(path, "duration_ms", "upstream_duration_ms", columns=columns) == [
        (7.0, 120.0),
        (7.0, 140.0),
    ]


def test_an_empty_key_leaves_the_column_null(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.log", [{"time": TIMES[0], "status": 200, "user": "acme"}])
    assert rows(path, "consumer") == [("acme",)]
    assert rows(path, "consumer", columns=["consumer="]) == [(None,)]


def test_a_request_line_gives_what_it_holds(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "a.log", [{"time": TIMES[0], "s": 200, "x": "GET /a?b=1 HTTP/2.0"}]
    )
    columns = ["status=s", "path=x", "method=x", "protocol=x"]
    assert rows(path, "method", "path", "protocol", columns=columns) == [("GET", "/a", "HTTP/2.0")]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ('when="2026-11-20T09:15:06Z" rc=404 took=1500 who=acme\n', {}),
        ("when:2026-11-20T09:15:06Z\trc:404\ttook:1500\twho:acme\n", {}),
        ("when;rc;took;who\n2026-11-20T09:15:06Z;404;1500;acme\n", {}),
        ("when,rc,took,who\n2026-11-20T09:15:06Z,404,1500,acme\n", {"log_format": "csv"}),
        ("when\trc\ttook\twho\r\n2026-11-20T09:15:06Z\t404\t1500\tacme\r\n", {}),
    ],
)
def test_labels_and_headers(tmp_path: Path, text: str, options: dict[str, Any]) -> None:
    path = tmp_path / "a.log"
    path.write_text(text)
    columns = ["timestamp=when", "status=rc", "duration_ms=took:us", "consumer=who"]
    report = apilog.report(path, columns=columns, tables=["overview"], **options)
    assert report.input.rejects == 0
    assert rows(path, "status", "duration_ms", "consumer", columns=columns, **options) == [
        (404, 1.5, "acme")
    ]


def test_decimal_commas_are_no_lists(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        'Zeit,Antwort,Dauer\n2026-11-20 10:15:06,200,"1,5"\n2026-11-20 10:15:07,500,2\n'
    )
    columns = ["timestamp=Zeit", "status=Antwort", "duration_ms=Dauer:ms"]
    assert rows(path, "duration_ms", columns=columns) == [(1.5,), (2.0,)]
    path = write_json(tmp_path / "b.log", [{"time": t, "status": 200, "d": "0,25"} for t in TIMES])
    assert rows(path, "duration_ms", columns=["duration_ms=d:s"]) == [(250.0,), (250.0,)]
    path = write_json(tmp_path / "c.log", [{"time": TIMES[0], "status": 200, "d": "0.1, 0.2"}])
    assert rows(path, "duration_ms", columns=["duration_ms=d:s"]) == [(300.0,)]


def test_variables_of_a_string(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("1700000000.5|GET /x HTTP/1.1|200|1500|acme\n")
    string = "$msec|$request|$status|$took|$team"
    columns = ["duration_ms=$took:us", "consumer=team"]
    assert rows(path, "path", "duration_ms", "consumer", log_format=string, columns=columns) == [
        ("/x", 1.5, "acme")
    ]
    columns = ["duration_ms=request_time:ms"]
    string = "$msec|$request|$status|$request_time|$team"
    assert rows(path, "duration_ms", log_format=string, columns=columns) == [(1500.0,)]


def test_directives_of_apache_and_columns_of_other_types(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text('203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 33\n')
    string = r"%h %l %u %t \"%r\" %>s %b %D"
    columns = ["duration_ms=%D:ms", "operation=%>s"]
    assert rows(path, "duration_ms", "operation", log_format=string, columns=columns) == [
        (33.0, "200")
    ]


@pytest.mark.slow
def test_gateways_records(tmp_path: Path) -> None:
    record = {
        "requestId": "8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a59",
        "ip": "203.0.113.7",
        "requestTime": "21/Nov/2026:10:00:00 +0000",
        "httpMethod": "GET",
        "resourcePath": "/users",
        "status": "200",
        "protocol": "HTTP/1.1",
        "responseLength": "512",
        "team": {"id": "acme"},
        "took": "12",
        "xff": "198.51.100.3, 10.0.0.1",
    }
    path = write_json(tmp_path / "a.log", [record])
    assert apilog.detect(path).files[0].format == "aws-apigateway"
    columns = ["consumer=team.id", "duration_ms=took:s"]
    assert rows(path, "consumer", "duration_ms", "route", columns=columns) == [
        ("acme", 12000.0, "/users")
    ]
    assert rows(path, "client_ip", client_ip="x-forwarded-for") == [("198.51.100.3",)]


def test_a_key_that_no_line_has_is_said_with_the_nearest(run: Run, tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.log", [{"time": TIMES[0], "status": 200, "path": "/a"}])
    ran = run("report", path, "-f", "json", "--column", "consumer=pth", "--column", "plan=qqq")
    near, far = json.loads(ran.text)["input"]["files"][0]["doubts"]
    assert near.startswith("no line looked at has the key `pth` for `consumer`")
    assert near.endswith("did you mean `--column consumer=path`?")
    assert far.endswith("has the key `qqq` for `plan`: the lines have time, status, path")
    assert near in ran.stderr
    path = tmp_path / "b.log"
    path.write_text('203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5\n')
    (doubt,) = apilog.detect(path, columns=["plan=qqq"]).files[0].doubts
    assert "no line looked at has the key `qqq` for `plan`: the lines have" in doubt


def test_a_store_has_no_keys(run: Run, tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.log", ODD)
    store = tmp_path / "store"
    columns = ["--column", "timestamp=t:ms", "--column", "status=r.c"]
    assert run("ingest", path, "--store", store, "--final", *columns).code == 0
    ran = run("report", store, "-f", "json", "--column", "status=took")
    assert "--column says nothing of" in ran.stderr
    assert json.loads(ran.text)["tables"]["overview"][0]["server_errors"] == 1


@pytest.mark.slow
def test_keys_by_which_no_line_is_a_record_are_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text('when="20.11.2026 10:15:06" rc=200 what="GET /a HTTP/1.1"\n' * 3)
    options = ("--column", "status=rc", "--column", "path=what", "--column")
    ran = run("report", path, *options, "timestamp=when")
    assert ran.code == 2
    assert "no line is a record by the keys of --column: no time in 'when'" in ran.stderr
    assert "timestamp=when:%d.%m.%Y %H:%M:%S" in ran.stderr
    ran = run(
        "query",
        "SELECT timestamp, path FROM requests LIMIT 1",
        path,
        *options,
        "timestamp=when:%d.%m.%Y %H:%M:%S",
        "-f",
        "csv",
    )
    assert ran.text.splitlines()[1:] == ["2026-11-20T10:15:06Z,/a"]


@pytest.mark.slow
def test_a_named_unit_leaves_no_doubt(tmp_path: Path) -> None:
    objects = [{"time": t, "status": 200, "path": "/a", "took": 4000} for t in TIMES]
    path = write_json(tmp_path / "a.log", objects)
    (doubt,) = apilog.detect(path).files[0].doubts
    assert "--column duration_ms=took:" in doubt
    for unit in ("us", "ms"):
        assert apilog.detect(path, columns=[f"duration_ms=took:{unit}"]).files[0].doubts == ()
    assert rows(path, "duration_ms", columns=["duration_ms=took:us"]) == [(4.0,), (4.0,)]


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("statsu=code", "statsu is no column", "did you mean status?"),
        ("nothing=code", "nothing is no column", "apilog schema"),
        ("gateway=code", "gateway is read from no key", "[formats.NAME]"),
        ("status", "names no key", "COLUMN=KEY"),
        ("duration_ms=took:sec", "is 'sec', which is no unit", "did you mean s?"),
        ("duration_ms=took:parsecs", "is 'parsecs', which is no unit", "units are ns, us, ms, s"),
        ("timestamp=t:%H:%M", "does not hold a whole time", "%d.%m.%Y"),
        ("timestamp=t:%Q", "which no time is written in", "strftime"),
    ],
)
def test_what_can_not_be_meant_is_refused(run: Run, text: str, problem: str, hint: str) -> None:
    ran = run("report", "nowhere.log", "--column", text)
    assert ran.code == 2
    assert f"--column {text}: " in ran.stderr
    assert problem in ran.stderr
    assert hint in ran.stderr


def test_a_colon_may_be_part_of_a_key() -> None:
    assert parse_columns(["status=a:b", "duration_ms=a:b:us", "timestamp=t:%s"]) == (
        ColumnMapping("status", "a:b"),
        ColumnMapping("duration_ms", "a:b", "us"),
        ColumnMapping("timestamp", "t", format="%s"),
    )
    assert parse_columns(["status=a", ColumnMapping("status", "b")]) == (
        ColumnMapping("status", "b"),
    )
    with pytest.raises(UsageError, match="format"):
        parse_columns([ColumnMapping("status", "b", format="%s")])


@pytest.mark.slow
@settings(max_examples=about(10))
@given(
    value=st.dictionaries(any_text(max_size=4), any_text(max_size=6) | st.integers(), max_size=5),
    column=st.sampled_from(MAPPED_COLUMNS),
    key=any_text(max_size=4),
)
def test_any_line_is_a_record_or_a_reject(
    value: dict[str, Any], column: str, key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "a.log"
    write_json(path, [{"time": TIMES[0], "status": 200, "path": "/a"}, value])
    try:
        report = apilog.report(path, columns={column: key}, tables=["overview"])
    except apilog.InputError:
        # The only line with a time is none by the key that the user names for it.
        assert column == "timestamp"
    else:
        assert report.input.lines == 2


@pytest.mark.slow
def test_a_key_in_a_list_is_named_by_its_place(tmp_path: Path) -> None:
    objects = [
        {"time": t, "hops": [{"code": c, "who": {"id": "a\\b"}}, {"code": 500}], "[0]": 1}
        for t, c in zip(TIMES, (200, 404), strict=True)
    ]
    path = write_json(
        tmp_path / "a.log", [*objects, {"time": TIMES[0], "hops": "none", "path": "/"}]
    )
    columns = ["status=hops[0].code", "upstream_status=hops[1].code"]
    found = rows(path, "status", "upstream_status", columns=columns)
    assert found[:2] == [(200, 500), (404, 500)]
    assert all(row == (None, None) for row in found[2:])
    assert rows(path, "consumer", columns=["consumer=[0]", *columns])[0] == ("1",)


def test_a_time_may_stand_in_two_keys(tmp_path: Path) -> None:
    odd = {"day": "20.11.2025", "at": {"clock": "10:15:06"}, "status": 200, "path": "/"}
    path = write_json(tmp_path / "a.log", [odd, odd])
    layout = "%d.%m.%Y %H:%M:%S"
    mapping = {"key": "day+at.clock", "format": layout, "tz": "Europe/Berlin"}
    ((time,), _) = rows(path, "timestamp", columns={"timestamp": mapping})
    assert time.isoformat() == "2025-11-20T09:15:06+00:00"
    ((time,), _) = rows(path, "timestamp", columns=[f"timestamp=day + at.clock:{layout}"])
    assert time.isoformat() == "2025-11-20T10:15:06+00:00"


def test_a_time_of_two_labels_or_fields(tmp_path: Path) -> None:
    for name, text in {
        "a.ltsv": "d:2025-11-20\tc:10:15:06\tstatus:200\tpath:/\n" * 3,
        "a.csv": "d,c,status,path\n" + "2025-11-20,10:15:06,200,/\n" * 3,
    }.items():
        (tmp_path / name).write_text(text)
        times = rows(tmp_path / name, "timestamp", columns=["timestamp=d+c"])
        assert [t.isoformat() for (t,) in times] == ["2025-11-20T10:15:06+00:00"] * 3
