"""From sources to a folder of periods: read once, write what changed, remove what is too old.

Where all sources are stores, the names of their data files, which never change, say whether a
period is what it was, and nothing needs to be read.
"""

from __future__ import annotations

import hmac
import io
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256

from apilog.engine.local import Progress
from apilog.engine.store_parts import Within, separate_stores
from apilog.errors import UsageError
from apilog.exports.export_folder import ExportFolder, lies_within, place_at
from apilog.exports.export_manifests import ExportManifests
from apilog.exports.export_options import ExportOptions, ExportSummary
from apilog.exports.manifest import EXPORT_VERSION, PERIOD_FILE, PeriodManifest
from apilog.render import OUTPUTS, OutputOptions
from apilog.report_model import Report
from apilog.reports import PeriodReports, RejectSink, covers_period, read_nothing
from apilog.store import DataFile
from apilog.text.units import format_count
from apilog.time import Period, parse_zone, period_at
from apilog.version import __version__


def draw_files(report: Report, options: ExportOptions) -> Mapping[str, bytes]:
    """Name to content: a file for each table, or one for all."""
    output = OUTPUTS[options.format]
    tables: dict[str, str | None] = {name: name for name in report.tables}
    names = {"report": None} if output.holds_all_tables else tables
    files = {}
    for name, table in names.items():
        stream = io.BytesIO()
        output.write(report, stream, OutputOptions(table=table, raw=options.raw))
        files[f"{name}.{output.suffix}"] = stream.getvalue()
    return files


def stored_periods(
    sources: Sequence[str | os.PathLike[str]], options: ExportOptions
) -> Mapping[Period, str] | None:
    """The periods that may have requests, and a hash of what each is made of and how.

    None if there is a source that is no store.
    """
    stores, logs = separate_stores(sources)
    if logs or not stores:
        return None
    names: defaultdict[Period, list[str]] = defaultdict(list)
    for store in stores:
        for file in store.record_files():
            for period in _periods_of(file, options):
                names[period].append(file.name)
    how = _options_key(options)
    return {
        period: sha256(how + json.dumps(sorted(files)).encode()).hexdigest()
        for period, files in names.items()
    }


def _periods_of(file: DataFile, options: ExportOptions) -> Iterator[Period]:
    """The periods that a file may hold records of."""
    if file.first is None or file.last is None:
        return
    timezone = parse_zone(options.report.tz)
    at = file.first
    while at <= file.last:
        period = period_at(at, options.every, timezone)
        yield period
        at = period.end


def _options_key(options: ExportOptions) -> bytes:
    """Whatever else decides what the files say."""
    key = options.report.privacy.key
    keyed = hmac.digest(key, b"apilog export", "sha256").hex() if key is not None else ""
    return json.dumps([EXPORT_VERSION, __version__, options.settings(), keyed]).encode()


_NEVER = datetime.max.replace(tzinfo=UTC)


def export(
    sources: Sequence[str | os.PathLike[str]],
    to: str | os.PathLike[str],
    options: ExportOptions,
    *,
    progress: Progress | None = None,
    rejects: RejectSink | None = None,
    now: datetime | None = None,
) -> ExportSummary:
    """Bring the folder up to date with the sources; `now` decides which periods are over.

    An input that can't be read has its `error` in the account; the others are exported. Raises
    UsageError for options that can't be understood or that the folder was not made with,
    InputError if another run holds the folder, OutputError if it can't be written.
    """
    options.report.check()
    _refuse_own_source(sources, to)
    place = place_at(to)
    now = now or datetime.now(UTC)
    with place.hold_lock():
        work = _ExportRun(place, options, now, stored_periods(sources, options))
        reports = PeriodReports(
            sources,
            options.report,
            options.every,
            work.is_wanted,
            within=work.wanted_span(),
            now=now,
            progress=progress,
            rejects=rejects,
        )
        with closing(reports):
            reports.read_sources()
            done = _summarize_reading(reports)
            if not read_nothing(done.report):
                work.write_periods(reports, done)
        return done


class _ExportRun:
    """One run over one place."""

    def __init__(
        self,
        place: ExportFolder,
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
        self._own = ExportManifests(place)
        if not options.force:
            self._own.check_settings(options.settings())
        self._stored = stored
        self._as_before = self._unchanged(stored or {})

    def is_wanted(self, period: Period) -> bool:
        """Whether a period is written if it has requests."""
        return self._is_due(period) and period not in self._as_before

    def wanted_span(self) -> Within:
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

    def write_periods(self, reports: PeriodReports, done: ExportSummary) -> None:
        """Write the periods that changed, and remove those that are too old."""
        done.unchanged.extend(mark.folder for mark in self._as_before.values())
        for number, (period, report) in enumerate(reports.iter_reports()):
            if not number:
                columns = {name: frame.columns for name, frame in report.tables.items()}
                self._own.write_settings(self._options.settings(), columns)
            self._write_period(period, report, done)
        done.unchanged.sort()
        if self._limit is not None:
            self._remove_before(self._limit, done)

    def _write_period(self, period: Period, report: Report, done: ExportSummary) -> None:
        files = draw_files(report, self._options)
        is_open = not period.is_over(self._now)
        made_of = self._stored.get(period) if self._stored else None
        mark = PeriodManifest.for_period(
            period, report.input.records, files, is_open=is_open, made_of=made_of
        )
        before = self._own.read_period(period)
        if [mark] == before and self._own.is_intact(mark):
            done.unchanged.append(mark.folder)
            if before[0].made_of != made_of:
                self._own.write_period(mark)
        elif not self._options.force and any(old.requests > mark.requests for old in before):
            done.kept.extend(old.folder for old in before)
        else:
            whole = {**files, PERIOD_FILE: mark.to_json()}
            self._place.replace_folder(mark.folder, whole, [old.folder for old in before])
            (done.rewritten if before else done.new).append(mark.folder)

    def _unchanged(self, stored: Mapping[Period, str]) -> Mapping[Period, PeriodManifest]:
        """The marks of the periods whose folder is what reading them would give."""
        plan = self._options.report.make_plan(self._now)
        due = (period for period in stored if self._is_due(period) and covers_period(plan, period))
        found = ((period, mark) for period in due for mark in self._own.read_period(period))
        return {
            period: mark
            for period, mark in found
            if mark.made_of == stored[period]
            and mark.is_open != period.is_over(self._now)
            and self._own.is_intact(mark)
        }

    def _remove_before(self, limit: datetime, done: ExportSummary) -> None:
        for mark in self._own.read_all_periods():
            if mark.until > limit:
                continue
            if self._own.has_foreign_files(mark):
                where = f"{self._place}/{mark.folder}"
                done.notes.append(f"{where} holds files that export did not make: not removed")
            else:
                self._place.remove_folder(mark.folder)
                done.removed.append(mark.folder)


def _summarize_reading(reports: PeriodReports) -> ExportSummary:
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
    return ExportSummary(report, notes, cut=[period.name for period in sorted(reports.cut_periods)])


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
