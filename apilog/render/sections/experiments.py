"""Goals and experiments: what was reached, and what each variant changed."""

from __future__ import annotations

from apilog.metrics import Unit
from apilog.render.sections.columns import format_mean, is_grouped, number_column
from apilog.render.sections.report_view import ReportView
from apilog.render.sections.section import Column, Section, Table, TextColumn
from apilog.render.text.cell_text import NULL

_GOAL_MARKS = {
    True: ("✓ reached", "green"),
    False: ("✗ missed", "bold red"),
    None: ("– no data", "dim"),
}


def goals_section(view: ReportView) -> Section | None:
    """Show each goal with its target and what was reached."""
    frame = view.table("goals")
    if not frame.height:
        return None
    rows = [*frame.iter_rows(named=True)]
    marks = [_GOAL_MARKS[row["reached"]] for row in rows]
    units = [Unit(row["unit"]) for row in rows]
    targets = [
        f"{row['operator']} {format_mean(row['target'], unit)}"
        for row, unit in zip(rows, units, strict=True)
    ]
    values = [format_mean(row["value"], unit) for row, unit in zip(rows, units, strict=True)]
    styles = [style for _, style in marks]
    columns: list[Column] = [
        TextColumn(title="", cells=[mark for mark, _ in marks], styles=styles),
        TextColumn(
            title="goal", cells=[row["goal"].replace("_", " ") for row in rows], styles="bold"
        ),
        TextColumn(title="wanted", cells=targets, align_right=True),
        TextColumn(title="is", cells=values, align_right=True, styles=styles),
        TextColumn(
            title="accounts",
            cells=[f"{row['accounts']:,}" for row in rows],
            align_right=True,
            drop_order=1,
        ),
    ]
    reached = sum(row["reached"] is True for row in rows)
    return Section(
        title="Goals",
        subtitle=f"{reached} of {len(rows)} reached",
        blocks=[Table(columns=columns, height=frame.height)],
    )


_EXPERIMENT_UNITS = {
    "activation": Unit.RATIO,
    "conversion": Unit.RATIO,
    "error_rate": Unit.RATIO,
    "latency_p95": Unit.MILLISECONDS,
}
_EXPERIMENT_STYLES = {"better": "bold green", "worse": "bold red", "uneven split": "yellow"}


def experiments_section(view: ReportView) -> Section | None:
    """Show what each variant changed in each metric, and whether that is more than chance."""
    frame = view.table("experiments")
    if is_grouped(frame, "variant") or not frame.height:
        return None
    rows = [*frame.iter_rows(named=True)]
    metrics = [row["metric"] for row in rows]
    firsts = [name != before for name, before in zip(metrics, ["", *metrics], strict=False)]
    # The value that the lift is of: where ranks of accounts are compared, the middle account's.
    values = [
        format_mean(
            row["value"] if row["typical"] is None else row["typical"],
            _EXPERIMENT_UNITS.get(row["metric"]),
        )
        for row in rows
    ]
    intervals = [
        ""
        if row["low"] is None
        else f"from {_format_lift(row['low'])}"
        if row["high"] is None
        else f"{_format_lift(row['low'])} to {_format_lift(row['high'])}"
        for row in rows
    ]
    p_values = [
        "" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"
        for p in (row["p_value"] for row in rows)
    ]
    names = [n.replace("_", " ") if f else "" for n, f in zip(metrics, firsts, strict=True)]
    columns: list[Column] = [
        TextColumn(title="", cells=names, styles="bold"),
        TextColumn(
            title="variant",
            cells=[row["variant"] for row in rows],
            is_flexible=True,
        ),
        number_column(frame, "accounts", "accounts", drop_order=4),
        TextColumn(title="value", cells=values, align_right=True),
        TextColumn(
            title="lift",
            cells=[_format_lift(row["lift"]) for row in rows],
            align_right=True,
            drop_order=1,
        ),
        TextColumn(title="95 % interval", cells=intervals, drop_order=3),
        TextColumn(
            title="p",
            cells=p_values,
            align_right=True,
            drop_order=2,
        ),
        TextColumn(
            title="",
            cells=[row["verdict"] for row in rows],
            styles=[_EXPERIMENT_STYLES.get(row["verdict"], "dim") for row in rows],
        ),
    ]
    table = Table(columns=columns, height=frame.height)
    subtitle = "against the control; calls and errors of the middle account"
    return Section(title="Experiments", subtitle=subtitle, blocks=[table])


def _format_lift(lift: float | None) -> str:
    return NULL if lift is None else f"{100 * lift:+.1f} %"
