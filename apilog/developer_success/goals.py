"""Goals: the values that success metrics are meant to reach, from `[goals]` of the config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from apilog.developer_success.success_metrics import (
    SuccessMetric,
    find_success_metric,
    success_value_of,
)
from apilog.errors import UsageError
from apilog.metrics import Unit
from apilog.text.units import parse_duration, parse_ratio

_GOAL_SYNTAX = re.compile(r"\s*(?P<operator>>=|<=|>|<)?\s*(?P<value>\S.*?)\s*")
_HOLDS = {
    ">=": lambda value, target: value >= target,
    "<=": lambda value, target: value <= target,
    ">": lambda value, target: value > target,
    "<": lambda value, target: value < target,
}
GOALS_SCHEMA = {
    "goal": pl.String,
    "target": pl.Float64,
    "value": pl.Float64,
    "accounts": pl.Int64,
    "reached": pl.Boolean,
    "operator": pl.String,
    "unit": pl.String,
}


@dataclass(frozen=True, slots=True)
class Goal:
    """The value that a metric is meant to reach."""

    metric: SuccessMetric
    operator: str
    target: float
    """In the unit of the metric."""


def parse_goals(goals: Mapping[str, str | float]) -> list[Goal]:
    """Parse the goals of a configuration, such as `conversion_rate = "25%"`.

    Without an operator, a metric that is better when higher has to reach at least the value, any
    other one at most the value. Raises UsageError for an unknown metric or an invalid value.
    """
    parsed = []
    for name, given in goals.items():
        metric, text = find_success_metric(name, "[goals]"), str(given)
        match = _GOAL_SYNTAX.fullmatch(text)
        if match is None:
            raise UsageError(f"[goals] {name}: the goal is empty", 'write one such as "25%"')
        default = ">=" if metric.better == "higher" else "<="
        unit, amount = metric.unit, match["value"]
        try:
            if unit is Unit.RATIO:
                target = parse_ratio(amount)
            elif unit in _SECONDS and not amount.replace(".", "", 1).isdecimal():
                target = parse_duration(amount).total_seconds() / _SECONDS[unit]
            else:  # a bare number is in the unit of the metric, such as days
                target = float(amount.replace(",", "").replace("_", ""))
        except (UsageError, ValueError) as error:
            raise UsageError(
                f"[goals] {name}: {text!r} is not a {_NAMES.get(unit, 'number')}",
                f"write one such as {_EXAMPLES.get(unit, '1000')!r}",
            ) from error
        parsed.append(Goal(metric, match["operator"] or default, target))
    return parsed


_NAMES = {Unit.RATIO: "ratio", Unit.HOURS: "duration", Unit.DAYS: "duration"}
_EXAMPLES = {Unit.RATIO: "25%", Unit.HOURS: "24h", Unit.DAYS: "14d", Unit.MILLISECONDS: "300ms"}
_SECONDS = {Unit.HOURS: 3600.0, Unit.DAYS: 86_400.0, Unit.MILLISECONDS: 0.001}


def goals_table(goals: list[Goal], tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return one row per goal, in the unit of its metric; `reached` is null without a value."""
    rows = []
    for goal in goals:
        metric = goal.metric
        result = success_value_of(metric.name, tables)
        value, accounts = (result.value, result.n) if result else (None, 0)
        reached = None if value is None else _HOLDS[goal.operator](value, goal.target)
        unit = metric.unit.value
        rows.append((metric.name, goal.target, value, accounts, reached, goal.operator, unit))
    return pl.DataFrame(rows, schema=GOALS_SCHEMA, orient="row")
