"""Plain tables of the report: gateways, consumers, and any other, whatever its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
from rich.text import Text

from apilog.outputs.escape import terminal_text
from apilog.outputs.terminal.columns import (
    Metric,
    any_column,
    key_columns,
    metric_columns,
    share_columns,
)
from apilog.outputs.terminal.grid import Column, Words, grid, kept
from apilog.outputs.terminal.page import Page, Section, by_requests, keys, shows, split_other
from apilog.outputs.terminal.ranking import more, ranking
from apilog.outputs.terminal.text import wrap

_GATEWAYS = (
    Metric("error_rate", title="errors"),
    Metric("server_error_rate", 4, "5xx"),
    Metric("latency_p50_ms", 3),
    Metric("latency_p95_ms", 1),
    Metric("latency_p99_ms", 3),
    Metric("response_bytes", 6),
    Metric("last_seen", 7),
)
_CONSUMERS = (
    Metric("error_rate", title="errors"),
    Metric("server_errors", 5),
    Metric("latency_mean_ms", 1),
    Metric("response_bytes", 4),
    Metric("last_seen", 6),
)


def gateways(page: Page) -> Section | None:
    """The gateways side by side, if there are several."""
    frame = by_requests(page.table("gateways"))
    return _busiest(page, frame, _GATEWAYS, "Gateways", 10) if frame.height > 1 else None


def consumers(page: Page) -> Section | None:
    """The consumers with the most requests; nothing if no request names its consumer."""
    frame = by_requests(page.table("consumers"))
    if not shows(frame, "consumer"):
        return None
    return _busiest(page, frame, _CONSUMERS, "Consumers", 5)


def whole(page: Page, name: str) -> Section:
    """A table with every column that fits, and every row unless `top` asks for fewer."""
    frame = page.table(name)
    regular, other = split_other(frame)
    shown = frame if page.top is None else pl.concat([regular.head(page.top), other])

    def draw(width: int) -> list[Text]:
        if not frame.height:
            return [Text("  no rows", "dim")]
        columns = [_droppable(shown[c], i, page) for i, c in enumerate(shown.columns)]
        fitting = kept(columns, width)
        hidden = [column.title for column in columns[len(fitting) :]]
        if hidden and shown.height == 1:
            return _upright(columns, width)
        lines = grid(fitting, shown.height, width) + more(
            regular.slice(shown.height - other.height), width
        )
        note = f"No room for {', '.join(hidden)}: widen the terminal, or use another format."
        return lines + (wrap(note, width, "dim") if hidden else [])

    return Section(title=terminal_text(name.capitalize()), draw=draw)


def _busiest(
    page: Page, frame: pl.DataFrame, metrics: tuple[Metric, ...], title: str, top: int
) -> Section | None:
    total = page.overview("requests")
    zone = page.report.timezone

    def columns(shown: pl.DataFrame) -> list[Column]:
        requests = metric_columns(shown, [Metric("requests")], zone)
        shares = share_columns(shown["requests"].to_list(), total, drop=2) if requests else []
        metric = metric_columns(shown, metrics, zone)
        return [*key_columns(shown, keys(frame)), *requests, *shares, *metric]

    count = split_other(frame)[0].height
    top = page.rows(top, count)
    subtitle = f"the {top} busiest of {count:,}" if count > top else ""
    return ranking(frame, columns, top, title=title, subtitle=subtitle)


def _upright(columns: Sequence[Words], width: int) -> list[Text]:
    """A single row with its columns one below the other."""
    names = Words(title="", cells=[column.title for column in columns], styles="dim")
    values = Words(title="", cells=[column.cells[0] for column in columns], flexible=True)
    return grid([names, values], len(columns), width)


def _droppable(column: pl.Series, index: int, page: Page) -> Words:
    words = any_column(column, page.report.timezone)
    return replace(words, drop=index)
