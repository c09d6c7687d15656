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

__all__ = [
    "CHARTS",
    "Chart",
    "Theme",
    "chart_tables",
    "charts_of",
    "draw_chart",
    "drawable_charts",
    "page_variables",
    "require_chart",
    "write",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture of some tables."""

    name: str
    """The value of `--table` that selects it."""
    meaning: str
    """What it shows."""
    module: str
    """The module of this package that has its function, `NAME_chart`."""
    command: str = "report"
    """The command whose reports have it."""
    tables: tuple[str, ...]
    """The tables that it can't be drawn without."""
    marks: tuple[str, ...] = ()
    """Tables that are drawn onto it where the report has them."""
    first_column: str = ""
    """What its table begins with, unless it is cut into groups, of which there is no chart."""
    is_composed: bool = False
    """Whether it consists of other charts."""
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
            name="overview",
            meaning="the main figures, traffic, latency and the busiest endpoints in one picture",
            module="overview",
            tables=("overview", "traffic", "endpoints"),
            marks=("anomalies", "status_traffic"),
            is_composed=True,
        ),
        Chart(
            name="traffic",
            meaning="requests over time by class of status, with the anomalies in them",
            module="traffic",
            tables=("traffic",),
            marks=("anomalies", "status_traffic"),
        ),
        Chart(
            name="latency",
            meaning="p50, p95 and p99 over time",
            module="latency",
            tables=("traffic",),
        ),
        Chart(
            name="histogram",
            meaning="how often requests took how long",
            module="histogram",
            tables=("histogram",),
            marks=("overview",),
        ),
        Chart(
            name="heatmap",
            meaning="p95 by hour of the day and weekday",
            module="heatmap",
            tables=("heatmap",),
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
        Chart(
            name="funnel",
            meaning="how many accounts reached each stage",
            module="journey",
            command="success",
            tables=("funnel",),
            first_column="stage",
        ),
        Chart(
            name="retention",
            meaning="the share of each cohort that still calls",
            module="journey",
            command="success",
            tables=("retention",),
            first_column="cohort",
        ),
        Chart(
            name="trials",
            meaning="how the trials of each kind ended",
            module="business",
            command="success",
            tables=("trials",),
            first_column="trial_kind",
        ),
        Chart(
            name="revenue",
            meaning="the monthly revenue of each plan",
            module="business",
            command="success",
            tables=("revenue",),
            first_column="plan",
        ),
        Chart(
            name="experiments",
            meaning="what variants changed, as intervals",
            module="experiments",
            command="success",
            tables=("experiments",),
            first_column="variant",
        ),
    )
}
"""Every chart, by the name that `--table` gives it."""

NARROWEST, WIDEST = 200, 4000
"""The pixels that a chart can be wide."""


def charts_of(tables: Collection[str]) -> list[str]:
    """Return the charts of a report with these tables."""
    return [chart.name for chart in CHARTS.values() if set(chart.tables) <= set(tables)]


def chart_tables(names: Collection[str], *, every: bool) -> list[str] | None:
    """Return the tables that a report needs for these charts; None for those it has anyway.

    They are those of all its charts if `every` is set without names, or it has one not.
    """
    of_report = {name: chart for name, chart in CHARTS.items() if chart.command == "report"}
    charts = [of_report[name] for name in names if name in of_report]
    if (every and not names) or len(charts) < len(names):
        charts = [*of_report.values()]
    tables = [table for chart in charts for table in (*chart.tables, *chart.marks)]
    return [*dict.fromkeys(tables)] or None


def drawable_charts(report: Report) -> list[str]:
    """Return the charts of a report, without those whose tables are cut into groups."""
    tables = report.tables
    return [
        name
        for name in charts_of(tables)
        if CHARTS[name].first_column in ("", *tables[CHARTS[name].tables[0]].columns[:1])
    ]


def require_chart(name: str | None, tables: Collection[str]) -> Chart:
    """Return the chart of that name, without one the first, of a report with these tables.

    Raises UsageError for a chart that it does not have.
    """
    names = charts_of(tables)
    if name is None and names:
        name = names[0]
    if name is not None and name in names:
        return CHARTS[name]
    if not names:
        raise UsageError("nothing of this is drawn as a chart", "take another --format")
    listed = f"its charts are {', '.join(names)}"
    raise UsageError(f"this report has no chart {name!r}", did_you_mean(str(name), names, listed))


def draw_chart(
    report: Report,
    name: str | None = None,
    *,
    width: int = 800,
    theme: Theme = Theme.LIGHT,
    top: int | None = None,
) -> str:
    """Return a chart as one `svg` element; without a name the first that the report has.

    Of a report of one's own each table is a chart, and without a name all of them are one.
    Raises UsageError for a chart that the report does not have.
    """
    if report.layout:
        own_chart = import_module("apilog.render.svg.own_charts").own_chart
        drawn = own_chart(report, name, width=width, theme=theme, top=top)
        assert isinstance(drawn, str)
        return drawn
    chart = require_chart(name, report.tables)
    if chart.name not in drawable_charts(report):
        raise UsageError(f"the chart {chart.name} is of all accounts", "leave out --by")
    return chart.draw(report, width=width, theme=theme, top=top)


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Draw one chart. Raises UsageError for one that the report does not have."""
    drawn = draw_chart(
        report,
        options.table,
        width=options.picture_width,
        theme=Theme(options.theme),
        top=options.top,
    )
    stream.write(drawn.encode() + b"\n")
