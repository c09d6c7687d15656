"""Hours, days and weeks, through changes of the clocks; the same for an instant and for records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.aggregate.time_buckets import split_by_time
from apilog.schema import TIMESTAMP
from apilog.time import PeriodLength, period_at

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"),
    *("America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "Africa/Casablanca"),
)
INSTANTS = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def at(text: str, zone: ZoneInfo | None = None) -> datetime:
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=zone or UTC)).astimezone(UTC)


@pytest.mark.parametrize(
    ("instant", "every", "name", "hours"),
    [
        ("2026-11-21T09:30", PeriodLength.DAY, "2026-11-21", 24),
        ("2026-03-29T12:00", PeriodLength.DAY, "2026-03-29", 23),
        ("2026-10-25T12:00", PeriodLength.DAY, "2026-10-25", 25),
        ("2026-10-25T02:30+02:00", PeriodLength.HOUR, "2026-10-25T02+0200", 1),
        ("2026-10-25T02:30+01:00", PeriodLength.HOUR, "2026-10-25T02+0100", 1),
        ("2026-03-29T03:30", PeriodLength.HOUR, "2026-03-29T03+0200", 1),
        ("2026-11-21T09:30", PeriodLength.WEEK, "2026-W47", 168),
        ("2026-11-30T23:30", PeriodLength.MONTH, "2026-11", 720),
        ("2026-03-01T00:00", PeriodLength.MONTH, "2026-03", 743),
        ("2026-10-25T02:30+01:00", PeriodLength.MONTH, "2026-10", 745),
        ("2026-10-25T12:00", PeriodLength.WEEK, "2026-W43", 169),
        ("2027-01-01T12:00", PeriodLength.WEEK, "2026-W53", 168),
    ],
)
def test_names_and_lengths_in_berlin(
    instant: str, every: PeriodLength, name: str, hours: int
) -> None:
    period = period_at(at(instant, BERLIN), every, BERLIN)
    assert (period.name, period.end - period.start) == (name, timedelta(hours=hours))


@given(INSTANTS, st.sampled_from(PeriodLength), st.sampled_from(ZONES))
def test_a_period_holds_its_instant_and_the_next_one_goes_on(
    instant: datetime, every: PeriodLength, name: str
) -> None:
    zone = ZoneInfo(name)
    period = period_at(instant, every, zone)
    assert period.start <= instant < period.end
    following = period_at(period.end, every, zone)
    assert following.start == period.end
    assert following.name != period.name
    assert not set(period.name) & set('/\\:*?"<>| ')
    last = period.end - timedelta(microseconds=1)
    assert [period_at(t, every, zone) for t in (period.start, last)] == [period] * 2


@given(
    st.lists(st.none() | INSTANTS, max_size=30),
    # Months are put together of days.
    st.sampled_from([every for every in PeriodLength if every is not PeriodLength.MONTH]),
    st.sampled_from(ZONES),
)
def test_records_are_split_as_instants_are(
    instants: list[datetime | None], every: PeriodLength, name: str
) -> None:
    records = pl.DataFrame({"timestamp": pl.Series(instants, dtype=TIMESTAMP)})
    records = records.with_columns(n=pl.int_range(pl.len()))
    found = {start: part["n"].to_list() for start, part in split_by_time(records, every.step, name)}
    expected: dict[datetime | None, list[int]] = {}
    for n, instant in enumerate(instants):
        start = period_at(instant, every, ZoneInfo(name)).start if instant else None
        expected.setdefault(start, []).append(n)
    assert found == expected
