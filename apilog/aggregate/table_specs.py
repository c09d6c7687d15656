"""The tables a report can have, as data: keys, metrics, order.

A key is a column of the record. `timestamp` as a key is the start of a bucket, never a record's
own time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import polars as pl

from apilog.errors import UsageError
from apilog.metrics import (
    BUILT_IN,
    METRICS,
    SPECIFIED_METRICS,
    MetricDefinitions,
    find_metric,
    is_client_error,
    is_server_error,
)
from apilog.schema import (
    DEPRECATED_OPERATION,
    ERROR_SOURCE,
    READ_COLUMNS,
    SCHEMA,
    SPECIFIED_COLUMNS,
    SPECIFIED_OPERATION,
)
from apilog.text import did_you_mean

PERIOD = "period"
"""The start of the period of a record: the first key of every cube whose sums are kept apart."""

KEY_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    **SCHEMA,
    PERIOD: SCHEMA["timestamp"],
    "error_source": ERROR_SOURCE,
    "hour": SCHEMA["timestamp"],
    "weekday": pl.Int8,
    "hour_of_day": pl.Int8,
    **{name: READ_COLUMNS[name] for name in SPECIFIED_COLUMNS},
}
"""Maps every key to its type inside a state; `hour` (UTC) serves anomalies only.

`weekday` is 1 on Mondays and 7 on Sundays, `hour_of_day` 0 to 23, both in the report's zone.
"""

_NUMBERED_KEYS = frozenset(
    {"timestamp", "hour", "status", "upstream_status", "weekday", "hour_of_day"}
)
BOUNDED_KEYS = _NUMBERED_KEYS | {PERIOD, "gateway", "error_source"} | SPECIFIED_COLUMNS
"""Keys that take few values whatever the log holds."""


class RowOrder(StrEnum):
    """How the rows of a table are sorted."""

    REQUESTS = "requests"
    """Busiest first, ties by keys."""
    KEYS = "keys"
    """By keys, ascending, nulls last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """A table: a row for each value of its keys, a column for each metric."""

    name: str
    keys: tuple[str, ...] = ()
    metrics: tuple[str, ...]
    """Names of the plan's definitions, in the order of the columns."""
    order: RowOrder = RowOrder.REQUESTS
    sort: str = ""
    """A key or metric that the rows are sorted by instead of `order`."""
    is_descending: bool = True
    top: int | None = None
    """Rows to keep, the first by `sort`, where that is fewer than the plan keeps."""
    where: Callable[[], pl.Expr] | None = None
    """A condition on its keys; only for tables without latencies and distinct counts."""
    is_whole: bool = False
    """Whether it keeps all rows that the plan keeps, whatever `top` is."""

    @property
    def is_capped(self) -> bool:
        """Whether the table keeps the busiest rows only, and sums up the others in one.

        A table over time or statuses alone does not: it is short, and has no text to name that row.
        """
        if self.is_whole:
            return False
        return self.top is not None or not _NUMBERED_KEYS.issuperset(self.keys)


def _latency_metrics(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}_{s}" for s in ("mean", "min", "max", "p50", "p90", "p95", "p99"))


def _is_error() -> pl.Expr:
    # An answer of another status may carry an error of its protocol.
    is_protocols = (pl.col("error_source") == "protocol").fill_null(value=False)
    return is_client_error() | is_server_error() | is_protocols


_ERRORS = ("errors", "error_rate")
_CLIENT_ERRORS = ("client_errors", "client_error_rate")
_SERVER_ERRORS = ("server_errors", "server_error_rate")
_BYTES = ("request_bytes", "response_bytes")
_LATENCIES = (*_latency_metrics("latency"), *_latency_metrics("upstream_latency"))
_LATENCY_SHORT = ("latency_mean", "latency_p50", "latency_p95", "latency_p99")
_ENDPOINT = ("gateway", "method", "route")
_MODEL_METRICS = (
    *("requests", *_ERRORS, "protocol_errors", "input_tokens", "output_tokens"),
    *("latency_mean", "last_seen"),
)
_ERROR_COUNTS = ("errors", "server_errors")

ANOMALIES = "anomalies"
"""The one table that is computed from hours instead of its own metrics."""

