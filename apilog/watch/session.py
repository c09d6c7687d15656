"""A watch session: follow, decode and count new lines, and show a frame each interval.

Memory is bounded by the sliding windows; alerts are evaluated only once the existing lines are
read.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType

import polars as pl

from apilog.aggregate.sliding_window import SlidingReport
from apilog.alerts.manager import AlertManager
from apilog.engine.store_parts import refuse_stores
from apilog.errors import OutputError
from apilog.report_model import InputSummary, Report
from apilog.reports.options import ReportOptions
from apilog.sources import SourceError
from apilog.storage import is_url
from apilog.version import __version__
from apilog.watch.decoder import Decoder, NoteSink
from apilog.watch.event_time import EventClock, StartOffsets
from apilog.watch.follow import Arrival, Follower
from apilog.watch.frame import ERROR_COLUMNS, WATCH_PLAN, FrameView, RecentErrors, WatchFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """What to watch, and how."""

    window: timedelta
    """What a frame is about: the time up to now."""
    reading: ReportOptions
    """Format, condition, routes and zone."""
    from_start: bool = False
    """Whether files are read from their beginning, not only their last minutes."""
    once: bool = False
    """Whether what is there is all: then the log's time is that of its newest record."""


class WatchSession:
    """The growing files of SOURCES, and the last minutes of what they say."""

    def __init__(
        self,
        sources: Sequence[str],
        options: WatchOptions,
        tell: NoteSink,
        alerts: AlertManager | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Raises UsageError for options that can't be understood, InputError for what can't grow.

        `tell` is for notes.
        """
        _check_sources(sources)
        self._alerts = alerts
        self._sources = sources
        self._options = options
        self._tell = tell
        self._wall = wall
        self._choice = options.reading.choose_format()
        alerted = alerts.columns if alerts else set()
        wanted = options.reading.make_read_spec(WATCH_PLAN.columns.union(ERROR_COLUMNS, alerted))
        started = wall()
        clock = (lambda: started) if options.once else wall
        self._clock = EventClock(clock, trusting=options.once)
        self._follower = Follower(sources, self._start_finder())
        self._intake = Decoder(wanted, self._choice, tell)
        self._rolling = SlidingReport(WATCH_PLAN, options.window)
        self._errors = RecentErrors()
        self._told: set[str] = set()
        self._has_caught_up = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing can come any more."""
        return self._follower.has_ended

    @property
    def problems(self) -> Sequence[SourceError]:
        """Why sources could not be found when they were last looked for."""
        return self._follower.problems

    @property
    def has_sources(self) -> bool:
        """Whether there is a file or pipe to read."""
        return self._follower.has_sources

    @property
    def reads_pipes(self) -> bool:
        """Whether a source is standard input or a named pipe."""
        return self._follower.has_pipes

    @property
    def is_behind(self) -> bool:
        """Whether there is more to be read at once."""
        return self._follower.is_behind

    @property
    def now(self) -> datetime:
        """The time of the log."""
        return self._clock.now()

    def read_new(self) -> None:
        """Take in what has come since."""
        self._count_arrivals(self._follower.poll())
        if not (self._has_caught_up or self.is_behind):
            self._has_caught_up = True
            self._rolling.window.late_records = 0  # what a file held before the window is not late
        for problem in self.problems:
            if str(problem) not in self._told and not self._options.once:
                self._told.add(str(problem))
                self._tell(f"{problem}; waiting for it")

    def close(self) -> None:
        """Take in the last lines, and let go of the files."""
        self._count_arrivals(self._follower.close())

    def current_frame(self) -> WatchFrame:
        """How it stands; alerts are evaluated, unless the window is still being filled."""
        if self._alerts and self._has_caught_up:
            self._alerts.evaluate(self.now)
            self._save_alerts(self._alerts)
        finished = self._rolling.finish(self.now)
        counts = self._intake.counts
        read = InputSummary(
            lines=counts.lines,
            records=counts.records,
            rejects=counts.rejects,
            skipped=counts.skipped,
            files=(),
        )
        report = Report(
            version=__version__,
            command="watch",
            since=finished.since,
            until=self.now,
            input=read,
            tables={**finished.tables, "errors": self._errors.frame},
            bucket=finished.bucket,
            timezone=self._options.reading.tz,
        )
        ring = self._rolling.window
        return WatchFrame(
            at=self._wall(),
            report=report,
            step=timedelta(seconds=ring.step),
            late=ring.late_records,
            alerts=self._alerts.active_alerts if self._alerts else (),
        )

    def _start_finder(self) -> Callable[[str], int]:
        """At which byte a file that is there at the start is begun."""
        options = self._options
        if options.from_start:
            return lambda _: 0
        reach = max(options.window, self._alerts.longest_window if self._alerts else options.window)
        starts = StartOffsets(
            self._clock, self._choice, None if options.once else reach, self._wall
        )
        starts.set_clock(self._sources)
        return lambda file: starts.find_start(file, reach)

    def _save_alerts(self, alerts: AlertManager) -> None:
        """Save their state; that it can't be is told once, and no reason to stop."""
        try:
            alerts.save()
        except OutputError as error:
            if str(error) not in self._told:
                self._told.add(str(error))
                self._tell(f"alerts: {error}")

    def _count_arrivals(self, arrivals: Sequence[Arrival]) -> None:
        for records in self._intake.decode(arrivals):
            self._clock.observe_times(records["timestamp"])
            self._count_records(records)

    def _count_records(self, records: pl.DataFrame) -> None:
        self._rolling.window.add(records, self.now)
        self._errors.add(records)
        if self._alerts:
            self._alerts.add(records, self.now)


def _check_sources(sources: Sequence[str]) -> None:
    """Raise InputError for stores and object storage: their files never grow."""
    for problem in refuse_stores(sources)[1]:
        raise problem
    if url := next(filter(is_url, sources), None):
        hint = "report, check and query read objects; a watch follows files and pipes"
        raise SourceError(url, "objects don't grow", hint)


POLL_SECONDS = 0.25
"""How long new lines may wait; short, so that little is lost to a careless rotation."""


@dataclass(slots=True)
class ReceivedSignals:
    """What the process was told while it watched."""

    stop_signal: int | None = None
    """The signal that ends it."""
    is_resized: bool = False

    @property
    def is_interrupted(self) -> bool:
        """Whether it was Ctrl-C that ended it."""
        return self.stop_signal == signal.SIGINT


@contextmanager
def noted_signals() -> Iterator[ReceivedSignals]:
    """Signals noted instead of acted on: Ctrl-C, SIGTERM, and a resized terminal.

    A second Ctrl-C interrupts at once.
    """
    told = ReceivedSignals()

    def stop(number: int, _: FrameType | None) -> None:
        told.stop_signal = number
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def resize(_: int, __: FrameType | None) -> None:
        told.is_resized = True

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


def show_once(watch: WatchSession, view: FrameView) -> None:
    """Read what is there, and show one frame; none if there is nothing to read."""
    _catch_up(watch)
    if watch.has_sources:
        watch.close()
        with view:
            view.show_frame(watch.current_frame())


def run_watch(
    watch: WatchSession, view: FrameView, interval: timedelta, told: ReceivedSignals
) -> None:
    """Show a frame each interval; ends when told to, or when nothing can come any more."""
    every = interval.total_seconds()
    with view:
        due = time.monotonic()
        while told.stop_signal is None:
            watch.read_new()
            if told.is_resized:
                told.is_resized = False
                view.redraw()
            if time.monotonic() >= due:
                view.show_frame(watch.current_frame())
                due = _next_due(due, every)
            if watch.has_ended:
                break
            if not watch.is_behind:
                time.sleep(max(0.0, min(POLL_SECONDS, due - time.monotonic())))
        watch.close()
        view.show_frame(watch.current_frame())


def _next_due(due: float, every: float) -> float:
    """When the next frame is due; those that were missed are left out."""
    missed = max(0.0, time.monotonic() - due) // every
    return due + every * (missed + 1)


def _catch_up(watch: WatchSession) -> None:
    watch.read_new()
    while watch.is_behind or (watch.reads_pipes and not watch.has_ended):
        if not watch.is_behind:
            time.sleep(POLL_SECONDS / 10)
        watch.read_new()
