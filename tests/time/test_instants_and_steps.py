"""Instants, zones, steps and buckets: exact, or refused; buckets as Polars has them."""

from __future__ import annotations

import contextlib
import doctest
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apilog import time
from apilog.errors import UsageError
from apilog.time import (
    STEPS,
    bucket_start,
    choose_step,
    iter_buckets,
    parse_instant,
    parse_step,
    parse_zone,
)
from tests.any_text import any_text

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)

# Clocks change at midnight (Havana, Beirut), or by half an hour (Lord Howe).
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Havana", "Asia/Beirut", "Asia/Kolkata"]
    + ["Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca"]
).map(ZoneInfo)
INSTANTS = st.datetimes(
    min_value=datetime(2005, 1, 1),  # noqa: DTZ001 - as Hypothesis wants it
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
STEP_NAMES = st.sampled_from([name for name, _ in STEPS] + ["7m", "90m", "36h", "9d", "250ms"])


def read(text: str) -> datetime:
    return parse_instant(text, now=NOW, timezone=BERLIN)


def truncated(instants: list[datetime], step: str, timezone: ZoneInfo) -> list[datetime]:
    """Polars' opinion on where the buckets start."""
    series = pl.Series(instants, dtype=pl.Datetime("us", "UTC"))
    local = series.dt.convert_time_zone(str(timezone)).dt.truncate(step)
    return local.dt.convert_time_zone("UTC").to_list()


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(time.periods)
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21", "2026-11-20T23:00"),
        ("20261121", "2026-11-20T23:00"),
        ("2026-W47-6", "2026-11-20T23:00"),
        ("2026-11-21T10:00", "2026-11-21T09:00"),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00"),
        ("2026-11-21 10:00:00.123456789+02:00", "2026-11-21T08:00:00.123456"),
        ("2026-07-01T00:00", "2026-06-30T22:00"),
        ("2026-03-04 10:00 +0200", "2026-03-04T08:00"),
        ("24h", "2026-11-20T10:30"),
        ("7d ago", "2026-11-14T10:30"),
        ("1h30m", "2026-11-21T09:00"),
        ("now", "2026-11-21T10:30"),
        ("today", "2026-11-20T23:00"),
        ("Yesterday", "2026-11-19T23:00"),
        ("tomorrow", "2026-11-21T23:00"),
        ("1764000000", "2025-11-24T16:00"),
        ("1764000000.25", "2025-11-24T16:00:00.250"),
        ("21/11/2026", "2026-11-20T23:00"),
        ("21 Nov 2026 10:00", "2026-11-21T09:00"),
        ("Sat, 21 Nov 2026 10:00:00 GMT", "2026-11-21T10:00"),
        ("10:00", "2026-11-21T09:00"),
        ("10pm", "2026-11-21T21:00"),
    ],
)
def test_instants(text: str, expected: str) -> None:
    assert read(text) == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert read(text).tzinfo is UTC


def test_a_time_that_comes_twice_is_the_first_one() -> None:
    assert read("2026-10-25T02:30") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_today_is_the_zones_day() -> None:
    late = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    assert parse_instant("today", now=late, timezone=BERLIN).date().isoformat() == "2026-11-21"
    assert parse_instant("10:00", now=late, timezone=BERLIN).day == 22


@pytest.mark.parametrize(
    "text",
    ["", "soon", "03/04/2026", "01/02/03", "2026", "2026-11", "Nov", "monday", "saturday", "1"]
    + ["29 Feb", "UTC", "2026-11-21 10:00 CET", "2026-11-21 10:00 UTC+3", "10:00 +99:00"]
    + ["2026-11-21T25:00", "2026-02-30", "\x1b[2J"],
)
def test_a_text_with_no_or_two_meanings_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="can't read the time") as caught:
        read(text)
    assert repr(text) in str(caught.value)
    assert "2026-11-" in caught.value.hint


@pytest.mark.parametrize("text", ["0001-01-01", "999999999d", "1764000000000"])
def test_a_time_that_no_calendar_holds_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="out of range"):
        read(text)