TABLES: dict[str, TableSpec] = {
    t.name: t
    for t in (
        TableSpec(
            name="overview",
            metrics=(
                *("requests", "request_rate", *_ERRORS, *_CLIENT_ERRORS, *_SERVER_ERRORS),
                *(*_LATENCIES, *_BYTES, "consumers", "clients", "last_seen"),
            ),
        ),
        TableSpec(
            name="gateways",
            keys=("gateway",),
            metrics=(
                *("requests", "request_rate", *_ERRORS, "client_errors", *_SERVER_ERRORS),
                *(*_LATENCY_SHORT, "response_bytes", "last_seen"),
            ),
        ),
        TableSpec(
            name="traffic",
            keys=("timestamp",),
            metrics=(
                *("requests", *_ERRORS, "client_errors", *_SERVER_ERRORS),
                *(*_LATENCY_SHORT, *_BYTES),
            ),
            order=RowOrder.KEYS,
        ),
        TableSpec(
            name="endpoints",
            keys=_ENDPOINT,
            metrics=(
                *("requests", "request_rate", *_ERRORS, *_CLIENT_ERRORS, *_SERVER_ERRORS),
                *(*_latency_metrics("latency"), *_BYTES, "consumers", "last_seen"),
            ),
        ),
        TableSpec(
            name="statuses",
            keys=("status",),
            metrics=("requests", "response_bytes", "last_seen"),
            order=RowOrder.KEYS,
        ),
        TableSpec(
            name="errors",
            keys=(*_ENDPOINT, "status", "error_source"),
            metrics=("requests", "last_seen"),
            where=_is_error,
        ),
        TableSpec(name="latency", keys=_ENDPOINT, metrics=("requests", *_LATENCIES)),
        TableSpec(
            name="consumers",
            keys=("consumer",),
            metrics=(
                *("requests", *_ERRORS, "client_errors", "server_errors"),
                *("latency_mean", "response_bytes", "last_seen"),
            ),
        ),
        TableSpec(name=ANOMALIES, keys=("timestamp",), metrics=("requests", *_ERROR_COUNTS)),
    )
}
"""Every table of a report, in its order."""

HISTOGRAM = "histogram"
"""The one table whose rows are latency buckets: `from_ms`, `to_ms`, `requests`."""

EXTRA_TABLES: dict[str, TableSpec] = {
    t.name: t
    for t in (
        TableSpec(name=HISTOGRAM, metrics=("requests", "latency_p50")),
        TableSpec(
            name="heatmap",
            keys=("weekday", "hour_of_day"),
            metrics=(
                *("requests", *_ERRORS, *_SERVER_ERRORS),
                *("latency_p50", "latency_p95", "latency_p99"),
            ),
            order=RowOrder.KEYS,
        ),
        TableSpec(
            name="models",
            keys=("model",),
            metrics=_MODEL_METRICS,
        ),
        TableSpec(
            name="model_consumers",
            keys=("model", "consumer"),
            metrics=_MODEL_METRICS,
        ),
        TableSpec(
            name="tools",
            keys=("tool",),
            metrics=("requests", *_ERRORS, "protocol_errors", "last_seen"),
            where=lambda: pl.col("tool").is_not_null(),
        ),
        TableSpec(
            name="status_traffic",
            keys=("timestamp", "status"),
            metrics=("requests",),
            order=RowOrder.KEYS,
        ),
    )
}
"""Tables that a report has only where they are asked for by name."""

OBJECTIVES = "objectives"
"""The table of service level objectives, which a report has where there are some."""


def objectives_table(definitions: MetricDefinitions) -> dict[str, TableSpec]:
    """Return the table of objectives by its name; nothing without objectives.

    It is one row of counts until it is finished.
    """
    found = [m.objective for m in definitions.objectives if m.objective]
    counted = dict.fromkeys(n for each in found for n in (each.good, each.known, each.requests))
    return {OBJECTIVES: TableSpec(name=OBJECTIVES, metrics=tuple(counted))} if found else {}


COVERAGE, DEPRECATED = "coverage", "deprecated"

SPECIFIED_TABLES: dict[str, TableSpec] = {
    t.name: t
    for t in (
        TableSpec(
            name=COVERAGE,
            keys=("method", "route", SPECIFIED_OPERATION),
            metrics=("requests", "errors", "consumers", "last_seen"),
            is_whole=True,
        ),
        TableSpec(
            name=DEPRECATED,
            keys=(DEPRECATED_OPERATION, "consumer"),
            metrics=("requests", "errors", "last_seen"),
            where=lambda: pl.col(DEPRECATED_OPERATION).is_not_null(),
        ),
    )
}
"""Tables that a report has where calls are held against specifications. Their operations are
numbers until they are finished."""


def coverage_cells(table: TableSpec) -> tuple[TableSpec, TableSpec]:
    """Return what the coverage is made of beside its own groups.

    These are its groups by gateway, of which other tables of endpoints are made, too; and by
    status, which tells what is undeclared.
    """
    return (
        replace(
            table,
            name="cells of coverage",
            keys=tuple(dict.fromkeys(("gateway", *table.keys))),
        ),
        replace(
            table,
            name="statuses of coverage",
            keys=tuple(dict.fromkeys(("gateway", *table.keys, "status"))),
            metrics=("requests",),
        ),
    )


