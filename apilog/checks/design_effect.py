"""Design effects: by how many times time makes a value vary more than independent requests would.

They are measured over the slices of the baseline, and where it has few, of both windows. So a rise
within the window itself, such as an outage in its last hour, does not hide behind its own width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apilog.checks.samples import MetricSample
from apilog.checks.time_slices import TimeSlices, common_step
from apilog.metrics import Metric, MetricKind
from apilog.statistics.dispersion import (
    Dispersion,
    SliceCount,
    count_design_effect,
    count_dispersion,
    is_more_dispersed,
    proportion_design_effect,
    proportion_dispersion,
)
from apilog.text.units import parse_duration

_FEWEST_DEGREES = 4.0
"""The degrees of freedom below which slices tell nothing of how they vary."""
_ENOUGH_DEGREES = 11.0
"""Those from which on the baseline tells it alone."""
FEWEST_DAYS = 5
"""The whole days of a baseline from which on they tell how days vary."""
_COARSER_STEPS = ("1m", "15m", "1h", "6h", "1d")
_WEEK = 7
_DAY_SECONDS = 86_400.0
_MOST_OF_A_WEEK = 0.02
"""The share of a week by which a window may miss whole ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignEffects:
    """How many times the variance is that of independent requests, from 1 on."""

    current: float = 1.0
    base: float = 1.0
    degrees: float | None = None
    """The degrees of freedom that they were measured with; None if requests are independent."""


INDEPENDENT = DesignEffects()


def is_dispersed_over_time(metric: Metric) -> bool:
    """Return whether slices of time can tell how the metric varies."""
    return metric.kind in (MetricKind.PROPORTION, MetricKind.COUNT, MetricKind.RATE)


def measure_design_effects(
    metric: Metric, current: MetricSample, base: MetricSample, expected: float
) -> DesignEffects | None:
    """Return the design effects of both; None where too few slices tell any.

    `expected` is the number of events that a count of the current window would have at its limit.
    """
    if base.slices is None or not is_dispersed_over_time(metric):
        return None
    if metric.kind is MetricKind.PROPORTION:
        return _proportion_effects(current, base.slices)
    return _count_effects(current, base, base.slices, expected)


def _proportion_effects(current: MetricSample, then: TimeSlices) -> DesignEffects | None:
    if then.is_constant:
        return INDEPENDENT
    now = current.slices
    if now is not None:
        now, then = common_step(now, then)
    found: DesignEffects | None = None
    for step in (then.step, *_COARSER_STEPS):
        if parse_duration(step) < then.length:
            continue
        # A window whose slices are not known is one slice, at worst.
        slices = then.coarsen(step).occupied
        own = now.coarsen(step).occupied if now else [SliceCount(current.size, 0)]
        # The baseline alone, if it has enough slices of any length.
        also = own if now and found is None else []
        measured = _choose(proportion_dispersion([slices]), proportion_dispersion([slices, also]))
        if measured is None:
            break
        effects = _effects_of(measured, slices, own)
        # What wanders for longer than a slice shows between longer ones.
        if found is None or _is_wider(effects, found, measured.degrees):
            found = effects
    return found


def _effects_of(
    measured: Dispersion, then: Sequence[SliceCount], now: Sequence[SliceCount]
) -> DesignEffects:
    base, current = (
        proportion_design_effect([count.n for count in slices], measured.extra)
        for slices in (then, now)
    )
    if len(now) == 1:
        # What a slice wanders by it may do in any part of it, such as a window shorter than that.
        current = max(current, base)
    # Rates that wander are skewed, and their variance is known about half as well as a normal one.
    return DesignEffects(current=current, base=base, degrees=measured.degrees / 2)


def _is_wider(coarse: DesignEffects, fine: DesignEffects, degrees: float) -> bool:
    """Return whether slices vary by more than finer ones explain, if they are few significantly."""
    if degrees >= _ENOUGH_DEGREES:
        return coarse.base > fine.base
    return is_more_dispersed(degrees, coarse.base / fine.base)


def _choose(alone: Dispersion | None, pooled: Dispersion | None) -> Dispersion | None:
    """Return the dispersion of the baseline, or if it has few slices that of both windows."""
    if alone is not None and alone.degrees >= _ENOUGH_DEGREES:
        return alone
    return pooled if pooled is not None and pooled.degrees >= _FEWEST_DEGREES else None


def _count_effects(
    current: MetricSample, base: MetricSample, then: TimeSlices, expected: float
) -> DesignEffects | None:
    then_seconds, now_seconds = base.seconds or 0.0, current.seconds or 0.0
    now = current.slices
    if now is not None:
        now, then = common_step(now, then)
    has_never_stopped = all(count.events for count in then.whole())
    if not base.events or (not current.events and has_never_stopped):
        # What never stopped does not stop by wandering.
        return INDEPENDENT
    # Traffic has days and nights: whole days tell how days vary, and hours do not.
    days = [day.events for day in then.days]
    found: Dispersion | None
    if len(days) >= FEWEST_DAYS:
        length = _DAY_SECONDS
        is_weekly = len(days) >= 2 * _WEEK and all(
            map(_is_whole_weeks, (then_seconds, now_seconds))
        )
        found = count_dispersion([days], _WEEK if is_weekly else 1)
    else:
        length = then.length.total_seconds()
        whole = [count.events for count in then.whole()]
        also = [count.events for count in now.whole()] if now is not None else []
        found = _choose(count_dispersion([whole]), count_dispersion([whole, also]))
    if found is None:
        return None
    return DesignEffects(
        current=count_design_effect(expected, now_seconds / length, found.extra),
        base=count_design_effect(base.events, then_seconds / length, found.extra),
        degrees=found.degrees,
    )


def _is_whole_weeks(seconds: float) -> bool:
    weeks = seconds / (_WEEK * _DAY_SECONDS)
    return round(weeks) >= 1 and abs(weeks - round(weeks)) <= _MOST_OF_A_WEEK
