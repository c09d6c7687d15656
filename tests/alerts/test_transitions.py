"""From evaluations to notices: pending, firing, resolved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.alerts.rules import Alert, AlertNotice, AlertRule, AlertStatus, NoticeEvent, RuleVerdict
from apilog.alerts.transitions import MOST_ALERTS, ActiveAlerts, advance_alert
from tests.alerts.alert_builders import MINUTE, START, observed, rule

LETTERS = {
    "F": RuleVerdict.FAILS,
    ".": RuleVerdict.HOLDS,
    "?": RuleVerdict.UNDECIDED,
    "0": RuleVerdict.ABSENT,
}


def story(given: AlertRule, verdicts: str) -> str:
    """Return a letter for the notice of each evaluation, one evaluation per minute.

    `f` firing, `a` firing again, `r` resolved, `-` nothing.
    """
    alert, events = None, ""
    for i, letter in enumerate(verdicts):
        alert, notice = advance_alert(given, alert, observed(LETTERS[letter]), START + i * MINUTE)
        events += _letter(notice)
    return events


def _letter(notice: AlertNotice | None) -> str:
    if notice is None:
        return "-"
    if notice.event is NoticeEvent.RESOLVED:
        return "r"
    return "a" if notice.is_repeated else "f"


@pytest.mark.parametrize(
    ("intervals", "repeat", "verdicts", "events"),
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
def test_which_notices_are_sent(
    intervals: int, repeat: int | None, verdicts: str, events: str
) -> None:
    given = rule(intervals=intervals, repeat=repeat and repeat * MINUTE)
    assert story(given, verdicts) == events


@given(
    st.text(alphabet="F.?0", max_size=40),
    st.integers(1, 4),
    st.none() | st.integers(1, 5).map(lambda n: n * MINUTE),
)
def test_every_beginning_is_told_once_and_has_one_end(
    verdicts: str, intervals: int, repeat: timedelta | None
) -> None:
    events = story(rule(intervals=intervals, repeat=repeat), verdicts + ".").replace("-", "")
    assert events.replace("a", "") in ("fr" * (len(events) + 1))[: len(events.replace("a", ""))]
    assert events.endswith("r") or not events
    assert "ra" not in events
    assert repeat or "a" not in events
    if intervals == 1:
        assert (events == "") == ("F" not in verdicts)


def test_an_alert_keeps_when_it_began_and_what_was_measured() -> None:
    given = rule(intervals=2)
    first, _ = advance_alert(given, None, observed(RuleVerdict.FAILS, value=0.06), START)
    second, notice = advance_alert(
        given, first, observed(RuleVerdict.FAILS, value=0.08), START + MINUTE
    )
    assert first == Alert(
        rule="errors",
        condition="error_rate < 5%",
        labels=(),
        status=AlertStatus.PENDING,
        since=START,
        breaches=1,
        value=0.06,
        limit=0.05,
        requests=1200,
    )
    assert second == replace(
        first, status=AlertStatus.FIRING, breaches=2, value=0.08, notified=START + MINUTE
    )
    assert notice == AlertNotice(
        event=NoticeEvent.FIRING, rule=given, alert=second, at=START + MINUTE
    )


def test_another_condition_begins_anew() -> None:
    alert, _ = advance_alert(rule(), None, observed(RuleVerdict.FAILS), START)
    stricter = rule("error_rate < 1%", intervals=2)
    alert, notice = advance_alert(stricter, alert, observed(RuleVerdict.FAILS), START + MINUTE)
    assert alert
    assert (alert.status, alert.breaches, notice) == (AlertStatus.PENDING, 1, None)


def test_each_value_has_an_alert_of_its_own() -> None:
    each = rule("error_rate < 5% for each route")
    board = ActiveAlerts([each])
    a, b = (("route", "/a"),), (("route", "/b"),)
    notices = board.apply_observations(
        each, [observed(RuleVerdict.FAILS, a), observed(RuleVerdict.HOLDS, b)], START
    )
    assert [notice.alert.labels for notice in notices] == [a]
    notices = board.apply_observations(each, [observed(RuleVerdict.FAILS, b)], START + MINUTE)
    assert {(n.event, n.alert.labels) for n in notices} == {
        (NoticeEvent.RESOLVED, a),
        (NoticeEvent.FIRING, b),
    }
    assert [alert.labels for alert in board.in_order if alert.is_firing] == [b]


def test_a_rule_has_only_so_many_alerts() -> None:
    each = rule("error_rate < 5% for each path")
    board = ActiveAlerts([each])
    many = [observed(RuleVerdict.FAILS, (("path", f"/{i}"),)) for i in range(MOST_ALERTS + 100)]
    assert len(board.apply_observations(each, many, START)) == MOST_ALERTS
    assert len(board.in_order) == MOST_ALERTS


def test_alerts_of_rules_that_are_gone_are_forgotten() -> None:
    alert, _ = advance_alert(rule(), None, observed(RuleVerdict.FAILS), START)
    assert alert
    assert ActiveAlerts([rule()], [alert]).in_order == [alert]
    assert alert.is_firing
    assert ActiveAlerts([rule(name="other")], [alert]).in_order == []
