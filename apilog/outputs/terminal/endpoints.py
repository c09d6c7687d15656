"""Endpoints: the busiest, the slowest and those that fail most."""

from __future__ import annotations

import polars as pl

from apilog.outputs.escape import terminal_text
from apilog.outputs.labels import title
from apilog.outputs.terminal.causes import cause_column, has_causes
from apilog.outputs.terminal.columns import Metric, key_columns, metric_columns, share_columns
from apilog.outputs.terminal.grid import Bars, Column
from apilog.outputs.terminal.page import (
    Page,
    Section,
    busy,
    by_requests,
    keys,
    shows,
    split_other,
    total,
)
from apilog.outputs.terminal.ranking import ranking

_BUSIEST = (
    Metric("error_rate", title="errors"),
    Metric("server_error_rate", 4, "5xx"),
    Metric("latency_p50_ms", 3),
    Metric("latency_p95_ms", 1),
    Metric("latency_p99_ms", 3),
    Metric("latency_mean_ms", 7),
    Metric("latency_max_ms", 7),
    Metric("response_bytes", 8),
    Metric("consumers", 8),
    Metric("last_seen", 9),
)
_SLOWEST = (
    Metric("latency_p99_ms", 3),
    Metric("latency_p50_ms", 2),
    Metric("upstream_latency_p95_ms", 4),
    Metric("latency_max_ms", 5),
    Metric("requests", 1),
)
_FAILING = (
    Metric("server_errors"),
    Metric("client_errors", 5),
    Metric("error_rate", 1, "errors"),
    Metric("requests", 6),
)
_ERRORS = (Metric("requests"), Metric("last_seen", 5))


def busiest(page: Page) -> Section | None:
    """The endpoints, or whatever `--by` asked for, with the most requests."""
    frame = by_requests(page.table("endpoints"))
    requests = page.overview("requests") or total(frame, "requests")
    zone = page.report.timezone

    def columns(shown: pl.DataFrame) -> list[Column]:
        counts = metric_columns(shown, [Metric("requests")], zone)
        shares = share_columns(shown["requests"].to_list(), requests, drop=2) if counts else []
        metrics = metric_columns(shown, _BUSIEST, zone)
        return [*key_columns(shown, _telling(frame)), *counts, *shares, *metrics]

    count = split_other(frame)[0].height
    top = page.rows(10, count)
    subtitle = f"the {top} busiest of {count:,}" if count > top else ""
    return ranking(frame, columns, top, title=_title(frame), subtitle=subtitle)


def slowest(page: Page) -> Section | None:
    """The endpoints with the largest p95."""
    source = next(
        (name for name in ("latency", "endpoints") if shows(page.table(name), "latency_p95_ms")),
        None,
    )
    if source is None:
        return None
    regular = split_other(page.table(source))[0].filter(pl.col("latency_p95_ms").is_not_null())
    frame, enough = busy(regular)
    frame = frame.sort("latency_p95_ms", descending=True, maintain_order=True)

    def columns(shown: pl.DataFrame) -> list[Column]:
        zone = page.report.timezone
        bars = Bars(values=shown["latency_p95_ms"].to_list(), styles="magenta", drop=3)
        p95 = metric_columns(shown, [Metric("latency_p95_ms")], zone)
        return [
            *key_columns(shown, _telling(frame)),
            *p95,
            bars,
            *metric_columns(shown, _SLOWEST, zone),
        ]

    subtitle = "by p95" + (f", {enough}" if enough else "")
    top = page.rows(5, frame.height)
    return ranking(frame, columns, top, title="Slowest", subtitle=subtitle, counted="")


def failing(page: Page) -> Section | None:
    """The endpoints with the most server errors, then the most client errors, and their causes."""
    frame = split_other(page.table("endpoints"))[0]
    if not shows(frame, "errors", "server_errors"):
        return None
    frame = frame.filter(pl.col("errors") > 0).sort(
        "server_errors", "errors", descending=True, nulls_last=True, maintain_order=True
    )

    def columns(shown: pl.DataFrame) -> list[Column]:
        metrics = metric_columns(shown, _FAILING, page.report.timezone)
        causes = [cause_column(page, shown)] if has_causes(page, frame) else []
        return [*key_columns(shown, _telling(frame)), *metrics, *causes]

    top = page.rows(5, frame.height)
    return ranking(
        frame, columns, top, title="Failing most", subtitle="5xx first", counted="errors"
    )


def errors(page: Page) -> Section | None:
    """The errors by endpoint, status and source, where `failing` can't show the causes."""
    if has_causes(page, page.table("endpoints")):
        return None
    frame = by_requests(page.table("errors"))

    def columns(shown: pl.DataFrame) -> list[Column]:
        metrics = metric_columns(shown, _ERRORS, page.report.timezone)
        return [*key_columns(shown, _telling(frame)), *metrics]

    return ranking(frame, columns, page.rows(5, split_other(frame)[0].height), title="Errors")


def _title(frame: pl.DataFrame) -> str:
    names = keys(frame)
    if "route" in names or not names:
        return "Endpoints"
    return terminal_text("By " + ", ".join(map(title, names)))


def _telling(frame: pl.DataFrame) -> list[str]:
    """The keys, without the gateway if there is only one."""
    names = keys(frame)
    if len(names) > 1 and "gateway" in names:
        gateways = split_other(frame)[0]["gateway"].drop_nulls()
        if gateways.n_unique() <= 1:
            names.remove("gateway")
    return names
