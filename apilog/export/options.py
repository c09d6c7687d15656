"""What is exported, and how; checked before any input is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from apilog.reports import ReportOptions
from apilog.window import Every, zone

Setting = str | int | bool | list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How an export is made; the defaults are the command's."""

    report: ReportOptions
    every: Every = Every.DAY
    format: str = "csv"
    raw: bool = False
    """Whether CSV cells stay as they are, formulas too."""
    closed_only: bool = False
    """Whether periods that are not over yet are left out."""
    keep: timedelta | None = None
    """How long ago a period may have ended; older ones are removed, and not written."""
    force: bool = False
    """Whether other options than the folder has, and fewer requests, are taken."""

    def kept_since(self, now: datetime) -> datetime | None:
        """A period that ended by then is too old; None: none is."""
        try:
            return None if self.keep is None else now - self.keep
        except OverflowError:
            return None

    def settings(self) -> Mapping[str, Setting]:
        """What all periods of a folder have in common: option to value, as JSON holds it."""
        asked = self.report
        return {
            "every": self.every.value,
            "tz": zone(asked.tz).key,
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
            "anonymize-ip": asked.privacy.anonymize_ip,
            "hash-consumers": asked.privacy.key is not None,
        }
