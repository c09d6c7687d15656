"""The state of alerts in a file, and the hours that tell what is usual."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from apilog.aggregate.ddsketch import ZERO_BUCKET, bucket_of, bucket_value_ms
from apilog.alerts.hour_history import HOUR, HourHistory, HourSums
from apilog.alerts.rules import RuleVerdict
from apilog.alerts.state_file import SavedAlerts, load_state, save_state
from apilog.alerts.transitions import advance_alert
from apilog.errors import InputError
from apilog.schema import SCHEMA
from tests.alerts.alert_builders import HOSTILE, START, observed, rule

AT = "2026-11-20T12:00:00Z"
VERSION_2 = '{"kind": "apilog alerts", "version": 2, "alerts": []'


def memory() -> SavedAlerts:
    labels = (("route", HOSTILE), ("status", "503"))
    alert, _ = advance_alert(rule(), None, observed(RuleVerdict.FAILS, labels), START)
    waiting, _ = advance_alert(
        rule(intervals=3), None, observed(RuleVerdict.FAILS, value=None), START
    )
    assert alert
    assert waiting
    return SavedAlerts(
        alerts=(alert, waiting),
        hours={
            START: HourSums(100, 3, 2, {212: 40, 300: 60}),
            START + HOUR: HourSums(),
            START + 2 * HOUR: HourSums(5, 1, None),
        },
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert load_state(path) == SavedAlerts()
    save_state(path, memory())
    assert load_state(path) == memory()
    save_state(path, SavedAlerts())
    assert load_state(path) == SavedAlerts()
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is damaged"),
        ('{"kind": "apilog al', "is damaged"),
        ("[]", "is not a state file"),
        ('{"alerts": []}', "is not a state file"),
        ('{"kind": "apilog alerts", "version": 3}', "later version"),
        ('{"kind": "apilog alerts", "version": 1, "alerts": [{}], "hours": {}}', "is damaged"),
        (
            '{"kind": "apilog alerts", "version": 1, "alerts": [], "hours": {"x": [1, 2]}}',
            "damaged",
        ),
        (
            f'{VERSION_2}, "hours": {{"{AT}": [1, 2, 3, 4]}}}}',
            "damaged",
        ),
        (
            f'{VERSION_2}, "hours": {{"{AT}": [1, 2, 3]}}, "durations": {{"{AT}": "7"}}}}',
            "damaged",
        ),
        (f'{VERSION_2}, "hours": {{}}, "durations": 7}}', "damaged"),
        *(
            (
                f'{VERSION_2}, "hours": {{"{AT}": {counts}}}, "durations": {{"{AT}": "{cells}"}}}}',
                "damaged",
            )
            for counts, cells in (
                ("[1, 2, 3]", "99999:1"),
                ("[1, 2, 3]", "-99999:1"),
                ("[1, 2, 3]", "7:-1"),
                ("[1, 2, -3]", ""),
                (f"[{10**30}, 2, 3]", ""),
                ("[1e999, 2, 3]", ""),
            )
        ),
        ('{"kind": "apilog alerts", "version": "1"}', "is damaged"),
        ("[" * 100_000, "is damaged"),
    ],
)
def test_a_file_that_is_not_understood_is_left_alone(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_state(path)
    assert "--state" in caught.value.hint
    assert path.read_text() == text


def test_the_file_is_for_people_too(tmp_path: Path) -> None:
    save_state(tmp_path / "state.json", memory())
    text = (tmp_path / "state.json").read_text()
    assert "\x1b" not in text
    assert "\u202e" not in text
    document = json.loads(text)
    assert (document["kind"], document["version"]) == ("apilog alerts", 2)
    assert document["alerts"][0]["labels"]["route"] == HOSTILE
    assert document["hours"] == {
        "2026-11-20T12:00:00Z": [100, 3, 2],
        "2026-11-20T13:00:00Z": [0, 0, 0],
        "2026-11-20T14:00:00Z": [5, 1],
    }
    assert document["durations"] == {"2026-11-20T12:00:00Z": "212:40 300:60"}


def test_a_file_of_the_first_version_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(
        '{"kind": "apilog alerts", "version": 1, "alerts": [],'
        ' "hours": {"2026-11-20T12:00:00Z": [100, 3]}}'
    )
    assert load_state(path).hours == {START: HourSums(100, 3, None)}


def hours(*counts: tuple[int, int, int]) -> dict[datetime, HourSums]:
    """Hours after the start, with their requests and errors, none of them of the server."""
    return {START + h * HOUR: HourSums(requests, errors, 0) for h, requests, errors in counts}


def records(*at: timedelta, status: int = 200) -> pl.DataFrame:
    return pl.DataFrame(
        {"timestamp": [START + moment for moment in at], "status": status},
        schema={"timestamp": SCHEMA["timestamp"], "status": pl.Int16},
    )


def test_of_two_counts_of_an_hour_the_larger_is_kept() -> None:
    history = HourHistory(hours((0, 100, 3), (1, 50, 0)))
    history.count_records(records(*[HOUR / 4] * 87, *[HOUR * 1.5] * 59))
    history.count_records(records(*[HOUR / 2] * 3, HOUR * 1.5, status=500))
    history.complete_hours(START + 2 * HOUR, START)
    assert history.known_hours == {
        START: HourSums(100, 3, 0),
        START + HOUR: HourSums(60, 1, 1),
    }


def test_only_whole_hours_are_taken_from_what_is_counted() -> None:
    history = HourHistory()
    since = START + HOUR / 2
    history.count_records(records(HOUR / 2, HOUR))
    history.count_records(records(HOUR * 1.5, status=500))
    history.complete_hours(START + HOUR * 1.9, since)
    assert history.known_hours == {}
    history.count_records(records(HOUR * 1.95))
    history.complete_hours(START + HOUR * 3.5, since)
    assert history.known_hours == {START + HOUR: HourSums(3, 1, 1), START + 2 * HOUR: HourSums()}
    history.complete_hours(START + HOUR * 24 * 30, START + HOUR * 24 * 30)
    assert history.known_hours == {}


def test_an_hour_is_judged_by_the_days_before() -> None:
    days = [(24 * day, 100 + day % 2, 0) for day in range(5)]
    history = HourHistory(hours(*days))
    last = START + 24 * 5 * HOUR
    assert history.score_last_hour("requests", last + HOUR) is None
    history = HourHistory(hours(*days, (24 * 5, 3, 3)))
    score = history.score_last_hour("requests", last + HOUR * 1.5)
    assert score
    assert (score["value"], score["expected"]) == (3, pytest.approx(100, abs=1))
    assert isinstance(score["score"], float)
    assert score["score"] < -12
    errors = history.score_last_hour("error_rate", last + HOUR * 1.5)
    assert errors
    # Three failures where there were none are few all the same.
    assert isinstance(errors["score"], float)
    assert (errors["value"], 2 < errors["score"] < 6) == (1, True)
    assert history.score_last_hour("requests", last + HOUR * 2.5) is None


def test_days_that_are_not_known_are_no_quiet_ones() -> None:
    history = HourHistory(hours(*((24 * day, 100, 0) for day in (0, 3, 9, 10))))
    score = history.score_last_hour("requests", START + (24 * 10 + 1) * HOUR)
    assert score
    assert (score["expected"], score["score"]) == (pytest.approx(100, rel=0.001), 0)
    few = HourHistory(hours(*((24 * day, 100, 0) for day in (0, 3, 10))))
    assert few.score_last_hour("requests", START + (24 * 10 + 1) * HOUR) is None


def timed(*cells: tuple[timedelta, float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "timestamp": [START + at for at, _ in cells],
            "status": 200,
            "duration_ms": [ms for _, ms in cells],
        },
        schema={"timestamp": SCHEMA["timestamp"], "status": pl.Int16, "duration_ms": pl.Float64},
    )


def test_durations_are_kept_where_they_are_asked_for() -> None:
    for asked in (True, False):
        history = HourHistory()
        history.count_records(timed((HOUR / 2, 12.0), (HOUR / 3, 0.0)), timed=asked)
        history.count_records(timed((HOUR / 2, 12.0), (HOUR / 3, math.nan)), timed=asked)
        history.complete_hours(START + HOUR, START)
        kept = {ZERO_BUCKET: 1, bucket_of(12.0): 2} if asked else {}
        assert history.known_hours == {START: HourSums(4, 0, 0, kept)}


def test_durations_of_every_length_take_bounded_space() -> None:
    history = HourHistory()
    every = [(HOUR / 2, 1.01**i) for i in range(2000)]
    history.count_records(timed(*every), timed=True)
    history.complete_hours(START + HOUR, START)
    kept = history.known_hours[START].durations
    assert (len(kept), sum(kept.values())) == (300, 2000)
    # The longest are as they were, and the others are still below them.
    longest = Counter(bucket_of(ms) for _, ms in every[-100:])
    assert {b: kept[b] for b in longest if b > min(longest)} == {
        b: n for b, n in longest.items() if b > min(longest)
    }


def test_what_an_old_file_does_not_tell_is_not_zero() -> None:
    known = {START + 24 * day * HOUR: HourSums(1000, 10, None) for day in range(5)}
    last = START + 24 * 5 * HOUR
    history = HourHistory({**known, last: HourSums(1000, 300, 300, {300: 1000})})
    assert history.score_last_hour("error_rate", last + HOUR)
    assert history.score_last_hour("server_error_rate", last + HOUR) is None
    assert history.score_last_hour("latency_p95", last + HOUR) is None
    told = {at: HourSums(1000, 10, 5, {100: 940, 200: 60}) for at in known}
    history = HourHistory({**told, last: HourSums(1000, 300, 300, {200: 600, 300: 400})})
    broke = history.score_last_hour("server_error_rate", last + HOUR)
    slow = history.score_last_hour("latency_p95", last + HOUR)
    assert broke
    assert slow
    assert (broke["value"], broke["expected"]) == (0.3, pytest.approx(0.005, rel=0.05))
    assert (slow["value"], slow["expected"]) == (bucket_value_ms(300), bucket_value_ms(200))
    for row in (broke, slow):
        assert isinstance(row["score"], float)
        assert row["score"] > 6


def test_an_hour_that_grows_is_scored_anew() -> None:
    history = HourHistory(hours(*((24 * day, 100, 0) for day in range(5))))
    last = START + 24 * 5 * HOUR
    history.count_records(records(*[last - START] * 20))
    history.complete_hours(last + HOUR, last)
    first = history.score_last_hour("requests", last + HOUR)
    assert first
    assert first["value"] == 20
    assert history.score_last_hour("requests", last + 1.5 * HOUR) is first
    history.count_records(records(*[last - START] * 100))
    history.complete_hours(last + HOUR, last)
    again = history.score_last_hour("requests", last + HOUR)
    assert again
    assert again["value"] == 100
