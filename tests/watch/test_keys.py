"""Keys of the live screen, typed on a real terminal, which gets its modes back whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from apilog.watch.keyboard import name_keys
from tests.watch.watch_process import (
    PATIENCE_SECONDS,
    OnTerminal,
    append,
    now_line,
    on_terminal,
    until,
)
from tests.weblog import write

LEFT = "\x1b[?25h\x1b[?1049l"
"""What shows the cursor and the terminal's own screen again."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    lines = [now_line(f"/v1/{name}", status=500) for name in ("alpha", "beta", "gamma")]
    return write(tmp_path / "access.log", [*lines, now_line()])


@pytest.fixture
def shown(log: Path) -> Iterator[OnTerminal]:
    with on_terminal(log, "--interval", "100ms", columns=80, rows=24) as terminal:
        until(lambda: "4 lines" in terminal.screen, terminal.output)
        yield terminal


def footer(shown: OnTerminal) -> str:
    return shown.seen_by_user(80, 24)[-1]


def shows_rankings(screen: list[str]) -> bool:
    """Return whether each ranking of the first page has a row right below its title."""
    below = dict(pairwise(screen))
    rows = [
        next((row for text, row in below.items() if text.startswith(title)), "")
        for title in ("Endpoints", "Failing most", "Newest errors")
    ]
    return all(row.startswith("  GET") or " 500  GET" in row for row in rows)


@pytest.mark.slow
def test_keys_show_pages_pause_and_leave(log: Path, shown: OnTerminal) -> None:
    assert shown.has_own_modes
    for key, page in (("2", "endpoints"), ("3", "errors"), ("\x1b[C", "consumers"), ("1", "over")):
        shown.press(key)
        until(lambda page=page: f" {page}" in footer(shown).partition("[")[2].partition("]")[0])
    until(lambda: shows_rankings(shown.seen_by_user(80, 24)))
    assert all(len(text) <= 80 for text in shown.seen_by_user(80, 24))
    shown.press("p")
    until(lambda: "PAUSED" in shown.seen_by_user(80, 24)[0])
    append(log, now_line())
    shown.press(" ")
    until(lambda: "5 lines" in shown.screen and "PAUSED" not in shown.screen)
    shown.press("q")
    assert shown.process.wait(PATIENCE_SECONDS) == 0
    assert not shown.has_own_modes
    assert LEFT in shown.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGQUIT, 0)]
)
def test_signals_give_the_terminal_back(shown: OnTerminal, number: int, code: int) -> None:
    assert shown.has_own_modes
    assert shown.end(number) == code
    assert not shown.has_own_modes
    assert shown.output.count("\x1b[?1049h") == shown.output.count(LEFT) == 1
    assert shown.output.rindex("\x1b[?25h") > shown.output.rindex("\x1b[?25l")


@pytest.mark.slow
def test_an_exception_gives_the_terminal_back(log: Path) -> None:
    source = (
        "import sys; from apilog.watch.session import WatchSession; frames = []\n"
        "def fail(self):\n"
        "    frames.append(1)\n"
        "    if len(frames) > 3: raise ZeroDivisionError('planned')\n"
        "    return before(self)\n"
        "before = WatchSession.current_frame; WatchSession.current_frame = fail\n"
        "from apilog.cli.app import run; run()"
    )
    with on_terminal(log, "--interval", "100ms", program=["-c", source]) as shown:
        assert shown.process.wait(PATIENCE_SECONDS) == 2
        assert not shown.has_own_modes
        until(lambda: "this is a bug in apilog" in shown.output)
    assert shown.output.index(LEFT) < shown.output.index("ZeroDivisionError")


@pytest.mark.slow
def test_a_suspended_watch_gives_the_terminal_back_and_takes_it_again(log: Path) -> None:
    # In a group of its own, so that somebody of the session is there to wake it.
    with on_terminal(log, "--interval", "100ms", group=0) as shown:
        until(lambda: "4 lines" in shown.screen)
        shown.process.send_signal(signal.SIGTSTP)
        os.waitid(os.P_PID, shown.process.pid, os.WSTOPPED | os.WNOWAIT)
        assert not shown.has_own_modes
        until(lambda: shown.output.endswith(LEFT))
        append(log, now_line())
        shown.process.send_signal(signal.SIGCONT)
        until(lambda: "5 lines" in shown.screen)
        assert shown.has_own_modes
        assert shown.end() == 130
    assert shown.output.count("\x1b[?1049h") == shown.output.count(LEFT) == 2


@pytest.mark.slow
def test_keys_never_take_bytes_of_a_piped_log() -> None:
    reader, writer = os.pipe()
    with on_terminal("-", "--interval", "100ms", stdin=reader, columns=80, rows=24) as shown:
        os.close(reader)
        os.write(writer, f"{now_line()}\nq2q3q\n".encode())  # what would be keys is a broken line
        until(lambda: "1 rejected" in shown.screen, shown.output)
        shown.press("3")
        until(lambda: "[3 errors]" in footer(shown))
        os.write(writer, f"{now_line()}\n".encode())
        until(lambda: "3 lines" in shown.screen)
        shown.press("q")
        assert shown.process.wait(PATIENCE_SECONDS) == 0
        assert not shown.has_own_modes
    os.close(writer)


@pytest.mark.slow
def test_a_terminal_that_is_the_log_has_no_keys() -> None:
    with on_terminal("-", "--interval", "100ms", columns=80, rows=24) as shown:
        until(lambda: "Ctrl-C leaves" in footer(shown))
        assert not shown.has_own_modes
        shown.press(f"q\n{now_line()}\n")
        until(lambda: "2 lines" in shown.screen, shown.output)
        assert shown.end() == 130


@pytest.mark.slow
def test_a_screen_without_utf8_is_ascii(log: Path) -> None:
    with on_terminal(log, "--interval", "100ms", env={"LC_ALL": "C"}) as shown:
        until(lambda: "4 lines" in shown.screen)
        shown.press("?")
        until(lambda: "scroll by a row" in shown.screen)
        shown.press("q")
        assert shown.process.wait(PATIENCE_SECONDS) == 0
    assert shown.output.isascii()


def test_sequences_have_names_and_unknown_ones_are_no_keys() -> None:
    keys = "2\x1b[B\x1bOA\x1b[6~\x1b[1;5C\x1b[200~q\x1b[201~\x1b[Z\t \x1b"
    assert name_keys(keys) == ["2", "down", "up", "page down", "q", "back tab", "tab", "space"] + [
        "escape"
    ]
    assert name_keys("") == []


@pytest.mark.slow
def test_without_any_terminal_to_type_on_the_screen_is_drawn(log: Path) -> None:
    with on_terminal(log, "--interval", "100ms", stdin=subprocess.DEVNULL) as shown:
        until(lambda: "4 lines" in shown.screen)
        assert shown.end() == 130
