"""Outputs: every way to draw a report, by the name that `--format` gives it.

An output is a module with a function `write`, and one entry here that says what it is able to
hold. Modules are loaded when they draw, so that listing the outputs costs nothing.
"""

from __future__ import annotations

from apilog.render.output import DEFAULT_TABLE, Output, OutputOptions

__all__ = [
    "CHART_OUTPUTS",
    "DEFAULT_TABLE",
    "OUTPUTS",
    "VERDICT_OUTPUTS",
    "Output",
    "OutputOptions",
    "find_output",
]

_REGISTRY = (
    Output(
        name="table", suffix="txt", module="terminal", holds_all_tables=True, is_for_people=True
    ),
    Output(name="json", suffix="json", module="data.json", holds_all_tables=True),
    Output(name="junit", suffix="xml", module="text.junit", needs_verdicts=True),
    Output(name="github", suffix="txt", module="text.github", needs_verdicts=True),
    Output(name="ndjson", suffix="ndjson", module="data.ndjson"),
    Output(name="csv", suffix="csv", module="data.csv"),
    Output(name="md", suffix="md", module="text.markdown", holds_several_tables=True),
    Output(name="html", suffix="html", module="html", holds_all_tables=True, is_for_people=True),
    Output(name="prometheus", suffix="prom", module="data.prometheus", holds_all_tables=True),
    Output(name="parquet", suffix="parquet", module="data.parquet", is_binary=True),
    Output(
        name="xlsx",
        suffix="xlsx",
        module="data.xlsx",
        holds_all_tables=True,
        is_binary=True,
        package="XlsxWriter",
        extra="excel",
    ),
    Output(name="svg", suffix="svg", module="svg", draws_charts=True),
    Output(
        name="png",
        suffix="png",
        module="svg.png",
        draws_charts=True,
        is_binary=True,
        package="resvg-py",
        extra="png",
    ),
)

OUTPUTS: dict[str, Output] = {
    o.name: o for o in _REGISTRY if not (o.needs_verdicts or o.draws_charts)
}
"""The outputs that can draw any report."""
CHART_OUTPUTS: dict[str, Output] = {o.name: o for o in _REGISTRY if o.draws_charts}
"""The outputs that draw pictures, of the tables of `report` and `success`."""
VERDICT_OUTPUTS: dict[str, Output] = {o.name: o for o in _REGISTRY if o.needs_verdicts}
"""The outputs that draw only the results of `check` and `compare`."""


def find_output(name: str) -> Output:
    """Return the output that `--format` selects by that name."""
    return (OUTPUTS | CHART_OUTPUTS | VERDICT_OUTPUTS)[name]
