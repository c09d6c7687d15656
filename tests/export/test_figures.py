"""The figures of every period are those of the report on it, to the last digit."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import apilog
from apilog.ingestion import ingest
from apilog.render import OUTPUTS, OutputOptions
from apilog.report_model import Report
from apilog.reports import period_states
from apilog.time import PeriodLength
from tests.export.sample_exports import FEW, TIMED, log, mark, names, run
from tests.weblog import SAMPLE_LOGS

HOURS = (0, 0.9, 1, 11.9, 12, 36, 200)
AUTUMN = datetime(2026, 10, 24, 20, tzinfo=UTC)
"""Five hours before clocks are put back in Berlin."""


def drawn(report: Report, table: str) -> bytes:
    stream = io.BytesIO()
    OUTPUTS["csv"].write(report, stream, OutputOptions(table=table))
    return stream.getvalue()


ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "Berlin": {"tz": "Europe/Berlin", "log_format": TIMED},
    "by": {
        "tz": "Asia/Kathmandu",
        "by": ["consumer", "status"],
        "bucket": "10m",
        "log_format": TIMED,
    },
    "where": {"where": "status < 500", "top": 1, "log_format": TIMED},
}
PERIODS = {
    "plain": (PeriodLength.WEEK,),
    "Berlin": (PeriodLength.HOUR,),
    "by": (PeriodLength.DAY,),
    "where": (PeriodLength.DAY,),
}
"""The lengths that are exported with each of these options, each length at least once."""


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of an export by its name."""
    files = (p for p in folder.rglob("*.*") if p.is_file() and p.name != ".export.lock")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("every", "asked"),
    [
        pytest.param(every, asked, id=f"{name}-{every}")
        for name, asked in ASKED.items()
        for every in PERIODS[name]
    ],
)
def test_each_period_is_the_report_on_it(
    tmp_path: Path, every: PeriodLength, asked: dict[str, Any]
) -> None:
    # Each hour is a period, of which these are enough.
    hours = (0, 0.9, 1, 12) if every is PeriodLength.HOUR else HOURS
    logs = [log(tmp_path / "a.log", hours, AUTUMN), log(tmp_path / "b.log", [3, 30], AUTUMN)]
    run(logs, tmp_path / "to", every=every, tables=None, **asked)
    requests = 0
    for name in names(tmp_path / "to"):
        folder = tmp_path / "to" / name
        about = mark(folder)
        requests += about["requests"]
        report = apilog.report(logs, since=about["since"], until=about["until"], **asked)
        assert list(about["files"]) == [f"{table}.csv" for table in report.tables]
        for table in report.tables:
            assert (folder / f"{table}.csv").read_bytes() == drawn(report, table)
    whole = apilog.report(logs, tables=["overview"], **asked).tables["overview"]
    assert requests == whole["requests"].item()


@pytest.mark.slow
def test_periods_that_grow_too_large_are_made_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = [log(tmp_path / "a.log", HOURS, AUTUMN), log(tmp_path / "b.log", [1, 3, 30], AUTUMN)]
    run(logs, tmp_path / "together", every=PeriodLength.HOUR, tables=FEW)
    monkeypatch.setattr(period_states, "MOST_SHELF_BYTES", 1)
    run(logs, tmp_path / "apart", every=PeriodLength.HOUR, tables=FEW)
    found, expected = contents(tmp_path / "apart"), contents(tmp_path / "together")
    assert found == expected
    assert len(found) > 20


@pytest.mark.parametrize("name", ["api.log", "aws-apigateway.log", "broken.log", "apigee.log"])
def test_all_periods_together_have_all_requests_of_a_log(tmp_path: Path, name: str) -> None:
    run(SAMPLE_LOGS / name, tmp_path / "to", every=PeriodLength.HOUR, tables=["overview"])
    files = [tmp_path / "to" / period / "overview.csv" for period in names(tmp_path / "to")]
    found = pl.concat(pl.read_csv(file, infer_schema=False) for file in files)
    whole = apilog.report(SAMPLE_LOGS / name, tables=["overview"]).tables["overview"]
    for column in ("requests", "errors", "response_bytes"):
        assert found[column].cast(pl.Int64).sum() == (whole[column].item() or 0)


