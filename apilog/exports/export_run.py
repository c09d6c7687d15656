"""From sources to a folder of periods: read once, write what changed, remove what is too old.

Where all sources are stores, the names of their data files, which never change, say whether a
period is what it was: then nothing needs to be read.
"""

from __future__ import annotations

import hmac
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import polars as pl

from apilog.aggregate.record_times import RecordTimes, find_span
from apilog.aggregate.table_specs import OBJECTIVES
from apilog.engine.source_pass import make_read_spec, parse_privacy
from apilog.engine.store_parts import separate_stores
from apilog.errors import UsageError
from apilog.exports.archive_index import draw_index
from apilog.exports.export_folder import ExportFolder, PeriodChange, export_folder_at, lies_within
from apilog.exports.manifest import (
    EXPORT_VERSION,
    INDEX_FILE,
    ExportSetting,
    PeriodManifest,
    SettingsManifest,
)
from apilog.exports.period_sums import SUMMED_TABLES, PeriodSums
from apilog.formats.file_plan import parse_choice
from apilog.options import ExportOptions, Source
from apilog.own_metrics import APDEX, own_definitions
from apilog.render import OUTPUTS, OutputOptions
from apilog.report_model import Report
from apilog.reports import check_sources, make_plan, plan_own_report
from apilog.reports.periods import PeriodReport, PeriodReports
from apilog.schema import TIMESTAMP
from apilog.text.units import format_count
from apilog.time import ALL_TIME, Period, TimeWindow, parse_window, parse_zone, period_at
from apilog.version import __version__

# The beginning of a window that holds nothing: stores are opened, but none of their files is read.
_NEVER = datetime.max.replace(tzinfo=UTC)


def export_settings(options: ExportOptions) -> Mapping[str, ExportSetting]:
    """Return what all periods of a folder have in common: option to value, as JSON holds it."""
    return {
        "every": options.every.value,
        "tz": parse_zone(options.tz).key,
        "format": options.format,
        "raw": options.raw,
        "table": sorted(options.tables) if options.tables is not None else None,
        "where": options.where,
        "by": list(options.by),
        "metrics": _shown_metrics(options),
        **({"report": _shown_report(options)} if options.report is not None else {}),
        "bucket": options.bucket,
        "top": options.top,
        **({OBJECTIVES: shown} if (shown := _shown_objectives(options)) else {}),
        "route": [*options.routes, *options.further_routes],
        **({"openapi": list(options.openapi)} if options.openapi else {}),
        **({"routes": str(options.routes_file)} if options.routes_file else {}),
        "max-routes": options.max_routes,
        "keep-query": options.keep_query,
        "anonymize-ip": options.anonymize_ip,
        "hash-consumers": options.hash_consumers is not None,
    }


def _shown_report(options: ExportOptions) -> str:
    """Return the name of the report of one's own, with a digest of all that it is declared by."""
    assert options.report is not None
    declared = options.reports.get(options.report)
    meanings = {
        m.name: m.definition
        for m in own_definitions(options.own_metrics, options.apdex, options.openapi).named
    }
    text = json.dumps([declared, meanings], sort_keys=True, default=str)
    return f"{options.report} (declared as {sha256(text.encode()).hexdigest()[:12]})"


def _shown_metrics(options: ExportOptions) -> list[str]:
    """Return the further metrics, those that are not built in with what they mean."""
    meanings = {
        m.name: m.definition
        for m in own_definitions(options.own_metrics, options.apdex, options.openapi).named
    }
    names = (*options.metrics, *([APDEX] if options.apdex else []))
    return [f"{n} ({meanings[n]})" if n in meanings else n for n in dict.fromkeys(names)]


def _shown_objectives(options: ExportOptions) -> str:
    """Return the names of the objectives of the usual report, with a digest of what they mean."""
    if options.report is not None or (options.tables and OBJECTIVES not in options.tables):
        return ""
    meanings = {m.name: m.definition for m in own_definitions(options.own_metrics).objectives}
    text = json.dumps(meanings, sort_keys=True)
    digest = sha256(text.encode()).hexdigest()[:12]
    return f"{', '.join(meanings)} (declared as {digest})" if meanings else ""


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What one run has done: lists of folder names, in order of time."""

    report: Report
    """The account of the inputs, without tables."""
    notes: list[str]
    new: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Left as they are, because the sources have fewer requests than were exported."""
    cut: list[str] = field(default_factory=list)
    """Not written, because the limits cut them."""
    removed: list[str] = field(default_factory=list)

    def format_line(self) -> str:
        counts = {
            "new": self.new,
            "rewritten": self.rewritten,
            "unchanged": self.unchanged,
            "kept, of which the sources have less": self.kept,
            "left out, of which the limits cut off a part": self.cut,
            "removed": self.removed,
        }
        always = ("new", "rewritten", "unchanged")
        parts = (
            f"{format_count(len(names))} {what}"
            for what, names in counts.items()
            if names or what in always
        )
        return f"periods: {', '.join(parts)}"


