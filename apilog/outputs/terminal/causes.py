"""Why endpoints fail: the statuses and error sources behind their errors."""

from __future__ import annotations

import polars as pl

from apilog.outputs.escape import terminal_text
from apilog.outputs.labels import NULL
from apilog.outputs.terminal.grid import Words
from apilog.outputs.terminal.page import Page, keys
from apilog.outputs.terminal.text import shorten_end
from apilog.units import format_count

_NEEDED = {"status", "requests"}


def has_causes(page: Page, frame: pl.DataFrame) -> bool:
    """Whether the errors of the report can be told by the keys of that table."""
    names, known = keys(frame), page.table("errors")
    return bool(names) and known.height > 0 and _NEEDED.union(names) <= set(known.columns)


def cause_column(page: Page, shown: pl.DataFrame) -> Words:
    """For each row its errors as `502 upstream 812`, server errors first."""
    names = keys(shown)
    known = page.table("errors").join(shown.select(names), on=names, how="semi", nulls_equal=True)
    causes: dict[tuple[object, ...], list[str]] = {}
    for row in known.sort(pl.col("status") < 500, -pl.col("requests")).iter_rows(named=True):
        causes.setdefault(tuple(row[name] for name in names), []).append(_cause(row))
    texts = [" · ".join(causes.get(row, [NULL])) for row in shown.select(names).iter_rows()]
    return Words(title="causes", cells=texts, flexible=True, drop=3, least=16, shorten=shorten_end)


def _cause(row: dict[str, object]) -> str:
    source = row.get("error_source")
    words = [NULL if row["status"] is None else str(row["status"])]
    # A 4xx says by itself that it was the client; that nobody knows says nothing.
    if source not in (None, "client", "unknown"):
        words.append(str(source))
    requests = row["requests"]
    count = format_count(requests, compact=True) if isinstance(requests, int) else NULL
    return terminal_text(" ".join([*words, f"×{count}"]))
