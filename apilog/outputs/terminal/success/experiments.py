"""Experiments: each variant against the control."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from apilog.metrics import Unit
from apilog.outputs.escape import terminal_text
from apilog.outputs.labels import NULL
from apilog.outputs.terminal.grid import Column, Words, grid
from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.success.cells import is_grouped, numbers, shown

_UNITS = {
    "activation": Unit.RATIO,
    "conversion": Unit.RATIO,
    "error_rate": Unit.RATIO,
    "latency_p95": Unit.MILLISECONDS,
}
_VERDICTS = {"better": "bold green", "worse": "bold red", "uneven split": "yellow"}


def experiments(page: Page) -> Section | None:
    """A line a metric and variant, with what it changed and whether that is more than chance."""
    frame = page.table("experiments")
    if is_grouped(frame, "variant") or not frame.height:
        return None
    rows = [*frame.iter_rows(named=True)]
    metrics = [row["metric"] for row in rows]
    firsts = [name != before for name, before in zip(metrics, ["", *metrics], strict=False)]

    def draw(width: int) -> list[Text]:
        names = [n.replace("_", " ") if f else "" for n, f in zip(metrics, firsts, strict=True)]
        columns: list[Column] = [
            Words(title="", cells=names, styles="bold"),
            Words(
                title="variant",
                cells=[terminal_text(row["variant"]) for row in rows],
                flexible=True,
            ),
            numbers(frame, "accounts", "accounts", drop=4),
            Words(title="value", cells=[_value(row) for row in rows], right=True),
            Words(title="lift", cells=[_signed(row["lift"]) for row in rows], right=True, drop=1),
            Words(title="95 % interval", cells=[_interval(row) for row in rows], drop=3),
            Words(title="p", cells=[_p(row["p_value"]) for row in rows], right=True, drop=2),
            Words(
                title="",
                cells=[row["verdict"] for row in rows],
                styles=[_VERDICTS.get(row["verdict"], "dim") for row in rows],
            ),
        ]
        return grid(columns, frame.height, width)

    return Section(title="Experiments", subtitle="against the control", draw=draw)


def _value(row: dict[str, Any]) -> str:
    return shown(row["value"], _UNITS.get(row["metric"]))


def _signed(lift: float | None) -> str:
    return NULL if lift is None else f"{100 * lift:+.1f} %"


def _interval(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return ""
    return f"{_signed(row['low'])} to {_signed(row['high'])}"


def _p(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"
