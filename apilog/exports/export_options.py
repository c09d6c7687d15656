"""The options of an export, checked before any input is read, and the summary of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from apilog.options import ReportOptions
from apilog.report_model import Report
from apilog.text.units import format_count
from apilog.time import PeriodLength, parse_zone

ExportSetting = str | int | bool | list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How an export is made; the defaults are the command's."""

    report: ReportOptions
    every: PeriodLength = PeriodLength.DAY
    format: str = "csv"
    raw: bool = False
    """Whether CSV cells stay as they are, formulas too."""
    closed_only: bool = False
    """Whether periods that are not over yet are left out."""
    keep: timedelta | None = None
    """How long ago a period may have ended; older ones are removed, and not written."""
    force: bool = False
    """Whether the folder's options may change, and periods may lose requests."""

    def kept_since(self, now: datetime) -> datetime | None:
        """Return the time up to which periods are too old; None if none is."""
        try:
            return None if self.keep is None else now - self.keep
        except OverflowError:
            return None

    def settings(self) -> Mapping[str, ExportSetting]:
        """Return what all periods of a folder have in common: option to value, as JSON holds it."""
        asked = self.report
        return {
            "every": self.every.value,
            "tz": parse_zone(asked.tz).key,
            "format": self.format,
            "raw": self.raw,
            "table": sorted(asked.tables) if asked.tables is not None else None,
            "where": asked.where,
            "by": list(asked.by),
            "bucket": asked.bucket,
            "top": asked.top,
            "route": list(asked.routes),
            "max-routes": asked.max_routes,
            "keep-query": asked.keep_query,
            "anonymize-ip": asked.anonymize_ip,
            "hash-consumers": asked.hash_consumers is not None,
        }


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
        """Return the summary for people."""
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
