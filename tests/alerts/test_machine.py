"""From evaluations to notices: pending, firing, resolved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.examples import MINUTE, START, observed, rule
from apilog.alerts.board import MOST_ALERTS, Board
from apilog.alerts.machine import advance
from apilog.alerts.rules import Alert, Event, Notice, Rule, Status, Verdict

LETTERS = {"F": Verdict.FAILS, ".": Verdict.HOLDS, "?": Verdict.UNDECIDED, "0": Verdict.ABSENT}


def story(given: Rule, verdicts: str) -> str:
    """A letter an evaluation, one a minute: what is told of each.

    `f` firing, `a` firing again, `r` resolved, `-` nothing.
    """
    alert, told = None, ""
    for i, letter in enumerate(verdicts):
        alert, notice = advance(given, alert, observed(LETTERS[letter]), START + i * MINUTE)
        told += _letter(notice)
    return told


def _letter(notice: Notice | None) -> str:
    if notice is None:
        return "-"
    if notice.event is Event.RESOLVED:
        return "r"
    return "a" if notice.is_repeated else "f"


@pytest.mark.parametrize(
    ("intervals", "repeat", "verdicts", "told"),
    [
        (1, None, "..F..", "--fr-"),
        (1, None, "FFFFF.", "f----r"),
        (3, None, "FF.FFF.", "-----fr"),
        (3, None, "FFFF.", "--f-r"),
        (3, None, "F?F?F?.", "----f-r"),
        (2, None, "F0FF0.", "---fr-"),
        (1, 2, "FFFFFF.", "f-a-a-r"),
        (1, 2, "F?FF.F", "f-a-rf"),
        (1, None, "?0.", "---"),
        (2, None, "F.F.F.", "------"),
    ],
)
def test_what_is_told(intervals: int, repeat: int | None, verdicts: str, told: str) -> None:
    given = rule(intervals=intervals, repeat=repeat and repeat * MINUTE)
    assert story(given, verdicts) == told


@given(
    st.text(alphabet="F.?0", max_size=40),
    st.integers(1, 4),
    st.none() | st.integers(1, 5).map(lambda n: n * MINUTE),
)
def test_every_beginning_is_told_once_and_has_one_end(
    verdicts: str, intervals: int, repeat: timedelta | None
) -> None:
    told = story(rule(intervals=intervals, repeat=repeat), verdicts + ".").replace("-", "")
    assert told.replace("a", "") in ("fr" * (len(told) + 1))[: len(told.replace("a", ""))]
    assert told.endswith("r") or not told
    assert "ra" not in told
    assert repeat or "a" not in told
    if intervals == 1:
        assert (told == "") == ("F" not in verdicts)


def test_an_alert_keeps_when_it_began_and_what_was_measured() -> None:
    given = rule(intervals=2)
    first, _ = advance(given, None, observed(Verdict.FAILS, value=0.06), START)
    second, told = advance(given, first, observed(Verdict.FAILS, value=0.08), START + MINUTE)
    assert first == Alert(
        rule="errors",
        condition="error_rate < 5%",
        labels=(),
        status=Status.PENDING,
        since=START,
        breaches=1,
        value=0.06,
        limit=0.05,
        requests=1200,
    )
    assert second == replace(
        first, status=Status.FIRING, breaches=2, value=0.08, notified=START + MINUTE
    )
    assert told == Notice(event=Event.FIRING, rule=given, alert=second, at=START + MINUTE)


def test_another_condition_begins_anew() -> None:
    alert, _ = advance(rule(), None, observed(Verdict.FAILS), START)
    stricter = rule("error_rate < 1%", intervals=2)
    alert, told = advance(stricter, alert, observed(Verdict.FAILS), START + MINUTE)
    assert alert
    assert (alert.status, alert.breaches, told) == (Status.PENDING, 1, None)


def test_each_value_has_an_alert_of_its_own() -> None:
    each = rule("error_rate < 5% for each route")
    board = Board([each])
    a, b = (("route", "/a"),), (("route", "/b"),)
    told = board.evaluated(each, [observed(Verdict.FAILS, a), observed(Verdict.HOLDS, b)], START)
    assert [notice.alert.labels for notice in told] == [a]
    told = board.evaluated(each, [observed(Verdict.FAILS, b)], START + MINUTE)
    assert {(n.event, n.alert.labels) for n in told} == {(Event.RESOLVED, a), (Event.FIRING, b)}
    assert [alert.labels for alert in board.firing] == [b]


def test_a_rule_has_only_so_many_alerts() -> None:
    each = rule("error_rate < 5% for each path")
    board = Board([each])
    many = [observed(Verdict.FAILS, (("path", f"/{i}"),)) for i in range(MOST_ALERTS + 100)]
    assert len(board.evaluated(each, many, START)) == MOST_ALERTS
    assert len(board.alerts) == MOST_ALERTS


def test_alerts_of_rules_that_are_gone_are_forgotten() -> None:
    alert, _ = advance(rule(), None, observed(Verdict.FAILS), START)
    assert alert
    assert Board([rule()], [alert]).firing == [alert]
    assert Board([rule(name="other")], [alert]).alerts == []
