"""Alerts evaluated over sources, run after run, as cron does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apilog.alerts.batch import BatchEvaluation, evaluate_sources
from apilog.alerts.manager import AlertManager
from apilog.alerts.rules import NoticeEvent
from apilog.alerts.settings import alert_settings
from apilog.config import load_config
from apilog.options import ReadOptions
from tests.commands import Run
from tests.weblog import START, line, write

RULE = """
[alerts]
state = "state.json"
[[alerts.rules]]
name = "errors"
threshold = "error_rate < 10%"
for = 2
"""
EACH = """
[[alerts.rules]]
name = "slow"
threshold = "latency_p95 < 100ms for each route"
"""
Cron = Callable[..., BatchEvaluation]


@pytest.fixture
def cron(tmp_path: Path) -> Cron:
    """One run over a log, with the configuration and state of the folder."""

    def cron(
        lines: Sequence[str], until: datetime | None = None, config: str = RULE
    ) -> BatchEvaluation:
        (tmp_path / "apilog.toml").write_text(config)
        log = write(tmp_path / "access.log", lines)
        alerts = AlertManager(alert_settings(load_config(tmp_path / "apilog.toml")), print)
        done = evaluate_sources([log], alerts, ReadOptions(until=until))
        alerts.save()
        assert alerts.close()
        return done

    return cron


def states(done: BatchEvaluation) -> list[str]:
    return done.report.tables["alerts"]["state"].to_list()


def log(seconds: int, failing_from: int = 10**9, until: int = 10**9) -> list[str]:
    """A request a second."""
    return [
        line("/a", after=i, status=500 if failing_from <= i < until else 200)
        for i in range(seconds)
    ]


@pytest.mark.slow
def test_the_state_goes_from_run_to_run(cron: Cron, tmp_path: Path) -> None:
    first = cron(log(300))
    assert (list(first.notices), states(first)) == ([], ["ok"])
    assert first.at == START + timedelta(seconds=299)
    second = cron(log(600, failing_from=300))
    assert not second.notices
    assert states(second) == ["pending"]
    third = cron(log(900, failing_from=300))
    assert [notice.event for notice in third.notices] == [NoticeEvent.FIRING]
    assert third.notices[0].alert.since == START + timedelta(seconds=599)
    fourth = cron(log(1200, failing_from=300))
    assert not fourth.notices
    assert states(fourth) == ["firing"]
    fifth = cron(log(1500, failing_from=300, until=1200))
    assert [notice.event for notice in fifth.notices] == [NoticeEvent.RESOLVED]
    assert json.loads((tmp_path / "state.json").read_text())["alerts"] == []


def test_silence_is_noticed_where_the_time_is_given(cron: Cron) -> None:
    silence = '[[alerts.rules]]\nthreshold = "requests >= 1"'
    lines = log(600)
    assert states(cron(lines, config=silence)) == ["ok"]
    late = START + timedelta(hours=1)
    done = cron(lines, until=late, config=silence)
    assert (done.at, states(done)) == (late, ["firing"])
    assert done.report.tables["alerts"]["value"].to_list() == [0]


def test_what_is_newer_than_the_time_given_does_not_count(cron: Cron) -> None:
    lines = log(600, failing_from=300)
    done = cron(lines, until=START + timedelta(seconds=300), config=RULE.replace("for = 2", ""))
    assert states(done) == ["ok"]
    assert done.report.input.records == 600


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
    assert states(done) == ["firing"]


def test_an_hour_whose_last_request_came_seconds_before_its_end_is_over(cron: Cron) -> None:
    unusual = '[[alerts.rules]]\nthreshold = "anomaly(requests)"'
    hours, past = 24 * 5 + 3, -3 * 365 * 24 * 3600
    lines = [line(after=past + h * 3600 + i * 36) for h in range(hours - 1) for i in range(100)]
    lines.append(line(after=past + hours * 3600 - 20))
    done = cron(lines, config=unusual)
    assert done.notices[0].alert.reason == "a drop at 2023-11-26 14:00 UTC: 1, expected 100"


@pytest.mark.slow
def test_the_command_tells_how_alerts_stand(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apilog.toml").write_text(RULE + EACH)
    write(tmp_path / "access.log", log(300))
    argv = ("check", "access.log", "--alerts", "--state", "own.json")
    usual = run(*argv, "-f", "json")
    assert (usual.code, usual.stderr) == (0, "")
    write(
        tmp_path / "access.log",
        [*log(300), *(line("/b", after=300 + i, status=503, ms=i) for i in range(300))],
    )
    assert run(*argv).code == 1
    shown = run(*argv, "-f", "json")
    assert shown.code == 1
    errors, slow = json.loads(shown.stdout)["tables"]["alerts"]
    assert (errors["alert"], errors["state"], errors["value"]) == ("errors", "firing", 1)
    assert (slow["alert"], slow["state"], slow["labels"]) == ("slow", "firing", "route=/b")
    assert slow["since"] == "2026-11-20T12:09:59Z"
    assert not (tmp_path / "state.json").exists()
    table = run(*argv)
    assert table.code == 1
    assert "firing" in table.text
    assert run(*argv, "-f", "csv").text.startswith("alert,state,severity,labels,")


def test_the_command_says_what_it_cant_do(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "access.log", log(30))
    argv = ("check", "access.log", "--alerts")
    nothing = run(*argv)
    assert (nothing.code, nothing.stdout) == (2, b"")
    assert "no alerts are configured" in nothing.stderr
    (tmp_path / "apilog.toml").write_text(RULE)
    for more in (("-t", "requests > 1"), ("--since", "1h"), ("-f", "junit"), ("--confidence", "1")):
        result = run(*argv, *more)
        assert (result.code, result.stdout) == (2, b"")
    assert run("check", "access.log", "-t", "requests > 1", "--state", "x").code == 2
    write(tmp_path / "access.log", [])
    assert run(*argv).code == 3
    assert run("check", "none.log", "--alerts").code == 2
    (tmp_path / "state.json").write_text("something of the user's own")
    write(tmp_path / "access.log", log(30))
    result = run(*argv)
    assert (result.code, result.stdout) == (2, b"")
    assert "state.json is damaged" in result.stderr
    assert (tmp_path / "state.json").read_text() == "something of the user's own"


def test_a_target_that_cant_be_told_is_an_error(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = '[[alerts.targets]]\ntype = "command"\ncommand = ["./nothing"]\n'
    (tmp_path / "apilog.toml").write_text(RULE.replace("for = 2", "") + target)
    write(tmp_path / "access.log", log(300, failing_from=0))
    result = run("check", "access.log", "--alerts")
    assert result.code == 2
    assert "apilog: error: alerts: command: ./nothing can't be run" in result.stderr


@pytest.mark.slow
def test_a_store_is_read_as_far_back_as_rules_look(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old = [line("/old", after=-86_400 * 9 + i) for i in range(50)]
    write(tmp_path / "access.log", [*old, *log(600, failing_from=300)])
    assert run("ingest", "access.log", "--store", "store", "-q").code == 0
    (tmp_path / "apilog.toml").write_text(
        RULE.replace("for = 2", "") + '[[alerts.rules]]\nthreshold = "requests >= 1000"'
    )
    argv = ("--alerts", "--state", "s.json", "--until", "2026-11-20T12:10:00Z", "-f", "json")
    of_logs = run("check", "access.log", *argv)
    (tmp_path / "s.json").unlink()
    of_store = run("check", "store", *argv)
    assert (of_logs.code, of_store.code) == (1, 1)
    logs, store = (json.loads(one.stdout) for one in (of_logs, of_store))
    assert logs["tables"] == store["tables"]
    assert [row["state"] for row in store["tables"]["alerts"]] == ["firing", "firing"]
