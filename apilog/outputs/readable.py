"""Tables whose rows have several units, as texts for layout outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from apilog.outputs.verdicts import between, gap, keys_of, margin, p_text, shown
from apilog.units import format_count


def readable(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The table with its figures as texts; as it is if all of a column have one unit."""
    draw = _DRAWN.get(name)
    if draw is None:
        return frame
    keys = [key for key in keys_of(frame) if frame[key].count()]
    rows = [draw(row, {key: row[key] for key in keys}) for row in frame.iter_rows(named=True)]
    empty = draw(dict.fromkeys(frame.columns), dict.fromkeys(keys))
    return pl.DataFrame(rows, schema=dict.fromkeys(empty, pl.String))


def _check(row: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, str | None]:
    metric = row["metric"] or ""
    signed = row["baseline"] is not None
    return {
        "state": row["state"],
        "threshold": row["threshold"],
        **keys,
        "value": shown(row["value"], metric),
        "limit": shown(row["limit"], metric),
        "margin": gap(margin(row), metric),
        "requests": format_count(row["requests"]),
        "interval": between(row["low"], row["high"], metric, signed=signed),
        "p": p_text(row["p_value"]),
        "reason": row["reason"] or "",
    }


def _compared(row: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, str | None]:
    metric = row["metric"] or ""
    return {
        "verdict": row["verdict"],
        "metric": row["metric"],
        **keys,
        "a": shown(row["a"], metric),
        "b": shown(row["b"], metric),
        "difference": gap(row["difference"], metric),
        "interval": between(row["low"], row["high"], metric, signed=True),
        "p": p_text(row["p_value"]),
        "requests of a": format_count(row["a_requests"]),
        "requests of b": format_count(row["b_requests"]),
    }


def _worst(row: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        "threshold": row["threshold"],
        **keys,
        "value": shown(row["value"], row["metric"] or ""),
        "requests": format_count(row["requests"]),
    }


_DRAWN: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, str | None]]] = {
    "checks": _check,
    "comparison": _compared,
    "worst": _worst,
}
