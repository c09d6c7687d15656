"""Alerts evaluated once over sources, with what an earlier run remembered."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from apilog.alerts.alerts import Alerts
from apilog.alerts.rules import Notice, Status
from apilog.alerts.tables import ALERTS, alerts_table
from apilog.checks.reading import Reading, notes
from apilog.engines.chunk import Wanted
from apilog.engines.inputs import summary
from apilog.engines.local import Run
from apilog.model import Report
from apilog.version import __version__

_MARGIN = timedelta(days=1)
"""So much more is read of a store, to see that it goes back as far as rules look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What came of a run."""

    report: Report
    """Its table is `alerts`."""
    notices: Sequence[Notice]
    """What targets are told."""
    at: datetime | None
    """The time that they were evaluated for; None without a record, if none was given."""

    @property
    def is_firing(self) -> bool:
        """Whether an alert fires."""
        return bool((self.report.tables[ALERTS]["state"] == Status.FIRING).any())


def evaluate_sources(
    sources: Sequence[str | os.PathLike[str]],
    alerts: Alerts,
    reading: Reading,
    *,
    until: datetime | None = None,
    tz: str = "UTC",
) -> Evaluated:
    """Read the sources and evaluate the alerts for `until` (exclusive), else the newest record.

    An input that can't be read has its error in the summary. Without any record and `until`
    nothing is evaluated.
    """
    run: Run[pl.DataFrame] = Run(
        sources,
        Wanted(columns=alerts.columns, rules=reading.rules, where=reading.where),
        lambda records: _before(records, until),
        choice=reading.choice,
        progress=reading.progress,
        within=(until and until - alerts.reach - _MARGIN, until),
    )
    now = until
    for result in run.results():
        if reading.rejects and result.rejects.height:
            reading.rejects(result.rejects)
        newest = result.value["timestamp"].max()
        if until is None and isinstance(newest, datetime):
            now = max(now or newest, newest)
        if now is not None:
            alerts.add(result.value, now)
    notices = [] if now is None else alerts.evaluate(now)
    read = summary(run.files)
    report = Report(
        version=__version__,
        command="check",
        since=None,
        until=now,
        input=read,
        tables={ALERTS: alerts_table(alerts.rules, alerts.standing)},
        timezone=tz,
        notes=notes(read, kept=reading.rejects is not None),
    )
    return Evaluated(report=report, notices=notices, at=now)


def _before(records: pl.DataFrame, until: datetime | None) -> pl.DataFrame:
    return records if until is None else records.filter(pl.col("timestamp") < until)
