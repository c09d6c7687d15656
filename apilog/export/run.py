"""From sources to a folder of periods: read once, write what changed, remove what is too old."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime

from apilog.engines.local import Progress
from apilog.engines.stored import Within
from apilog.errors import UsageError
from apilog.export.draw import drawn
from apilog.export.marks import PERIOD_MARK, PeriodMark
from apilog.export.options import ExportOptions
from apilog.export.own import Own
from apilog.export.place import Place
from apilog.export.places import lies_within, place_at
from apilog.export.stores import stored_periods
from apilog.export.summary import Exported
from apilog.model import Report
from apilog.reports import PeriodReports, RejectSink, covers, nothing_read
from apilog.units import format_count
from apilog.version import __version__
from apilog.window import Period

_NEVER = datetime.max.replace(tzinfo=UTC)


def export(
    sources: Sequence[str | os.PathLike[str]],
    to: str | os.PathLike[str],
    options: ExportOptions,
    *,
    progress: Progress | None = None,
    rejects: RejectSink | None = None,
    now: datetime | None = None,
) -> Exported:
    """Bring the folder up to date with the sources; `now` decides which periods are over.

    An input that can't be read has its `error` in the account; the others are exported. Raises
    UsageError for options that can't be understood or that the folder was not made with,
    InputError if another run holds the folder, OutputError if it can't be written.
    """
    options.report.check()
    _refuse_own_source(sources, to)
    place = place_at(to)
    now = now or datetime.now(UTC)
    with place.opened():
        work = _Work(place, options, now, stored_periods(sources, options))
        reports = PeriodReports(
            sources,
            options.report,
            options.every,
            work.is_wanted,
            within=work.within(),
            now=now,
            progress=progress,
            rejects=rejects,
        )
        with closing(reports):
            reports.read()
            done = _begun(reports)
            if not nothing_read(done.report):
                work.write(reports, done)
        return done


class _Work:
    """One run over one place."""

    def __init__(
        self,
        place: Place,
        options: ExportOptions,
        now: datetime,
        stored: Mapping[Period, str] | None,
    ) -> None:
        """`stored` are the periods there are and what each is made of, if that is known.

        Raises UsageError if the place was made with other options.
        """
        self._place = place
        self._options = options
        self._now = now
        self._limit = options.kept_since(now)
        self._own = Own(place)
        if not options.force:
            self._own.check_settings(options.settings())
        self._stored = stored
        self._as_before = self._unchanged(stored or {})

    def is_wanted(self, period: Period) -> bool:
        """Whether a period is written if it has requests."""
        return self._is_due(period) and period not in self._as_before

    def within(self) -> Within:
        """Where the periods lie that are wanted; no limits where that is not known."""
        if self._stored is None:
            return None, None
        wanted = [period for period in self._stored if self.is_wanted(period)]
        if not wanted:
            return _NEVER, None
        return min(p.start for p in wanted), max(p.end for p in wanted)

    def _is_due(self, period: Period) -> bool:
        if self._limit is not None and period.end <= self._limit:
            return False
        return not self._options.closed_only or period.is_over(self._now)

    def write(self, reports: PeriodReports, done: Exported) -> None:
        """Write the periods that changed, and remove those that are too old."""
        done.unchanged.extend(mark.folder for mark in self._as_before.values())
        for number, (period, report) in enumerate(reports.reports()):
            if not number:
                columns = {name: frame.columns for name, frame in report.tables.items()}
                self._own.mark(self._options.settings(), columns)
            self._write_period(period, report, done)
        done.unchanged.sort()
        if self._limit is not None:
            self._remove_before(self._limit, done)

    def _write_period(self, period: Period, report: Report, done: Exported) -> None:
        files = drawn(report, self._options)
        is_open = not period.is_over(self._now)
        made_of = self._stored.get(period) if self._stored else None
        mark = PeriodMark.of(period, report.input.records, files, is_open=is_open, made_of=made_of)
        before = self._own.of_period(period)
        if [mark] == before and self._own.is_intact(mark):
            done.unchanged.append(mark.folder)
            if before[0].made_of != made_of:
                self._own.mark_period(mark)
        elif not self._options.force and any(old.requests > mark.requests for old in before):
            done.kept.extend(old.folder for old in before)
        else:
            whole = {**files, PERIOD_MARK: mark.to_json()}
            self._place.replace(mark.folder, whole, [old.folder for old in before])
            (done.rewritten if before else done.new).append(mark.folder)

    def _unchanged(self, stored: Mapping[Period, str]) -> Mapping[Period, PeriodMark]:
        """The marks of the periods whose folder is what reading them would give."""
        plan = self._options.report.plan(self._now)
        due = (period for period in stored if self._is_due(period) and covers(plan, period))
        found = ((period, mark) for period in due for mark in self._own.of_period(period))
        return {
            period: mark
            for period, mark in found
            if mark.made_of == stored[period]
            and mark.is_open != period.is_over(self._now)
            and self._own.is_intact(mark)
        }

    def _remove_before(self, limit: datetime, done: Exported) -> None:
        for mark in self._own.all_periods():
            if mark.until > limit:
                continue
            if self._own.has_others(mark):
                where = f"{self._place}/{mark.folder}"
                done.notes.append(f"{where} holds files that export did not make: not removed")
            else:
                self._place.remove(mark.folder)
                done.removed.append(mark.folder)


def _begun(reports: PeriodReports) -> Exported:
    """What reading came to."""
    notes = list(reports.notes)
    if reports.untimed:
        count = format_count(reports.untimed)
        notes.append(f"{count} requests have no time, and so are in no period")
    report = Report(
        version=__version__,
        command="export",
        since=None,
        until=None,
        input=reports.input,
        tables={},
    )
    return Exported(report, notes, cut=[period.name for period in sorted(reports.cut)])


def _refuse_own_source(
    sources: Sequence[str | os.PathLike[str]], to: str | os.PathLike[str]
) -> None:
    """Exported files must not lie where the next run searches for logs."""
    for source in sources:
        if lies_within(to, source):
            raise UsageError(
                f"{os.fspath(to)} lies in the source {os.fspath(source)}",
                "export to a folder outside of the sources",
            )
