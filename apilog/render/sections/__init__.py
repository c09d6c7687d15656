"""The sections of every kind of report, in the order in which they are shown.

A section whose table is missing or empty is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apilog.render.sections.experiments import experiments_section, goals_section
from apilog.render.sections.journey import (
    bottlenecks_section,
    funnel_section,
    groups_section,
    onboarding_section,
    retention_section,
    unmatched_section,
)
from apilog.render.sections.revenue import (
    candidates_section,
    plans_section,
    poc_section,
    revenue_section,
    trials_section,
)
from apilog.render.sections.section import ReportView, Section

SUCCESS_ROWS: Sequence[Sequence[Callable[[ReportView], Section | None]]] = (
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
"""What stands below each other, and where there is room side by side."""