def export(
    sources: Sequence[Source],
    to: str | os.PathLike[str],
    options: ExportOptions,
    *,
    now: datetime | None = None,
) -> ExportSummary:
    """Bring the folder up to date with the sources; `now` decides which periods are over.

    An input that can't be read has its `error` in the account; the others are exported. Raises
    UsageError for options that can't be understood or that the folder was not made with,
    InputError if another run holds the folder, OutputError if it can't be written.
    """
    options = replace(options, for_page=options.format == "html")
    make_read_spec(options)
    parse_choice(options)
    if options.report is None:
        make_plan(options)
    else:
        check_sources(plan_own_report(options), sources)
    for source in sources:
        # The next run would read the exported files as logs.
        if lies_within(to, source):
            raise UsageError(
                f"{os.fspath(to)} lies in the source {os.fspath(source)}",
                "export to a folder outside of the sources",
            )
    folder = export_folder_at(to)
    now = now or datetime.now(UTC)
    with folder.hold_lock():
        run = _ExportRun(folder, options, now, stored_periods(sources, options))
        reports = PeriodReports(
            sources,
            options,
            options.every,
            run.is_wanted,
            window=run.wanted_span(),
            now=now,
            beside=SUMMED_TABLES if _has_index(options) else (),
        )
        with closing(reports):
            reports.read_sources()
            return run.write_periods(reports)


class _ExportRun:
    """One run over one folder."""

    def __init__(
        self,
        folder: ExportFolder,
        options: ExportOptions,
        now: datetime,
        stored: Mapping[Period, str] | None,
    ) -> None:
        """Read what the folder holds, given what `stored_periods` says of the sources.

        Raises UsageError if the folder was exported with other options.
        """
        self._folder = folder
        self._options = options
        self._now = now
        self._limit: datetime | None = None
        if options.keep is not None:
            # Where the age reaches back before all years, nothing is too old.
            with suppress(OverflowError):
                self._limit = now - options.keep
        self._stored = stored
        if _has_index(options):
            folder.check_index()
        if not options.force:
            folder.check_settings(export_settings(options))
        limits = parse_window(options.since, options.until, options.tz, now)
        self._unchanged: dict[Period, PeriodManifest] = {}
        """The manifests of the periods whose folder is what reading them would give."""
        for period, made_of in (stored or {}).items():
            if self._is_due(period) and limits.covers(period.window):
                for manifest in folder.read_period(period):
                    if (
                        manifest.made_of == made_of
                        and manifest.is_open != period.is_over(now)
                        and folder.is_intact(manifest)
                    ):
                        self._unchanged[period] = manifest

    def is_wanted(self, period: Period) -> bool:
        """Whether a period is written if it has requests."""
        return self._is_due(period) and period not in self._unchanged

    def wanted_span(self) -> TimeWindow:
        """Return the span of all wanted periods; no limits where they are not known."""
        if self._stored is None:
            return ALL_TIME
        wanted = [period for period in self._stored if self.is_wanted(period)]
        if not wanted:
            return TimeWindow(since=_NEVER)
        return TimeWindow(since=min(p.start for p in wanted), until=max(p.end for p in wanted))

    def _is_due(self, period: Period) -> bool:
        if self._limit is not None and period.end <= self._limit:
            return False
        return not self._options.closed_only or period.is_over(self._now)

    def write_periods(self, reports: PeriodReports) -> ExportSummary:
        """Write the periods that changed, and remove those that are too old."""
        notes = list(reports.notes)
        if reports.untimed:
            count = format_count(reports.untimed)
            notes.append(f"{count} requests have no time, and so are in no period")
        account = Report(
            version=__version__,
            command="export",
            since=None,
            until=None,
            input=reports.input,
            tables={},
        )
        cut = [period.name for period in sorted(reports.cut_periods)]
        summary = ExportSummary(account, notes, cut=cut)
        if account.input.is_unread:
            return summary
        summary.unchanged.extend(manifest.folder for manifest in self._unchanged.values())
        requests = {period: manifest.requests for period, manifest in self._unchanged.items()}
        for several in reports.iter_reports():
            if len(requests) == len(self._unchanged):
                tables = several[0].report.tables
                columns = {name: frame.columns for name, frame in tables.items()}
                settings = export_settings(self._options)
                self._folder.write_settings(SettingsManifest(settings=settings, columns=columns))
            requests |= {made.period: made.report.input.records for made in several}
            drawn = draw_files([made.report for made in several], self._options)
            changes: list[PeriodChange] = []
            try:
                for made, files in zip(several, drawn, strict=True):
                    changes += self._find_changes(made, files, summary)
            finally:
                # What is in the way of a period does not keep those before it from being written.
                self._folder.replace_periods(changes)
        summary.unchanged.sort()
        notes.extend(describe_stray_periods(requests))
        self._prune(summary)
        self._folder.remember_periods()
        if _has_index(self._options):
            periods = self._folder.read_all_periods()
            zone = parse_zone(self._options.tz)
            self._folder.write_index(draw_index(periods, self._options.every, zone, self._now))
        return summary

    def _find_changes(
        self, made: PeriodReport, files: Mapping[str, bytes], summary: ExportSummary
    ) -> list[PeriodChange]:
        """Return what is to be written of a period: nothing where its folder stays as it is."""
        period = made.period
        made_of = self._stored.get(period) if self._stored else None
        manifest = PeriodManifest.for_period(
            period,
            made.report.input.records,
            files,
            is_open=not period.is_over(self._now),
            made_of=made_of,
            sums=PeriodSums.of_tables(made.beside) if _has_index(self._options) else None,
        )
        present = self._folder.read_period(period)
        if [manifest] == present and self._folder.is_intact(manifest):
            summary.unchanged.append(manifest.folder)
            if present[0].made_of != made_of:
                self._folder.write_period(manifest)
        elif not self._options.force and any(p.requests > manifest.requests for p in present):
            # The sources have lost requests, as logs that rotate do: the export is better.
            summary.kept.extend(p.folder for p in present)
        else:
            (summary.rewritten if present else summary.new).append(manifest.folder)
            return [PeriodChange(manifest, files, present)]
        return []

    def _prune(self, summary: ExportSummary) -> None:
        """Remove the periods that are too old, if age matters."""
        if self._limit is None:
            return
        for manifest in self._folder.read_all_periods():
            if manifest.until > self._limit:
                continue
            if self._folder.has_foreign_files(manifest):
                where = f"{self._folder}/{manifest.folder}"
                summary.notes.append(f"{where} holds files that export did not make: not removed")
            else:
                self._folder.remove_period(manifest)
                summary.removed.append(manifest.folder)


