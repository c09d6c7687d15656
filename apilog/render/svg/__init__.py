"""Charts as SVG: the tables of a report as pictures, of one file or in a page.

A chart is a function of a report, a width in pixels and a theme, which returns one `svg` element
with a title and a description. It needs nothing but the tables that its entry names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from apilog.errors import UsageError
from apilog.render.svg.theme import Theme, page_variables
from apilog.text import did_you_mean

if TYPE_CHECKING:
    from apilog.render.output import OutputOptions
    from apilog.report_model import Report

__all__ = ["CHARTS", "Chart", "Theme", "charts_of", "draw_chart", "page_variables", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture of some tables."""

    name: str
    """The value of `--table` that selects it."""
    meaning: str
    """What it shows."""
    module: str
    """The module of this package that has its function, `NAME_chart`."""
    tables: tuple[str, ...]
    """The tables that it can't be drawn without."""
    marks: tuple[str, ...] = ()
    """Tables that are drawn onto it where the report has them."""
    is_ranking: bool = False
    """Whether it shows the first rows of a table, as many as are asked for."""

    def draw(
        self,
        report: Report,
        *,
        width: int = 800,
        theme: Theme = Theme.LIGHT,
        top: int | None = None,
    ) -> str:
        """Return the chart as one `svg` element; the report has the tables it needs.

        `top` is how many rows a ranking shows.
        """
        more = {"top": top} if self.is_ranking else {}
        # Imported when it draws: that charts are known must not load Polars.
        module = import_module(f"apilog.render.svg.{self.module}")
        drawn = getattr(module, f"{self.name}_chart")(report, width=width, theme=theme, **more)
        assert isinstance(drawn, str)
        return drawn


CHARTS: Mapping[str, Chart] = {
    chart.name: chart
    for chart in (
        Chart(
            name="traffic",
            meaning="requests over time by class of status, with the anomalies in them",
            module="traffic",
            tables=("traffic",),
            marks=("anomalies",),
        ),
        Chart(
            name="latency",
            meaning="p50, p95 and p99 over time",
            module="latency",
            tables=("traffic",),
        ),
        Chart(
            name="endpoints",
            meaning="the busiest endpoints with their errors and p95",
            module="rankings",
            tables=("endpoints",),
            is_ranking=True,
        ),
        Chart(
            name="errors",
            meaning="errors by status and by who caused them",
            module="errors",
            tables=("errors",),
        ),
        Chart(
            name="consumers",
            meaning="the busiest consumers with their errors",
            module="rankings",
            tables=("consumers",),
            is_ranking=True,
        ),
        Chart(
            name="gateways",
            meaning="the gateways with their errors and p95",
            module="rankings",
            tables=("gateways",),
            is_ranking=True,
        ),
    )
}
"""Every chart, by the name that `--table` gives it."""

NARROWEST, WIDEST = 200, 4000
"""The pixels that a chart can be wide."""


def charts_of(tables: Collection[str]) -> list[str]:
    """Return the charts of a report with these tables."""
    return [chart.name for chart in CHARTS.values() if set(chart.tables) <= set(tables)]


def draw_chart(
    report: Report, name: str | None = None, *, width: int = 800, theme: Theme = Theme.LIGHT
) -> str:
    """Return a chart as one `svg` element; without a name the first that the report has.

    Raises UsageError for a chart that the report does not have.
    """
    names = charts_of(report.tables)
    if name is None and names:
        name = names[0]
    if name is not None and name in names:
        return CHARTS[name].draw(report, width=width, theme=theme)
    if not names:
        raise UsageError("nothing in this report is drawn as a chart", "take another --format")
    listed = f"its charts are {', '.join(names)}"
    raise UsageError(f"this report has no chart {name!r}", did_you_mean(str(name), names, listed))


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Draw one chart. Raises UsageError for one that the report does not have."""
    drawn = draw_chart(report, options.table)
    stream.write(drawn.encode() + b"\n")
