"""Processes of `apilog watch` on a terminal or a pipe, and a log that grows meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyte

from tests import weblog
from tests.forked_processes import ForkedProcess, fork_command

PATIENCE_SECONDS = 60
"""How long to wait for a condition; far more than it ever takes."""


def until(holds: Callable[[], object], what: str = "") -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, what or "waited in vain"
        time.sleep(0.05)


def now_line(path: str = "/v1/users/7", **more: Any) -> str:
    """Return the log line of a request of this moment."""
    return weblog.line(path, start=datetime.now(UTC), **{"ms": 20, **more})


def append(path: Path, *lines: str) -> None:
    """Write lines to the end of a file."""
    with path.open("a") as out:
        out.writelines(f"{line}\n" for line in lines)


class OnTerminal:
    """A watch process whose standard streams are a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], leader: int) -> None:
        self.process = process
        self._leader = leader
        self._data = b""
        self._emulators: dict[tuple[int, int], tuple[pyte.Screen, pyte.ByteStream, int]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """All that was sent to the terminal, with escape sequences."""
        return self._data.decode(errors="replace").replace("\r\n", "\n")

    @property
    def screen(self) -> str:
        """The last complete frame of the dashboard, as plain text."""
        frames = self._data.rsplit(b"\x1b[H", 2)  # all of them would be split at each look
        frame = frames[1] if len(frames) > 2 else frames[-1]
        return plain(frame.decode(errors="replace").replace("\r\n", "\n"))

    def seen_by_user(self, columns: int, rows: int) -> list[str]:
        """What a terminal emulator of that size shows, line by line."""
        if (columns, rows) not in self._emulators:
            screen = pyte.Screen(columns, rows)
            self._emulators[columns, rows] = screen, pyte.ByteStream(screen), 0
        emulator, stream, fed = self._emulators[columns, rows]
        data = self._data
        stream.feed(data[fed:])  # what it was fed before, it has
        self._emulators[columns, rows] = emulator, stream, len(data)
        return [line.rstrip() for line in emulator.display]

    def press(self, keys: str) -> None:
        """Type on the terminal."""
        os.write(self._leader, keys.encode())

    @property
    def has_own_modes(self) -> bool:
        """Whether the terminal gives single keys and does not show them."""
        return not termios.tcgetattr(self._leader)[3] & (termios.ICANON | termios.ECHO)

    def resize(self, columns: int, rows: int) -> None:
        """Resize the terminal, and wait until the dashboard is redrawn."""
        set_size(self._leader, columns, rows)
        self.process.send_signal(signal.SIGWINCH)
        seen = len(self._data)
        until(lambda: self._data[seen:].count(b"\x1b[H") >= 3)

    def end(self, number: int = signal.SIGINT) -> int:
        """Stop the process by a signal; return its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return code

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # Linux's end of a terminal
            while part := os.read(self._leader, 1 << 16):
                self._data += part


# What a shell starts in the background ignores SIGQUIT, and so do its children.
_AS_SESSION = (
    "import os, signal, sys; signal.signal(signal.SIGQUIT, signal.SIG_DFL); "
    "os.setsid(); os.close(os.open(sys.argv[1], os.O_RDWR));"
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)
"""Starts a process whose controlling terminal is the named one."""


@contextmanager
def on_terminal(
    *argv: str | Path,
    columns: int = 100,
    rows: int = 40,
    stdin: int | None = None,
    group: int | None = None,
    env: dict[str, str] | None = None,
    program: Sequence[str] = ("-m", "apilog"),
) -> Iterator[OnTerminal]:
    """Run a watch on a terminal of that size until the block ends.

    With `stdin` it has that for standard input, and the terminal for its controlling one.
    """
    mine = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    leader, follower = pty.openpty()
    set_size(leader, columns, rows)
    line = command(*argv, program=program)
    if stdin is not None:
        line = [line[0], "-S", "-c", _AS_SESSION, os.ttyname(follower), *line[1:]]
    process = subprocess.Popen(
        line,
        stdin=follower if stdin is None else stdin,
        stdout=follower,
        stderr=follower,
        env={**mine, "TERM": "xterm-256color", **(env or {})},
        process_group=group,
    )
    os.close(follower)
    shown = OnTerminal(process, leader)
    try:
        yield shown
    finally:
        process.kill()
        process.wait()
        shown._reader.join(PATIENCE_SECONDS)
        os.close(leader)


class Piped:
    """A watch process that writes lines of JSON to a pipe."""

    def __init__(self, process: ForkedProcess) -> None:
        self.process = process
        self.frames: list[dict[str, Any]] = []
        self.errors = ""
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def last(self) -> dict[str, Any]:
        """The last frame; empty before the first."""
        return self.frames[-1] if self.frames else {}

    def seen(self, key: str, value: object) -> Callable[[], bool]:
        """Return a condition: whether a count of the input has a value."""
        return lambda: bool(self.last) and self.last["input"][key] == value

    def end(self, number: int = signal.SIGINT) -> int:
        """Stop the process by a signal; return its exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait until the process ends by itself; return its exit code."""
        code = self.process.wait(PATIENCE_SECONDS)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        return code

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.frames.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.errors += line.decode()


@contextmanager
def piped(*argv: str | Path, env: dict[str, str] | None = None) -> Iterator[Piped]:
    """Run a watch that writes a line of JSON ten times a second, until the block ends."""
    with fork_command(
        *("watch", "--json", "--interval", "100ms"),
        *argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    ) as process:
        shown = Piped(process)
        try:
            yield shown
        finally:
            process.kill()
            process.wait()
            for thread in shown._threads:
                thread.join(PATIENCE_SECONDS)


def command(*argv: str | Path, program: Sequence[str] = ("-m", "apilog")) -> list[str]:
    """Return the command line of a watch."""
    return [sys.executable, *program, "watch", *map(str, argv)]


def set_size(terminal: int, columns: int, rows: int) -> None:
    """Set the size of a terminal."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def plain(text: str) -> str:
    """Remove terminal escape sequences from a text."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
