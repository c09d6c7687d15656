"""What a report is asked for, checked before any input is read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apilog.aggregate import ReportPlan, select_tables
from apilog.engine.parse_chunks import ReadSpec
from apilog.engine.where import RowFilter, parse_where
from apilog.errors import UsageError
from apilog.formats.file_plan import FormatChoice, choose_format
from apilog.privacy import AS_LOGGED, Privacy
from apilog.routes import parse_rules
from apilog.time import TimeLimit, parse_step, parse_window, parse_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What to report on, and how; the defaults are the command's.

    Raises nothing by itself: `plan`, `choice` and `wanted` raise `UsageError` for what can't
    be understood.
    """

    log_format: str | None = None
    nginx_conf: str | os.PathLike[str] | None = None
    since: TimeLimit = None
    """Inclusive."""
    until: TimeLimit = None
    """Exclusive."""
    where: str | None = None
    by: Sequence[str] = ()
    bucket: str | None = None
    top: int | None = None
    tz: str = "UTC"
    routes: Sequence[str] = ()
    max_routes: int = 1000
    keep_query: bool = False
    privacy: Privacy = AS_LOGGED
    tables: Sequence[str] | None = None
    """Names of the tables to compute; None: all."""

    def check(self) -> None:
        """Raise UsageError for what can't be understood."""
        self.make_read_spec(self.make_plan().columns)
        self.choose_format()

    def make_plan(self, now: datetime | None = None) -> ReportPlan:
        """The tables to compute and their limits."""
        window = parse_window(self.since, self.until, self.tz, now)
        if self.bucket is not None:
            parse_step(self.bucket)
        _check_positive("--top", self.top)
        _check_positive("--max-routes", self.max_routes)
        return ReportPlan(
            tables=select_tables(self.tables, tuple(self.by)),
            bucket=self.bucket,
            timezone=parse_zone(self.tz).key,
            window=window,
            max_routes=self.max_routes,
            top=self.top,
        )

    def choose_format(self) -> FormatChoice | None:
        """The format that the user chose, if any."""
        return choose_format(self.log_format, self.nginx_conf)

    def make_read_spec(self, columns: frozenset[str]) -> ReadSpec:
        """What is to be made of every chunk for these columns."""
        condition: RowFilter | None = parse_where(self.where) if self.where is not None else None
        return ReadSpec(
            columns=columns,
            rules=parse_rules(self.routes),
            where=condition,
            keep_query=self.keep_query,
            privacy=self.privacy,
        )


def _check_positive(option: str, number: int | None) -> None:
    if number is not None and number < 1:
        raise UsageError(f"{option} {number} is not a positive number")
