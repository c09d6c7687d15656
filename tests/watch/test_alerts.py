"""`apilog watch` with alerts: targets are notified, the state is kept, a textfile is written."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerts.http_receiver import Receiver, receiver
from tests.commands import Run
from tests.watch.watch_process import append, now_line, on_terminal, piped, until
from tests.weblog import write

CONFIG = """
[alerts]
min_requests = 5
state = "state.json"

[[alerts.rules]]
name = "errors"
threshold = "server_error_rate < 20% for each route"
over = "1m"
for = 2
severity = "critical"

[[alerts.targets]]
type = "webhook"
url = "URL"
secret_env = "HOOK_SECRET"

[[alerts.targets]]
type = "command"
command = ["PYTHON", "-c", "import sys; open('commands', 'a').write(sys.stdin.read())"]

[[alerts.targets]]
type = "textfile"
path = "apilog.prom"
"""
HOSTILE = "/\\x1B]0;x\\x07<!channel>"


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, server: Receiver, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK_SECRET", "topsecret")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    config = CONFIG.replace("URL", server.url).replace("PYTHON", sys.executable)
    (tmp_path / "apilog.toml").write_text(config)
    return tmp_path


@pytest.mark.slow
def test_who_is_told_and_what_is_kept(folder: Path, server: Receiver) -> None:
    log = write(folder / "access.log", [now_line() for _ in range(10)])
    server.answers = [503]
    with piped(log) as shown:
        until(shown.seen("records", 10))
        assert shown.last["alerts"] == []
        append(log, *(now_line(HOSTILE, status=502) for _ in range(10)))
        until(lambda: shown.last["alerts"])
        until(lambda: len(server.received) == 2)  # refused once, then taken
        first, second = server.received
        assert first.body == second.body
        document = json.loads(second.body)
        assert (document["event"], document["alert"], document["severity"]) == (
            "firing",
            "errors",
            "critical",
        )
        assert document["labels"] == {"route": "/\x1b]0;x\x07<!channel>"}
        assert (document["value"], document["limit"], document["requests"]) == (1, 0.2, 10)
        digest = hmac.new(b"topsecret", second.body, hashlib.sha256).hexdigest()
        assert second.headers["X-Apilog-Signature"] == f"sha256={digest}"
        until((folder / "commands").exists)
        until(
            lambda: (
                'apilog_alert_firing{alert="errors",severity="critical",route='
                in (folder / "apilog.prom").read_text()
            )
        )
        assert shown.last["alerts"][0]["alert"] == "errors"
        assert shown.end(signal.SIGTERM) == 0
    with piped(log) as again:  # it remembers, and tells nobody anew
        until(lambda: again.last.get("alerts"))
        append(log, *(now_line(HOSTILE) for _ in range(60)))
        until(lambda: not again.last["alerts"])
        until(lambda: len(server.received) == 3)
        assert json.loads(server.received[-1].body)["event"] == "resolved"
        assert again.end() == 130
    commands = (folder / "commands").read_text().splitlines()
    assert [json.loads(line)["event"] for line in commands] == ["firing", "resolved"]
    state = json.loads((folder / "state.json").read_text())
    assert (state["kind"], state["alerts"]) == ("apilog alerts", [])


@pytest.mark.slow
def test_a_target_that_hangs_does_not_stop_the_dashboard(folder: Path, server: Receiver) -> None:
    config = (folder / "apilog.toml").read_text()
    (folder / "apilog.toml").write_text(
        config.replace('url = "', 'timeout = "1s"\nretries = 0\nurl = "')
    )
    log = write(folder / "access.log", [now_line(HOSTILE, status=502) for _ in range(10)])
    server.answers = ["hang"] * 9
    with on_terminal(log, "--interval", "100ms", rows=50) as shown:
        until(lambda: "[critical] errors route=" in shown.screen)
        append(log, now_line())
        until(lambda: "11 lines" in shown.screen)
        until(lambda: "alerts: webhook: 127.0.0.1:" in shown.screen)
        assert shown.end() == 130
    assert "\x1b]0;" not in shown.output
    assert "\x07" not in shown.output
    assert "apilog: note: alerts: webhook: 127.0.0.1:" in shown.output.rpartition("\x1b[?1049l")[2]


def test_what_is_wrong_is_said_before_anything_is_watched(folder: Path, run: Run) -> None:
    log = write(folder / "access.log", [now_line()])
    (folder / "state.json").write_text("{")
    shown = run("watch", log, "--once")
    assert (shown.code, shown.stdout) == (2, b"")
    assert "state.json is damaged" in shown.stderr
    (folder / "apilog.toml").write_text("[[alerts.rules]]\nthreshold = 'eror_rate < 5%'")
    shown = run("watch", log, "--once")
    assert shown.code == 2
    assert re.search(r"apilog\.toml(?::\d+)*: alerts\.rules\[0\]\.threshold: ", shown.stderr)
    assert "did you mean error_rate" in shown.stderr
    (folder / "apilog.toml").unlink()
    shown = run("watch", log, "--once", "--state", "state.json")
    assert shown.code == 2
    assert "none are configured" in shown.stderr