@given(any_text() | st.text("0123456789:-+/. TZadhmnsuy", max_size=24))
def test_any_text_is_an_instant_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert read(text).tzinfo is UTC


@given(INSTANTS, ZONES)
def test_iso_8601_goes_round(instant: datetime, timezone: ZoneInfo) -> None:
    assert read(instant.astimezone(timezone).isoformat()) == instant


def test_zones() -> None:
    assert parse_zone("Europe/Berlin") == BERLIN


@pytest.mark.parametrize(
    ("name", "hint"),
    [("Europe/Berln", "Europe/Berlin"), ("utc", "UTC"), ("", "such as"), ("../UTC", "UTC")]
    + [("localtime", ""), ("\x00", ""), ("/etc/localtime", "")],
)
def test_an_unknown_zone_names_its_nearest(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="there is no time zone") as caught:
        parse_zone(name)
    assert hint in caught.value.hint


def test_polars_knows_every_zone_that_is_accepted() -> None:
    moment = pl.Series([NOW])
    for name in available_timezones():
        try:
            accepted = parse_zone(name)
        except UsageError:
            continue
        assert moment.dt.convert_time_zone(str(accepted)).to_list() == [NOW]


@pytest.mark.parametrize(
    ("text", "name"),
    [("5m", "5m"), ("90s", "90s"), ("1h30m", "90m"), ("60m", "1h"), ("24h", "1d"), ("2w", "2w")]
    + [("7d", "7d"), ("1d12h", "36h"), ("1.5s", "1500ms"), ("1us", "1us")],
)
def test_steps_are_named_as_polars_takes_them(text: str, name: str) -> None:
    assert parse_step(text) == name
    assert truncated([NOW], name, BERLIN) == [bucket_start(NOW, name, BERLIN)]


@pytest.mark.parametrize("text", ["0s", "0w", "", "five"])
def test_a_step_must_have_a_length(text: str) -> None:
    with pytest.raises(UsageError):
        parse_step(text)


def test_the_steps_to_choose_from_are_named_alike() -> None:
    assert [parse_step(f"{seconds}s") for _, seconds in STEPS[:-1]] == [n for n, _ in STEPS[:-1]]


@given(INSTANTS, STEP_NAMES, ZONES)
@example(datetime(2026, 3, 8, 7, 30, tzinfo=UTC), "1d", ZoneInfo("America/Havana"))
@example(datetime(2026, 11, 1, 7, 30, tzinfo=UTC), "1d", ZoneInfo("America/Havana"))
@example(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "1h", BERLIN)
@example(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "6h", BERLIN)
@example(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "7m", BERLIN)
def test_a_bucket_starts_where_polars_puts_it(at: datetime, step: str, timezone: ZoneInfo) -> None:
    assert [bucket_start(at, step, timezone)] == truncated([at], step, timezone)


@given(
    since=st.sampled_from(
        ["2026-10-24T22Z", "2026-03-28T20Z", "2026-03-08T00Z", "2026-11-01T00Z"]
        + ["2026-04-04T10Z", "2026-02-14T00Z", "2026-07-01T00Z"]
    ).map(datetime.fromisoformat),
    shift=st.timedeltas(timedelta(hours=-6), timedelta(hours=6)),
    length=st.timedeltas(timedelta(seconds=1), timedelta(hours=40)),
    step=st.sampled_from(["5m", "7m", "15m", "1h", "90m", "6h", "36h", "1d", "1w"]),
    timezone=ZONES,
)
def test_buckets_are_those_that_polars_finds_in_the_window(
    since: datetime, shift: timedelta, length: timedelta, step: str, timezone: ZoneInfo
) -> None:
    start, end = since + shift, since + shift + length
    starts = list(iter_buckets(start, end, step, timezone))
    every = pl.datetime_range(start, end, "1m", closed="left", time_zone="UTC", eager=True)
    last = end - timedelta(microseconds=1)
    inside = [at for at in starts if start <= at < end]
    assert set(truncated([*every.to_list(), *inside, last], step, timezone)) == set(starts)
    assert len(starts) == len(set(starts))
    assert starts == sorted(starts) or step in ("7m", "90m")


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (timedelta(0), "1s"),
        (timedelta(seconds=60), "1s"),
        (timedelta(seconds=61), "10s"),
        (timedelta(hours=1), "1m"),
        (timedelta(hours=24), "1h"),
        (timedelta(days=7), "6h"),
        (timedelta(days=30), "1d"),
        (timedelta(days=365), "1w"),
        (timedelta(days=3650), "1w"),
    ],
)
def test_the_step_is_the_shortest_that_gives_60_rows(length: timedelta, step: str) -> None:
    since = datetime(2026, 11, 1, tzinfo=UTC)
    assert choose_step(since, since + length, UTC) == step


