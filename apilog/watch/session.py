"""A watch session: follow, decode and count new lines, and show a frame each interval.

Memory is bounded by the sliding windows; alerts are evaluated only once the existing lines are
read.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import FrameType

from apilog.aggregate import TableSpec
from apilog.aggregate.sliding_window import SlidingReport
from apilog.alerts.manager import AlertManager
from apilog.engine.known_routes import declared_routes
from apilog.engine.source_pass import make_read_spec
from apilog.engine.store_parts import refuse_stores
from apilog.errors import OutputError
from apilog.formats.file_plan import parse_choice
from apilog.options import ReadOptions
from apilog.report_model import InputSummary, Report
from apilog.sources import SourceError
from apilog.storage import is_url
from apilog.version import __version__
from apilog.watch.decoder import Decoder
from apilog.watch.event_time import EventClock, StartOffsets
from apilog.watch.follow import Arrival, Follower
from apilog.watch.frame import (
    ERROR_COLUMNS,
    NEWEST_ERRORS,
    WATCH_PLAN,
    WATCH_TABLES,
    FrameView,
    NoteSink,
    RecentErrors,
    WatchFrame,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """What to watch, and how."""

    window: timedelta
    """The length of the sliding window that a frame shows."""
    read_options: ReadOptions
    from_start: bool = False
    """Whether existing files are read from their beginning, not only their last minutes."""
    once: bool = False
    """Whether nothing more is to come: then the newest record sets the event time."""
    tables: tuple[TableSpec, ...] = WATCH_TABLES
    """The tables of a frame."""


class WatchSession:
    """Follows sources that grow, and counts their records in a sliding window."""

    def __init__(
        self,
        sources: Sequence[str],
        options: WatchOptions,
        note: NoteSink,
        alerts: AlertManager | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Find the sources and where to begin in them; `note` receives what the user should know.

        Raises UsageError for invalid options, InputError for sources that can't grow.
        """
        for problem in refuse_stores(sources)[1]:
            raise problem
        if url := next(filter(is_url, sources), None):
            hint = "report, check and query read objects; a watch follows files and pipes"
            raise SourceError(url, "objects don't grow", hint)
        self._alerts = alerts
        self._options = options
        self._note = note
        self._wall = wall
        choice = parse_choice(options.read_options)
        alert_columns = alerts.columns if alerts else set()
        plan = replace(WATCH_PLAN, tables=options.tables)
        columns = plan.columns.union(ERROR_COLUMNS, alert_columns)
        # With `--once` the clock stands still, so that the window ends at the newest record.
        started = wall()
        clock = (lambda: started) if options.once else wall
        self._clock = EventClock(clock, trusting=options.once)
        exclude = options.read_options.exclude
        if options.from_start:
            self.follower = Follower(sources, lambda _: 0, exclude=exclude)
        else:
            reach = max(options.window, alerts.longest_window if alerts else options.window)
            starts = StartOffsets(self._clock, choice, None if options.once else reach, wall)
            starts.set_clock(sources, exclude)
            self.follower = Follower(
                sources, lambda file: starts.find_start(file, reach), exclude=exclude
            )
        spec = make_read_spec(options.read_options, columns)
        self._decoder = Decoder(spec, choice, note, notes_problems=not options.once)
        routes = declared_routes(options.read_options)
        if alerts:
            alerts.know_routes(routes)
            for rule, route in alerts.named_routes:
                if route not in routes and not spec.templates.may_give(route):
                    note(
                        f"{rule} names {route}, which only much traffic tells: --routes STORE, or "
                        "a baseline or a file of templates, lets a watch know it"
                    )
        # The routes of a window of minutes must be those of the next one.
        plan = replace(plan, known_routes=routes, learns_routes=False)
        self._sliding_report = SlidingReport(plan, options.window)
        self._errors = RecentErrors()
        self._noted: set[str] = set()
        self._has_caught_up = False

    def read_new(self) -> None:
        """Count the records that have come since the last call."""
        self._count_arrivals(self.follower.poll())
        if not (self._has_caught_up or self.follower.is_behind):
            self._has_caught_up = True
            # Records of existing files that are older than the window are no late arrivals.
            self._sliding_report.window.late_records = 0
        if not self._options.once:
            for problem in self.follower.problems:
                self._note_once(str(problem), f"{problem}; waiting for it")

    @property
    def problems(self) -> list[SourceError]:
        """The errors of inputs that can't be opened or understood."""
        return [*self.follower.problems, *self._decoder.problems.values()]

    def close(self) -> None:
        """Count the last lines and close the files."""
        self._count_arrivals(self.follower.close())

    def current_frame(self) -> WatchFrame:
        """Return the frame of now; alerts are evaluated once the existing lines are read."""
        now = self._clock.now()
        # A window that is still being filled would raise false alarms.
        if self._alerts and self._has_caught_up:
            self._alerts.evaluate(now)
            try:
                self._alerts.save()
            except OutputError as error:  # no reason to stop watching
                self._note_once(str(error), f"alerts: {error}")
        finished = self._sliding_report.finish(now)
        counts = self._decoder.counts
        report = Report(
            version=__version__,
            command="watch",
            since=finished.since,
            until=now,
            input=InputSummary(
                lines=counts.records + counts.rejects + counts.skipped,
                records=counts.records,
                rejects=counts.rejects,
                skipped=counts.skipped,
                files=(),
            ),
            tables={
                **finished.tables,
                NEWEST_ERRORS: self._errors.since(finished.since),
            },
            bucket=finished.bucket,
            timezone=self._options.read_options.tz,
        )
        window = self._sliding_report.window
        return WatchFrame(
            at=self._wall(),
            report=report,
            step=timedelta(seconds=window.step),
            late=window.late_records,
            ahead=window.ahead_records,
            alerts=self._alerts.active_alerts if self._alerts else (),
        )

    def _count_arrivals(self, arrivals: Sequence[Arrival]) -> None:
        for records in self._decoder.decode(arrivals):
            self._clock.observe_times(records["timestamp"])
            now = self._clock.now()
            window = self._sliding_report.window
            window.add(records, now)
            self._errors.add(records, window.end(now))
            if self._alerts:
                self._alerts.add(records, now)

    def _note_once(self, key: str, text: str) -> None:
        if key not in self._noted:
            self._noted.add(key)
            self._note(text)


