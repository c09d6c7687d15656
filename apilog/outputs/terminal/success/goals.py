"""Goals: reached or missed."""

from __future__ import annotations

from apilog.metrics import Unit
from apilog.outputs.terminal.grid import Column, Words, grid
from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.success.cells import shown

_MARKS = {True: ("✓ reached", "green"), False: ("✗ missed", "bold red"), None: ("– no data", "dim")}


def goals(page: Page) -> Section | None:
    """A line a goal, with what it was and what it came to."""
    frame = page.table("goals")
    if not frame.height:
        return None
    rows = [*frame.iter_rows(named=True)]
    marks = [_MARKS[row["reached"]] for row in rows]
    units = [Unit(row["unit"]) for row in rows]
    targets = [
        f"{row['operator']} {shown(row['target'], unit)}"
        for row, unit in zip(rows, units, strict=True)
    ]
    values = [shown(row["value"], unit) for row, unit in zip(rows, units, strict=True)]
    styles = [style for _, style in marks]
    columns: list[Column] = [
        Words(title="", cells=[mark for mark, _ in marks], styles=styles),
        Words(title="goal", cells=[row["goal"].replace("_", " ") for row in rows], styles="bold"),
        Words(title="wanted", cells=targets, right=True),
        Words(title="is", cells=values, right=True, styles=styles),
        Words(title="accounts", cells=[f"{row['accounts']:,}" for row in rows], right=True, drop=1),
    ]
    reached = sum(row["reached"] is True for row in rows)
    return Section(
        title="Goals",
        subtitle=f"{reached} of {len(rows)} reached",
        draw=lambda width: grid(columns, frame.height, width),
    )
