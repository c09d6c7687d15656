"""Targets: a server that fails, hangs and recovers; commands; files for Prometheus."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apilog.alerts.delivery import MOST_QUEUED, AlertDispatcher
from apilog.alerts.message import notice_document, notice_sentence
from apilog.alerts.rules import AlertNotice, NoticeEvent, RuleVerdict
from apilog.alerts.targets import (
    AlertSnapshot,
    CommandTarget,
    DeliveryError,
    DeliveryPolicy,
    SlackTarget,
    TextfileTarget,
    WebhookAddress,
    WebhookTarget,
)
from apilog.alerts.transitions import ActiveAlerts
from apilog.errors import UsageError
from tests.alerts.alert_builders import HOSTILE, START, notice, observed, rule
from tests.alerts.http_receiver import Receiver, receiver

QUICK = DeliveryPolicy(timeout=timedelta(seconds=20), retries=3, pause=timedelta(milliseconds=5))
LABELS = (("route", HOSTILE),)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with receiver() as server:
        yield server


def webhook(server: Receiver, **more: Any) -> WebhookTarget:
    return replace(
        WebhookTarget(name="ops", address=WebhookAddress.parse(server.url), delivery=QUICK), **more
    )


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_webhook_gets_a_signed_document(server: Receiver) -> None:
    firing = notice(LABELS)
    webhook(server, secret="topsecret").send(firing)
    (got,) = server.received
    assert got.headers["Content-Type"] == "application/json"
    digest = hmac.new(b"topsecret", got.body, hashlib.sha256).hexdigest()
    assert got.headers["X-Apilog-Signature"] == f"sha256={digest}"
    assert json.loads(got.body) == notice_document(firing)
    assert json.loads(got.body) == {
        "version": 1,
        "event": "firing",
        "repeated": False,
        "alert": "errors",
        "severity": "critical",
        "threshold": "error_rate < 5%",
        "over_seconds": 300.0,
        "labels": {"route": HOSTILE},
        "value": 0.072,
        "limit": 0.05,
        "requests": 1200,
        "since": "2026-11-20T12:00:00Z",
        "at": "2026-11-20T12:00:00Z",
        "message": f"[critical] errors route={HOSTILE}: error_rate is 7.2 % over 5m, not < 5 %",
    }
    assert b"\x1b" not in got.body
    assert "\u202e".encode() not in got.body


def test_without_a_secret_nothing_is_signed(server: Receiver) -> None:
    webhook(server).send(notice())
    assert "X-Apilog-Signature" not in server.received[0].headers


def test_secrets_are_not_shown() -> None:
    hook = WebhookTarget(
        name="ops", address=WebhookAddress.parse("https://example.com/hook"), secret="topsecret"
    )
    assert "topsecret" not in repr(hook)


@pytest.mark.parametrize("answer", [500, 503, 429, "drop"])
def test_a_server_that_fails_is_asked_again_until_it_recovers(
    server: Receiver, answer: int | str
) -> None:
    server.answers = [answer, answer]
    problems: list[str] = []
    dispatch = AlertDispatcher([webhook(server)], [], problems.append)
    dispatch.send_notice(notice())
    assert dispatch.close(60)
    assert len(server.received) == 3
    assert problems == []


def test_a_server_that_never_recovers_is_told_of_once(server: Receiver) -> None:
    server.answers = [500] * 100
    problems: list[str] = []
    dispatch = AlertDispatcher([webhook(server)], [], problems.append)
    dispatch.send_notice(notice())
    assert not dispatch.close(60)
    assert len(server.received) == 4
    assert problems == ["alerts: ops: 127.0.0.1 answered 500"]


@pytest.mark.parametrize("answer", [400, 401, 404])
def test_what_is_refused_for_good_is_not_sent_again(server: Receiver, answer: int) -> None:
    server.answers = [answer]
    problems: list[str] = []
    dispatch = AlertDispatcher([webhook(server)], [], problems.append)
    dispatch.send_notice(notice())
    assert not dispatch.close(60)
    assert len(server.received) == 1
    assert problems == [f"alerts: ops: 127.0.0.1 answered {answer}"]


def test_a_redirect_is_not_followed(server: Receiver) -> None:
    with receiver() as elsewhere:
        server.answers = [elsewhere.url]
        with pytest.raises(DeliveryError, match="redirects are not followed"):
            webhook(server).send(notice())
        assert elsewhere.received == []


def test_a_server_that_hangs_holds_up_neither_the_watch_nor_others(server: Receiver) -> None:
    with receiver() as other:
        server.answers = ["hang"]
        problems: list[str] = []
        healthy = replace(webhook(other), name="healthy")
        dispatch = AlertDispatcher([webhook(server), healthy], [], problems.append)
        for _ in range(MOST_QUEUED + 20):
            dispatch.send_notice(notice())
        until(lambda: len(other.received) >= MOST_QUEUED)
        assert len(server.received) == 1
        assert any("ops is too slow" in text for text in problems)
        server.released.set()
        until(lambda: len(server.received) >= MOST_QUEUED)
        dispatch.close(60)


def test_a_server_that_takes_too_long_is_given_up(server: Receiver) -> None:
    server.answers = ["hang"]
    hasty = replace(QUICK, timeout=timedelta(seconds=0.2))
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1: .*timed out") as caught:
        webhook(server, delivery=hasty).send(notice())
    assert caught.value.may_pass


def test_the_end_of_a_watch_does_not_wait_for_ever(server: Receiver) -> None:
    server.answers = ["hang"]
    problems: list[str] = []
    dispatch = AlertDispatcher([webhook(server)], [], problems.append)
    dispatch.send_notice(notice())
    until(lambda: server.received)
    assert not dispatch.close(0.05)
    assert problems == ["alerts: ops was still busy when the time was up"]
    server.released.set()


def test_nobody_listens() -> None:
    with receiver() as gone:
        address = WebhookAddress.parse(gone.url)
    with pytest.raises(DeliveryError, match="refused") as caught:
        WebhookTarget(name="ops", address=address).send(notice())
    assert caught.value.may_pass


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://h/x", "//h/x", "http://", "https://u:p@h/", "nonsense"]
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        WebhookAddress.parse(url)


def test_slack_gets_text_that_does_nothing(server: Receiver) -> None:
    SlackTarget(name="chat", address=WebhookAddress.parse(server.url)).send(notice(LABELS))
    text = json.loads(server.received[0].body)["text"]
    assert text.startswith("[critical] errors route=/")
    assert "&lt;!channel&gt; &amp;" in text
    assert not re.search(r"[<>\x00-\x1f\u202e]", text)


def test_only_those_are_told_whom_the_rule_names(server: Receiver) -> None:
    with receiver() as other:
        others = replace(webhook(other), name="others")
        dispatch = AlertDispatcher([webhook(server), others], [], print)
        dispatch.send_notice(notice(targets=("others",)))
        dispatch.close(60)
        assert (len(server.received), len(other.received)) == (0, 1)


def script(tmp_path: Path, code: str) -> tuple[str, ...]:
    path = tmp_path / "told.py"
    path.write_text(code)
    return (sys.executable, str(path), str(tmp_path / "out.json"))


def test_a_command_gets_the_notice_on_stdin_and_in_its_environment(tmp_path: Path) -> None:
    code = (
        "import json, os, sys\n"
        "own = {k: v for k, v in os.environ.items() if k.startswith('APILOG_ALERT_')}\n"
        "json.dump([sys.argv[2:], sys.stdin.read(), own], open(sys.argv[1], 'w'))\n"
    )
    argv = script(tmp_path, code)
    firing = notice((("route", HOSTILE + "\0$(touch x)"),))
    CommandTarget(name="pager", argv=(*argv, "$(id)", "; true")).send(firing)
    argv_seen, stdin, variables = json.loads((tmp_path / "out.json").read_text())
    assert argv_seen == ["$(id)", "; true"]
    assert json.loads(stdin) == notice_document(firing)
    assert variables["APILOG_ALERT_NAME"] == "errors"
    assert variables["APILOG_ALERT_EVENT"] == "firing"
    assert variables["APILOG_ALERT_VALUE"] == "0.072"
    assert "\x1b" not in "".join(variables.values())
    assert len(variables) == 11


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    argv = script(tmp_path, "import sys; sys.exit('no \\x1b[2J pager')")
    with pytest.raises(DeliveryError, match=r"ended with 1: no .* pager"):
        CommandTarget(name="pager", argv=argv).send(notice())
    with pytest.raises(DeliveryError, match="can't be run"):
        CommandTarget(name="pager", argv=(str(tmp_path / "nothing"),)).send(notice())


@pytest.mark.slow
def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open(sys.argv[1], 'w').write(str(child.pid))\n"
        "child.wait()\n"
    )
    argv = script(tmp_path, code)
    with pytest.raises(DeliveryError, match="took longer than 3 s"):
        CommandTarget(
            name="pager", argv=argv, delivery=DeliveryPolicy(timeout=timedelta(seconds=3))
        ).send(notice())
    child = (tmp_path / "out.json").read_text()
    until(lambda: not _is_running(child))


def _is_running(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def standing() -> AlertSnapshot:
    each, other = rule("error_rate < 5% for each route"), rule("requests >= 1", name="traffic")
    board = ActiveAlerts([each, other])
    board.apply_observations(each, [observed(RuleVerdict.FAILS, LABELS)], START)
    return AlertSnapshot(rules=board.rules, alerts=board.in_order, at=START)


def test_a_textfile_shows_how_alerts_stand(tmp_path: Path) -> None:
    path = tmp_path / "apilog.prom"
    target = TextfileTarget(name="prometheus", path=path)
    target.write(standing())
    text = path.read_text()
    labels = (
        'alert="errors",severity="critical",route="/\\"x\\\\{}\\\\n\\\\x1b]0;owned\\\\x07'
        '<!channel> & \\\\u202e"'
    )
    assert f"apilog_alert_firing{{{labels}}} 1\n" in text
    assert f"apilog_alert_pending{{{labels}}} 0\n" in text
    assert 'apilog_alert_firing{alert="traffic",severity="critical"} 0\n' in text
    assert f"apilog_alert_value{{{labels}}} 0.072\n" in text
    assert f"evaluated_timestamp_seconds {START.timestamp():.3f}\n" in text
    assert text.endswith("\n")
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .*|\w+(\{(\w+="(\\.|[^"\\])*",?)+\})? \S+', line)
    target.write(replace(standing(), alerts=[]))
    assert " 1\n" not in path.read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["apilog.prom"]


def test_a_folder_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    problems: list[str] = []
    target = TextfileTarget(name="prometheus", path=tmp_path / "none" / "apilog.prom")
    dispatch = AlertDispatcher([], [target], problems.append)
    dispatch.publish_snapshot(standing())
    assert not dispatch.close(60)
    assert len(problems) == 1
    assert "prometheus" in problems[0]


def test_sentences() -> None:
    firing = notice()
    assert notice_sentence(firing) == "[critical] errors: error_rate is 7.2 % over 5m, not < 5 %"
    over: AlertNotice = replace(
        firing, event=NoticeEvent.RESOLVED, alert=replace(firing.alert, value=0.01, reason="")
    )
    assert notice_sentence(over) == "[resolved] errors: error_rate is 1 %"
    gone = replace(over, alert=replace(firing.alert, value=None, reason="no more requests"))
    assert notice_sentence(gone) == "[resolved] errors: is over (no more requests)"
    assert "still: error_rate is" in notice_sentence(replace(firing, is_repeated=True))
