"""Endpoints: the busiest, the slowest, and those that fail most with their causes."""

from __future__ import annotations

import polars as pl

from apilog.render.sections.columns import MetricColumn, key_columns, metric_columns, share_columns
from apilog.render.sections.section import (
    ReportView,
    Section,
    column_total,
    has_values,
    key_names,
    ranking_section,
    sort_by_requests,
    split_other,
    with_enough_requests,
)
from apilog.render.terminal.fit_text import shorten_end
from apilog.render.terminal.grid import BarColumn, GridColumn, TextColumn
from apilog.render.text.cell_text import NULL, column_title
from apilog.render.text.escape import escape_terminal
from apilog.text.units import format_count

_CAUSE_COLUMNS = {"status", "requests"}


def has_causes(page: ReportView, frame: pl.DataFrame) -> bool:
    """Whether the errors of the report can be told by the keys of that table."""
    names, known = key_names(frame), page.table("errors")
    return bool(names) and known.height > 0 and _CAUSE_COLUMNS.union(names) <= set(known.columns)


def cause_column(page: ReportView, shown: pl.DataFrame) -> TextColumn:
    """For each row its errors as `502 upstream 812`, server errors first."""
    names = key_names(shown)
    known = page.table("errors").join(shown.select(names), on=names, how="semi", nulls_equal=True)
    causes: dict[tuple[object, ...], list[str]] = {}
    for row in known.sort(pl.col("status") < 500, -pl.col("requests")).iter_rows(named=True):
        causes.setdefault(tuple(row[name] for name in names), []).append(_describe_cause(row))
    texts = [" · ".join(causes.get(row, [NULL])) for row in shown.select(names).iter_rows()]
    return TextColumn(
        title="causes", cells=texts, flexible=True, drop=3, least=16, shorten=shorten_end
    )


def _describe_cause(row: dict[str, object]) -> str:
    source = row.get("error_source")
    words = [NULL if row["status"] is None else str(row["status"])]
    # A 4xx says by itself that it was the client; that nobody knows says nothing.
    if source not in (None, "client", "unknown"):
        words.append(str(source))
    requests = row["requests"]
    count = format_count(requests, compact=True) if isinstance(requests, int) else NULL
    return escape_terminal(" ".join([*words, f"×{count}"]))


_BUSIEST_METRICS = (
    MetricColumn("error_rate", title="errors"),
    MetricColumn("server_error_rate", 4, "5xx"),
    MetricColumn("latency_p50_ms", 3),
    MetricColumn("latency_p95_ms", 1),
    MetricColumn("latency_p99_ms", 3),
    MetricColumn("latency_mean_ms", 7),
    MetricColumn("latency_max_ms", 7),
    MetricColumn("response_bytes", 8),
    MetricColumn("consumers", 8),
    MetricColumn("last_seen", 9),
)
_SLOWEST_METRICS = (
    MetricColumn("latency_p99_ms", 3),
    MetricColumn("latency_p50_ms", 2),
    MetricColumn("upstream_latency_p95_ms", 4),
    MetricColumn("latency_max_ms", 5),
    MetricColumn("requests", 1),
)
_FAILING_METRICS = (
    MetricColumn("server_errors"),
    MetricColumn("client_errors", 5),
    MetricColumn("error_rate", 1, "errors"),
    MetricColumn("requests", 6),
)
_ERRORS_METRICS = (MetricColumn("requests"), MetricColumn("last_seen", 5))


def busiest_section(page: ReportView) -> Section | None:
    """The endpoints, or whatever `--by` asked for, with the most requests."""
    frame = sort_by_requests(page.table("endpoints"))
    requests = page.overview("requests") or column_total(frame, "requests")
    zone = page.report.timezone

    def columns(shown: pl.DataFrame) -> list[GridColumn]:
        counts = metric_columns(shown, [MetricColumn("requests")], zone)
        shares = share_columns(shown["requests"].to_list(), requests, drop=2) if counts else []
        metrics = metric_columns(shown, _BUSIEST_METRICS, zone)
        return [*key_columns(shown, _distinct_keys(frame)), *counts, *shares, *metrics]

    count = split_other(frame)[0].height
    top = page.rows(10, count)
    subtitle = f"the {top} busiest of {count:,}" if count > top else ""
    return ranking_section(frame, columns, top, title=_endpoints_title(frame), subtitle=subtitle)


def slowest_section(page: ReportView) -> Section | None:
    """The endpoints with the largest p95."""
    source = next(
        (
            name
            for name in ("latency", "endpoints")
            if has_values(page.table(name), "latency_p95_ms")
        ),
        None,
    )
    if source is None:
        return None
    regular = split_other(page.table(source))[0].filter(pl.col("latency_p95_ms").is_not_null())
    frame, enough = with_enough_requests(regular)
    frame = frame.sort("latency_p95_ms", descending=True, maintain_order=True)

    def columns(shown: pl.DataFrame) -> list[GridColumn]:
        zone = page.report.timezone
        bars = BarColumn(values=shown["latency_p95_ms"].to_list(), styles="magenta", drop=3)
        p95 = metric_columns(shown, [MetricColumn("latency_p95_ms")], zone)
        return [
            *key_columns(shown, _distinct_keys(frame)),
            *p95,
            bars,
            *metric_columns(shown, _SLOWEST_METRICS, zone),
        ]

    subtitle = "by p95" + (f", {enough}" if enough else "")
    top = page.rows(5, frame.height)
    return ranking_section(frame, columns, top, title="Slowest", subtitle=subtitle, counted="")


def failing_section(page: ReportView) -> Section | None:
    """The endpoints with the most server errors, then the most client errors, and their causes."""
    frame = split_other(page.table("endpoints"))[0]
    if not has_values(frame, "errors", "server_errors"):
        return None
    frame = frame.filter(pl.col("errors") > 0).sort(
        "server_errors", "errors", descending=True, nulls_last=True, maintain_order=True
    )

    def columns(shown: pl.DataFrame) -> list[GridColumn]:
        metrics = metric_columns(shown, _FAILING_METRICS, page.report.timezone)
        causes = [cause_column(page, shown)] if has_causes(page, frame) else []
        return [*key_columns(shown, _distinct_keys(frame)), *metrics, *causes]

    top = page.rows(5, frame.height)
    return ranking_section(
        frame, columns, top, title="Failing most", subtitle="5xx first", counted="errors"
    )


def errors_section(page: ReportView) -> Section | None:
    """The errors by endpoint, status and source, where `failing` can't show the causes."""
    if has_causes(page, page.table("endpoints")):
        return None
    frame = sort_by_requests(page.table("errors"))

    def columns(shown: pl.DataFrame) -> list[GridColumn]:
        metrics = metric_columns(shown, _ERRORS_METRICS, page.report.timezone)
        return [*key_columns(shown, _distinct_keys(frame)), *metrics]

    return ranking_section(
        frame, columns, page.rows(5, split_other(frame)[0].height), title="Errors"
    )


def _endpoints_title(frame: pl.DataFrame) -> str:
    names = key_names(frame)
    if "route" in names or not names:
        return "Endpoints"
    return escape_terminal("By " + ", ".join(map(column_title, names)))


def _distinct_keys(frame: pl.DataFrame) -> list[str]:
    """The keys, without the gateway if there is only one."""
    names = key_names(frame)
    if len(names) > 1 and "gateway" in names:
        gateways = split_other(frame)[0]["gateway"].drop_nulls()
        if gateways.n_unique() <= 1:
            names.remove("gateway")
    return names
