"""What a report is asked for: limits in time, with a clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from apilog.engine.source_pass import make_read_spec
from apilog.errors import UsageError
from apilog.options import ReportOptions
from apilog.reports import make_plan

NOW = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
"""Already the 21st in Berlin, still the 20th in New York."""


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("24h", "UTC", at(2026, 11, 20, 0, 30)),
        ("15m ago", "UTC", at(2026, 11, 21, 0, 15)),
        ("yesterday", "UTC", at(2026, 11, 20)),
        ("today", "UTC", at(2026, 11, 21)),
        ("yesterday", "America/New_York", at(2026, 11, 19, 5)),
        ("yesterday", "Europe/Berlin", at(2026, 11, 19, 23)),
        ("2026-11-01", "Europe/Berlin", at(2026, 10, 31, 23)),
        ("2026-11-01T10:00:00Z", "Europe/Berlin", at(2026, 11, 1, 10)),
        ("2026-11-01T10:00:00+05:30", "UTC", at(2026, 11, 1, 4, 30)),
        ("10:15", "UTC", at(2026, 11, 21, 10, 15)),
        ("Nov 3 2026 14:00", "UTC", at(2026, 11, 3, 14)),
        ("1700000000", "Europe/Berlin", at(2023, 11, 14, 22, 13, 20)),
    ],
)
def test_a_limit_is_an_instant(text: str, zone: str, instant: datetime) -> None:
    assert make_plan(ReportOptions(since=text, tz=zone), NOW).window.since == instant
    assert make_plan(ReportOptions(until=text, tz=zone), NOW).window.until == instant


def test_a_datetime_without_a_zone_is_in_the_reports() -> None:
    naive = datetime(2026, 11, 20, 12)  # noqa: DTZ001 - what users write
    options = ReportOptions(since=naive, until=naive.replace(hour=13), tz="Europe/Berlin")
    plan = make_plan(options, NOW)
    assert (plan.window.since, plan.window.until) == (at(2026, 11, 20, 11), at(2026, 11, 20, 12))
    aware = datetime(2026, 11, 20, 12, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert make_plan(ReportOptions(since=aware, tz="Europe/Berlin"), NOW).window.since == at(
        2026, 11, 20, 3
    )


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [("today", "yesterday", "wrong way round"), ("24h", "24h", "exclusive")],
)
def test_an_empty_window_is_refused(since: str, until: str, why: str) -> None:
    with pytest.raises(UsageError, match=r"^--since .* is not before --until ") as caught:
        make_plan(ReportOptions(since=since, until=until), NOW)
    assert why in caught.value.hint


def test_options_are_looked_at_only_when_asked() -> None:
    options = ReportOptions(where="nonsense(", bucket="nonsense")
    with pytest.raises(UsageError, match="nonsense"):
        make_plan(options, NOW)
    with pytest.raises(UsageError, match="nonsense"):
        make_read_spec(options)
