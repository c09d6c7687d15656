"""Breakdowns by gateway, consumer and status, and any other table of a report."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from apilog.render.sections.columns import (
    MetricSpec,
    asked_metrics,
    column_by_type,
    key_columns,
    metric_columns,
    share_columns,
)
from apilog.render.sections.report_view import (
    ReportView,
    describe_hidden_rows,
    has_values,
    key_names,
    ranking_section,
    sort_by_requests,
    split_other,
)
from apilog.render.sections.section import (
    LIST_SEPARATOR,
    Column,
    Paragraph,
    Section,
    Table,
    TextColumn,
)
from apilog.render.text.cell_text import NULL
from apilog.render.text.fitting_columns import OWN_COLUMNS
from apilog.render.text.verdict_text import FIGURES, VERDICT_TABLES
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


def statuses_section(view: ReportView) -> Section | None:
    """Show the share of each class of statuses, and the statuses it is made of."""
    frame = view.table("statuses")
    if "status" not in frame.columns or not has_values(frame, "requests"):
        return None
    classes = _group_by_class(sort_by_requests(frame))
    names, words, styles = zip(*classes, strict=True)
    requests = [sum(count for _, count in rows) for rows in classes.values()]
    breakdown = [
        ""
        if kind == _MISSING_STATUS
        else LIST_SEPARATOR.join(f"{s} ×{format_count(n, compact=True)}" for s, n in rows)
        for kind, rows in classes.items()
    ]
    columns: list[Column] = [
        TextColumn(title="", cells=names, styles=styles),
        TextColumn(title="", cells=words, drop_order=2),
        TextColumn(title="requests", cells=[format_count(n) for n in requests], align_right=True),
        *share_columns(requests, sum(requests), drop_order=1, styles=styles, min_width=12),
        TextColumn(
            title="statuses",
            cells=breakdown,
            is_flexible=True,
            separator=LIST_SEPARATOR,
            drop_order=4,
            styles="dim",
        ),
    ]
    return Section(title="Statuses", blocks=[Table(columns=columns, height=len(classes))])


def _group_by_class(frame: pl.DataFrame) -> dict[tuple[str, str, str], list[tuple[str, int]]]:
    """Return the statuses of each class with their requests; requests without a status last."""
    groups: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    for status, requests in frame.select("status", "requests").iter_rows():
        numeric = isinstance(status, int)
        kind = _STATUS_CLASSES.get(status // 100, _UNKNOWN_STATUS) if numeric else _MISSING_STATUS
        groups.setdefault(kind, []).append((str(status) if numeric else NULL, requests or 0))
    order = [*_STATUS_CLASSES.values(), _UNKNOWN_STATUS, _MISSING_STATUS]
    return {kind: groups[kind] for kind in order if kind in groups}


_GATEWAY_METRICS = (
    MetricSpec("error_rate", title="errors"),
    MetricSpec("server_error_rate", 4, "5xx"),
    MetricSpec("latency_p50_ms", 3),
    MetricSpec("latency_p95_ms", 1),
    MetricSpec("latency_p99_ms", 3),
    MetricSpec("response_bytes", 6),
    MetricSpec("last_seen", 7),
)
_CONSUMER_METRICS = (
    MetricSpec("error_rate", title="errors"),
    MetricSpec("server_errors", 5),
    MetricSpec("latency_mean_ms", 1),
    MetricSpec("response_bytes", 4),
    MetricSpec("last_seen", 6),
)


def gateways_section(view: ReportView) -> Section | None:
    """Compare the gateways, if there are several."""
    frame = sort_by_requests(view.table("gateways"))
    if frame.height < 2:
        return None
    return _busiest_rows_section(view, frame, _GATEWAY_METRICS, "Gateways", 10)


def consumers_section(view: ReportView) -> Section | None:
    """Rank the consumers by their requests; None if no request names its consumer."""
    frame = sort_by_requests(view.table("consumers"))
    if not has_values(frame, "consumer"):
        return None
    return _busiest_rows_section(view, frame, _CONSUMER_METRICS, "Consumers", 5)


_FIRST_KEPT = (
    *("requests", "latency_p95_ms", "latency_p50_ms", "latency_p99_ms", "error_rate", "errors"),
    *("server_errors", "latency_mean_ms", "request_rate", "server_error_rate", "client_errors"),
    *("latency_max_ms", "latency_p90_ms", "response_bytes", "consumers", "last_seen"),
)
"""Metrics in the order in which they find room beside the keys of a table; others come later."""
_RANK_OF_GATEWAY = _FIRST_KEPT.index("errors")
"""A gateway tells few rows apart that their other keys don't."""
_QUERY_TABLE = "result"


