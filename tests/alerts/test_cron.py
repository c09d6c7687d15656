"""Alerts evaluated over sources, run after run, as cron does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apilog.alerts.alerts import Alerts
from apilog.alerts.cron import Evaluated, evaluate_sources
from apilog.alerts.rules import Event, Status
from apilog.alerts.settings import settings
from apilog.checks.reading import Reading
from apilog.config import load
from weblog import START, line, write

RULE = """
[alerts]
state = "state.json"
[[alerts.rules]]
name = "errors"
threshold = "error_rate < 10%"
for = 2
"""
Cron = Callable[..., Evaluated]


@pytest.fixture
def cron(tmp_path: Path) -> Cron:
    """One run over a log, with the configuration and state of the folder."""

    def cron(lines: Sequence[str], until: datetime | None = None, config: str = RULE) -> Evaluated:
        (tmp_path / "apilog.toml").write_text(config)
        log = write(tmp_path / "access.log", lines)
        alerts = Alerts(settings(load(tmp_path / "apilog.toml")), print)
        done = evaluate_sources([log], alerts, Reading(), until)
        alerts.save()
        assert alerts.close()
        return done

    return cron


def log(seconds: int, failing_from: int = 10**9, until: int = 10**9) -> list[str]:
    """A request a second."""
    return [
        line("/a", after=i, status=500 if failing_from <= i < until else 200)
        for i in range(seconds)
    ]


def test_the_state_goes_from_run_to_run(cron: Cron, tmp_path: Path) -> None:
    first = cron(log(300))
    assert (list(first.notices), first.standing) == ([], ())
    assert first.at == START + timedelta(seconds=299)
    second = cron(log(600, failing_from=300))
    assert not second.notices
    assert [alert.status for _, alert in second.standing] == [Status.PENDING]
    third = cron(log(900, failing_from=300))
    assert [notice.event for notice in third.notices] == [Event.FIRING]
    assert third.notices[0].alert.since == START + timedelta(seconds=599)
    fourth = cron(log(1200, failing_from=300))
    assert not fourth.notices
    assert [alert.status for _, alert in fourth.standing] == [Status.FIRING]
    fifth = cron(log(1500, failing_from=300, until=1200))
    assert [notice.event for notice in fifth.notices] == [Event.RESOLVED]
    assert json.loads((tmp_path / "state.json").read_text())["alerts"] == []


def test_silence_is_noticed_where_the_time_is_given(cron: Cron) -> None:
    silence = '[[alerts.rules]]\nthreshold = "requests >= 1"'
    lines = log(600)
    assert not cron(lines, config=silence).standing
    late = START + timedelta(hours=1)
    done = cron(lines, until=late, config=silence)
    assert (done.at, [alert.value for _, alert in done.standing]) == (late, [0])


def test_what_is_newer_than_the_time_given_does_not_count(cron: Cron) -> None:
    lines = log(600, failing_from=300)
    done = cron(lines, until=START + timedelta(seconds=300), config=RULE.replace("for = 2", ""))
    assert not done.standing
    assert done.input.records == 600


def test_nothing_is_evaluated_without_a_request(cron: Cron) -> None:
    assert cron([]).at is None


def test_unusual_hours_are_found_in_the_logs_themselves(cron: Cron) -> None:
    unusual = '[alerts]\nstate = "state.json"\n[[alerts.rules]]\nthreshold = "anomaly(requests)"'
    hours = 24 * 5 + 3
    lines = [
        line(after=h * 3600 + i * 30)
        for h in range(hours)
        for i in range(2 if h == hours - 2 else 100)
    ]
    done = cron(lines, config=unusual)
    (notice,) = done.notices
    assert notice.alert.reason == "a drop at 2026-11-25 13:00 UTC: 2, expected 100"
    # A rotated log holds less; the state has what came before.
    done = cron(lines[-150:], config=unusual)
    assert not done.notices
    assert [alert.status for _, alert in done.standing] == [Status.FIRING]
