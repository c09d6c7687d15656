"""Kaplan-Meier curves against scipy, and against plain quantiles where nobody waits."""

from __future__ import annotations

import math
import random
from statistics import median

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from apilog.developer_success.event_curve import EventCurve
from apilog.statistics.two_samples import Proportion, effective_interval, wilson_interval

waits = st.lists(st.tuples(st.integers(1, 30).map(float), st.booleans()), min_size=1, max_size=40)


def curve_of(waits: list[tuple[float, bool]]) -> EventCurve:
    times, happened = zip(*waits, strict=True)
    return EventCurve.from_times(pl.Series(times), pl.Series(happened))


@given(waits)
def test_the_curve_is_that_of_scipy(waits: list[tuple[float, bool]]) -> None:
    happened = [time for time, event in waits if event]
    assume(happened)
    curve = curve_of(waits)
    data = stats.CensoredData(happened, right=[time for time, event in waits if not event])
    expected = stats.ecdf(data).sf
    for time, waiting in curve.steps.select("time", "waiting").iter_rows():
        assert waiting == pytest.approx(float(expected.evaluate(time)), abs=1e-9)
    # The variance, as scipy has it in its interval of Greenwood's.
    share = curve.share
    assert share is not None
    if 0 < share < 1 - 1e-9:
        bounds = expected.confidence_interval(0.95, method="linear")
        last = max(happened)
        half = float(bounds.high.evaluate(last)) - (1 - share)
        variance = (1 - share) * share / curve.effective_size(len(waits))
        if half < share:  # else it is cut off at 1
            assert math.sqrt(variance) * stats.norm.ppf(0.975) == pytest.approx(half, abs=1e-9)


@given(st.lists(st.integers(-5, 30).map(float), min_size=1, max_size=40))
def test_where_nobody_waits_the_median_is_the_usual_one(times: list[float]) -> None:
    curve = curve_of([(time, True) for time in times])
    assert curve.quantile(0.5) == pytest.approx(median(times))
    assert curve.share == 1.0


@given(st.integers(0, 30), st.integers(0, 30))
def test_where_nobody_waits_the_share_is_a_proportion(events: int, others: int) -> None:
    assume(events + others)
    curve = curve_of([(1.0, True)] * events + [(math.inf, False)] * others)
    n = events + others
    assert curve.share is not None
    assert curve.share == pytest.approx(events / n)
    assert curve.effective_size(n) == pytest.approx(n)
    assert effective_interval(curve.share * n, n) == pytest.approx(
        wilson_interval(Proportion(events, n))
    )


def test_who_has_not_waited_long_is_no_failure() -> None:
    # One in two does it after a day; the others of the second row have not waited for a day.
    curve = curve_of([(1.0, True), (math.inf, False), (0.5, False), (0.5, False)])
    assert curve.share == 0.5
    assert (curve.at_risk, curve.censored) == (4, 3)


def test_nobody_and_nothing() -> None:
    assert (
        EventCurve.from_times(
            pl.Series([], dtype=pl.Float64), pl.Series([], dtype=pl.Boolean)
        ).share
        is None
    )
    never = curve_of([(3.0, False)])
    assert (never.share, never.quantile(0.5)) == (0.0, None)


@pytest.mark.slow
def test_growing_trials_are_estimated_without_bias_and_covered() -> None:
    rng = random.Random(3)
    covered, total, rounds = 0, 0.0, 300
    for _ in range(rounds):
        waits = []
        for _ in range(200):
            # Trials begin evenly over 30 days; a fifth converts, on any of 14 days.
            followed, needed = 30 * rng.random(), 14 * rng.random()
            converts = rng.random() < 0.2 and needed <= followed
            waits.append((needed if converts else followed, converts))
        curve = curve_of(waits)
        assert curve.share is not None
        size = curve.effective_size(200)
        low, high = effective_interval(curve.share * size, size) or (0, 1)
        total += curve.share
        covered += low <= 0.2 <= high
    assert total / rounds == pytest.approx(0.2, abs=0.008)
    # 95 %, and four standard errors.
    assert 270 <= covered <= 300
