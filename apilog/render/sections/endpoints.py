"""Endpoints: the busiest, the slowest, and those that fail most with their causes."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.render.sections.columns import (
    MetricSpec,
    asked_metrics,
    key_columns,
    metric_columns,
    share_columns,
)
from apilog.render.sections.report_view import (
    ReportView,
    column_total,
    has_values,
    key_names,
    ranking_section,
    sort_by_requests,
    split_other,
    with_enough_requests,
)
from apilog.render.sections.section import LIST_SEPARATOR, BarColumn, Column, Section, TextColumn
from apilog.render.text.cell_text import NULL, column_title
from apilog.text.units import format_count

_CAUSE_COLUMNS = {"status", "requests"}


def has_causes(view: ReportView, frame: pl.DataFrame) -> bool:
    """Whether the table of errors has all keys of that table, and so can explain its rows."""
    names, errors = key_names(frame), view.table("errors")
    return bool(names) and errors.height > 0 and _CAUSE_COLUMNS.union(names) <= set(errors.columns)


def cause_column(view: ReportView, shown: pl.DataFrame) -> TextColumn:
    """List the errors of each row as `502 upstream ×812`, server errors first."""
    names = key_names(shown)
    errors = view.table("errors").join(shown.select(names), on=names, how="semi", nulls_equal=True)
    causes: dict[tuple[object, ...], list[tuple[str, str, str]]] = {}
    for row in errors.sort(pl.col("status") < 500, -pl.col("requests")).iter_rows(named=True):
        status = NULL if row["status"] is None else str(row["status"])
        # A 4xx is the client's by definition, and `unknown` says nothing.
        has_source = row.get("error_source") not in (None, "client", "unknown")
        source = f" {row['error_source']}" if has_source else ""
        count = NULL if row["requests"] is None else format_count(row["requests"], compact=True)
        causes.setdefault(tuple(row[name] for name in names), []).append((status, source, count))
    rows = [causes.get(row, []) for row in shown.select(names).iter_rows()]
    return TextColumn(
        title="causes",
        cells=[_join_causes(row, with_source=True) for row in rows],
        compact_cells=[_join_causes(row, with_source=False) for row in rows],
        is_flexible=True,
        drop_order=1,
        separator=LIST_SEPARATOR,
    )


def _join_causes(causes: Sequence[tuple[str, str, str]], *, with_source: bool) -> str:
    texts = [f"{status}{source * with_source} ×{count}" for status, source, count in causes]
    return LIST_SEPARATOR.join(texts) or NULL


_BUSIEST_METRICS = (
    MetricSpec("error_rate", title="errors"),
    MetricSpec("server_error_rate", 4, "5xx"),
    MetricSpec("latency_p50_ms", 3),
    MetricSpec("latency_p95_ms", 1),
    MetricSpec("latency_p99_ms", 3),
    MetricSpec("latency_mean_ms", 7),
    MetricSpec("latency_max_ms", 7),
    MetricSpec("response_bytes", 8),
    MetricSpec("consumers", 8),
    MetricSpec("last_seen", 9),
)
_SLOWEST_METRICS = (
    MetricSpec("latency_p99_ms", 3),
    MetricSpec("latency_p50_ms", 2),
    MetricSpec("upstream_latency_p95_ms", 4),
    MetricSpec("latency_max_ms", 5),
    MetricSpec("requests", 1),
)
_FAILING_METRICS = (
    MetricSpec("server_errors"),
    MetricSpec("client_errors", 5),
    MetricSpec("error_rate", 3, "errors"),
    MetricSpec("requests", 6),
)
_ERRORS_METRICS = (MetricSpec("requests"), MetricSpec("last_seen", 5))


def busiest_section(view: ReportView) -> Section | None:
    """Rank the endpoints, or whatever `--by` asked for, by their requests."""
    frame = sort_by_requests(view.table("endpoints"))

    def columns(shown: pl.DataFrame) -> list[Column]:
        return endpoint_columns(view, shown)

    count = split_other(frame)[0].height
    top = view.row_limit(10, count)
    subtitle = f"the {top} busiest of {count:,}" if count > top else ""
    names = key_names(frame)
    is_usual = "route" in names or not names
    title = "Endpoints" if is_usual else "By " + ", ".join(map(column_title, names))
    return ranking_section(frame, columns, top, title=title, subtitle=subtitle)


def endpoint_columns(view: ReportView, shown: pl.DataFrame) -> list[Column]:
    """Return the columns of rows of the table of endpoints, whatever `--by` made its keys."""
    frame, zone = view.table("endpoints"), view.report.timezone
    requests = view.overview("requests") or column_total(frame, "requests")
    counts = metric_columns(shown, [MetricSpec("requests")], zone)
    shares = share_columns(shown["requests"].to_list(), requests, drop_order=4) if counts else []
    metrics = metric_columns(shown, [*asked_metrics(view, shown), *_BUSIEST_METRICS], zone)
    return [*key_columns(shown, _distinct_keys(frame)), *counts, *shares, *metrics]


def slowest_section(view: ReportView) -> Section | None:
    """Rank the endpoints by their p95."""
    source = next(
        (
            name
            for name in ("latency", "endpoints")
            if has_values(view.table(name), "latency_p95_ms")
        ),
        None,
    )
    if source is None:
        return None
    regular = split_other(view.table(source))[0].filter(pl.col("latency_p95_ms").is_not_null())
    frame, note = with_enough_requests(regular)
    frame = frame.sort("latency_p95_ms", descending=True, maintain_order=True)

    def columns(shown: pl.DataFrame) -> list[Column]:
        zone = view.report.timezone
        bars = BarColumn(values=shown["latency_p95_ms"].to_list(), styles="magenta", drop_order=3)
        p95 = metric_columns(shown, [MetricSpec("latency_p95_ms")], zone)
        return [
            *key_columns(shown, _distinct_keys(frame)),
            *p95,
            bars,
            *metric_columns(shown, _SLOWEST_METRICS, zone),
        ]

    subtitle = ", ".join(filter(None, ("by p95", note, view.chosen_rows(source))))
    top = view.row_limit(5, frame.height)
    return ranking_section(frame, columns, top, title="Slowest", subtitle=subtitle, counted="")


def failing_section(view: ReportView) -> Section | None:
    """Rank the endpoints by their server errors, then their client errors, with the causes."""
    frame = split_other(view.table("endpoints"))[0]
    if not has_values(frame, "errors", "server_errors"):
        return None
    frame = frame.filter(pl.col("errors") > 0).sort(
        "server_errors", "errors", descending=True, nulls_last=True, maintain_order=True
    )

    def columns(shown: pl.DataFrame) -> list[Column]:
        metrics = metric_columns(shown, _FAILING_METRICS, view.report.timezone)
        causes = [cause_column(view, shown)] if has_causes(view, frame) else []
        return [*key_columns(shown, _distinct_keys(frame)), *metrics, *causes]

    top = view.row_limit(5, frame.height)
    subtitle = ", ".join(filter(None, ("5xx first", view.chosen_rows("endpoints"))))
    return ranking_section(
        frame, columns, top, title="Failing most", subtitle=subtitle, counted="errors"
    )


def errors_section(view: ReportView) -> Section | None:
    """Rank the errors by endpoint, status and source, where `failing_section` can't show causes."""
    if has_causes(view, view.table("endpoints")):
        return None
    frame = sort_by_requests(view.table("errors"))

    def columns(shown: pl.DataFrame) -> list[Column]:
        metrics = metric_columns(shown, _ERRORS_METRICS, view.report.timezone)
        return [*key_columns(shown, _distinct_keys(frame)), *metrics]

    return ranking_section(
        frame, columns, view.row_limit(5, split_other(frame)[0].height), title="Errors"
    )


def _distinct_keys(frame: pl.DataFrame) -> list[str]:
    """Return the keys, without the gateway if there is only one."""
    names = key_names(frame)
    if len(names) > 1 and "gateway" in names:
        gateways = split_other(frame)[0]["gateway"]  # with `(unknown)`, which tells rows apart
        if gateways.n_unique() <= 1:
            names.remove("gateway")
    return names