def _has_index(options: ExportOptions) -> bool:
    """Whether the folder is an archive of pages."""
    return options.format == "html"


def describe_stray_periods(requests: Mapping[Period, int]) -> Iterator[str]:
    """Say which periods are so far from all others that a wrong clock may have made them."""
    instant = timedelta(microseconds=1)
    rows = [(p.start, p.start, p.end - instant, n) for p, n in requests.items()]
    times = pl.Schema(dict.fromkeys(("start", "first", "last"), TIMESTAMP))
    cells = pl.DataFrame(rows, schema={**times, "requests": pl.Int64()}, orient="row")
    span = find_span(RecordTimes("1d", None, None, cells), from_start=False, to_end=False)
    if span.strays is None or span.first is None or span.last is None:
        return
    far = sorted(p for p in requests if p.end <= span.first or p.start > span.last)
    names = ", ".join(period.name for period in far)
    count = f"{format_count(span.strays.requests)} request{'s' if span.strays.requests > 1 else ''}"
    yield (
        f"{names}: {count} far from all others, as a clock that is wrong writes them; --since and "
        "--until leave them out"
    )


def draw_files(reports: Sequence[Report], options: ExportOptions) -> list[Mapping[str, bytes]]:
    """Draw the files of periods: name to content, one for each table or one for all."""
    output = OUTPUTS[options.format]
    tables: dict[str, str | None] = {name: name for name in reports[0].tables}
    files: list[dict[str, bytes]] = [{} for _ in reports]
    for name, table in ({"report": None} if output.holds_all_tables else tables).items():
        index = f"../{INDEX_FILE}" if _has_index(options) else ""
        how = OutputOptions(table=table, raw=options.raw, index_link=index)
        for own, data in zip(files, output.draw_all(reports, how), strict=True):
            own[f"{name}.{output.suffix}"] = data
    return [*files]


def stored_periods(
    sources: Sequence[Source], options: ExportOptions
) -> Mapping[Period, str] | None:
    """Map the periods that may have requests to a hash of what each is made of and how.

    None if there is a source that is no store.
    """
    stores, logs = separate_stores(sources)
    if logs or not stores:
        return None
    timezone = parse_zone(options.tz)
    names: defaultdict[Period, list[str]] = defaultdict(list)
    for file in (file for store in stores for file in store.record_files()):
        if file.first is None or file.last is None:
            continue
        at = file.first
        while at <= file.last:
            period = period_at(at, options.every, timezone)
            names[period].append(file.name)
            at = period.end
    key = parse_privacy(options).key
    # The key decides what the files say, too. Only a digest of it may be in a manifest.
    keyed = hmac.digest(key, b"apilog export", "sha256").hex() if key is not None else ""
    how = json.dumps([EXPORT_VERSION, __version__, export_settings(options), keyed]).encode()
    return {
        period: sha256(how + json.dumps(sorted(files)).encode()).hexdigest()
        for period, files in names.items()
    }
