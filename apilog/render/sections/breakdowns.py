"""Breakdowns by gateway, consumer and status, and any other table of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
from rich.text import Text

from apilog.render.sections.columns import (
    MetricColumn,
    column_by_type,
    key_columns,
    metric_columns,
    share_columns,
)
from apilog.render.sections.section import (
    ReportView,
    Section,
    has_values,
    hidden_rows_line,
    key_names,
    ranking_section,
    sort_by_requests,
    split_other,
)
from apilog.render.terminal.fit_text import shorten_end, wrap_text
from apilog.render.terminal.grid import GridColumn, TextColumn, draw_grid, fitting_columns
from apilog.render.text.cell_text import NULL
from apilog.render.text.escape import escape_terminal
from apilog.text.units import format_count

_STATUS_CLASSES = {
    1: ("1xx", "informational", "dim"),
    2: ("2xx", "success", "green"),
    3: ("3xx", "redirects", "cyan"),
    4: ("4xx", "client errors", "yellow"),
    5: ("5xx", "server errors", "red"),
}
_UNKNOWN_STATUS = ("?", "other statuses", "dim")
_MISSING_STATUS = (NULL, "no status", "dim")


def statuses_section(page: ReportView) -> Section | None:
    """The share of each class of statuses, and the statuses it is made of."""
    frame = page.table("statuses")
    if "status" not in frame.columns or not has_values(frame, "requests"):
        return None
    classes = _group_by_class(sort_by_requests(frame))
    names, words, styles = zip(*classes, strict=True)
    requests = [sum(count for _, count in rows) for rows in classes.values()]

    def draw(width: int) -> list[Text]:
        columns: list[GridColumn] = [
            TextColumn(title="", cells=names, styles=styles),
            TextColumn(title="", cells=words, drop=2),
            TextColumn(title="requests", cells=[format_count(n) for n in requests], right=True),
            *share_columns(requests, sum(requests), drop=1, styles=styles, least=12),
            TextColumn(
                title="statuses",
                cells=[_describe_statuses(kind, rows) for kind, rows in classes.items()],
                flexible=True,
                shorten=shorten_end,
                drop=4,
                styles="dim",
            ),
        ]
        return draw_grid(columns, len(classes), width)

    return Section(title="Statuses", draw=draw)


def _group_by_class(frame: pl.DataFrame) -> dict[tuple[str, str, str], list[tuple[str, int]]]:
    """Class to its statuses and their requests, the classes in order, those without last."""
    groups: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    for status, requests in frame.select("status", "requests").iter_rows():
        numeric = isinstance(status, int)
        kind = _STATUS_CLASSES.get(status // 100, _UNKNOWN_STATUS) if numeric else _MISSING_STATUS
        groups.setdefault(kind, []).append((str(status) if numeric else NULL, requests or 0))
    order = [*_STATUS_CLASSES.values(), _UNKNOWN_STATUS, _MISSING_STATUS]
    return {kind: groups[kind] for kind in order if kind in groups}


def _describe_statuses(kind: tuple[str, str, str], rows: list[tuple[str, int]]) -> str:
    if kind == _MISSING_STATUS:
        return ""
    return " · ".join(f"{status} {format_count(n, compact=True)}" for status, n in rows)


_GATEWAY_METRICS = (
    MetricColumn("error_rate", title="errors"),
    MetricColumn("server_error_rate", 4, "5xx"),
    MetricColumn("latency_p50_ms", 3),
    MetricColumn("latency_p95_ms", 1),
    MetricColumn("latency_p99_ms", 3),
    MetricColumn("response_bytes", 6),
    MetricColumn("last_seen", 7),
)
_CONSUMER_METRICS = (
    MetricColumn("error_rate", title="errors"),
    MetricColumn("server_errors", 5),
    MetricColumn("latency_mean_ms", 1),
    MetricColumn("response_bytes", 4),
    MetricColumn("last_seen", 6),
)


def gateways_section(page: ReportView) -> Section | None:
    """The gateways side by side, if there are several."""
    frame = sort_by_requests(page.table("gateways"))
    return (
        _busiest_rows_section(page, frame, _GATEWAY_METRICS, "Gateways", 10)
        if frame.height > 1
        else None
    )


def consumers_section(page: ReportView) -> Section | None:
    """The consumers with the most requests; nothing if no request names its consumer."""
    frame = sort_by_requests(page.table("consumers"))
    if not has_values(frame, "consumer"):
        return None
    return _busiest_rows_section(page, frame, _CONSUMER_METRICS, "Consumers", 5)


def whole_table_section(page: ReportView, name: str) -> Section:
    """A table with every column that fits, and every row unless `top` asks for fewer."""
    frame = page.table(name)
    regular, other = split_other(frame)
    shown = frame if page.top is None else pl.concat([regular.head(page.top), other])

    def draw(width: int) -> list[Text]:
        if not frame.height:
            return [Text("  no rows", "dim")]
        columns = [_droppable_column(shown[c], i, page) for i, c in enumerate(shown.columns)]
        fitting = fitting_columns(columns, width)
        hidden = [column.title for column in columns[len(fitting) :]]
        if hidden and shown.height == 1:
            return _upright_row(columns, width)
        lines = draw_grid(fitting, shown.height, width) + hidden_rows_line(
            regular.slice(shown.height - other.height), width
        )
        note = f"No room for {', '.join(hidden)}: widen the terminal, or use another format."
        return lines + (wrap_text(note, width, "dim") if hidden else [])

    return Section(title=escape_terminal(name.capitalize()), draw=draw)


def _busiest_rows_section(
    page: ReportView, frame: pl.DataFrame, metrics: tuple[MetricColumn, ...], title: str, top: int
) -> Section | None:
    total = page.overview("requests")
    zone = page.report.timezone

    def columns(shown: pl.DataFrame) -> list[GridColumn]:
        requests = metric_columns(shown, [MetricColumn("requests")], zone)
        shares = share_columns(shown["requests"].to_list(), total, drop=2) if requests else []
        metric = metric_columns(shown, metrics, zone)
        return [*key_columns(shown, key_names(frame)), *requests, *shares, *metric]

    count = split_other(frame)[0].height
    top = page.rows(top, count)
    subtitle = f"the {top} busiest of {count:,}" if count > top else ""
    return ranking_section(frame, columns, top, title=title, subtitle=subtitle)


def _upright_row(columns: Sequence[TextColumn], width: int) -> list[Text]:
    """A single row with its columns one below the other."""
    names = TextColumn(title="", cells=[column.title for column in columns], styles="dim")
    values = TextColumn(title="", cells=[column.cells[0] for column in columns], flexible=True)
    return draw_grid([names, values], len(columns), width)


def _droppable_column(column: pl.Series, index: int, page: ReportView) -> TextColumn:
    words = column_by_type(column, page.report.timezone)
    return replace(words, drop=index)
