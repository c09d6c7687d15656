"""Dispersion over slices: against statsmodels and plain sums, and with known variances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from apilog.statistics.dispersion import (
    Dispersion,
    SliceCount,
    count_design_effect,
    count_dispersion,
    is_more_dispersed,
    proportion_design_effect,
    proportion_dispersion,
    widen_confidence,
    widen_p_value,
)
from apilog.statistics.distributions import normal_tail, student_quantile, student_tail

DEGREES = st.floats(1, 1e6)


@given(st.floats(-30, 30), DEGREES)
def test_students_tail_is_scipys(t: float, degrees: float) -> None:
    assert student_tail(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=1e-6, abs=1e-300)


@given(st.floats(0.5, 0.9999), DEGREES)
def test_students_quantile_is_scipys(p: float, degrees: float) -> None:
    expected = stats.t.ppf(p, degrees)
    assert student_quantile(p, degrees) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(st.floats(1e-12, 1), st.floats(2, 1000))
def test_a_variance_that_is_hardly_known_makes_less_sure(p: float, degrees: float) -> None:
    found = widen_p_value(p, degrees)
    assert abs(found - 0.5) <= abs(p - 0.5) + 1e-9
    z = stats.norm.isf(p)
    assert found == pytest.approx(stats.t.sf(z, degrees), rel=1e-5)
    assert widen_p_value(0.0, degrees) == 0
    assert widen_p_value(1.0, degrees) == 1


def test_an_interval_that_is_hardly_known_is_wider() -> None:
    z = stats.norm.isf((1 - widen_confidence(0.98, 6)) / 2)
    assert z == pytest.approx(stats.t.ppf(0.99, 6))
    assert widen_confidence(0.98, 1e9) == pytest.approx(0.98)


SLICES = st.lists(
    st.integers(1, 400).flatmap(
        lambda n: st.builds(SliceCount, n=st.just(n), events=st.integers(0, n))
    ),
    min_size=2,
    max_size=40,
)


@given(SLICES)
def test_the_design_effect_is_that_of_the_sum_of_squares(slices: list[SliceCount]) -> None:
    found = proportion_dispersion([slices])
    n, events = sum(s.n for s in slices), sum(s.events for s in slices)
    share = sum(s.n**2 for s in slices) / n**2
    if not 0 < events < n or share > 0.5 or all(s.n == 1 for s in slices):
        assert found is None or share == pytest.approx(0.5)
        return
    assert found is not None
    rate = events / n
    squares = sum((s.events - s.n * rate) ** 2 for s in slices)
    effect = squares / (n * rate * (1 - rate) * (1 - share))
    shown = proportion_design_effect([s.n for s in slices], found.extra)
    assert shown == pytest.approx(max(1.0, effect))
    assert found.degrees == pytest.approx(1 / share - 1)


def test_equal_slices_are_pearsons_statistic() -> None:
    slices = [SliceCount(100, events) for events in (3, 9, 1, 7, 5, 11)]
    table = [[s.events for s in slices], [s.n - s.events for s in slices]]
    chi2 = stats.chi2_contingency(table, correction=False).statistic
    found = proportion_dispersion([slices])
    assert found is not None
    assert proportion_design_effect([100] * 6, found.extra) == pytest.approx(chi2 / 5)


def test_the_correlation_of_slices_is_found() -> None:
    rng = np.random.default_rng(5)
    correlation, sizes = 0.02, rng.integers(20, 400, 4000)
    total = 1 / correlation - 1
    events = rng.binomial(sizes, rng.beta(0.1 * total, 0.9 * total, 4000))
    slices = [SliceCount(int(n), int(e)) for n, e in zip(sizes, events, strict=True)]
    found = proportion_dispersion([slices[:2000], slices[2000:]])
    assert found is not None
    assert found.extra == pytest.approx(correlation, rel=0.1)


def test_the_variation_of_counts_is_found_around_each_day_of_the_week() -> None:
    rng = np.random.default_rng(6)
    week = np.array([1000, 1100, 1050, 1000, 900, 400, 300])
    levels = np.tile(week, 300) * rng.gamma(100, 1 / 100, 2100)
    counts = [int(count) for count in rng.poisson(levels)]
    within, across = count_dispersion([counts], 7), count_dispersion([counts])
    assert within is not None
    assert across is not None
    assert within.extra == pytest.approx(0.01, rel=0.15)
    assert within.degrees == 2100 - 7
    assert across.extra > 0.1
    # A week of such days strays by a seventh of their variance, besides chance.
    effect = count_design_effect(5750, 7, within.extra)
    assert effect == pytest.approx(1 + within.extra * 5750 / 7)
    assert math.sqrt(effect / 5750) == pytest.approx(0.04, rel=0.1)


@pytest.mark.parametrize(
    "groups",
    [
        [],
        [[]],
        [[SliceCount(100, 3)]],
        [[SliceCount(100, 0), SliceCount(100, 0)]],
        [[SliceCount(100, 100), SliceCount(100, 100)]],
        [[SliceCount(1, 1), SliceCount(1, 0)]],
    ],
)
def test_what_tells_no_dispersion(groups: list[list[SliceCount]]) -> None:
    assert proportion_dispersion(groups) is None


def test_counts_that_tell_no_dispersion() -> None:
    assert count_dispersion([[], [5]]) is None
    assert count_dispersion([[0, 0, 0]]) is None
    assert count_dispersion([[5, 5, 5]]) == Dispersion(0.0, 2.0)
    assert proportion_design_effect([], 0.5) == 1
    assert count_design_effect(0, 0.5, 0.1) == 1


def test_coarse_slices_are_held_against_fine_ones() -> None:
    assert not is_more_dispersed(6, 1.5)
    assert is_more_dispersed(6, stats.chi2.isf(0.04, 6) / 6)
    assert normal_tail(0) == 0.5
