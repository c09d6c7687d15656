"""Service level objectives: which are met, and how much of the error budget is used."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.render.sections.report_view import ReportView
from apilog.render.sections.section import Column, Section, Table, TextColumn
from apilog.render.text.cell_text import NULL
from apilog.text.units import format_count, format_ratio

_MET = {True: ("yes", "green"), False: ("NO", "bold red"), None: ("?", "yellow")}


def objectives_section(view: ReportView) -> Section | None:
    """Show the objectives in their order, as long as some request is known to be good or bad."""
    frame = view.table("objectives")
    if "budget_used" not in frame.columns or "met" not in frame.columns:
        return None
    met = [_MET[value] for value in frame["met"].to_list()]
    unknown = frame["unknown"]
    columns: list[Column] = [
        TextColumn(
            title="met", cells=[text for text, _ in met], styles=[style for _, style in met]
        ),
        TextColumn(title="objective", cells=frame["name"].to_list(), is_flexible=True),
        _numbers("at least", [_percent(v) for v in frame["objective"]]),
        _numbers("good", [_percent(v) for v in frame["good_ratio"]]),
        _numbers("bad", _counts(frame["bad"])),
        _numbers("allowed", [NULL if v is None else f"{v:,.4g}" for v in frame["allowed_bad"]], 3),
        _numbers("budget used", [format_ratio(v) for v in frame["budget_used"]]),
        _numbers("requests", _counts(frame["requests"]), 1),
    ]
    if (unknown > 0).any():
        columns.append(_numbers("unknown", _counts(unknown)))
    return Section(title="Objectives", blocks=[Table(columns=columns, height=frame.height)])


def _numbers(title: str, cells: Sequence[str], drop_order: int = 0) -> TextColumn:
    return TextColumn(title=title, cells=cells, align_right=True, drop_order=drop_order)


def _counts(column: pl.Series) -> list[str]:
    return [NULL if value is None else format_count(value) for value in column]


def _percent(ratio: float | None) -> str:
    """Return a share with as many digits as objectives have, which are close to 1.

    >>> [_percent(ratio) for ratio in (0.99995, 0.999999999, 1.0, None)]
    ['99.995 %', '>99.9999 %', '100 %', '–']
    """
    if ratio is None:
        return NULL
    if 0.999_999 < ratio < 1:
        return ">99.9999 %"
    return f"{ratio * 100:.4f}".rstrip("0").rstrip(".") + " %"
