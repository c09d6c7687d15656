"""The progress bar: on stderr, on a terminal, for work that takes a while."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_QUIET_SECONDS = 0.5
"""Work that is done by then shows no bar."""


class Bar:
    """Told how far the reading is; draws once the work has taken a while."""

    def __init__(self) -> None:
        self._total: int | None = None
        self._done = 0
        self._started = time.monotonic()
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def total(self, size: int | None) -> None:
        """All bytes there are to read; None if that is not known."""
        self._total = size

    def advance(self, size: int) -> None:
        """So many bytes more were read."""
        self._done += size
        if self._bar is None and time.monotonic() - self._started > _QUIET_SECONDS:
            self._bar, self._task = _drawn(self._total)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)

    def stop(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def watched(*, shown: bool) -> Iterator[Bar | None]:
    """A bar that is gone at the end; None where it is not wanted or stderr can't show one."""
    if not shown or not _is_able(sys.stderr):
        yield None
        return
    bar = Bar()
    try:
        yield bar
    finally:
        bar.stop()


def _is_able(stream: TextIO | None) -> bool:
    """Whether it is a terminal on which a line can be drawn again."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _drawn(total: int | None) -> tuple[RichProgress, TaskID]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    bar = Progress(
        "reading",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("reading", total=total)
    bar.start()
    return bar, task