HOURS = TableSpec(name="hours", keys=("hour",), metrics=("requests", *_ERROR_COUNTS, "latency_p95"))
STATUS_HOURS = TableSpec(name="hours of statuses", keys=("hour", "status"), metrics=("requests",))
ROUTE_HOURS = replace(HOURS, name="hours of routes", keys=(*_ENDPOINT, "hour"))
CONSUMER_HOURS = TableSpec(
    name="hours of consumers", keys=("consumer", "hour"), metrics=("requests", *_ERROR_COUNTS)
)
HOUR_TABLES = (HOURS, STATUS_HOURS, ROUTE_HOURS, CONSUMER_HOURS)
"""What anomalies are looked for in. Each has a cube of its own, of which old hours are
forgotten."""


EXTENSIBLE = ("overview", "gateways", "traffic", "endpoints", "consumers")
"""The tables that may have further metrics."""


def select_tables(
    names: Sequence[str] | None = None,
    by: Sequence[str] = (),
    metrics: Sequence[str] = (),
    definitions: MetricDefinitions = BUILT_IN,
    *,
    has_specifications: bool = False,
) -> tuple[TableSpec, ...]:
    """Return the tables of these names (None means all), in the catalogue's order.

    Those of specifications and objectives are there if there are such.

    `by` replaces the keys of `endpoints`; `timestamp` there means the bucket. The further metrics,
    which are those of the definitions, come after the own ones of the tables that may have them.
    Raises UsageError for an unknown table, column or metric, and if no table can have the metrics.
    """
    specified = objectives_table(definitions) | (SPECIFIED_TABLES if has_specifications else {})
    chosen = [*TABLES, *specified] if names is None else names
    for name in chosen:
        if name == OBJECTIVES and name not in specified:
            hint = "[slo.NAME] of the configuration declares one"
            raise UsageError(f"without an objective there is no table {name!r}", hint)
        if name in SPECIFIED_TABLES and not has_specifications:
            hint = "--openapi FILE names an OpenAPI document"
            raise UsageError(f"without a specification there is no table {name!r}", hint)
        _require_known(name, TABLES | EXTRA_TABLES | specified, "table")
    for name in by:
        _require_known(name, tuple(SCHEMA), "column")
    for name in metrics:
        require_metric(name, definitions)
    if metrics and not set(chosen) & set(EXTENSIBLE):
        raise UsageError(
            f"{', '.join(chosen)}: no further metrics fit there",
            f"they are columns of {', '.join(EXTENSIBLE)}",
        )
    tables = TABLES | EXTRA_TABLES | specified
    if by and has_specifications:
        spec = tables[COVERAGE]
        own = {*spec.keys, "operation", "timestamp"}
        metrics_left = tuple(m for m in spec.metrics if m != "consumers" or "consumer" not in by)
        more = (name for name in dict.fromkeys(by) if name not in own)
        tables[COVERAGE] = replace(spec, keys=(*spec.keys, *more), metrics=metrics_left)
    if by:
        # No two columns of a table have one name.
        kept = tuple(m for m in tables["endpoints"].metrics if METRICS[m].column not in by)
        keys = tuple(dict.fromkeys(by))
        tables["endpoints"] = replace(tables["endpoints"], keys=keys, metrics=kept)
    for name in EXTENSIBLE if metrics else ():
        spec = tables[name]
        further = (m for m in metrics if definitions[m].column not in spec.keys)
        tables[name] = replace(spec, metrics=tuple(dict.fromkeys((*spec.metrics, *further))))
    return tuple(spec for name, spec in tables.items() if name in chosen)


def require_metric(name: str, definitions: MetricDefinitions) -> None:
    """Raise UsageError, which names the nearest, for what is no metric of the definitions."""
    own = [metric.name for metric in definitions.named]
    if name in METRICS or name in own:
        return
    nickname = find_metric(name)
    listed = "`apilog metrics` lists them; [metrics.NAME] of the configuration adds more"
    hint = f"did you mean {nickname}?" if nickname else did_you_mean(name, [*METRICS, *own], listed)
    if name == "apdex":
        hint = "give its target: --apdex 500ms"
    elif name in SPECIFIED_METRICS:
        hint = "name the specification: --openapi FILE, or openapi in [defaults]"
    raise UsageError(f"there is no metric {name!r}", hint)


def _require_known(name: str, known: Sequence[str] | dict[str, TableSpec], what: str) -> None:
    if name not in known:
        hint = did_you_mean(name, known, f"it is one of {', '.join(known)}")
        if " " in name and all(part in known for part in name.split()):
            hint = f"separate several with commas: {','.join(name.split())}"
        raise UsageError(f"there is no {what} {name!r}", hint)
