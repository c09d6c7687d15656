"""The calls that belong to no account."""

from __future__ import annotations

import polars as pl

from apilog.outputs.terminal.columns import Metric, key_columns, metric_columns
from apilog.outputs.terminal.grid import Column
from apilog.outputs.terminal.page import Page, Section, shows
from apilog.outputs.terminal.ranking import ranking

_METRICS = (Metric("requests"), Metric("error_rate", title="errors"), Metric("last_seen", 1))


def unmatched(page: Page) -> Section | None:
    """The consumers that no account claims, the busiest first."""
    frame = page.table("unmatched")
    if not shows(frame, "requests"):
        return None

    def columns(shown: pl.DataFrame) -> list[Column]:
        metrics = metric_columns(shown, _METRICS, page.report.timezone)
        return [*key_columns(shown, ["consumer"]), *metrics]

    top = page.rows(5, frame.height)
    return ranking(frame, columns, top, title="Of no account", subtitle="– names no consumer")
