"""The tables of a report of one's own: every column, with bars or as lines over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import polars as pl

from apilog.render.sections.breakdowns import whole_table_section
from apilog.render.sections.report_view import ReportView, has_values, split_other
from apilog.render.sections.section import BarColumn, Charts, ChartSeries, Column, Section, Table
from apilog.render.text.cell_text import column_title, column_unit, format_value
from apilog.report_model import TableLayout

_USUAL_ROWS = 10
_STYLES = ("cyan", "magenta", "green", "yellow")


def own_table_section(view: ReportView, layout: TableLayout) -> Section:
    """Show a table with its own title, and as it is to be drawn."""
    frame = view.table(layout.name)
    is_ranking = bool(layout.measure) and "timestamp" not in frame.columns
    if view.top is None and is_ranking:
        view = replace(view, top=layout.top or view.row_limit(_USUAL_ROWS, frame.height))
    section = whole_table_section(view, layout.name)
    title = layout.title or column_title(layout.name).capitalize()
    if layout.chart == "line" and has_values(frame, "timestamp") and frame.height > 1:
        return Section(title=title, blocks=[_lines_of(frame, view.report.timezone)])
    if layout.chart == "bar":
        blocks = [
            replace(block, columns=_with_bars(block.columns, _shown(view, frame), layout.measure))
            if isinstance(block, Table)
            else block
            for block in section.blocks
        ]
        return replace(section, title=title, blocks=blocks)
    return replace(section, title=title)


def _lines_of(frame: pl.DataFrame, timezone: str) -> Charts:
    """Chart every number of a table over time; of several buckets the largest value is shown."""
    shown = frame.drop_nulls("timestamp").sort("timestamp")
    numbers = [column for column in shown if column.dtype.is_numeric() and column.count()]
    zone = ZoneInfo(timezone)
    return Charts(
        series=[
            ChartSeries(
                label=column_title(column.name),
                peak=format_value(column.max(), column_unit(column.name), timezone),
                values=column.to_list(),
                height=1,
                style=_STYLES[place % len(_STYLES)],
                merge=max,
            )
            for place, column in enumerate(numbers)
        ],
        times=[moment.astimezone(zone) for moment in shown["timestamp"]],
    )


def _shown(view: ReportView, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that `whole_table_section` shows."""
    regular, other = split_other(frame)
    return frame if view.top is None else pl.concat([regular.head(view.top), other])


def _with_bars(columns: Sequence[Column], frame: pl.DataFrame, measure: str) -> list[Column]:
    """Return the columns with bars behind that measure, but for rows of all the rest."""
    names = [column.name for column in frame if column.dtype.is_numeric()]
    measure = measure if measure in names else next((n for n in names if n != "status"), "")
    if not measure:
        return [*columns]
    single = split_other(frame)[0].height
    values: list[float | None] = frame[measure].to_list()
    bars = BarColumn(
        values=[value if place < single else None for place, value in enumerate(values)],
        drop_order=len(columns),
    )
    place = frame.columns.index(measure) + 1
    return [*columns[:place], bars, *columns[place:]]
