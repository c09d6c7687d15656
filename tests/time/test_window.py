"""Windows of time: half-open, with or without limits, against sets of instants."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.errors import UsageError
from apilog.schema import SCHEMA, is_within
from apilog.time import ALL_TIME, TimeWindow, parse_window, window
from tests.examples import about

START = datetime(2026, 11, 21, tzinfo=UTC)
INSTANTS = [START + timedelta(seconds=s) for s in range(-1, 12)]

limits = st.none() | st.integers(0, 10).map(lambda s: START + timedelta(seconds=s))
windows = st.builds(TimeWindow, since=limits, until=limits).filter(
    lambda w: not w.since or not w.until or w.since < w.until
)


def inside(limited: TimeWindow) -> set[datetime]:
    return {
        at
        for at in INSTANTS
        if (limited.since is None or at >= limited.since)
        and (limited.until is None or at < limited.until)
    }


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(window)
    assert (result.attempted, result.failed) == (2, 0)


@given(windows, windows)
def test_windows_are_compared_as_sets(one: TimeWindow, other: TimeWindow) -> None:
    assert inside(one.intersect(other)) == inside(one) & inside(other)
    assert one.covers(other) is (inside(other) <= inside(one))
    assert inside(TimeWindow.enclosing([one, other])) >= inside(one) | inside(other)
    assert one.is_limited is (one != ALL_TIME)


@given(windows, st.sampled_from(INSTANTS), st.sampled_from(INSTANTS))
def test_a_span_is_inside_or_overlaps(limited: TimeWindow, one: datetime, other: datetime) -> None:
    first, last = sorted((one, other))
    span = {at for at in INSTANTS if first <= at <= last}
    assert limited.contains(first, last) is (span <= inside(limited))
    assert limited.overlaps(first, last) is bool(span & inside(limited))


def test_the_length_needs_both_limits() -> None:
    assert TimeWindow(since=START, until=START + timedelta(minutes=1)).seconds == 60
    assert TimeWindow(since=START).seconds is None
    filled = TimeWindow(since=START).with_defaults(None, START + timedelta(seconds=5))
    assert filled.seconds == 5


@settings(max_examples=about(30))
@given(windows)
def test_records_lie_within_as_instants_do(limited: TimeWindow) -> None:
    times = pl.DataFrame(
        {"timestamp": [*INSTANTS, None]}, schema={"timestamp": SCHEMA["timestamp"]}
    )
    found = times.filter(is_within(limited))["timestamp"]
    assert set(found.drop_nulls().to_list()) == inside(limited)
    assert (found.null_count() == 0) is limited.is_limited


def test_limits_are_instants_in_utc() -> None:
    naive = datetime(2026, 11, 20, 12)  # noqa: DTZ001 - what users write
    tokyo = datetime(2026, 11, 20, 22, tzinfo=timezone(timedelta(hours=9)))
    parsed = parse_window(naive, tokyo, "Europe/Berlin")
    assert (parsed.since, parsed.until) == (
        START - timedelta(hours=13),
        START - timedelta(hours=11),
    )
    with pytest.raises(UsageError, match=r"^--since .* is not before --until "):
        parse_window("today", "yesterday", "UTC")
