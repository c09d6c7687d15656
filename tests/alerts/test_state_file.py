"""The state of alerts in a file, and the hours that tell what is usual."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from apilog.alerts.evaluation import HOUR, HourHistory
from apilog.alerts.rules import RuleVerdict
from apilog.alerts.state_file import SavedAlerts, load_state, save_state
from apilog.alerts.transitions import advance_alert
from apilog.errors import InputError
from apilog.schema import SCHEMA
from tests.alerts.alert_builders import HOSTILE, START, observed, rule


def memory() -> SavedAlerts:
    labels = (("route", HOSTILE), ("status", "503"))
    alert, _ = advance_alert(rule(), None, observed(RuleVerdict.FAILS, labels), START)
    waiting, _ = advance_alert(
        rule(intervals=3), None, observed(RuleVerdict.FAILS, value=None), START
    )
    assert alert
    assert waiting
    return SavedAlerts(alerts=(alert, waiting), hours={START: (100, 3), START + HOUR: (0, 0)})


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
        ('{"kind": "apilog alerts", "version": 2}', "later version"),
        ('{"kind": "apilog alerts", "version": 1, "alerts": [{}], "hours": {}}', "is damaged"),
        (
            '{"kind": "apilog alerts", "version": 1, "alerts": [], "hours": {"x": [1, 2]}}',
            "damaged",
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
    assert (document["kind"], document["version"]) == ("apilog alerts", 1)
    assert document["alerts"][0]["labels"]["route"] == HOSTILE
    assert document["hours"] == {"2026-11-20T12:00:00Z": [100, 3], "2026-11-20T13:00:00Z": [0, 0]}


def hours(*counts: tuple[int, int, int]) -> dict[datetime, tuple[int, int]]:
    """Hours after the start, with their requests and errors."""
    return {START + h * HOUR: (requests, errors) for h, requests, errors in counts}


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
    assert history.known_hours == {START: (100, 3), START + HOUR: (60, 1)}


def test_only_whole_hours_are_taken_from_what_is_counted() -> None:
    history = HourHistory()
    since = START + HOUR / 2
    history.count_records(records(HOUR / 2, HOUR))
    history.count_records(records(HOUR * 1.5, status=500))
    history.complete_hours(START + HOUR * 1.9, since)
    assert history.known_hours == {}
    history.count_records(records(HOUR * 1.95))
    history.complete_hours(START + HOUR * 3.5, since)
    assert history.known_hours == {START + HOUR: (3, 1), START + 2 * HOUR: (0, 0)}
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
