"""What a report on thresholds or a comparison says, row by row, in words.

Texts are as they stand: the caller escapes them for its target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from apilog.errors import UsageError
from apilog.metrics import METRICS, Unit
from apilog.model import Report
from apilog.outputs.labels import NULL, display
from apilog.units import format_count

CHECKS, COMPARISON = "checks", "comparison"
"""The tables that have verdicts."""

_VALUES = {
    *("threshold", "metric", "state", "value", "limit", "baseline", "requests"),
    *("low", "high", "p_value", "reason"),
    *("a", "b", "a_requests", "b_requests", "difference", "verdict"),
}


class State(StrEnum):
    """What a row comes to."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One row."""

    subject: str
    """The threshold, or the metric that is compared."""
    key: str
    """The values it is about, such as `GET /orders`; empty for all."""
    state: State
    said: str
    """The figures and why, in one line."""

    @property
    def name(self) -> str:
        """The subject and what of it."""
        return f"{self.subject} ({self.key})" if self.key else self.subject


def verdicts(report: Report) -> Iterator[Verdict]:
    """The rows of the report's checks or comparison. Raises UsageError if it has neither."""
    if CHECKS in report.tables:
        yield from map(_check, report.tables[CHECKS].iter_rows(named=True))
    elif COMPARISON in report.tables:
        yield from map(_compared, report.tables[COMPARISON].iter_rows(named=True))
    else:
        raise UsageError(
            f"a {report.command} has no verdicts", "this format is for check and compare"
        )


def by_subject(found: Iterator[Verdict]) -> dict[str, list[Verdict]]:
    """Verdicts by what they are about, in their order."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in found:
        groups.setdefault(verdict.subject, []).append(verdict)
    return groups


def overall(found: list[Verdict]) -> State:
    """What all rows of a subject come to: inconclusive only if none could be decided."""
    states = {verdict.state for verdict in found}
    order = (State.FAIL, State.PASS)
    return next((state for state in order if state in states), State.INCONCLUSIVE)


def sentence(report: Report) -> str:
    """How many thresholds hold, or how many metrics differ, in a few words."""
    states = [overall(found) for found in by_subject(verdicts(report)).values()]
    failed, open_ = states.count(State.FAIL), states.count(State.INCONCLUSIVE)
    is_check = CHECKS in report.tables
    what = "threshold" if is_check else "metric"
    total = f"{len(states)} {what}{'' if len(states) == 1 else 's'}"
    parts = [f"{failed} of {total} {'failed' if is_check else 'got worse'}"] if failed else []
    if open_:
        parts.append(f"{open_}{'' if failed else f' of {total}'} could not be decided")
    if parts:
        return ", ".join(parts)
    return f"{total} hold{'s' if len(states) == 1 else ''}" if is_check else f"{total} compared"


def key_of(row: Mapping[str, Any]) -> str:
    """The values that a row is about."""
    return " ".join(str(v) for name, v in row.items() if name not in _VALUES and v is not None)


def keys_of(frame: pl.DataFrame) -> list[str]:
    """The columns that say what a row is about."""
    return [name for name in frame.columns if name not in _VALUES]


def endpoint_columns(frame: pl.DataFrame) -> list[str]:
    """The columns that name an endpoint; the gateway only if there are several."""
    names: list[str] = [name for name in ("method", "route") if name in frame.columns]
    if "gateway" in frame.columns and frame["gateway"].drop_nulls().n_unique() > 1:
        names.insert(0, "gateway")
    return names


def endpoints(frame: pl.DataFrame) -> list[str]:
    """What the endpoint of each row is called; empty for a row of all."""
    rows = frame.select(endpoint_columns(frame)).iter_rows()
    return [" ".join(str(value) for value in row if value is not None) for row in rows]


def unit_of_metric(metric: str) -> Unit | None:
    """The unit of a metric's values; a rate that the catalogue doesn't have is a ratio."""
    if metric in METRICS:
        return METRICS[metric].unit
    return Unit.RATIO if metric.endswith("_rate") else None


def shown(value: float | None, metric: str) -> str:
    """A value of the metric with its unit."""
    return display(value, unit_of_metric(metric), "UTC")


def gap(difference: float | None, metric: str) -> str:
    """A difference with its sign; of ratios in percentage points."""
    if difference is None:
        return NULL
    unit = unit_of_metric(metric)
    text = display(abs(difference), unit, "UTC")
    if unit is Unit.RATIO:
        text = text.replace(" %", " pp")
    return f"{'+' if difference > 0 else '−' if difference < 0 else '±'}{text}"


def between(low: float | None, high: float | None, metric: str, *, signed: bool) -> str:
    """An interval; `…` where it has no bound."""
    if low is None and high is None:
        return NULL
    draw = gap if signed else shown
    return " to ".join("…" if bound is None else draw(bound, metric) for bound in (low, high))


def margin(row: Mapping[str, Any]) -> float | None:
    """How far a checked value is above its limit."""
    value, limit = row["value"], row["limit"]
    return None if value is None or limit is None else value - limit


def p_text(p: float | None) -> str:
    """A p-value with two digits; the smallest ones by what they are below."""
    if p is None:
        return NULL
    return "<0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def _check(row: Mapping[str, Any]) -> Verdict:
    metric, parts = row["metric"], []
    if row["value"] is not None:
        parts.append(f"{shown(row['value'], metric)} over {format_count(row['requests'])} requests")
    if row["limit"] is not None:
        parts.append(f"limit {shown(row['limit'], metric)}")
    if row["baseline"] is not None:
        parts.append(f"baseline {shown(row['baseline'], metric)}")
    if (over := margin(row)) is not None:
        parts.append(f"margin {gap(over, metric)}")
    if row["p_value"] is not None:
        parts.append(f"p {p_text(row['p_value'])}")
    if row["reason"]:
        parts.append(row["reason"])
    return Verdict(
        subject=row["threshold"],
        key=key_of(row),
        state=State(row["state"]),
        said=", ".join(parts),
    )


def _compared(row: Mapping[str, Any]) -> Verdict:
    metric = row["metric"]
    interval = between(row["low"], row["high"], metric, signed=True)
    parts = [
        f"{shown(row['a'], metric)} to {shown(row['b'], metric)}",
        f"difference {gap(row['difference'], metric)} ({interval})",
        f"p {p_text(row['p_value'])}",
        row["verdict"],
    ]
    states = {"worse": State.FAIL, "inconclusive": State.INCONCLUSIVE}
    return Verdict(
        subject=metric,
        key=key_of(row),
        state=states.get(row["verdict"], State.PASS),
        said=", ".join(part for part in parts if part),
    )
