"""The account of a chunk: records whose time is known, and all other lines as rejects."""

from __future__ import annotations

import polars as pl

from apilog.formats.base import REJECTS_SCHEMA, Parsed


def accounted(
    records: pl.DataFrame,
    rows: pl.Series | None,
    count: int,
    name: str,
    asked: set[str],
    *,
    wants: str = "",
) -> Parsed:
    """Records whose time is known; every other line is a reject."""
    timed = records["timestamp"].is_not_null()
    if rows is None and timed.all():
        return Parsed(records=_chosen(records, asked))
    lines = every(count) if rows is None else rows
    return Parsed(
        records=_chosen(records.filter(timed), asked),
        rows=lines.filter(timed),
        rejects=pl.concat(
            [
                _rejects(missing(lines, count), wants or f"not {name}"),
                _rejects(lines.filter(~timed), "no time that can be understood"),
            ]
        ).sort("row"),
    )


def _chosen(records: pl.DataFrame, asked: set[str]) -> pl.DataFrame:
    return records.select_seq(c for c in records.columns if c in asked)


def every(count: int) -> pl.Series:
    """The indexes of so many lines."""
    return pl.int_range(count, dtype=pl.UInt32, eager=True)


def missing(rows: pl.Series, count: int) -> pl.Series:
    """The indexes of lines that are not among these."""
    absent = pl.repeat(value=True, n=count, dtype=pl.Boolean, eager=True)
    return every(count).filter(absent.scatter(rows, values=False) if len(rows) else absent)


def _rejects(rows: pl.Series, reason: str) -> pl.DataFrame:
    return pl.DataFrame({"row": rows}, schema={"row": REJECTS_SCHEMA["row"]}).with_columns(
        pl.lit(reason).alias("reason")
    )
