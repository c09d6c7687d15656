"""The progress bar: on stderr, on a terminal, for work that takes a while."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from apilog.text.units import format_bytes, format_duration

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_QUIET_SECONDS = 0.5
"""Work that ends sooner shows no bar."""
_TEXT_WIDTH = 54
"""The width of the text beside the bar."""


class ProgressBar:
    """A progress bar that appears once the work has taken a while."""

    def __init__(self) -> None:
        self._total: int | None = None
        self._done = 0
        self._started = time.monotonic()
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def total(self, size: int | None) -> None:
        """Set the number of bytes to read; None if it is not known."""
        self._total = size

    def advance(self, size: int) -> None:
        """Count bytes that were read since the last call."""
        self._done += size
        seconds = time.monotonic() - self._started
        if self._bar is None and seconds > _QUIET_SECONDS:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            console = Console(stderr=True)
            self._bar = Progress(
                "reading",
                BarColumn(bar_width=max(4, min(40, console.width - _TEXT_WIDTH))),
                TextColumn("{task.fields[text]}", style="cyan"),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("reading", total=self._total, text="")
        if self._bar is not None and self._task is not None:
            text = describe_progress(self._done, self._total, seconds)
            self._bar.update(self._task, completed=self._done, text=text)
            self._bar.start()

    def stop(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[ProgressBar | None]:
    """Show a bar until the block ends; None if it is not wanted or stderr can't show one."""
    can_redraw = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if not shown or not can_redraw:
        yield None
        return
    bar = ProgressBar()
    try:
        yield bar
    finally:
        bar.stop()


def describe_progress(done: int, total: int | None, seconds: float) -> str:
    """Say how much was read, how fast, and how long the rest takes at that rate."""
    speed = done / max(seconds, 1e-3)
    of_all = "" if total is None else f" of {format_bytes(total)}"
    text = f"{format_bytes(done)}{of_all}  {format_bytes(round(speed))}/s"
    if total is None or done >= total or not done:
        return text
    return f"{text}  {format_duration(1000 * math.ceil((total - done) / speed))} left"
