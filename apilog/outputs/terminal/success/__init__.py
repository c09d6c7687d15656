"""The sections of a success report, in its order; a missing or empty table has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.success.experiments import experiments
from apilog.outputs.terminal.success.funnel import bottlenecks, funnel, onboarding
from apilog.outputs.terminal.success.goals import goals
from apilog.outputs.terminal.success.groups import groups
from apilog.outputs.terminal.success.money import candidates, plans, revenue
from apilog.outputs.terminal.success.retention import retention
from apilog.outputs.terminal.success.trials import poc, trials
from apilog.outputs.terminal.success.unmatched import unmatched

ROWS: Sequence[Sequence[Callable[[Page], Section | None]]] = (
    (goals,),
    (funnel,),
    (onboarding, bottlenecks),
    (groups,),
    (trials,),
    (poc,),
    (revenue,),
    (plans, candidates),
    (retention,),
    (experiments,),
    (unmatched,),
)
"""What stands below each other, and where there is room side by side."""