@pytest.mark.slow
def test_a_store_gives_what_its_logs_give(tmp_path: Path) -> None:
    source = log(tmp_path / "a.log", HOURS)
    ingest([source], tmp_path / "store")
    run(source, tmp_path / "from-log", tables=None)
    run(tmp_path / "store", tmp_path / "from-store", tables=None)
    files = {folder: contents(tmp_path / folder) for folder in ("from-log", "from-store")}
    for name, data in files["from-store"].items():
        if name.endswith("period.json"):
            made_of = json.loads(data).pop("made_of")
            data = data.replace(f'"{made_of}"'.encode(), b"null")
        assert files["from-log"].pop(name) == data
    assert files["from-log"] == {}
    assert len(files["from-store"]) > 20


@pytest.mark.slow
def test_days_in_berlin_have_23_or_25_hours_and_hours_come_twice(tmp_path: Path) -> None:
    source = log(tmp_path / "a.log", range(60), AUTUMN)
    run(source, tmp_path / "days", tz="Europe/Berlin")
    requests = {
        name: mark(tmp_path / "days" / name)["requests"] for name in names(tmp_path / "days")
    }
    assert requests == {
        "2026-10-24": 7 * 2,
        "2026-10-25": 7 * 25,
        "2026-10-26": 7 * 24,
        "2026-10-27": 7 * 9,
    }
    run(
        source, tmp_path / "hours", tz="Europe/Berlin", every=PeriodLength.HOUR, tables=["overview"]
    )
    assert len(names(tmp_path / "hours")) == 60
    assert names(tmp_path / "hours")[4:6] == ["2026-10-25T02+0100", "2026-10-25T02+0200"]
    starts = {n: mark(tmp_path / "hours" / n)["since"] for n in names(tmp_path / "hours")}
    assert starts["2026-10-25T02+0200"] < starts["2026-10-25T02+0100"]
    for name, start in starts.items():
        local = datetime.fromisoformat(start).astimezone(ZoneInfo("Europe/Berlin"))
        assert f"{local:%Y-%m-%dT%H%z}" == name


@pytest.mark.slow
def test_every_format_holds_the_tables(tmp_path: Path) -> None:
    source = log(tmp_path / "a.log", (0, 0.9, 12, 36))
    asked: dict[str, Any] = {"log_format": TIMED}
    reports: dict[str, Report] = {}
    for format in ("csv", "json", "parquet", "ndjson", "md"):
        to = tmp_path / format
        run(source, to, format=format, tables=None, **asked)
        again = run(source, to, format=format, tables=None, **asked)
        assert len(again.unchanged) == len(names(to)) == 3, format
        for name in names(to):
            about = mark(to / name)
            limits = {"since": about["since"], "until": about["until"]}
            if name not in reports:
                reports[name] = apilog.report(source, **limits, **asked)
            assert_holds(to / name, format, about, reports[name])


def assert_holds(folder: Path, format: str, about: dict[str, Any], report: Report) -> None:
    """The folder of a period holds the tables of the report in that format."""
    if format == "json":
        assert list(about["files"]) == ["report.json"]
        found = json.loads((folder / "report.json").read_bytes())
        assert list(found["tables"]) == list(report.tables)
        assert found["apilog"]["command"] == "export"
        assert found["window"] == {"since": about["since"], "until": about["until"]}
        counts = {key: found["input"][key] for key in ("lines", "records", "rejects", "skipped")}
        n = about["requests"]
        assert counts == {"lines": n, "records": n, "rejects": 0, "skipped": 0}
    else:
        assert list(about["files"]) == [f"{table}.{format}" for table in report.tables], format
    if format == "parquet":
        frame = pl.read_parquet(folder / "endpoints.parquet")
        assert_frame_equal(
            frame, report.tables["endpoints"].with_columns(pl.col("gateway").cast(pl.String))
        )
