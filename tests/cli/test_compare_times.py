"""Two times of the same sources, side by side."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apilog.errors import UsageError
from apilog.time import parse_span
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

LOG = SAMPLE_LOGS / "api.log"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AFTERNOON = "2026-11-20T12:00..2026-11-20T18:00"
EVENING = "2026-11-20T18:00..2026-11-21T00:00"


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11-01..2026-11-07", "2026-11-01T00:00Z", "2026-11-08T00:00Z"),
        ("2026-11-01", "2026-11-01T00:00Z", "2026-11-02T00:00Z"),
        ("yesterday", "2026-11-19T00:00Z", "2026-11-20T00:00Z"),
        ("today", "2026-11-20T00:00Z", "2026-11-21T00:00Z"),
        ("yesterday..today", "2026-11-19T00:00Z", "2026-11-21T00:00Z"),
        ("24h", "2026-11-19T12:00Z", "2026-11-20T12:00Z"),
        ("48h..24h", "2026-11-18T12:00Z", "2026-11-19T12:00Z"),
        ("2026-11-20T06:00..", "2026-11-20T06:00Z", "2026-11-20T12:00Z"),
        (AFTERNOON, "2026-11-20T12:00Z", "2026-11-20T18:00Z"),
    ],
)
def test_a_span_is_from_its_beginning_through_its_end(text: str, since: str, until: str) -> None:
    window = parse_span(text, "UTC", NOON)
    assert window.since == datetime.fromisoformat(since)
    assert window.until == datetime.fromisoformat(until)


def test_a_day_has_the_hours_of_its_zone() -> None:
    lengths = [
        parse_span(day, "Europe/Berlin", NOON).seconds
        for day in ("2026-03-29", "2026-10-25", "2026-11-20")
    ]
    assert lengths == [hours * 3600 for hours in (23, 25, 24)]


@pytest.mark.parametrize("text", ["", "..", "2026-11-07..2026-11-01", "soon..later"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_span(text, "UTC", NOON)


@pytest.mark.slow
def test_the_sides_are_what_two_windows_give(run: Run) -> None:
    document = json.loads(run("compare", LOG, "--a", AFTERNOON, "--b", EVENING, "-f", "json").text)
    (row,) = [
        row
        for row in document["tables"]["comparison"]
        if row["metric"] == "error_rate" and row["route"] is None
    ]
    for side, span in (("a", AFTERNOON), ("b", EVENING)):
        since, _, until = span.partition("..")
        limits = ("--since", since, "--until", until)
        overview = json.loads(run("report", LOG, *limits, "-f", "json").text)["tables"]["overview"][
            0
        ]
        assert row[side] == pytest.approx(overview["error_rate"])
        assert row[f"{side}_requests"] == overview["requests"]
    text = run("compare", LOG, "--a", AFTERNOON, "--b", EVENING).text
    assert f"a is {AFTERNOON}, b is {EVENING}" in " ".join(text.split())


@pytest.mark.slow
def test_a_store_has_two_times_too(run: Run, tmp_path: Path) -> None:
    run("ingest", LOG, "--store", tmp_path, "--final")
    argv = ("--a", AFTERNOON, "--b", EVENING, "-f", "json")
    tables = [json.loads(run("compare", place, *argv).text)["tables"] for place in (LOG, tmp_path)]
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("--a", "today"), "--a and --b go together"),
        (("--a", "yesterday", "--b", "48h"), "overlap"),
        (("--a", "yesterday", "--b", "today", "--since", "1d"), "--a and --b are the limits"),
        (("--a", "yesterday", "--b", "today", "--split", "method=GET,POST"), "--split and --a"),
        (("--a", "soon", "--b", "today"), "soon"),
    ],
)
def test_what_makes_no_two_times_is_refused(run: Run, argv: tuple[str, ...], problem: str) -> None:
    ran = run("compare", LOG, *argv)
    assert ran.code == 2
    assert problem in ran.stderr


def test_two_days_without_requests_decide_nothing(run: Run) -> None:
    before = (NOON - timedelta(days=400)).date().isoformat()
    earlier = (NOON - timedelta(days=500)).date().isoformat()
    assert run("compare", LOG, "--a", earlier, "--b", before).code == 3
