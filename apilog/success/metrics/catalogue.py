"""The success metrics that goals and thresholds are about: each is a figure of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from apilog.errors import UsageError
from apilog.metrics import Unit
from apilog.success.tables.expressions import ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessMetric:
    """One figure of a table."""

    name: str
    unit: Unit
    definition: str
    """One sentence."""
    better: str
    """`lower` or `higher`."""
    table: str
    column: str
    """The column with its value."""
    counted: str
    """The column with how many accounts it is over."""
    row: Mapping[str, str] = field(default_factory=dict)
    """The key of the row about all accounts, if the table has several rows."""
    keys: tuple[str, ...] = ()
    """Columns that tell further rows, which have a value of their own."""
    is_proportion: bool = False
    """Whether it is a share of the accounts that it is over."""


_Spec = tuple[str, str, Unit, str, str]
"""Name, column, unit, which is better, definition."""


def _funnel() -> Iterator[SuccessMetric]:
    for stage, rate, what in (
        ("first_call", "first_call_rate", "called"),
        ("first_success", "first_success_rate", "had a successful call"),
        ("activated", "activation_rate", "were activated"),
    ):
        yield SuccessMetric(
            name=rate,
            unit=Unit.RATIO,
            definition=f"Accounts that {what} / accounts.",
            better="higher",
            table="funnel",
            column="rate",
            counted="signed_up",
            row={"stage": stage},
            is_proportion=True,
        )
        yield SuccessMetric(
            name=f"median_hours_to_{stage}",
            unit=Unit.HOURS,
            definition=f"Median time from sign-up, over the accounts that {what}.",
            better="lower",
            table="funnel",
            column="median_hours",
            counted="accounts",
            row={"stage": stage},
        )


def _of(
    table: str,
    counted: str,
    *specs: _Spec,
    row: Mapping[str, str] | None = None,
    keys: tuple[str, ...] = (),
) -> Iterator[SuccessMetric]:
    for name, column, unit, better, definition in specs:
        yield SuccessMetric(
            name=name,
            unit=unit,
            definition=definition,
            better=better,
            table=table,
            column=column,
            counted=counted,
            row=row or {},
            keys=keys,
            is_proportion=name in _PROPORTIONS,
        )


_PROPORTIONS = {
    "trial_conversion_rate",
    "conversion_rate",
    "poc_completion_rate",
    "poc_conversion_rate",
    "retention_rate",
}
_KIND = ("trial_kind",)

METRICS: Mapping[str, SuccessMetric] = {
    metric.name: metric
    for metric in (
        *_funnel(),
        *_of(
            "trials",
            "started",
            (
                *("trial_error_rate", "error_rate", Unit.RATIO, "lower"),
                "Errors / calls within trials.",
            ),
            (
                *("trial_latency_p95", "latency_p95_ms", Unit.MILLISECONDS, "lower"),
                "The p95 of calls within trials.",
            ),
            (
                *("trial_uptime", "uptime", Unit.RATIO, "higher"),
                "Minutes of trials without a burst of server errors / minutes of trials.",
            ),
            (
                *("trial_requests_per_account", "requests_per_account", Unit.COUNT, "higher"),
                "Calls within trials / trials.",
            ),
            keys=_KIND,
        ),
        *_of(
            "trials",
            "finished",
            (
                *("trial_conversion_rate", "conversion_rate", Unit.RATIO, "higher"),
                "Converted trials / finished ones.",
            ),
            keys=_KIND,
        ),
        *_of(
            "trials",
            "converted",
            (
                *("trial_median_days_to_convert", "median_days_to_convert", Unit.DAYS, "lower"),
                "Median time from the start of a trial to the conversion.",
            ),
            keys=_KIND,
        ),
        *_of(
            "revenue",
            "accounts",
            ("accounts", "accounts", Unit.COUNT, "higher", "Accounts."),
            ("paying_accounts", "paying", Unit.COUNT, "higher", "Accounts that pay."),
            ("mrr", "mrr", Unit.MONEY, "higher", "Monthly revenue."),
            ("arpu", "arpu", Unit.MONEY, "higher", "mrr / accounts."),
            ("arppu", "arppu", Unit.MONEY, "higher", "mrr / paying accounts."),
            (
                *("conversion_rate", "conversion_rate", Unit.RATIO, "higher"),
                "Accounts that ever converted / accounts.",
            ),
            (
                *("churn_rate", "churn_rate", Unit.RATIO, "lower"),
                "Churned in the last 30 days / converted and not churned before them.",
            ),
            ("clv", "clv", Unit.MONEY, "higher", "arppu / churn_rate."),
            (
                *("requests_per_account", "requests_per_account", Unit.COUNT, "higher"),
                "Calls / accounts.",
            ),
            (
                *("revenue_per_1000_requests", "revenue_per_1000_requests", Unit.MONEY, "higher"),
                "mrr / thousand calls.",
            ),
            row={"plan": ALL},
            keys=("plan",),
        ),
        *_of(
            "poc",
            "started",
            (
                *("poc_completion_rate", "completion_rate", Unit.RATIO, "higher"),
                "Completed proofs of concept / started ones.",
            ),
        ),
        *_of(
            "poc",
            "completed",
            (
                *("poc_conversion_rate", "conversion_rate", Unit.RATIO, "higher"),
                "Completed proofs of concept whose account converted / completed ones.",
            ),
            (
                *("poc_median_days", "median_days", Unit.DAYS, "lower"),
                "Median time of a completed proof of concept.",
            ),
            (
                *("poc_p90_days", "p90_days", Unit.DAYS, "lower"),
                "Time within which 90 % of the completed proofs of concept were.",
            ),
        ),
        *_of(
            "retention",
            "accounts",
            (
                *("retention_rate", "rate", Unit.RATIO, "higher"),
                "Accounts that called at that age (4 if none is said) / accounts old enough.",
            ),
            keys=("age",),
        ),
    )
}
"""By name. Of trials, plans and ages of cohorts there is a value for each row as well."""

KEYS = tuple(dict.fromkeys(key for metric in METRICS.values() for key in metric.keys))
"""Every column that tells rows with a value of their own."""


def metric_named(name: str, where: str) -> SuccessMetric:
    """The metric; raises UsageError naming the nearest one."""
    if name in METRICS:
        return METRICS[name]
    near = get_close_matches(name, METRICS, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(METRICS)}"
    raise UsageError(f"{where}: there is no success metric {name!r}", hint)
