"""The live screen: it takes the whole terminal, and gives it back as it was."""

from __future__ import annotations

import contextlib
import io
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from typing import BinaryIO

from rich.console import Console
from rich.text import Text

from apilog.watch.dashboard import DashboardSubject
from apilog.watch.frame import NoteSink, WatchFrame
from apilog.watch.keyboard import Keyboard
from apilog.watch.pages import ScreenState, draw_screen

_REMARKS = 3
_MOST_NOTES = 100
_ENTER = "\x1b[?1049h\x1b[?25l"
"""The alternate screen, and no cursor: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html"""
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _TO_END_OF_LINE, _TO_END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class ScreenView:
    """Draws each frame over the last one, and does what the keys say."""

    def __init__(
        self,
        subject: DashboardSubject,
        note: NoteSink,
        stream: BinaryIO,
        *,
        color: bool,
        sources: Sequence[str] = (),
        size: Callable[[], tuple[int, int]],
    ) -> None:
        """Pass all notes to `note` once the terminal is given back.

        `size` tells the columns and rows of the terminal; keys are never read from `sources`.
        """
        self._subject = subject
        self._note = note
        self._stream = stream
        self._color = color
        self._size = size
        self._keyboard = Keyboard(sources)
        self._state = ScreenState()
        self._frame: WatchFrame | None = None
        self._newest: WatchFrame | None = None
        self._is_open = False
        self._has_left = False
        self._notes: list[str] = []
        self._remarks: deque[str] = deque(maxlen=_REMARKS)

    def __enter__(self) -> ScreenView:
        self._open()
        return self

    def __exit__(self, *error: object) -> None:
        self._close()
        self._has_left = True
        for text in self._notes:
            self._note(text)

    @property
    def has_quit(self) -> bool:
        return self._state.has_quit

    def show_frame(self, frame: WatchFrame) -> None:
        self._newest = frame
        if not self._state.is_paused:
            self._frame = frame
            self.redraw()

    def redraw(self) -> None:
        if not self._is_open:
            return
        width, height = self._size()
        self._state.has_keys = self._keyboard.is_on
        self._state.remarks = list(self._remarks)
        lines = draw_screen(self._frame, self._subject, self._state, width, height)
        drawn = f"{_TO_END_OF_LINE}\r\n".join(_encode(lines, width, color=self._color))
        self._write(f"{_HOME}{drawn}{_TO_END_OF_LINE}{_TO_END_OF_SCREEN}")

    def wait(self, seconds: float) -> None:
        """Wait that long; a key ends it, and is acted on."""
        keys = self._keyboard.wait(seconds)
        for key in keys:
            self._state.press(key)
        if keys:
            if not self._state.is_paused:
                self._frame = self._newest
            self.redraw()

    def suspend(self) -> None:
        """Give the terminal back, stop as Ctrl-Z asks, and take it again."""
        self._close()
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # goes on here once the process is continued
        signal.signal(signal.SIGTSTP, before)
        self._open()
        self.redraw()

    def show_note(self, text: str) -> None:
        """Show a note above the footer, and once more when the screen is gone."""
        if self._has_left:
            self._note(text)
        elif len(self._notes) < _MOST_NOTES:
            self._notes.append(text)
            self._remarks.append(text)

    def _open(self) -> None:
        with contextlib.ExitStack() as undo:
            self._keyboard.open()
            self._is_open = True
            undo.callback(self._close)
            self._write(_ENTER)
            self.redraw()
            undo.pop_all()

    def _close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        try:
            # Where the terminal is gone there is nothing to give back.
            with contextlib.suppress(OSError):
                self._write(_LEAVE)
        finally:
            self._keyboard.close()

    def _write(self, text: str) -> None:
        self._stream.write(text.encode())
        self._stream.flush()


def _encode(lines: Sequence[Text], width: int, *, color: bool) -> list[str]:
    """Return the lines with escape sequences for their styles, each cropped to the width."""
    console = Console(
        file=io.StringIO(),
        width=max(width, 1),
        height=25,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
    )
    drawn = []
    for line in lines:
        with console.capture() as capture:
            console.print(line, no_wrap=True, overflow="crop", end="", soft_wrap=False)
        drawn.append(capture.get().rstrip("\n"))
    return drawn