_ENDING = (signal.SIGINT, signal.SIGTERM)
POLL_SECONDS = 0.25
"""How long new lines may wait; short, so that a careless rotation loses little."""


@dataclass(slots=True)
class ReceivedSignals:
    """The signals that the process has received while it watched."""

    stop_signal: int | None = None
    is_resized: bool = False
    is_suspended: bool = False

    @property
    def is_interrupted(self) -> bool:
        """Whether Ctrl-C ended the watch."""
        return self.stop_signal == signal.SIGINT


@contextmanager
def noted_signals() -> Iterator[ReceivedSignals]:
    """Note what ends or stops a process, and a resized terminal, instead of acting on them.

    A second Ctrl-C interrupts at once.
    """
    received = ReceivedSignals()

    def stop(number: int, _: FrameType | None) -> None:
        received.stop_signal = number
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def resize(_: int, __: FrameType | None) -> None:
        received.is_resized = True

    def suspend(_: int, __: FrameType | None) -> None:
        received.is_suspended = True

    handlers: dict[int, Callable[[int, FrameType | None], None]]
    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop}
    if hasattr(signal, "SIGWINCH"):
        handlers |= {signal.SIGWINCH: resize, signal.SIGTSTP: suspend}
        handlers |= {signal.SIGHUP: stop, signal.SIGQUIT: stop}
        # `nohup` has some of them ignored.
        ignored = {n for n in handlers if signal.getsignal(n) is signal.SIG_IGN}
        handlers = {n: h for n, h in handlers.items() if n in _ENDING or n not in ignored}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def show_once(session: WatchSession, view: FrameView) -> None:
    """Read what is there and show one frame, or none if there is nothing to read."""
    follower = session.follower
    session.read_new()
    while follower.is_behind or (follower.has_pipes and not follower.has_ended):
        if not follower.is_behind:
            time.sleep(POLL_SECONDS / 10)
        session.read_new()
    if follower.has_sources:
        session.close()
        with view:
            view.show_frame(session.current_frame())


def run_watch(
    session: WatchSession, view: FrameView, interval: timedelta, received: ReceivedSignals
) -> None:
    """Show a frame each interval until a signal stops it or nothing can come any more."""
    seconds = interval.total_seconds()
    with view:
        due = time.monotonic()
        while received.stop_signal is None and not view.has_quit:
            session.read_new()
            if received.is_suspended:
                received.is_suspended = False
                view.suspend()
            if received.is_resized:
                received.is_resized = False
                view.redraw()
            if time.monotonic() >= due:
                view.show_frame(session.current_frame())
                # A slow terminal or a busy log skips frames; they are not made up for.
                due += seconds * ((time.monotonic() - due) // seconds + 1)
            if session.follower.has_ended:
                break
            is_behind = session.follower.is_behind
            rest = max(0.0, min(POLL_SECONDS, due - time.monotonic()))
            view.wait(0.0 if is_behind else rest)
        session.close()
        if received.stop_signal != getattr(signal, "SIGHUP", None):  # nobody is left to look
            view.show_frame(session.current_frame())
