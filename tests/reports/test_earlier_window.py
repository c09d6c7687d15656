"""The window before that of a report: what is known of it, and how it is shown."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

import apilog
from apilog.options import ReportOptions
from apilog.render import OUTPUTS, OutputOptions
from apilog.render.sections.changes import change_of
from apilog.report_model import Report
from apilog.reports import make_plan
from apilog.reports.earlier_window import EarlierSums
from tests.commands import Run
from tests.weblog import START, line, write

HOUR = timedelta(hours=1)
SECOND, THIRD, FOURTH = (START + n * HOUR for n in (1, 2, 3))


def hours(folder: Path, *, name: str = "access.log", skip: Sequence[int] = ()) -> Path:
    """Three hours with 60, 120 and 240 requests, of which 6, 30 and 24 are errors."""
    lines = []
    for hour, (count, every) in enumerate(((60, 10), (120, 4), (240, 10))):
        if hour not in skip:
            step = 3600 / count
            lines += [
                line(
                    start=START + hour * HOUR + timedelta(seconds=int(n * step)),
                    status=500 if n % every == 0 else 200,
                )
                for n in range(count)
            ]
    return write(folder / name, lines)


def overview_of(report: Report) -> dict[str, object]:
    assert report.previous is not None
    return report.previous.overview.row(0, named=True)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hours(tmp_path_factory.mktemp("hours"))


def test_it_is_the_overview_of_as_much_time_before(log: Path) -> None:
    report = apilog.report([log], since=THIRD, until=FOURTH)
    earlier = report.previous
    assert earlier is not None
    assert (earlier.since, earlier.until) == (SECOND, THIRD)
    # Counted by hand: see `hours`.
    row = overview_of(report)
    assert (row["requests"], row["errors"], row["error_rate"]) == (120, 30, 0.25)
    assert row["request_rate"] == pytest.approx(120 / 3600)
    alone = apilog.report([log], since=SECOND, until=THIRD)
    assert_frame_equal(earlier.overview, alone.tables["overview"])
    # What is about the window itself is as without.
    assert report.tables["overview"]["requests"].item() == 240


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (None, None),
        (None, THIRD),
        (START, SECOND),  # nothing is known of the hour before
        (FOURTH, FOURTH + HOUR),  # nor of this one
        (START + HOUR / 2, SECOND + HOUR / 2),
        (SECOND, FOURTH + HOUR),
        (datetime(1, 1, 2, tzinfo=UTC), FOURTH),
        (START, datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_what_the_log_does_not_tell_is_unknown(
    log: Path, since: datetime | None, until: datetime | None
) -> None:
    assert apilog.report([log], since=since, until=until).previous is None


@pytest.mark.slow
def test_a_log_may_begin_and_end_a_hundredth_of_the_window_off(log: Path) -> None:
    # The last request is of 15 seconds before the end: at half of them, it is the last second.
    for shift, is_known in ((36, True), (37, False)):
        since = SECOND - timedelta(seconds=shift)
        report = apilog.report([log], since=since, until=since + HOUR)
        assert (report.previous is not None) is is_known, shift
    late = FOURTH + timedelta(seconds=40)  # 55 seconds after the last request
    assert apilog.report([log], since=late - HOUR, until=late).previous is None


def test_no_requests_in_a_time_that_the_log_tells_of_are_none(tmp_path: Path) -> None:
    log = hours(tmp_path, skip=[1])
    row = overview_of(apilog.report([log], since=THIRD, until=FOURTH))
    assert (row["requests"], row["errors"], row["latency_p95_ms"]) == (0, 0, None)


def test_a_wrong_clock_tells_of_no_time(tmp_path: Path) -> None:
    log = hours(tmp_path, skip=[0, 1])
    with log.open("a") as file:
        file.writelines(
            line(start=datetime(year, 1, 1, tzinfo=UTC)) + "\n" for year in (1970, 2036)
        )
    assert apilog.report([log], since=THIRD, until=FOURTH).previous is None
    assert apilog.report([log], since=FOURTH, until=FOURTH + HOUR).previous is None


@pytest.mark.slow
def test_a_window_that_only_begins_ends_now(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    times = [now - timedelta(minutes=n) for n in range(300, 0, -1)]
    log = write(tmp_path / "now.log", [line(start=at) for at in times])
    row = overview_of(apilog.report([log], since="2h"))
    assert abs(int(str(row["requests"])) - 120) <= 2  # a minute goes by sooner or later
    assert apilog.report([log], since="200m").previous is None  # it holds but 5 hours
    stale = write(tmp_path / "stale.log", [line(start=at) for at in times[:-10]])
    assert apilog.report([stale], since="2h").previous is None


@pytest.mark.slow
def test_stores_and_several_logs_give_the_same(log: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    apilog.ingest([log], store=store)
    expected = overview_of(apilog.report([log], since=THIRD, until=FOURTH))
    assert overview_of(apilog.report([store], since=THIRD, until=FOURTH)) == expected
    parts = [
        hours(tmp_path, name=f"{n}.log", skip=skip) for n, skip in enumerate(([0, 1], [2], [0, 2]))
    ]
    # The second hour is in two of the logs.
    row = overview_of(apilog.report(parts, since=THIRD, until=FOURTH))
    assert row["requests"] == 2 * 120
    # A store knows its times whatever is asked for, a log only those of the requests it gives.
    rare = f"timestamp >= '{SECOND + HOUR / 2:%Y-%m-%dT%H:%M:%SZ}'"
    report = apilog.report([store], since=THIRD, until=FOURTH, where=rare)
    assert overview_of(report)["requests"] == 60
    assert apilog.report([log], since=THIRD, until=FOURTH, where=rare).previous is None


@pytest.mark.slow
def test_json_has_it_beside_the_window_or_null(log: Path) -> None:
    def document(**options: object) -> dict[str, object]:
        stream = io.BytesIO()
        report = apilog.report([log], tz="Europe/Berlin", **options)  # type: ignore[arg-type]
        OUTPUTS["json"].write(report, stream, OutputOptions())
        read: dict[str, object] = json.loads(stream.getvalue())
        return read

    previous = document(since=THIRD, until=FOURTH)["previous"]
    assert isinstance(previous, dict)
    assert previous["window"] == {
        "since": "2026-11-20T14:00:00+01:00",
        "until": "2026-11-20T15:00:00+01:00",
    }
    assert previous["overview"]["requests"] == 120
    assert document()["previous"] is None
    assert "previous" not in document(tables=["statuses"], since=THIRD, until=FOURTH)


def test_the_terminal_says_how_each_figure_changed(log: Path, run: Run) -> None:
    limits = ("--since", f"{THIRD:%Y-%m-%dT%H:%M}", "--until", f"{FOURTH:%Y-%m-%dT%H:%M}")
    drawn = run("report", log, *limits).text.splitlines()
    at = next(n for n, text in enumerate(drawn) if text.split()[:1] == ["requests"])
    labels, values, changes = (text.split("  ") for text in drawn[at : at + 3])
    by_label = dict(
        zip(
            (label.strip() for label in labels if label.strip()),
            zip(
                (value.strip() for value in values if value.strip()),
                (change.strip() for change in changes if change.strip()),
                strict=True,
            ),
            strict=True,
        )
    )
    assert by_label["requests"] == ("240", "▲ 100 %")
    assert by_label["errors"] == ("10 %", "▼ 15 pp")
    assert "  against 2026-11-20 13:00 – 14:00, the window before" in drawn
    assert "against" not in run("report", log, "--until", "2026-11-20T14:00").text
    colored = run("report", log, *limits, "--color", "always").text
    assert "\x1b[32m▼ 15 pp\x1b[0m" in colored
    assert "\x1b[2m▲ 100 %\x1b[0m" in colored


@pytest.mark.parametrize(
    ("column", "now", "before", "expected"),
    [
        ("requests", 110, 100, ("▲ 10 %", "dim")),
        ("latency_p95_ms", 110.0, 100.0, ("▲ 10 %", "red")),
        ("latency_p95_ms", 90.0, 100.0, ("▼ 10 %", "green")),
        ("latency_p95_ms", 109.0, 100.0, ("▲ 9 %", "dim")),
        ("error_rate", 0.02, 0.01, ("▲ 1 pp", "red")),
        ("error_rate", 0.01, 0.0, ("▲ 1 pp", "red")),
        ("error_rate", 0.0, 0.01, ("▼ 1 pp", "green")),
        ("error_rate", 0.0, 0.0, ("=", "")),
        ("requests", 5, 0, ("▲ from 0", "")),
        ("requests", 1_000_000, 1, ("▲ 99,999,900 %", "dim")),
        ("requests", 1_000_001, 1_000_000, ("=", "")),
        ("requests", None, 1, ("", "")),
        ("requests", 1, None, ("", "")),
    ],
)
def test_changes_in_words(
    column: str, now: float | None, before: float | None, expected: tuple[str, str]
) -> None:
    change = change_of(column, now, before)
    assert (change.text, change.style) == expected


def test_it_takes_no_more_memory_than_an_overview(log: Path) -> None:
    """The state of the window before has no keys that a log multiplies."""
    plan = make_plan(ReportOptions(since=THIRD, until=FOURTH))
    earlier = EarlierSums.before(plan, FOURTH)
    assert earlier is not None
    records = apilog.scan([log]).collect()
    state = earlier.merge([earlier.partial(records)])
    assert {cube.keys.height for cube in state.sums.cubes} == {1}
