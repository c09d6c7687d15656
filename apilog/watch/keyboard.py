"""Keys from the terminal, which are read one by one and leave standard input to the sources.

https://man7.org/linux/man-pages/man3/termios.3.html tells what the modes of a terminal mean.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import stat
import sys
import time
from collections.abc import Iterable
from typing import Any

from apilog.sources import STDIN

try:
    import termios
except ImportError:  # Windows
    HAS_MODES = False
else:
    HAS_MODES = True

_CONTROLLING_TERMINAL = "/dev/tty"
_SEQUENCES = {
    "[A": "up",
    "[B": "down",
    "OA": "up",
    "OB": "down",
    "[C": "right",
    "[D": "left",
    "OC": "right",
    "OD": "left",
    "[H": "home",
    "[F": "end",
    "OH": "home",
    "OF": "end",
    "[1~": "home",
    "[7~": "home",
    "[4~": "end",
    "[8~": "end",
    "[5~": "page up",
    "[6~": "page down",
    "[Z": "back tab",
    "OP": "f1",
    "[11~": "f1",
    "[21~": "f10",
}
"""What xterm and its kin send after the escape character, and the names of the keys."""
_KEY = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|O.)?|.", re.DOTALL)
_BLOCK_BYTES = 1024


class Keyboard:
    """The keys that are pressed while it is open.

    It stays off where the terminal is a source itself, where there is none, and while the process
    runs in the background, which may neither read a terminal nor change it.
    """

    def __init__(self, sources: Iterable[str] = ()) -> None:
        """`sources` are read by others: if one of them is a terminal, no key is read."""
        self._is_wanted = HAS_MODES and not any(map(_is_terminal_source, sources))
        self._descriptor: int | None = None
        self._before: list[Any] | None = None

    @property
    def is_on(self) -> bool:
        """Whether there is a terminal whose keys are read."""
        return self._descriptor is not None

    def open(self) -> None:
        """Find the terminal and have it give each key at once, without showing it."""
        if not self._is_wanted or self._descriptor is not None:
            return
        with contextlib.suppress(OSError, ValueError):  # there is no terminal
            if sys.stdin is not None and os.isatty(sys.stdin.fileno()):
                self._descriptor = os.dup(sys.stdin.fileno())
            else:
                self._descriptor = os.open(_CONTROLLING_TERMINAL, os.O_RDONLY)
            self._set_modes()

    def close(self) -> None:
        """Give the terminal its modes back."""
        if self._descriptor is None:
            return
        if self._before is not None and self._is_in_foreground():
            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
        self._before = None
        os.close(self._descriptor)
        self._descriptor = None

    def wait(self, seconds: float) -> list[str]:
        """Return the keys that are pressed within that time, as soon as there are any."""
        if self._descriptor is None or not self._is_in_foreground():
            time.sleep(seconds)
            return []
        self._set_modes()
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return []
        try:
            data = os.read(self._descriptor, _BLOCK_BYTES)
        except OSError:
            data = b""
        if not data:  # the terminal is gone: asking it again would never wait
            self.close()
            self._is_wanted = False
        return name_keys(data.decode("utf-8", "ignore"))

    def _set_modes(self) -> None:
        if self._descriptor is None or self._before is not None or not self._is_in_foreground():
            return
        with contextlib.suppress(termios.error):
            before = termios.tcgetattr(self._descriptor)
            modes = list(before)
            modes[3] = before[3] & ~(termios.ICANON | termios.ECHO)
            modes[6] = [*before[6]]
            modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)
            self._before = before

    def _is_in_foreground(self) -> bool:
        # A process in the background would be stopped by reading, and by changing modes.
        if self._descriptor is None:
            return False
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # no terminal of this session, which stops nobody
            return True


def name_keys(text: str) -> list[str]:
    """Return the names of the keys that sent the text; unknown sequences are left out.

    >>> name_keys("q\\x1b[A\\x1b[5~\\x1b[999x\\t\\x1b")
    ['q', 'up', 'page up', 'tab', 'escape']
    """
    keys = []
    for match in _KEY.finditer(text):
        if match[0].startswith("\x1b"):
            keys.append("escape" if match[1] is None else _SEQUENCES.get(match[1], ""))
        else:
            keys.append({"\t": "tab", " ": "space"}.get(match[0], match[0]))
    return [key for key in keys if key]


def _is_terminal_source(source: str) -> bool:
    """Whether that source gives what is typed, of which no key may be taken."""
    try:
        if source == STDIN:
            return sys.stdin is not None and os.isatty(sys.stdin.fileno())
        if not stat.S_ISCHR(os.stat(source).st_mode):
            return False
        return source == _CONTROLLING_TERMINAL or _is_terminal_file(source)
    except (OSError, ValueError):
        return False


def _is_terminal_file(path: str) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)
