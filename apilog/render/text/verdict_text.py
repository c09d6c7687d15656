"""The verdicts of a check or a comparison in words, with their figures as text.

The texts are not escaped: the caller escapes them for its target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from apilog.errors import UsageError
from apilog.metrics import Unit
from apilog.render.text.cell_text import NULL, column_unit, format_value, metric_unit
from apilog.report_model import CheckState, DifferenceVerdict, Report
from apilog.text.units import format_count

CHECKS, COMPARISON = "checks", "comparison"
"""The tables that have verdicts."""
VERDICT_TABLES = frozenset({CHECKS, COMPARISON, "worst"})
"""Tables whose rows are about different metrics, each with a unit of its own."""

_VALUE_COLUMNS = {
    *("threshold", "metric", "state", "value", "limit", "baseline", "requests"),
    *("low", "high", "p_value", "design_effect", "reason"),
    *("a", "b", "a_requests", "b_requests", "difference", "verdict"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictLine:
    """One row of the table of checks or of the comparison."""

    subject: str
    """The threshold, or the metric that is compared."""
    key: str
    """The values it is about, such as `GET /orders`; empty for all requests."""
    state: CheckState
    explanation: str
    """The figures and why, in one line."""

    @property
    def name(self) -> str:
        """The subject, and the values it is about."""
        return f"{self.subject} ({self.key})" if self.key else self.subject


def read_verdicts(report: Report) -> Iterator[VerdictLine]:
    """Yield the rows of the checks or the comparison. Raises UsageError if there are neither."""
    if CHECKS in report.tables:
        yield from map(_check_verdict, report.tables[CHECKS].iter_rows(named=True))
    elif COMPARISON in report.tables:
        yield from map(_comparison_verdict, report.tables[COMPARISON].iter_rows(named=True))
    else:
        raise UsageError(
            f"a {report.command} has no verdicts", "this format is for check and compare"
        )


def group_by_subject(verdicts: Iterator[VerdictLine]) -> dict[str, list[VerdictLine]]:
    """Group verdicts by their subject, in their order."""
    groups: dict[str, list[VerdictLine]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.subject, []).append(verdict)
    return groups


def overall_state(verdicts: list[VerdictLine]) -> CheckState:
    """Return the state of a subject: inconclusive only if no row could be decided."""
    return CheckState.overall(verdict.state for verdict in verdicts)


def summary_sentence(report: Report) -> str:
    """Say in a few words how many thresholds hold, or how many metrics differ."""
    states = [overall_state(group) for group in group_by_subject(read_verdicts(report)).values()]
    failed, open_ = states.count(CheckState.FAIL), states.count(CheckState.INCONCLUSIVE)
    is_check = CHECKS in report.tables
    what = "threshold" if is_check else "metric"
    total = f"{len(states)} {what}{'' if len(states) == 1 else 's'}"
    parts = [f"{failed} of {total} {'failed' if is_check else 'got worse'}"] if failed else []
    if open_:
        parts.append(f"{open_}{'' if failed else f' of {total}'} could not be decided")
    if errors := len(report.input.failed_files):
        parts.append(f"{errors} error{'' if errors == 1 else 's'}")
    if parts:
        return ", ".join(parts)
    return f"{total} hold{'s' if len(states) == 1 else ''}" if is_check else f"{total} compared"


def verdict_key(row: Mapping[str, Any]) -> str:
    """Return the values that a row is about."""
    return " ".join(
        str(v) for name, v in row.items() if name not in _VALUE_COLUMNS and v is not None
    )


def endpoint_names(frame: pl.DataFrame) -> list[str]:
    """Return the name of each row's endpoint; empty for a row about all of them."""
    columns: list[str] = [name for name in ("method", "route") if name in frame.columns]
    if "gateway" in frame.columns and frame["gateway"].drop_nulls().n_unique() > 1:
        columns.insert(0, "gateway")
    rows = frame.select(columns).iter_rows()
    return [" ".join(str(value) for value in row if value is not None) for row in rows]


def verdict_unit(metric: str) -> Unit | None:
    """Return the unit of a metric; a rate that the catalogue doesn't have is a ratio."""
    if (known := metric_unit(metric)) is not None:
        return known
    return Unit.RATIO if metric.endswith("_rate") else column_unit(metric)


def format_metric(value: float | None, metric: str) -> str:
    """Format a value of the metric with its unit."""
    return format_value(value, verdict_unit(metric), "UTC")


def format_difference(difference: float | None, metric: str) -> str:
    """Format a difference with its sign; differences of ratios are percentage points."""
    if difference is None:
        return NULL
    unit = verdict_unit(metric)
    text = format_value(abs(difference), unit, "UTC")
    if unit is Unit.RATIO:
        text = text.replace(" %", " pp")
    return f"{'+' if difference > 0 else '−' if difference < 0 else '±'}{text}"


def format_interval(low: float | None, high: float | None, metric: str, *, signed: bool) -> str:
    """Format an interval; `…` stands for a missing bound."""
    if low is None and high is None:
        return NULL
    draw = format_difference if signed else format_metric
    return " to ".join("…" if bound is None else draw(bound, metric) for bound in (low, high))


