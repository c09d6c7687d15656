"""A comparison on the terminal: for each metric all requests, then what differs most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from rich.text import Text

from apilog.outputs.escape import terminal_text
from apilog.outputs.terminal.grid import Column, Words, grid
from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.text import clip
from apilog.outputs.verdicts import COMPARISON, between, endpoints, gap, p_text, shown
from apilog.units import format_count

_ENDPOINTS = 5
_STYLES = {
    "worse": "bold red",
    "better": "green",
    "different": "yellow",
    "no difference shown": "dim",
    "inconclusive": "yellow",
}
_SHORT = {"inconclusive": "?", "no difference shown": "–"}

Row = Mapping[str, Any]


def comparison(page: Page) -> Section | None:
    """Both values of each metric, their difference, and the verdict."""
    frame = page.table(COMPARISON)
    if frame.is_empty():
        return None
    # All requests stand first.
    most = (page.top or _ENDPOINTS) + 1
    groups = frame.partition_by("metric", maintain_order=True)
    shown_frame = pl.concat(group.head(most) for group in groups)
    rows = [*shown_frame.iter_rows(named=True)]
    named = [
        f"  {terminal_text(endpoint)}" if endpoint else str(row["metric"])
        for row, endpoint in zip(rows, endpoints(shown_frame), strict=True)
    ]

    def draw(width: int) -> list[Text]:
        title, *lines = grid(_columns(rows, named), len(rows), width)
        drawn, start = [title], 0
        for group in groups:
            shown_rows = min(group.height, most)
            drawn += lines[start : start + shown_rows]
            start += shown_rows
            drawn += _more(group.height - shown_rows, width)
        return drawn

    subtitle = "of b with a; – no difference shown, ? too little data"
    return Section(title="Comparison", subtitle=subtitle, draw=draw)


def _columns(rows: Sequence[Row], named: Sequence[str]) -> list[Column]:
    gaps = [gap(row["difference"], row["metric"]) for row in rows]
    intervals = [between(row["low"], row["high"], row["metric"], signed=True) for row in rows]
    sizes = [f"{format_count(r['a_requests'])} / {format_count(r['b_requests'])}" for r in rows]
    verdicts = Words(
        title="",
        cells=[_SHORT.get(str(row["verdict"]), str(row["verdict"])) for row in rows],
        styles=[_STYLES[row["verdict"]] for row in rows],
    )
    return [
        verdicts,
        Words(title="metric", cells=named, flexible=True, least=20),
        Words(title="a", cells=_shown(rows, "a"), right=True),
        Words(title="b", cells=_shown(rows, "b"), right=True, styles="bold"),
        Words(
            title="difference",
            cells=gaps,
            right=True,
        ),
        Words(title="interval", cells=intervals, right=True, drop=3, styles="dim"),
        Words(title="p", cells=[p_text(row["p_value"]) for row in rows], right=True, drop=1),
        Words(title="requests", cells=sizes, right=True, drop=2),
    ]


def _shown(rows: Sequence[Row], side: str) -> list[str]:
    return [shown(row[side], row["metric"]) for row in rows]


def _more(hidden: int, width: int) -> list[Text]:
    if hidden <= 0:
        return []
    return [clip(Text(f"{' ' * 12}… and {format_count(hidden)} more", "dim"), width)]