@given(INSTANTS, st.timedeltas(timedelta(0), timedelta(days=200)), ZONES, st.integers(1, 100))
def test_no_step_gives_more_rows_than_asked_for(
    since: datetime, length: timedelta, timezone: ZoneInfo, at_most: int
) -> None:
    until = since + length
    step = choose_step(since, until, timezone, at_most)
    assert step == "1w" or len(list(iter_buckets(since, until, step, timezone))) <= at_most
    shorter = {name: before for (before, _), (name, _) in pairwise(STEPS)}
    if step in shorter:
        finer = iter_buckets(since, until, shorter[step], timezone)
        assert sum(1 for _ in zip(finer, range(at_most + 1), strict=False)) > at_most


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("last week", "write 7d for the last 7 days, or 2026-11-16 for the start of"),
        ("this week", "write 2026-11-23, where"),
        ("last month", "or 2026-10-01 for"),
        ("last year", "or 2025-01-01 for"),
        ("last day", "or 2026-11-28 for"),
        ("7days", "write 7d"),
        ("last 7 days", "write 7d"),
        ("24 hours ago", "write 24h"),
        ("15 min", "write 15m"),
        ("2 months", "write 60d"),
        ("last hour", "write 1h"),
        ("last Sunday", "write the date: 2026-11-22"),
        ("wednesday", "write the date: 2026-11-25"),
        ("last Mon", "write the date: 2026-11-23"),
        ("some day", "write 2026-11-21, 2026-11-21T10"),
        ("last parsec", "write 2026-11-21, 2026-11-21T10"),
    ],
)
def test_times_in_words_are_refused_with_what_to_write(text: str, hint: str) -> None:
    sunday = datetime(2026, 11, 29, 12, tzinfo=UTC)
    with pytest.raises(UsageError) as caught:
        parse_instant(text, now=sunday, timezone=UTC)
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["7 days", "2 months", "24 hours", "last hour", "last week"])
def test_what_a_hint_about_time_says_is_understood(text: str) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    with pytest.raises(UsageError) as caught:
        parse_instant(text, now=now, timezone=UTC)
    for advice in re.findall(r"[0-9-]+[a-z]?\b", caught.value.hint.partition(" for the last")[0]):
        assert parse_instant(advice, now=now, timezone=UTC) < now


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("local", "here it is Asia/Tokyo"),
        ("UTC+2", "Etc/GMT-2"),
        ("-05:00", "Etc/GMT+5"),
        ("CET+1", "Etc/GMT-1"),
        ("+99", "write a place such as Europe/Berlin, or UTC"),
        ("new york", "did you mean America/New_York?"),
        ("CST", "CST means several zones"),
        ("PST", "did you mean America/Los_Angeles?"),
        ("Europe/Berln", "did you mean Europe/Berlin"),
    ],
)
def test_zones_that_are_none_are_refused_with_a_name(
    name: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with pytest.raises(UsageError) as caught:
        parse_zone(name)
    assert hint in caught.value.hint


def test_the_zone_of_an_offset_that_a_hint_names_has_this_offset() -> None:
    for text, hours in (("UTC+2", 2), ("-05:00", -5), ("+14", 14), ("-12", -12)):
        with pytest.raises(UsageError) as caught:
            parse_zone(text)
        zone = parse_zone(caught.value.hint.rpartition(" ")[2])
        assert zone.utcoffset(datetime(2026, 7, 1)) == timedelta(hours=hours)  # noqa: DTZ001