def whole_table_section(view: ReportView, name: str) -> Section:
    """Show a table with every column that fits, and every row unless `top` asks for fewer."""
    frame = view.table(name)
    title = name.capitalize()
    if not frame.height:
        return Section(title=title, blocks=[Paragraph(text="no rows", style="dim")])
    regular, other = split_other(frame)
    shown = frame if view.top is None else pl.concat([regular.head(view.top), other])
    is_query = name == _QUERY_TABLE
    order = list(frame.columns) if is_query else _order_of_room(name, frame)
    columns = []
    for column in shown.columns:
        is_empty = not has_values(regular, column)
        drawn = column_by_type(shown[column], view.report.timezone)
        if name in VERDICT_TABLES and column in FIGURES:
            drawn = replace(drawn, align_right=True, is_flexible=False, styles="")
        columns.append(
            replace(
                drawn,
                # A query's columns are named as the next query has to name them.
                title=column if is_query else drawn.title,
                drop_order=order.index(column) + is_empty * len(order),
                is_empty=is_empty,
            )
        )
    table = Table(
        columns=columns,
        height=shown.height,
        hidden=describe_hidden_rows(regular.slice(shown.height - other.height)),
        names_missing_columns=True,
    )
    return Section(title=title, blocks=[table])


def _order_of_room(name: str, frame: pl.DataFrame) -> list[str]:
    """Return the columns in the order in which they find room: keys, then the usual metrics."""
    own = OWN_COLUMNS.get(name)
    if own and own[0] in frame.columns:
        groups = frame.columns[: frame.columns.index(own[0])]
        ranked = [column for column in (*groups, *own) if column in frame.columns]
        return [*ranked, *(column for column in frame.columns if column not in ranked)]
    keys = key_names(frame)
    if frame.columns[: len(keys)] != keys:
        return frame.columns  # a table whose figures are no metrics of the catalogue

    def rank(column: str) -> int:
        if column == "gateway" and len(keys) > 1:
            return _RANK_OF_GATEWAY
        if column in keys:
            return -1
        return _FIRST_KEPT.index(column) if column in _FIRST_KEPT else len(_FIRST_KEPT)

    return sorted(frame.columns, key=rank)


def _busiest_rows_section(
    view: ReportView, frame: pl.DataFrame, metrics: tuple[MetricSpec, ...], title: str, top: int
) -> Section | None:
    def columns(shown: pl.DataFrame) -> list[Column]:
        return _busiest_rows_columns(view, shown, metrics)

    count = split_other(frame)[0].height
    top = view.row_limit(top, count)
    subtitle = f"the {top} busiest of {count:,}" if count > top else ""
    return ranking_section(frame, columns, top, title=title, subtitle=subtitle)


def caller_columns(view: ReportView, shown: pl.DataFrame) -> list[Column]:
    """Return the columns of rows of consumers, or of the addresses of clients."""
    return _busiest_rows_columns(view, shown, _CONSUMER_METRICS)


def _busiest_rows_columns(
    view: ReportView, shown: pl.DataFrame, metrics: tuple[MetricSpec, ...]
) -> list[Column]:
    total, zone = view.overview("requests"), view.report.timezone
    requests = metric_columns(shown, [MetricSpec("requests")], zone)
    shares = share_columns(shown["requests"].to_list(), total, drop_order=4) if requests else []
    others = metric_columns(shown, [*asked_metrics(view, shown), *metrics], zone)
    return [*key_columns(shown, key_names(shown)), *requests, *shares, *others]
