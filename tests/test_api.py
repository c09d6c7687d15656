"""`import apilog`: what Python users get, as they use it."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

import apilog
from apilog.aggregate import TABLES
from apilog.options import FormatOptions
from apilog.report_model import CheckState, Report
from apilog.schema import SCHEMA
from tests.weblog import SAMPLE_LOGS, START, line, write

TIMED = SAMPLE_LOGS / "api.log"

SNIPPET = """
from datetime import datetime, timezone
from pathlib import Path

import polars as pl

import apilog

frame: pl.LazyFrame = apilog.scan("logs/*.gz", "combined", routes=["/v1/users/{name}"])
failed: pl.DataFrame = frame.filter(pl.col("status") >= 500).collect()
report = apilog.report([Path("a.log"), "b.log"], since=datetime.now(timezone.utc), top=3)
table: pl.DataFrame = report.tables["endpoints"]
for file in report.input.files:
    error: str | None = file.error
    count: int = file.records
try:
    apilog.report("a.log", where="status >= 500", by=["route"], bucket="5m", tables=["overview"])
except apilog.ApilogError as problem:
    hint: str = problem.hint
version: str = apilog.__version__
checked = apilog.check("a.log", thresholds=["error_rate < 1%"], min_requests=10)
state: str = checked.state.value
added: int = apilog.ingest(["a.log"], store="store", final=True).input.records
"""


@pytest.mark.slow
def test_users_code_is_type_checked(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(SNIPPET)
    (tmp_path / "wrong.py").write_text(
        "import apilog\napilog.scan(3)\napilog.report('a').nothing\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--follow-imports=silent",
            "user.py",
            "wrong.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "user.py" not in done.stdout, done.stdout
    assert 'wrong.py:2: error: Argument 1 to "scan"' in done.stdout
    assert 'wrong.py:3: error: "Report" has no attribute "nothing"' in done.stdout


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (apilog.scan, apilog.ScanOptions),
        (apilog.report, apilog.ReportOptions),
        (apilog.check, apilog.CheckOptions),
        (apilog.baseline, apilog.MetricOptions),
        (apilog.compare, apilog.CompareOptions),
        (apilog.openapi, apilog.OpenApiOptions),
        (apilog.success, apilog.SuccessOptions),
        (apilog.ingest, apilog.IngestArguments),
        (apilog.export, apilog.ExportArguments),
        (apilog.detect, apilog.FormatOptions),
    ],
)
def test_parameters_are_the_fields_of_the_options(
    function: Callable[..., object], options: type[FormatOptions]
) -> None:
    _, *names = inspect.signature(function).parameters
    assert names == [field.name for field in dataclasses.fields(options)]
    text = inspect.getsource(sys.modules[options.__module__])
    assert all(f"    {name}: " in text for name in names)


def test_options_are_what_a_function_takes() -> None:
    timed = (
        '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
        '"$http_referer" "$http_user_agent" $request_time $upstream_response_time'
    )
    options = apilog.ReportOptions(timed, tables=["overview"], since="2026-11-20")
    report = apilog.report(TIMED, **options.as_arguments())
    assert list(report.tables) == ["overview"]
    read = options.convert_to(apilog.ReadOptions, tz="Asia/Tokyo")
    assert (read.log_format, read.since, read.tz) == (timed, "2026-11-20", "Asia/Tokyo")


def test_a_check_needs_a_threshold_and_a_comparison_two_sides() -> None:
    with pytest.raises(apilog.UsageError, match="there is no threshold to check"):
        apilog.check(TIMED)
    with pytest.raises(apilog.UsageError, match="compare takes two sources, not 1"):
        apilog.compare(TIMED)
    with pytest.raises(apilog.UsageError, match="there are no accounts to join"):
        apilog.success(TIMED)
    with pytest.raises(apilog.InputError):
        apilog.open_store("nowhere")


def test_what_a_baseline_holds_is_compared_with(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    evening = "2026-11-20T18:00:00Z"
    file.write_text(apilog.baseline(TIMED, until=evening).text)
    limits = ["error_rate <= baseline"]
    result = apilog.check(TIMED, thresholds=limits, baseline=file, since=evening)
    assert result.state is CheckState.PASS
    assert result.report.state is CheckState.PASS
    assert result.report.tables["checks"]["baseline"].item() > 0
    with pytest.raises(apilog.UsageError, match="overlap"):
        apilog.check(TIMED, thresholds=limits, baseline=file)


def test_rejects_and_progress_are_passed_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line("/a"), "torn", line("/b")])
    rejects: list[pl.DataFrame] = []
    report = apilog.report(path, rejects=rejects.append, tables=["overview"])
    assert [frame["line"].to_list() for frame in rejects] == [["torn"]]
    assert report.notes == ("1 of 3 lines could not be read",)


def test_the_package_says_that_it_is_typed() -> None:
    assert Path(apilog.__file__).with_name("py.typed").is_file()


@pytest.mark.parametrize("sources", [str(TIMED), TIMED, [TIMED], [str(TIMED)], (TIMED, TIMED)])
def test_sources_are_texts_or_paths_one_or_several(
    sources: str | Path | list[str | Path] | tuple[Path, ...],
) -> None:
    assert apilog.scan(sources).select(pl.len()).collect().item() == 1500


def test_a_scan_has_the_columns_of_the_schema() -> None:
    frame = apilog.scan(TIMED)
    assert dict(frame.collect_schema()) == SCHEMA
    assert dict(frame.collect().schema) == SCHEMA


def test_a_format_can_be_named_or_written_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", ["/x|200", "/y|500"])
    with pytest.raises(apilog.InputError, match="no line is in the given format"):  # no time
        apilog.scan(path, "$uri|$status").collect()
    conf = tmp_path / "nginx.conf"
    conf.write_text("http { log_format mine '$msec|$uri|$status'; access_log a.log mine; }")
    path = write(tmp_path / "a.log", ["1700000000.5|/x|200", "1700000001.5|/y|500"])
    for frame in (apilog.scan(path, "$msec|$uri|$status"), apilog.scan(path, nginx_conf=conf)):
        assert frame.select("path", "status").collect().rows() == [("/x", 200), ("/y", 500)]


def test_own_routes_come_first(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line("/v1/users/ann"), line("/v1/users/bob/posts")])
    routes = apilog.scan(path, routes=["/v1/users/{name}"]).select("route").collect()
    assert routes["route"].to_list() == ["/v1/users/{name}", "/v1/users/bob/posts"]


def test_a_report_is_typed_tables_and_an_account() -> None:
    report = apilog.report(TIMED)
    assert isinstance(report, Report)
    assert list(report.tables) == list(TABLES)
    assert all(isinstance(table, pl.DataFrame) for table in report.tables.values())
    overview = report.tables["overview"]
    assert overview.schema["requests"] == pl.Int64
    assert overview.schema["error_rate"] == pl.Float64
    assert overview.schema["last_seen"] == pl.Datetime("us", "UTC")
    assert report.tables["endpoints"].schema["route"] == pl.String
    assert (report.input.lines, report.input.records) == (1500, 1500)
    assert (report.version, report.command) == (apilog.__version__, "report")


@pytest.mark.slow
def test_a_report_of_some_tables_has_the_same_figures() -> None:
    whole = apilog.report(TIMED)
    for name in TABLES:
        alone = apilog.report(TIMED, tables=[name])
        assert list(alone.tables) == [name]
        assert alone.tables[name].equals(whole.tables[name]), name


def test_limits_are_datetimes_or_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line(after=60 * minute) for minute in range(10)])
    berlin = ZoneInfo("Europe/Berlin")
    limits: list[tuple[datetime | str, datetime | str, str]] = [
        (
            datetime(2026, 11, 20, 12, 5, tzinfo=UTC),
            datetime(2026, 11, 20, 12, 8, tzinfo=UTC),
            "UTC",
        ),
        (datetime(2026, 11, 20, 13, 5, tzinfo=berlin), "2026-11-20T12:08:00Z", "UTC"),
        (datetime(2026, 11, 20, 13, 5), "2026-11-20 13:08", "Europe/Berlin"),  # noqa: DTZ001
    ]
    for since, until, zone in limits:
        report = apilog.report(path, since=since, until=until, tz=zone, tables=["overview"])
        assert report.tables["overview"]["requests"].item() == 3
        assert report.since == START.replace(minute=5)
        assert report.until == START.replace(minute=8)


def test_a_report_keeps_the_query_on_request(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line("/a?token=s3cret&page=1")])
    for keep, shown in ((False, "/a"), (True, "/a?token=***&page=1")):
        report = apilog.report(path, by=["path"], keep_query=keep)
        assert report.tables["endpoints"]["path"].to_list() == [shown]


def test_a_source_among_others_that_cannot_be_read_is_in_the_account() -> None:
    report = apilog.report([TIMED, "nowhere.log"], tables=["overview"])
    assert report.tables["overview"]["requests"].item() == 1500
    missing, read = report.input.files
    assert (missing.path, missing.error) == ("nowhere.log", "no such file or directory")
    assert (read.records, read.error) == (1500, None)


@pytest.mark.slow
def test_a_report_on_nothing_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    text = write(tmp_path / "a.txt", ["no log line"])
    unreadable: list[str | list[str | Path]] = ["nowhere.log", [text], ["nowhere.log", text]]
    for sources in unreadable:
        with pytest.raises(apilog.InputError) as caught:
            apilog.report(sources)
        assert caught.value.hint
    (tmp_path / "empty.log").touch()
    assert apilog.report(tmp_path / "empty.log").tables["overview"]["requests"].item() == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"since": "next blue moon"}, "can't read the time 'next blue moon'"),
        ({"since": "2026-11-21", "until": "2026-11-20"}, "--since .* is not before --until"),
        ({"where": "stats > 1"}, "no column 'stats'"),
        ({"by": ["rout"]}, "there is no column 'rout'"),
        ({"bucket": "5 parsecs"}, "5 parsecs"),
        ({"top": 0}, "--top 0 is not a positive number"),
        ({"max_routes": 0}, "--max-routes 0 is not a positive number"),
        ({"tz": "Europe/Atlantis"}, "there is no time zone 'Europe/Atlantis'"),
        ({"tables": ["endpoint"]}, "there is no table 'endpoint'"),
        ({"log_format": "combind"}, "unknown log format 'combind'"),
        ({"routes": ["v1/{"]}, "v1/{"),
    ],
)
def test_options_are_checked_before_anything_is_read(options: dict[str, object], said: str) -> None:
    with pytest.raises(apilog.UsageError, match=said):
        apilog.report("nowhere.log", **options)  # type: ignore[arg-type]
