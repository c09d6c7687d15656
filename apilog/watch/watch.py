"""A watch: what comes in is followed, read and counted; a frame tells how it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.aggregate.rolling import Rolling
from apilog.alerts.alerts import Alerts
from apilog.engines.stored import logs_among
from apilog.errors import OutputError
from apilog.model import InputSummary, Report
from apilog.reports.options import ReportOptions
from apilog.sources import SourceError
from apilog.storage import is_url
from apilog.version import __version__
from apilog.watch.clock import LogClock
from apilog.watch.follow import Arrival, Follower
from apilog.watch.frame import PLAN, Frame
from apilog.watch.intake import Intake, Tell
from apilog.watch.newest import COLUMNS, NewestErrors
from apilog.watch.starts import Starts


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


class Watch:
    """The growing files of SOURCES, and the last minutes of what they say."""

    def __init__(
        self,
        sources: Sequence[str],
        options: WatchOptions,
        tell: Tell,
        alerts: Alerts | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Raises UsageError for options that can't be understood, InputError for what can't grow.

        `tell` is for notes.
        """
        _check(sources)
        self._alerts = alerts
        self._sources = sources
        self._options = options
        self._tell = tell
        self._wall = wall
        self._choice = options.reading.choice()
        alerted = alerts.columns if alerts else set()
        wanted = options.reading.wanted(PLAN.columns.union(COLUMNS, alerted))
        started = wall()
        clock = (lambda: started) if options.once else wall
        self._clock = LogClock(clock, trusting=options.once)
        self._follower = Follower(sources, self._begin())
        self._intake = Intake(wanted, self._choice, tell)
        self._rolling = Rolling(PLAN, options.window)
        self._errors = NewestErrors()
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

    def read(self) -> None:
        """Take in what has come since."""
        self._take(self._follower.poll())
        if not (self._has_caught_up or self.is_behind):
            self._has_caught_up = True
            self._rolling.ring.late = 0  # what a file held before the window is not late
        for problem in self.problems:
            if str(problem) not in self._told and not self._options.once:
                self._told.add(str(problem))
                self._tell(f"{problem}; waiting for it")

    def close(self) -> None:
        """Take in the last lines, and let go of the files."""
        self._take(self._follower.close())

    def frame(self) -> Frame:
        """How it stands; alerts are evaluated, unless the window is still being filled."""
        if self._alerts and self._has_caught_up:
            self._alerts.evaluate(self.now)
            self._save(self._alerts)
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
        ring = self._rolling.ring
        return Frame(
            at=self._wall(),
            report=report,
            step=timedelta(seconds=ring.step),
            late=ring.late,
            alerts=self._alerts.standing if self._alerts else (),
        )

    def _begin(self) -> Callable[[str], int]:
        """At which byte a file that is there at the start is begun."""
        options = self._options
        if options.from_start:
            return lambda _: 0
        reach = max(options.window, self._alerts.longest if self._alerts else options.window)
        starts = Starts(self._clock, self._choice, None if options.once else reach, self._wall)
        starts.set_clock(self._sources)
        return lambda file: starts.offset(file, reach)

    def _save(self, alerts: Alerts) -> None:
        """Save their state; that it can't be is told once, and no reason to stop."""
        try:
            alerts.save()
        except OutputError as error:
            if str(error) not in self._told:
                self._told.add(str(error))
                self._tell(f"alerts: {error}")

    def _take(self, arrivals: Sequence[Arrival]) -> None:
        for records in self._intake.take(arrivals):
            self._clock.see(records["timestamp"])
            self._count(records)

    def _count(self, records: pl.DataFrame) -> None:
        self._rolling.ring.add(records, self.now)
        self._errors.add(records)
        if self._alerts:
            self._alerts.add(records, self.now)


def _check(sources: Sequence[str]) -> None:
    """Raise InputError for stores and object storage: their files never grow."""
    for problem in logs_among(sources)[1]:
        raise problem
    if url := next(filter(is_url, sources), None):
        hint = "report, check and query read objects; a watch follows files and pipes"
        raise SourceError(url, "objects don't grow", hint)
