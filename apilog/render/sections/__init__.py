"""The sections of every kind of report, in the order in which they are shown.

A section whose table is missing or empty is left out; a table without a section is shown whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from apilog.render.sections.breakdowns import (
    consumers_section,
    gateways_section,
    statuses_section,
    whole_table_section,
)
from apilog.render.sections.endpoints import (
    busiest_section,
    errors_section,
    failing_section,
    slowest_section,
)
from apilog.render.sections.experiments import experiments_section, goals_section
from apilog.render.sections.journey import (
    bottlenecks_section,
    funnel_section,
    groups_section,
    onboarding_section,
    retention_section,
    unmatched_section,
)
from apilog.render.sections.objectives import objectives_section
from apilog.render.sections.own_tables import own_table_section
from apilog.render.sections.report_view import ReportView
from apilog.render.sections.revenue import (
    candidates_section,
    plans_section,
    poc_section,
    revenue_section,
    trials_section,
)
from apilog.render.sections.section import Section
from apilog.render.sections.specified import coverage_section, deprecated_section
from apilog.render.sections.summary import (
    damaged_section,
    head_section,
    no_latency_section,
    notes_section,
    totals_section,
)
from apilog.render.sections.traffic import anomalies_section, traffic_section
from apilog.render.sections.verdict_tables import (
    changed_section,
    checks_section,
    comparison_section,
    worst_section,
)

__all__ = ["ReportView", "Section", "report_sections", "whole_table_section"]

_SectionRows = Sequence[Sequence[Callable[[ReportView], Section | None]]]
"""Rows of sections that stand side by side where there is room."""

_REPORT_ROWS: _SectionRows = (
    (totals_section,),
    (objectives_section,),
    (checks_section,),
    (worst_section,),
    (comparison_section,),
    (changed_section,),
    (traffic_section,),
    (anomalies_section,),
    (gateways_section,),
    (busiest_section,),
    (statuses_section, consumers_section),
    (failing_section, slowest_section),
    (errors_section,),
    (coverage_section,),
    (deprecated_section,),
    (no_latency_section,),
)
_SUCCESS_ROWS: _SectionRows = (
    (goals_section,),
    (funnel_section,),
    (onboarding_section, bottlenecks_section),
    (groups_section,),
    (trials_section,),
    (poc_section,),
    (revenue_section,),
    (plans_section, candidates_section),
    (retention_section,),
    (experiments_section,),
    (unmatched_section,),
)
_REMARK_ROWS: _SectionRows = ((damaged_section,), (notes_section,))
_TABLES_WITH_SECTIONS = {
    *("overview", "gateways", "traffic", "endpoints", "statuses", "errors", "latency"),
    *(
        "objectives",
        "coverage",
        "deprecated",
        "consumers",
        "anomalies",
        "checks",
        "worst",
        "comparison",
        "changed",
    ),
}


def report_sections(view: ReportView) -> list[list[Section]]:
    """Return the sections of the report row by row; those of a row may stand side by side."""
    if view.report.command == "success":
        return [[head_section(view)], *_make_rows(view, (*_SUCCESS_ROWS, *_REMARK_ROWS))]
    if view.report.layout:
        return _own_sections(view)
    others = [[whole_table_section(view, name)] for name in view.tables if _has_no_section(name)]
    remarks = _make_rows(view, _REMARK_ROWS)
    if others and all(map(_has_no_section, view.tables)):
        return [*others, *remarks]
    return [[head_section(view)], *_make_rows(view, _REPORT_ROWS), *others, *remarks]


def _own_sections(view: ReportView) -> list[list[Section]]:
    """Return the sections of a report of one's own, in the order of its tables."""
    tables = [own_table_section(view, table) for table in view.report.layout]
    remarks = _make_rows(view, _REMARK_ROWS)
    return [[head_section(view)], *([section] for section in tables), *remarks]


def _has_no_section(table: str) -> bool:
    return table not in _TABLES_WITH_SECTIONS


def _make_rows(view: ReportView, rows: _SectionRows) -> Iterator[list[Section]]:
    for makers in rows:
        sections = [section for maker in makers if (section := maker(view)) is not None]
        if sections:
            yield sections
