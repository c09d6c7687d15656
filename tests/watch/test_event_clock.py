"""The log's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.schema import TIMESTAMP
from apilog.watch.event_time import EventClock

WALL = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class Machine:
    """The machine's clock."""

    def __init__(self) -> None:
        self.now = WALL

    def __call__(self) -> datetime:
        return self.now


def times(*moments: datetime) -> pl.Series:
    return pl.Series(moments, dtype=TIMESTAMP)


def test_it_is_the_machines_until_something_is_known() -> None:
    clock = EventClock(Machine())
    clock.observe_times(times())
    assert clock.now() == WALL


def test_it_goes_on_where_nothing_comes() -> None:
    machine = Machine()
    clock = EventClock(machine)
    clock.observe_times(times(WALL - 30 * SECOND))
    machine.now += 10 * SECOND
    assert clock.now() == WALL - 20 * SECOND
    clock.observe_times(times(WALL - 25 * SECOND))
    assert clock.now() == WALL - 20 * SECOND
    clock.observe_times(times(WALL))
    assert clock.now() == WALL


def test_a_log_without_a_zone_may_be_ahead() -> None:
    clock = EventClock(Machine())
    clock.observe_times(times(WALL + 2 * HOUR))
    assert clock.now() == WALL + 2 * HOUR


def test_a_replayed_log_takes_it_along() -> None:
    machine = Machine()
    clock = EventClock(machine)
    for day in range(3):
        clock.observe_times(times(*(WALL - (9 - day) * 24 * HOUR + i * SECOND for i in range(20))))
        machine.now += SECOND
    assert clock.now() == WALL - 7 * 24 * HOUR + 20 * SECOND


def test_one_odd_record_does_not_set_it() -> None:
    clock = EventClock(Machine())
    clock.observe_times(times(WALL))
    clock.observe_times(times(*(WALL for _ in range(20)), WALL + 9000 * HOUR))
    clock.observe_times(times(WALL + 9000 * HOUR))
    assert clock.now() == WALL
    trusting = EventClock(Machine(), trusting=True)
    trusting.observe_times(times(WALL))
    trusting.observe_times(times(WALL + 9000 * HOUR))
    assert trusting.now() == WALL + 9000 * HOUR


def test_a_file_that_was_written_long_ago_is_not_of_now() -> None:
    clock = EventClock(Machine())
    clock.observe_times(times(WALL - 72 * HOUR), arrived=WALL - 71 * HOUR)
    assert clock.now() == WALL - HOUR


def test_a_few_times_of_another_decade_never_set_it() -> None:
    usual = [WALL - i * SECOND for i in range(20)]
    for trusting in (False, True):
        clock = EventClock(Machine(), trusting=trusting)
        clock.observe_times(times(*usual, WALL + 24 * 400 * HOUR))
        assert clock.now() == WALL
