"""Anomalies: the spikes and drops that stand out of the traffic."""

from __future__ import annotations

import polars as pl

from apilog.outputs.escape import terminal_text
from apilog.outputs.labels import NULL, display, metric_unit
from apilog.outputs.terminal.columns import short_time
from apilog.outputs.terminal.grid import Column, Words
from apilog.outputs.terminal.page import Page, Section, shows
from apilog.outputs.terminal.ranking import ranking

_MARKS = {"spike": "▲", "drop": "▼"}


def anomalies(page: Page) -> Section | None:
    """What was unexpected, the strongest first, each value with its metric's unit."""
    frame = page.table("anomalies")
    if not shows(frame, "timestamp", "metric", "value"):
        return None
    if shows(frame, "score"):
        frame = frame.sort(
            pl.col("score").abs(), descending=True, nulls_last=True, maintain_order=True
        )

    def columns(shown: pl.DataFrame) -> list[Column]:
        return _columns(shown, page.report.timezone)

    return ranking(frame, columns, page.rows(5, frame.height), title="Anomalies")


def _columns(frame: pl.DataFrame, timezone: str) -> list[Column]:
    metrics = [str(metric) for metric in frame["metric"].to_list()]
    names = [terminal_text(metric.replace("_", " ")) for metric in metrics]
    columns: list[Column] = [
        Words(title="time", cells=short_time(frame["timestamp"], timezone)),
        Words(title="metric", cells=names, flexible=True),
        Words(title="value", cells=_values(frame, "value", metrics), right=True, styles="bold"),
    ]
    if "expected" in frame.columns:
        expected = _values(frame, "expected", metrics)
        columns.append(Words(title="expected", cells=expected, right=True, drop=1))
    if "score" in frame.columns:
        scores = [display(score, None, timezone) for score in frame["score"].round(1)]
        columns.append(Words(title="score", cells=scores, right=True, drop=3))
    if "kind" in frame.columns:
        columns.append(_kinds(frame["kind"]))
    return columns


def _values(frame: pl.DataFrame, column: str, metrics: list[str]) -> list[str]:
    return [
        display(value, metric_unit(metric), "UTC")
        for value, metric in zip(frame[column].to_list(), metrics, strict=True)
    ]


def _kinds(column: pl.Series) -> Words:
    kinds = [NULL if kind is None else str(kind) for kind in column]
    cells = [terminal_text(f"{_MARKS.get(kind, ' ')} {kind}") for kind in kinds]
    return Words(title="", cells=cells, styles="yellow", drop=2)