def margin_to_limit(row: Mapping[str, Any]) -> float | None:
    """Return how far a checked value is above its limit."""
    value, limit = row["value"], row["limit"]
    return None if value is None or limit is None else value - limit


def format_p_value(p: float | None) -> str:
    """Format a p-value with two digits; the smallest ones by what they are below."""
    if p is None:
        return NULL
    return "<0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def _check_verdict(row: Mapping[str, Any]) -> VerdictLine:
    metric, parts = row["metric"], []
    if row["value"] is not None:
        parts.append(
            f"{format_metric(row['value'], metric)} over {format_count(row['requests'])} requests"
        )
    if row["limit"] is not None:
        parts.append(f"limit {format_metric(row['limit'], metric)}")
    if row["baseline"] is not None:
        parts.append(f"baseline {format_metric(row['baseline'], metric)}")
    if (over := margin_to_limit(row)) is not None:
        parts.append(f"margin {format_difference(over, metric)}")
    if row["p_value"] is not None:
        parts.append(f"p {format_p_value(row['p_value'])}")
    if row["reason"]:
        parts.append(row["reason"])
    return VerdictLine(
        subject=row["threshold"],
        key=verdict_key(row),
        state=CheckState(row["state"]),
        explanation=", ".join(parts),
    )


def _comparison_verdict(row: Mapping[str, Any]) -> VerdictLine:
    metric = row["metric"]
    interval = format_interval(row["low"], row["high"], metric, signed=True)
    parts = [
        f"{format_metric(row['a'], metric)} to {format_metric(row['b'], metric)}",
        f"difference {format_difference(row['difference'], metric)} ({interval})",
        f"p {format_p_value(row['p_value'])}",
        row["verdict"],
    ]
    return VerdictLine(
        subject=metric,
        key=verdict_key(row),
        state=DifferenceVerdict(row["verdict"]).check_state,
        explanation=", ".join(part for part in parts if part),
    )


def figures_as_text(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with its figures as text, unless each column has a single unit."""
    if name not in VERDICT_TABLES or "metric" not in frame.columns:
        return frame
    keys = [key for key in frame.columns if key not in _VALUE_COLUMNS and frame[key].count()]
    rows = [_row_as_text(name, row, keys) for row in frame.iter_rows(named=True)]
    empty = _row_as_text(name, dict.fromkeys(frame.columns), keys)
    return pl.DataFrame(rows, schema=dict.fromkeys(empty, pl.String))


_SIGNED = {"difference"}
_BOUNDS = {"low", "high"}
_WITH_UNIT = {"value", "limit", "baseline", "a", "b", *_SIGNED, *_BOUNDS}
_COUNTS = {"requests", "a_requests", "b_requests"}
FIGURES = frozenset({*_WITH_UNIT, *_COUNTS, "p_value", "design_effect"})
"""Columns of the tables of verdicts that hold figures."""


def figures_in_columns(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the same columns, with the figures of each row in the unit of its metric, as text."""
    if name not in VERDICT_TABLES or "metric" not in frame.columns:
        return frame
    figures = [column for column in frame.columns if column in FIGURES]
    rows = list(frame.iter_rows(named=True))
    return frame.with_columns(
        pl.Series(column, [_figure_text(name, column, row) for row in rows], dtype=pl.String)
        for column in figures
    )


def _figure_text(name: str, column: str, row: Mapping[str, Any]) -> str:
    value, metric = row[column], row["metric"] or ""
    if column == "p_value":
        return format_p_value(value)
    if column in _COUNTS:
        return NULL if value is None else format_count(value)
    if column not in _WITH_UNIT:
        return format_value(value, Unit.SCORE, "UTC")
    # The interval of what is compared is that of a difference.
    is_compared = name == COMPARISON or row.get("baseline") is not None
    is_signed = column in _SIGNED or (column in _BOUNDS and is_compared)
    return (format_difference if is_signed else format_metric)(value, metric)


def _row_as_text(name: str, row: Mapping[str, Any], keys: Sequence[str]) -> dict[str, str | None]:
    metric, own_keys = row["metric"] or "", {key: row[key] for key in keys}
    if name == COMPARISON:
        return {
            "verdict": row["verdict"],
            "metric": row["metric"],
            **own_keys,
            "a": format_metric(row["a"], metric),
            "b": format_metric(row["b"], metric),
            "difference": format_difference(row["difference"], metric),
            "interval": format_interval(row["low"], row["high"], metric, signed=True),
            "p": format_p_value(row["p_value"]),
            "requests of a": format_count(row["a_requests"]),
            "requests of b": format_count(row["b_requests"]),
        }
    value, requests = format_metric(row["value"], metric), format_count(row["requests"])
    if name != CHECKS:
        return {"threshold": row["threshold"], **own_keys, "value": value, "requests": requests}
    signed = row["baseline"] is not None
    return {
        "state": row["state"],
        "threshold": row["threshold"],
        **own_keys,
        "value": value,
        "limit": format_metric(row["limit"], metric),
        "margin": format_difference(margin_to_limit(row), metric),
        "requests": requests,
        "interval": format_interval(row["low"], row["high"], metric, signed=signed),
        "p": format_p_value(row["p_value"]),
        "reason": row["reason"] or "",
    }
