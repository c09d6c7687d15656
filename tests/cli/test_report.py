"""`apilog report`: every option, through the command itself."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from apilog.aggregate import TABLES
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS, START, line, write

TIMED = SAMPLE_LOGS / "api.log"
OTHER = "(other)"


def report(run: Run, *argv: str | Path) -> dict[str, Any]:
    """The JSON report; it has to succeed, and to say nothing else."""
    result = run("report", *argv, "-f", "json")
    assert (result.code, result.stderr) == (0, "")
    document: dict[str, Any] = json.loads(result.text)
    return document


def table(run: Run, name: str, *argv: str | Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = report(run, *argv, "--table", name)["tables"][name]
    return rows


def refused(run: Run, *argv: str | Path) -> tuple[str, str]:
    """The error and the hint of a report that can't be made; nothing is read or written."""
    result = run("report", *argv)
    assert (result.code, result.stdout) == (2, b"")
    error, *hints = result.stderr.splitlines()
    assert error.startswith("apilog: error: ")
    assert all(hint.startswith("hint: ") for hint in hints)
    return error.removeprefix("apilog: error: "), "".join(hints).removeprefix("hint: ")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten minutes: a request a minute to one of three routes, by two users."""
    return write(
        tmp_path / "access.log",
        [
            line(
                ["/v1/users/7", "/v1/orders/8", "/healthz"][minute % 3],
                after=60 * minute,
                method="GET" if minute % 4 else "POST",
                status=[200, 404, 503, 200][minute % 4],
                ms=10 * minute,
                ip=f"203.0.113.{minute % 5}",
                user=["ann", "-", "bob"][minute % 3],
            )
            for minute in range(10)
        ],
    )


def test_the_document_has_the_keys_of_the_contract(run: Run) -> None:
    document = report(run, TIMED)
    assert list(document) == ["apilog", "filters", "window", "previous", "input", "tables"]
    assert list(document["apilog"]) == ["version", "command", "schema_version"]
    assert document["apilog"]["command"] == "report"
    assert list(document["filters"]) == ["where", "since", "until", "by", "tz", "config"]
    assert list(document["window"]) == ["since", "until"]
    assert list(document["input"]) == ["lines", "records", "rejects", "skipped", "files"]
    (file,) = document["input"]["files"]
    counts = ["lines", "records", "rejects", "skipped"]
    assert list(file) == ["path", "format", *counts, "error", "doubts"]
    assert list(document["tables"]) == list(TABLES)
    assert [len(document["tables"]["overview"]), file["path"]] == [1, str(TIMED)]


@pytest.mark.slow
def test_a_format_can_be_named(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line(), line(ms=7), line()])
    assert report(run, path)["input"]["rejects"] == 0
    chosen = run("report", path, "-l", "combined", "-f", "json")
    counts = json.loads(chosen.text)["input"]
    assert (counts["records"], counts["rejects"]) == (2, 1)  # never second-guessed
    assert chosen.stderr.startswith("apilog: note: 1 of 3 lines could not be read; --rejects FILE")


@pytest.mark.slow
def test_a_chosen_format_that_reads_no_line_is_explained(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line(ms=7)] * 3)
    error, hint = refused(run, path, "--log-format", "combined", "-f", "json")
    why = f"stops being it at character {len(line()) + 1}, where the end of the line should be"
    assert error == f"{path}: no line is in the given format: {line(ms=7)!r} {why}"
    assert hint.startswith("they look like `combined $")
    error, hint = refused(run, path, "--log-format", "json")
    assert error == f"{path}: not of the given format: {line(ms=7)!r}"
    assert "leave out --log-format" in hint


def test_a_format_can_be_written_out(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", ["1700000000.5|/x|200", "1700000001.5|/y|500"])
    (overview,) = table(run, "overview", path, "-l", "$msec|$uri|$status")
    assert (overview["requests"], overview["server_errors"]) == (2, 1)


def test_formats_are_taken_from_an_nginx_conf(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "formats.conf", ["log_format mine '$msec|$uri|$status';"])
    conf = write(
        tmp_path / "nginx.conf",
        [f"http {{ include {tmp_path}/formats.conf; access_log a.log mine; }}"],
    )
    path = write(tmp_path / "a.log", ["1700000000.5|/x|200", "1700000001.5|/y|500"])
    document = report(run, path, "--nginx-conf", conf)
    assert document["input"]["files"][0]["format"] == "mine"
    assert document["tables"]["overview"][0]["requests"] == 2
    by_name = report(run, path, "--nginx-conf", conf, "-l", "mine")
    assert by_name["tables"] == document["tables"]


@pytest.mark.parametrize(
    ("limits", "requests"),
    [
        (["--since", "2026-11-20T12:05:00Z"], 5),
        (["--until", "2026-11-20T12:05:00Z"], 5),
        (["--since", "2026-11-20T12:05:00Z", "--until", "2026-11-20T12:06:00Z"], 1),
        (["--since", "2026-11-20 13:05", "--tz", "Europe/Berlin"], 5),
        (["--since", "2026-11-20T13:05:00+01:00"], 5),
        (["--since", "2026-11-21"], 0),
        (["--since", str(int((START + timedelta(minutes=8)).timestamp()))], 2),
    ],
)
def test_since_is_inclusive_and_until_is_not(
    run: Run, log: Path, limits: list[str], requests: int
) -> None:
    assert table(run, "overview", log, *limits, "--quiet")[0]["requests"] == requests


def test_limits_count_from_now(run: Run, tmp_path: Path) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    hours = [-30, -20, -10, -1]  # two days ago, and yesterday
    path = write(tmp_path / "now.log", [line(after=3600 * hour, start=midnight) for hour in hours])
    limits = {
        ("--since", "yesterday", "--until", "today"): 3,
        ("--since", "today"): 0,
        ("--until", "yesterday"): 1,
        ("--since", "9d"): 4,
        ("--until", "24h"): sum(
            midnight + timedelta(hours=hour) < datetime.now(UTC) - timedelta(hours=24)
            for hour in hours
        ),
    }
    for options, requests in limits.items():
        assert table(run, "overview", path, *options, "--quiet")[0]["requests"] == requests, options


def test_the_window_is_the_limits_else_the_first_and_last_record(run: Run, log: Path) -> None:
    first_last = {"since": "2026-11-20T12:00:00Z", "until": "2026-11-20T12:09:00Z"}
    assert report(run, log, "--table", "overview")["window"] == first_last
    limits = ["--since", "2026-11-20", "--until", "2026-11-21"]
    given = {"since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z"}
    assert report(run, log, *limits, "--table", "overview")["window"] == given


def test_where_selects_requests(run: Run, log: Path) -> None:
    for condition, requests in {
        "status >= 500": 2,
        "path LIKE '/v1/%' AND consumer = 'ann'": 4,
        "timestamp >= '2026-11-20T12:08:00Z'": 2,
        "route = '/v1/orders/{id}'": 3,
        "duration_ms > 50 AND client_ip IN ('203.0.113.1', '203.0.113.2')": 2,
        "FALSE": 0,
    }.items():
        document = report(run, log, "--where", condition, "--table", "overview")
        assert document["tables"]["overview"][0]["requests"] == requests, condition
        # What is selected changes no account of what was read.
        assert document["input"]["records"] == 10


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        (["--where", "statuz = 1"], "no column 'statuz'", "did you mean 'status'?"),
        (["--where", "status >"], "unable to parse", "it takes SQL"),
        (["--where", "status + 1"], "not true or false", "compare something"),
        (["--where", "status > AVG(status)"], "not about one request", "leave out aggregates"),
        (["--where", "CAST(path AS INT) > 1"], "conversion from `str`", "TRY_CAST"),
        (["--where", ""], "--where ''", "it takes SQL"),
        (["--by", "rout"], "there is no column 'rout'", "did you mean route"),
        (["--by", "route,"], "there is no column ''", "it is one of timestamp"),
        (["--table", "endpoint"], "there is no table 'endpoint'", "did you mean endpoints"),
        (["--bucket", "5 parsecs"], "5 parsecs", ""),
        (["--bucket", "0s"], "is empty", "5m"),
        (["--since", "next blue moon"], "can't read the time 'next blue moon'", "write 2026"),
        (
            ["--since", "2026-11-21", "--until", "2026-11-20"],
            "is not before --until",
            "the earlier",
        ),
        (["--tz", "Europe/Berlim"], "no time zone 'Europe/Berlim'", "Europe/Berlin"),
        (["-l", "combind"], "unknown log format 'combind'", "did you mean 'combined'?"),
        (["--nginx-conf", "nowhere.conf"], "nowhere.conf", ""),
        (["--route", "no-slash"], "no-slash", ""),
        (["--top", "0"], "invalid value for '--top'", "see `apilog report --help`"),
        (["--top", "many"], "invalid value for '--top'", "see `apilog report --help`"),
        (["--max-routes", "0"], "invalid value for '--max-routes'", "see `apilog report"),
        (["-f", "pdf"], "invalid value for '--format'", "see `apilog report --help`"),
        (["-o", ""], "--output is empty", "name a file"),
        (["--rejects", "-"], "both be written to -", "different files"),
    ],
)
def test_wrong_options_are_told_with_a_hint(
    run: Run, options: list[str], error: str, hint: str
) -> None:
    said, advice = refused(run, TIMED, *options)
    assert error in said
    assert hint in advice


def test_no_sources_is_wrong_usage(run: Run) -> None:
    assert refused(run)[0] == "missing argument 'SOURCES...'."


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        (["route"], ["route"]),
        (["path"], ["path"]),
        (["client_ip"], ["client_ip"]),
        (["status"], ["status"]),
        (["timestamp"], ["timestamp"]),
        (["error_source"], ["error_source"]),
        (["consumer,method"], ["consumer", "method"]),
        (["consumer", "method"], ["consumer", "method"]),
        (["consumer, method", "status", "method"], ["consumer", "method", "status"]),
        (["upstream_status"], ["upstream_status"]),
        (["duration_ms"], ["duration_ms"]),
        (["source", "line_number"], ["source", "line_number"]),
    ],
)
def test_by_replaces_the_keys_of_the_endpoints(
    run: Run, log: Path, by: list[str], keys: list[str]
) -> None:
    options = [text for column in by for text in ("--by", column)]
    rows = table(run, "endpoints", log, *options)
    assert list(rows[0])[: len(keys) + 1] == [*keys, "requests"]
    assert len({tuple(row[key] for key in keys) for row in rows}) == len(rows)
    assert sum(row["requests"] for row in rows) == 10


def test_a_request_without_the_column_is_a_row_of_its_own(run: Run, log: Path) -> None:
    rows = table(run, "endpoints", log, "--by", "consumer")
    assert {row["consumer"]: row["requests"] for row in rows} == {"ann": 4, None: 3, "bob": 3}


@pytest.mark.parametrize(
    ("options", "starts"),
    [
        ([], [f"2026-11-20T12:0{minute}:00Z" for minute in range(10)]),
        (["--bucket", "5m"], ["2026-11-20T12:00:00Z", "2026-11-20T12:05:00Z"]),
        (["--bucket", "1d"], ["2026-11-20T00:00:00Z"]),
        (["--bucket", "1d", "--tz", "Asia/Tokyo"], ["2026-11-20T00:00:00+09:00"]),
    ],
)
def test_traffic_is_cut_into_buckets(
    run: Run, log: Path, options: list[str], starts: list[str]
) -> None:
    rows = table(run, "traffic", log, *options)
    if not options:
        rows = rows[::6]  # the shortest step with at most 60 rows is 10 s
    assert [row["timestamp"] for row in rows] == starts


def test_too_many_buckets_are_refused(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line(), line(after=86400 * 400)])
    error, _ = refused(run, path, "--bucket", "1s")
    assert "1s" in error


def test_top_keeps_the_busiest_and_sums_up_the_others(run: Run, log: Path) -> None:
    rows = table(run, "endpoints", log, "--by", "path", "--top", "1")
    assert [(row["path"], row["requests"]) for row in rows] == [("/v1/users/7", 4), (OTHER, 6)]


@pytest.mark.slow
def test_top_sets_the_rows_of_the_terminal_report(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line(ip=f"203.0.113.{i}") for i in range(30)])
    assert run("report", path, "--by", "client_ip").text.count("203.0.113.") == 10
    result = run("report", path, "--by", "client_ip", "--top", "3")
    assert result.text.count("203.0.113.") == 3


def test_top_shows_the_slowest_and_worst_of_all_endpoints(run: Run, tmp_path: Path) -> None:
    busy = [line("/busy", ms=10) for _ in range(60)]
    slow = [line("/slow", status=503, ms=9000) for _ in range(30)]
    path = write(tmp_path / "a.log", busy + slow)
    sections = run("report", path, "--top", "1").text.split("\n\n")
    for title in ("Slowest", "Failing most"):
        (section,) = [text for text in sections if text.startswith(title)]
        assert "/slow" in section.splitlines()[2], title
        assert "/busy" not in section, title
    assert "503 ×30" in run("report", path, "--top", "1").text


def test_a_year_that_no_timestamp_holds_is_the_reason_of_a_reject(run: Run, tmp_path: Path) -> None:
    texts = [line(), line().replace("/2026:", "/9999:"), line().replace('"GET', '"GE"T')]
    path = write(tmp_path / "a.log", texts)
    ran = run("report", path, "--rejects", "-", "-o", tmp_path / "report.json")
    reasons = [json.loads(row)["reason"] for row in ran.text.splitlines()]
    assert reasons == ["not combined: a time outside the years 1900 to 2261", "not combined"]


def test_own_routes_come_first(run: Run, log: Path) -> None:
    options = ["--route", "/v1/{kind}/7", "--route", "/{probe}"]
    rows = table(run, "endpoints", log, *options, "--by", "route")
    assert {row["route"] for row in rows} == {"/v1/{kind}/7", "/v1/orders/{id}", "/{probe}"}


def test_routes_beyond_the_limit_are_the_others(run: Run, log: Path) -> None:
    rows = table(run, "endpoints", log, "--max-routes", "1", "--by", "route")
    assert [row["route"] for row in rows] in (["/v1/users/{id}", OTHER], [OTHER, "/v1/users/{id}"])
    assert sum(row["requests"] for row in rows) == 10


def test_a_query_string_is_dropped_or_kept_without_its_secrets(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line("/a?password=hunter2&page=2")])
    assert table(run, "endpoints", path, "--by", "path")[0]["path"] == "/a"
    kept = run("report", path, "--by", "path", "--keep-query", "-f", "json")
    assert '"path":"/a?password=***&page=2"' in kept.text
    assert "hunter2" not in kept.text + run("report", path, "--keep-query").text


def test_each_output_has_the_same_rows(run: Run, tmp_path: Path) -> None:
    tables: dict[str, list[dict[str, Any]]] = report(run, TIMED)["tables"]
    assert [*tables] == [*TABLES]
    for format in ("ndjson", "csv", "md", "parquet"):
        assert run("report", TIMED, "-f", format, "-o", f"{tmp_path / format}/").code == 0
    for name, rows in tables.items():
        ndjson = (tmp_path / "ndjson" / f"{name}.ndjson").read_text()
        assert [json.loads(text) for text in ndjson.splitlines()] == rows, name
        with (tmp_path / "csv" / f"{name}.csv").open(newline="") as stream:
            cells = list(csv.DictReader(stream))
        assert [list(row) for row in cells] == [list(row) for row in rows], name
        assert [{k for k, v in row.items() if v == ""} for row in cells] == [
            {k for k, v in row.items() if v is None} for row in rows
        ], name
        assert [row.get("requests") for row in cells] == [
            str(row["requests"]) if "requests" in row else None for row in rows
        ], name
        markdown = (tmp_path / "md" / f"{name}.md").read_text().splitlines()
        # A wide table names below it what it has no room for.
        assert len([line for line in markdown if line.startswith("|")]) == len(rows) + 2, name
        frame = pl.read_parquet(tmp_path / "parquet" / f"{name}.parquet")
        assert frame.height == len(rows), name
        assert not rows or frame.columns == list(rows[0]), name


@pytest.mark.parametrize("format", ["ndjson", "csv", "md", "parquet"])
def test_outputs_of_one_table_hold_the_endpoints(run: Run, format: str) -> None:
    given = run("report", TIMED, "-f", format, "--table", "endpoints").stdout
    assert run("report", TIMED, "-f", format).stdout == given


def test_one_table_for_people_is_drawn_whole(run: Run) -> None:
    result = run("report", TIMED, "--table", "endpoints")
    assert result.text.startswith("Endpoints\n")
    assert "Statuses" not in result.text


def test_formulas_in_csv_are_neutralised_unless_raw(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line(user="=cmd|calc")])
    options = ["report", path, "-f", "csv", "--table", "consumers"]
    assert "\n'=cmd|calc," in run(*options).text
    assert "\n=cmd|calc," in run(*options, "--raw").text


def test_tz_shows_times_in_that_zone(run: Run, log: Path) -> None:
    document = report(run, log, "--tz", "Europe/Berlin")
    assert document["window"]["since"] == "2026-11-20T13:00:00+01:00"
    assert document["tables"]["overview"][0]["last_seen"] == "2026-11-20T13:09:00+01:00"
    assert (
        "2026-11-20 13:00 – 13:09 Europe/Berlin" in run("report", log, "--tz", "Europe/Berlin").text
    )


def test_directories_globs_and_compressed_files_are_sources(run: Run, tmp_path: Path) -> None:
    (tmp_path / "logs" / "old").mkdir(parents=True)
    write(tmp_path / "logs" / "a.log", [line()] * 2)
    write(tmp_path / "logs" / "b.log", [line()] * 3)
    packed = gzip.compress("".join(f"{line()}\n" for _ in range(5)).encode())
    (tmp_path / "logs" / "old" / "c.log.gz").write_bytes(packed)
    for source, requests in {"logs": 10, "logs/*.log": 5, "logs/**/*.gz": 5}.items():
        document = report(run, tmp_path / source, "--table", "overview")
        assert document["tables"]["overview"][0]["requests"] == requests, source
        assert document["input"]["lines"] == requests
    both = report(run, tmp_path / "logs", tmp_path / "logs" / "a.log", "--table", "overview")
    assert both["input"]["lines"] == 10  # each file once


def test_an_empty_file_is_an_empty_report(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    (tmp_path / "empty.log.gz").touch()
    (tmp_path / "packed.log.gz").write_bytes(gzip.compress(b""))
    for name in ("empty.log", "empty.log.gz", "packed.log.gz"):
        document = report(run, tmp_path / name)
        assert document["window"] == {"since": None, "until": None}
        assert document["input"]["lines"] == 0
        assert document["tables"]["overview"][0]["requests"] == 0
        assert document["tables"]["endpoints"] == []
        assert "No requests." in run("report", tmp_path / name).text


def test_filters_are_said(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apilog.toml").write_text("[defaults]\ntz = 'Europe/Berlin'\n")
    limits = ("--since", "2026-11-20T15:00", "--by", "status,method")
    document = report(run, TIMED, "--where", "status >= 500", *limits)
    assert document["filters"] == {
        "where": "status >= 500",
        "since": "2026-11-20T15:00:00+01:00",
        "until": None,
        "by": ["status", "method"],
        "tz": "Europe/Berlin",
        "config": "apilog.toml",
    }
    count = document["tables"]["overview"][0]["requests"]
    text = run("report", TIMED, "--where", "status >= 500", *limits).text
    assert f"\n{count} of 1,500 requests · where status >= 500 · by status, method" in text
    assert "settings of apilog.toml" in text
