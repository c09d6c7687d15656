"""The loop: read what has come, and show a frame each interval, until told to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType

from apilog.watch.view import View
from apilog.watch.watch import Watch

POLL_SECONDS = 0.25
"""How long new lines may wait; short, so that little is lost to a careless rotation."""


@dataclass(slots=True)
class Signals:
    """What the process was told while it watched."""

    stop: int | None = None
    """The signal that ends it."""
    resized: bool = False

    @property
    def is_interrupted(self) -> bool:
        """Whether it was Ctrl-C that ended it."""
        return self.stop == signal.SIGINT


@contextmanager
def heeded() -> Iterator[Signals]:
    """Signals noted instead of acted on: Ctrl-C, SIGTERM, and a resized terminal.

    A second Ctrl-C interrupts at once.
    """
    told = Signals()

    def stop(number: int, _: FrameType | None) -> None:
        told.stop = number
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def resize(_: int, __: FrameType | None) -> None:
        told.resized = True

    handlers: dict[int, Callable[[int, FrameType | None], None]]
    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop}
    if hasattr(signal, "SIGWINCH"):
        handlers[signal.SIGWINCH] = resize
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def once(watch: Watch, view: View) -> None:
    """Read what is there, and show one frame; none if there is nothing to read."""
    _catch_up(watch)
    if watch.has_sources:
        watch.close()
        with view:
            view.show(watch.frame())


def run(watch: Watch, view: View, interval: timedelta, told: Signals) -> None:
    """Show a frame each interval; ends when told to, or when nothing can come any more."""
    every = interval.total_seconds()
    with view:
        due = time.monotonic()
        while told.stop is None:
            watch.read()
            if told.resized:
                told.resized = False
                view.resized()
            if time.monotonic() >= due:
                view.show(watch.frame())
                due = _next(due, every)
            if watch.has_ended:
                break
            if not watch.is_behind:
                time.sleep(max(0.0, min(POLL_SECONDS, due - time.monotonic())))
        watch.close()
        view.show(watch.frame())


def _next(due: float, every: float) -> float:
    """When the next frame is due; those that were missed are left out."""
    missed = max(0.0, time.monotonic() - due) // every
    return due + every * (missed + 1)


def _catch_up(watch: Watch) -> None:
    watch.read()
    while watch.is_behind or (watch.reads_pipes and not watch.has_ended):
        if not watch.is_behind:
            time.sleep(POLL_SECONDS / 10)
        watch.read()
