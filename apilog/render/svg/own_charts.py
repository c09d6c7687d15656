"""The charts of a report of one's own: figures, bars, or lines over time.

A page has those that the tables ask for, beside the tables; as a picture, every table is drawn, as
it asks or else as its keys suggest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.errors import UsageError
from apilog.render.svg.bars import BarRow, draw_bars
from apilog.render.svg.chart_tables import read_table
from apilog.render.svg.drawing import TEXT_SIZE, Drawing
from apilog.render.svg.frame import LINE, MARGIN, draw_empty, draw_heading
from apilog.render.svg.headline import Headline, describe_window, draw_headlines
from apilog.render.svg.rankings import MOST_ROWS, label_row
from apilog.render.svg.scales import linear_scale
from apilog.render.svg.theme import Theme
from apilog.render.svg.time_plot import draw_time_plot, largest, most_columns, time_columns
from apilog.render.text.cell_text import column_title, column_unit, format_value, is_metric
from apilog.report_model import Report, TableLayout
from apilog.text import did_you_mean
from apilog.text.units import format_count

_MOST_LINES = 4
"""Columns that are drawn of one table."""
_MOST_FIGURES = 4
"""Columns whose figures stand beside bars."""
_NARROW = 560
"""Pixels of a picture below which there is room for the figure of the bars alone."""
_OTHER = "(other)"


def own_charts(report: Report, *, width: int = 800, theme: Theme = Theme.LIGHT) -> dict[str, str]:
    """Return the charts that tables ask for, each an `svg` element, by a name of no table."""
    drawn: dict[str, str] = {}
    for layout in report.layout:
        if layout.chart in ("bar", "line"):
            table = _OwnTable(report, layout, width, theme)
            for svg in table.draw(layout.chart):
                drawn[f"{layout.name}-{len(drawn)}"] = svg
    return drawn


def own_chart(
    report: Report,
    name: str | None = None,
    *,
    width: int = 800,
    theme: Theme = Theme.LIGHT,
    top: int | None = None,
) -> str:
    """Return a table as one `svg` element, without a name all tables below one another.

    `top` is how many rows bars show. Raises UsageError for a table that the report does not have.
    """
    layouts = [layout for layout in report.layout if name in (None, layout.name)]
    if not layouts:
        names = [layout.name for layout in report.layout]
        listed = f"its tables are {', '.join(names)}"
        hint = did_you_mean(str(name), names, listed)
        raise UsageError(f"this report has no table {name!r}", hint)
    tables = [_OwnTable(report, layout, width, theme, top) for layout in layouts]
    charts = [chart for table in tables for chart in (*table.draw(table.kind),) or [table.empty()]]
    if name is not None and len(charts) == 1:
        return charts[0]
    drawing = Drawing(width, theme)
    title = report.title if name is None else tables[0].title
    y = draw_heading(drawing, title, describe_window(report))
    for chart in charts:
        y = drawing.embed(chart, y)
    listed = ", ".join(table.title for table in tables)
    return drawing.finish(y, "own", title, f"{title}: {listed}.")


@dataclass(frozen=True, slots=True)
class _OwnTable:
    """A table of a report of one's own, and how it is to be drawn."""

    report: Report
    layout: TableLayout
    width: int
    theme: Theme
    top: int | None = None

    @property
    def frame(self) -> pl.DataFrame:
        """Return the rows, with text as text."""
        return read_table(self.report, self.layout.name)

    @property
    def title(self) -> str:
        """What the table is called."""
        name = "over time" if self.layout.name == "timestamp" else column_title(self.layout.name)
        return self.layout.title or name.capitalize()

    @property
    def numbers(self) -> list[str]:
        """The columns that can be drawn: numbers of which some are known."""
        frame = self.frame
        names = [name for name, dtype in frame.schema.items() if dtype.is_numeric()]
        return [name for name in names if name != "status" and frame[name].count()]

    @property
    def keys(self) -> list[str]:
        """The columns that tell the rows apart."""
        numbers = self.numbers
        return [n for n in self.frame.columns if n not in numbers and not is_metric(n)]

    @property
    def kind(self) -> str:
        """How the table is drawn: as it asks, else as its keys suggest."""
        if self.layout.chart:
            return self.layout.chart
        if isinstance(self.frame.schema.get("timestamp"), pl.Datetime):
            return "line"
        return "bar" if self.keys or self.frame.height != 1 else "figures"

    def draw(self, kind: str) -> Iterator[str]:
        """Draw the table; nothing where it has no number of that kind."""
        ways: Mapping[str, Callable[[], Iterator[str]]] = {
            "bar": self._draw_bars,
            "line": self._draw_lines,
            "figures": self._draw_figures,
        }
        return ways[kind]()

    def empty(self) -> str:
        """Return a chart that says that there is none."""
        why = "There is nothing to draw."
        return draw_empty(Drawing(self.width, self.theme), self._mark("none"), self.title, why)

    def _mark(self, kind: str) -> str:
        return f"own-{self.layout.name}-{kind}"

    def _text(self, column: str, value: object) -> str:
        return format_value(value, column_unit(column), self.report.timezone)

    def _draw_figures(self) -> Iterator[str]:
        """Draw the figures of a table of one row."""
        row = self.frame.row(0, named=True)
        figures = [Headline(column_title(n), self._text(n, row[n])) for n in self.numbers]
        if not figures:
            return
        drawing = Drawing(self.width, self.theme)
        y = draw_heading(drawing, self.title)
        end = draw_headlines(drawing, figures, y + MARGIN / 2)
        told = ", ".join(f"{figure.label} {figure.text}" for figure in figures)
        yield drawing.finish(end, self._mark("figures"), self.title, f"{told}.")

    def _draw_bars(self) -> Iterator[str]:
        """Draw the measure of each row, but for rows of all the rest."""
        frame, numbers = self.frame, self.numbers
        measure = self.layout.measure if self.layout.measure in numbers else next(iter(numbers), "")
        if not measure:
            return
        texts = [key for key in self.keys if frame.schema[key] == pl.String]
        is_other = [(pl.col(key) == _OTHER).fill_null(value=False) for key in texts]
        single = frame.filter(~pl.any_horizontal(pl.lit(value=False), *is_other))
        shown = single.head(self.top or self.layout.top or MOST_ROWS)
        drawing = Drawing(self.width, self.theme)
        left_out = shown.height < single.height
        more = f", {shown.height} of {single.height} rows" if left_out else ""
        subtitle = f"{column_title(measure)}{more}"
        top = draw_heading(drawing, self.title, subtitle)
        figures = self._figures_beside(measure)
        rows = self._make_rows(shown, measure, figures)
        titles = [column_title(n) for n in figures] if len(figures) > 1 else [""]
        end = draw_bars(drawing, rows, titles, top)
        if (rest := frame.height - single.height) and self.theme is not Theme.PAGE:
            told = f"and all others in {format_count(rest)} row{'s' * (rest != 1)}, not drawn"
            drawing.text(MARGIN, end + TEXT_SIZE - 1, told, role="muted")
            end += LINE
        described = "; ".join(row.title for row in rows[:3]) or "no rows"
        yield drawing.finish(end + MARGIN, self._mark("bar"), self.title, described)

    def _figures_beside(self, measure: str) -> list[str]:
        """Return the columns that are written beside the bars; in a page the table has them."""
        if self.theme is Theme.PAGE or self.width < _NARROW:
            return [measure]
        return [measure, *(name for name in self.numbers if name != measure)][:_MOST_FIGURES]

    def _make_rows(self, frame: pl.DataFrame, measure: str, figures: Sequence[str]) -> list[BarRow]:
        rows, keys = [], self.keys
        for row in frame.iter_rows(named=True):
            label = label_row(row, keys)
            texts = [self._text(name, row[name]) for name in figures]
            parts = [("bar", max(float(row[measure] or 0), 0.0))]
            rows.append(BarRow(label, parts, texts, f"{label}: {texts[0]}"))
        return rows

    def _draw_lines(self) -> Iterator[str]:
        """Draw each number over time; where rows share a column, the largest of them."""
        frame = self.frame
        if "timestamp" not in frame.columns or frame["timestamp"].n_unique() < 2:
            return
        for number, name in enumerate(self.numbers[:_MOST_LINES]):
            largest_of = pl.col(name).max()
            times = frame.group_by("timestamp").agg(largest_of)
            drawing = Drawing(self.width, self.theme)
            most = most_columns(drawing, self.width // 2)
            columns = time_columns(self.report, times, [largest_of], most)
            if columns is None:
                return
            shares = columns.is_merged or times.height < frame.height
            note = f"{columns.step}, the largest of them" if shares else columns.step
            title = f"{self.title}: {column_title(name)}"
            top = draw_heading(drawing, title, note) + TEXT_SIZE / 2
            plot, end = draw_time_plot(
                drawing,
                columns,
                top,
                lambda low, high, values=columns.frame[name]: linear_scale(  # type: ignore[misc]
                    0, largest(values), low, high
                ),
                lambda value, name=name: self._text(name, value),  # type: ignore[misc]
            )
            for known in _known_stretches(columns.frame, name):
                points = [
                    (x, plot.values.place(max(value, 0)))
                    for start, stop, value in known["timestamp", "end", name].iter_rows()
                    for x in (plot.at(start), plot.at(stop))
                ]
                drawing.polyline(points, "p50")
            peak = self._text(name, columns.frame[name].max())
            told = f"{column_title(name)} over time, at most {peak}."
            yield drawing.finish(end + MARGIN, self._mark(f"line-{number}"), title, told)


def _known_stretches(frame: pl.DataFrame, name: str) -> list[pl.DataFrame]:
    """Return the rows between those without a value, where a line has its gaps."""
    stretch = pl.col(name).is_null().cum_sum().alias("stretch")
    known = frame.with_columns(stretch).drop_nulls(name)
    return known.partition_by("stretch", maintain_order=True)
