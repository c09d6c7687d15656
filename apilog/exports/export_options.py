"""The options of an export, checked before any input is read, and the summary of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from apilog.options import ExportOptions
from apilog.report_model import Report
from apilog.text.units import format_count
from apilog.time import parse_zone

ExportSetting = str | int | bool | list[str] | None


def kept_since(options: ExportOptions, now: datetime) -> datetime | None:
    """Return the time up to which periods are too old; None if none is."""
    try:
        return None if options.keep is None else now - options.keep
    except OverflowError:
        return None


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
        "bucket": options.bucket,
        "top": options.top,
        "route": list(options.routes),
        "max-routes": options.max_routes,
        "keep-query": options.keep_query,
        "anonymize-ip": options.anonymize_ip,
        "hash-consumers": options.hash_consumers is not None,
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
