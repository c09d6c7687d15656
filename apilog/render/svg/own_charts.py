"""The charts of a report of one's own, asked for with its tables: bars, or lines over time."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from apilog.render.svg.bars import BarRow, draw_bars
from apilog.render.svg.drawing import Drawing
from apilog.render.svg.frame import MARGIN, draw_heading
from apilog.render.svg.rankings import MOST_ROWS, label_row
from apilog.render.svg.scales import linear_scale
from apilog.render.svg.theme import Theme
from apilog.render.svg.time_plot import draw_time_plot, largest, most_columns, time_columns
from apilog.render.text.cell_text import column_title, column_unit, format_value, is_metric
from apilog.report_model import Report, TableLayout

_MOST_LINES = 4
"""Columns that are drawn of one table."""
_OTHER = "(other)"


def own_charts(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> dict[str, str]:
    """Return the charts by a name that is no table's; each is an `svg` element."""
    drawn: dict[str, str] = {}
    for layout in report.layout:
        if layout.chart not in ("bar", "line"):
            continue
        draw = _draw_bars if layout.chart == "bar" else _draw_lines
        for svg in draw(report, layout, width, theme):
            drawn[_name(layout, len(drawn))] = svg
    return drawn


def _name(layout: TableLayout, number: int) -> str:
    return f"{layout.name}-{number}"


def _title(layout: TableLayout) -> str:
    return layout.title or column_title(layout.name).capitalize()


def _numbers(frame: pl.DataFrame) -> list[str]:
    names = [name for name, dtype in frame.schema.items() if dtype.is_numeric()]
    return [name for name in names if name != "status" and frame[name].count()]


def _draw_bars(report: Report, layout: TableLayout, width: int, theme: Theme) -> Iterator[str]:
    """Draw the measure of each row, but for rows of all the rest, which are no rows like others."""
    frame = report.tables[layout.name]
    numbers = _numbers(frame)
    measure = layout.measure if layout.measure in numbers else next(iter(numbers), "")
    if not measure:
        return
    keys = [name for name in frame.columns if name not in numbers and not is_metric(name)]
    texts = [key for key in keys if frame.schema[key] == pl.String]
    is_other = [(pl.col(key) == _OTHER).fill_null(value=False) for key in texts]
    single = frame.filter(~pl.any_horizontal(pl.lit(value=False), *is_other))
    shown = single.head(layout.top or MOST_ROWS)
    rows = []
    for row in shown.iter_rows(named=True):
        text = format_value(row[measure], column_unit(measure), report.timezone)
        label = label_row(row, keys)
        parts = [("bar", max(float(row[measure] or 0), 0.0))]
        rows.append(BarRow(label, parts, [text], f"{label}: {text}"))
    drawing = Drawing(width, theme)
    left_out = f", {shown.height} of {single.height} rows" if shown.height < single.height else ""
    subtitle = f"{_title(layout)}: {column_title(measure)}{left_out}"
    top = draw_heading(drawing, _title(layout), subtitle)
    end = draw_bars(drawing, rows, [""], top)
    described = "; ".join(row.title for row in rows[:3]) or "no rows"
    yield drawing.finish(end + MARGIN, f"own-{_name(layout, 0)}", _title(layout), described)


def _draw_lines(report: Report, layout: TableLayout, width: int, theme: Theme) -> Iterator[str]:
    """Draw each number over time; where buckets share a column, the largest of them."""
    frame = report.tables[layout.name]
    if "timestamp" not in frame.columns or frame["timestamp"].count() < 2:
        return
    for number, name in enumerate(_numbers(frame)[:_MOST_LINES]):
        drawing = Drawing(width, theme)
        most = most_columns(drawing, width // 2)
        columns = time_columns(report, frame, [pl.col(name).max()], most)
        if columns is None:
            return
        unit = column_unit(name)
        note = f"{columns.step}, the largest of them" if columns.is_merged else columns.step
        title = f"{_title(layout)}: {column_title(name)}"
        top = draw_heading(drawing, title, f"{title}, {note}")
        plot, end = draw_time_plot(
            drawing,
            columns,
            top,
            lambda low, high, values=columns.frame[name]: linear_scale(  # type: ignore[misc]
                0, largest(values), low, high
            ),
            lambda value, unit=unit: format_value(value, unit, report.timezone),  # type: ignore[misc]
        )
        known = columns.frame.drop_nulls(name)
        points = [
            (x, plot.values.place(max(value, 0)))
            for start, stop, value in known["timestamp", "end", name].iter_rows()
            for x in (plot.at(start), plot.at(stop))
        ]
        drawing.polyline(points, "p50")
        peak = format_value(columns.frame[name].max(), unit, report.timezone)
        told = f"{column_title(name)} over time, at most {peak}."
        yield drawing.finish(end + MARGIN, f"own-{layout.name}-line-{number}", title, told)
