"""What `compare` is asked for: a column and two of its values, and the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apilog.checks.catalogue import REQUESTS
from apilog.checks.tokens import nearest
from apilog.errors import UsageError
from apilog.metrics import METRICS, Kind, Metric

DEFAULT_METRICS = ("error_rate", "server_error_rate", "latency_p50", "latency_p95", "latency_p99")
COMPARABLE = tuple(
    name
    for name, metric in REQUESTS.metrics.items()
    if metric.kind in (Kind.RATE, Kind.PROPORTION, Kind.MEAN, Kind.QUANTILE)
)
"""Metrics that have a test and don't depend on how long a side is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Two values of a column, whose requests are the two sides."""

    column: str
    a: str
    b: str


def parse_split(text: str) -> Split:
    """The split that `COLUMN=a,b` says. Raises UsageError, naming the nearest column.

    >>> parse_split("host=old.example,new.example").b
    'new.example'
    """
    column, _, values = text.partition("=")
    pair = values.split(",")
    if len(pair) != 2 or not all(pair) or pair[0] == pair[1]:
        raise UsageError(
            f"--split {text!r} is not a column and two of its values",
            "write such as --split host=old.example,new.example",
        )
    if column not in REQUESTS.columns:
        listed = f"it is one of {', '.join(REQUESTS.columns)}"
        raise UsageError(
            f"--split {text!r}: there is no column {column!r}",
            nearest(column, REQUESTS.columns, listed),
        )
    return Split(column=column, a=pair[0], b=pair[1])


def parse_metrics(names: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics of these names; without one the usual ones.

    Raises UsageError for one that there isn't or that can't be compared.
    """
    for name in names:
        if name not in COMPARABLE:
            problem = "can't be compared" if name in METRICS else "is no metric"
            listed = f"it is one of {', '.join(COMPARABLE)}"
            raise UsageError(f"{name!r} {problem}", nearest(name, COMPARABLE, listed))
    return tuple(METRICS[name] for name in dict.fromkeys(names or DEFAULT_METRICS))
