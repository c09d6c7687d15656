"""Alerts evaluated once over sources, with what an earlier run remembered."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from apilog.alerts.alerts import Alerts
from apilog.alerts.rules import Alert, Notice, Rule
from apilog.checks.reading import Reading
from apilog.engines.chunk import Wanted
from apilog.engines.inputs import summary
from apilog.engines.local import Run
from apilog.model import InputSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What came of a run."""

    notices: Sequence[Notice]
    """What targets are told."""
    standing: tuple[tuple[Rule, Alert], ...]
    """The alerts that are pending or firing."""
    at: datetime | None
    """The time that they were evaluated for; None without a record, if none was given."""
    input: InputSummary


def evaluate_sources(
    sources: Sequence[str | os.PathLike[str]],
    alerts: Alerts,
    reading: Reading,
    until: datetime | None = None,
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
    return Evaluated(notices=notices, standing=alerts.standing, at=now, input=summary(run.files))


def _before(records: pl.DataFrame, until: datetime | None) -> pl.DataFrame:
    return records if until is None else records.filter(pl.col("timestamp") < until)
