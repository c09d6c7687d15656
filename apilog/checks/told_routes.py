"""Routes that several measurements have to merge alike, so that they can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import polars as pl

from apilog.aggregate import PartialState, ReportPlan, changed_routes, route_counts
from apilog.checks.threshold import ColumnValues
from apilog.routes import NO_TEMPLATES, RouteTemplates, learn_templates
from apilog.routes.positions import LEARNED


@dataclass(frozen=True, slots=True)
class RoutesTold:
    """What the requests of one measurement tell of routes."""

    known: RouteTemplates
    """What merged some of them already."""
    counts: pl.DataFrame | None
    """The routes that may merge, with how many requests were `found`; None if none may."""


def names_values(wheres: Iterable[ColumnValues]) -> bool:
    """Return whether a choice of requests names a route that traffic has to tell first."""
    pairs = (pair for where in wheres for pair in where)
    return any(column == "route" and LEARNED in text for column, text in pairs)


def named_templates(wheres: Iterable[ColumnValues]) -> frozenset[str]:
    """Return the routes with a value in them that choices of requests name."""
    pairs = (pair for where in wheres for pair in where)
    return frozenset(text for column, text in pairs if column == "route" and "{" in text)


def merges_into(named: frozenset[str], templates: RouteTemplates, told: RoutesTold) -> bool:
    """Return whether routes that were counted apart merge into one of these."""
    if not named or not templates or told.counts is None:
        return False
    changed = changed_routes(told.counts, templates)
    return bool(changed["renamed"].is_in(sorted(named)).any())


def tell_routes(plan: ReportPlan, states: Sequence[PartialState]) -> RoutesTold:
    """Return what states tell, of which the first, made by the plan, is about all requests."""
    known = reduce(or_, (state.templates for state in states), NO_TEMPLATES)
    return RoutesTold(known, route_counts(plan, states[0]) if plan.learns_routes else None)


def learn_together(told: Iterable[RoutesTold]) -> RouteTemplates:
    """Return what the requests of all measurements together tell of routes."""
    several = list(told)
    known = reduce(or_, (one.known for one in several), NO_TEMPLATES)
    counts = [one.counts for one in several if one.counts is not None]
    if not counts:
        return known
    total = pl.concat(counts).group_by("route").agg(pl.col("found").sum())
    return learn_templates(total, known)
