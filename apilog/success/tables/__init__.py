"""The tables of developer success, one module each, computed from a population."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import polars as pl

from apilog.errors import UsageError
from apilog.success.population import Population
from apilog.success.tables.bottlenecks import bottlenecks
from apilog.success.tables.experiments import experiments
from apilog.success.tables.funnel import funnel
from apilog.success.tables.onboarding import onboarding, onboarding_histogram
from apilog.success.tables.plans import candidates, plans
from apilog.success.tables.poc import poc
from apilog.success.tables.retention import retention
from apilog.success.tables.revenue import revenue
from apilog.success.tables.trials import trials


@dataclass(frozen=True, slots=True)
class Table:
    """One table."""

    make: Callable[[Population], pl.DataFrame]
    meaning: str
    """What a row of it is."""
    key: str = ""
    """The account's column that its rows tell anyway, if they do."""


TABLES: Mapping[str, Table] = {
    "funnel": Table(funnel, "a stage: how many accounts come so far, and how soon"),
    "onboarding": Table(onboarding, "a first event: how long accounts take to it"),
    "onboarding_histogram": Table(onboarding_histogram, "a first event and a span of hours"),
    "bottlenecks": Table(
        bottlenecks, "a stage, and the last error (or else call) of accounts that stalled there"
    ),
    "trials": Table(
        trials, "a kind of trial: what became of them, and what they met", "trial_kind"
    ),
    "revenue": Table(revenue, "a plan, then `(all)`: what it brings in", "plan"),
    "plans": Table(plans, "a plan with terms: how much of its quota is used", "plan"),
    "candidates": Table(candidates, "an account near its limit, or hardly using its plan", "plan"),
    "poc": Table(poc, "all proofs of concept"),
    "retention": Table(retention, "a cohort and its age: how many accounts still call"),
    "experiments": Table(experiments, "a metric and variant, against the control", "variant"),
}
"""Every table over accounts, in the order of the report."""

MORE_TABLES: Mapping[str, str] = {
    "unmatched": "a consumer that no account claims; null: calls without one",
    "goals": "a goal of the configuration, and whether it is reached; not with `--by`",
}
"""The tables that are not over accounts, and what a row of them is."""


def table_names(only: str | None = None) -> list[str]:
    """The names of all tables, or of the one; raises UsageError naming the nearest ones."""
    names = [*TABLES, *MORE_TABLES]
    if only is None:
        return names
    if only not in names:
        near = get_close_matches(only, names)
        hint = "did you mean " + " or ".join(near) if near else "it is one of " + ", ".join(names)
        raise UsageError(f"there is no table {only!r}", hint)
    return [only]


__all__ = ["MORE_TABLES", "TABLES", "Table", "table_names"]
