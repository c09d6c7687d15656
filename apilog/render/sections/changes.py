"""How a figure differs from that of the window before: `▲ 12 %`, in colour where it matters."""

from __future__ import annotations

from dataclasses import dataclass

from apilog.metrics import METRICS, Unit

_NOTABLE = 0.1
"""From this share of the figure before on, a change for the better or worse has a colour."""
_BETTER = {metric.column: metric.better for metric in METRICS.values()}
_UNITS = {metric.column: metric.unit for metric in METRICS.values()}


@dataclass(frozen=True, slots=True)
class MetricChange:
    """A change in words, and how to draw it."""

    text: str = ""
    style: str = ""


def change_of(column: str, now: float | None, before: float | None) -> MetricChange:
    """Return how much a metric grew or shrank; empty where either figure is unknown.

    Ratios differ by percentage points, everything else by a share of the figure before. From
    zero nothing is a share.

    >>> change_of("requests", 112, 100).text, change_of("error_rate", 0.015, 0.02).text
    ('▲ 12 %', '▼ 0.5 pp')
    """
    if now is None or before is None:
        return MetricChange()
    is_ratio = _UNITS.get(column) is Unit.RATIO
    if now == before or (not is_ratio and before == 0):
        return MetricChange("▲ from 0" if now != before else "=")
    share = (now - before) / before if before else float("inf")
    amount = abs(now - before) if is_ratio else abs(share)
    digits = _round_percent(amount)
    if digits == "0":
        return MetricChange("=")
    text = f"{'▲' if now > before else '▼'} {digits} {'pp' if is_ratio else '%'}"
    better = _BETTER.get(column)
    if not better or abs(share) < _NOTABLE:
        return MetricChange(text, "dim")
    is_better = (better == "higher") == (now > before)
    return MetricChange(text, "green" if is_better else "red")


def _round_percent(ratio: float) -> str:
    """Return a ratio in percent: two decimals below 1, one below 10, else none."""
    percent = ratio * 100
    decimals = 2 if percent < 1 else 1 if percent < 10 else 0
    text = f"{percent:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
