"""Rates, means, differences, and proportions in a ratio, against scipy and their definitions."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats

from apilog.statistics.distributions import normal_quantile, normal_tail
from apilog.statistics.two_samples import (
    Alternative,
    EventRate,
    Proportion,
    SampleMean,
    difference_interval,
    mean_interval,
    rate_interval,
    sample_variance,
    two_mean_test,
    two_proportion_test,
    two_rate_test,
    wilson_interval,
)
from tests.statistics.newcombe import newcombe_interval

SIDES = st.sampled_from([*Alternative])
COUNTS = st.integers(0, 500)
TIMES = st.floats(0.5, 1000)


@given(COUNTS, COUNTS, TIMES, TIMES, st.floats(0.5, 2))
def test_two_rates_are_a_binomial(x: int, y: int, t: float, u: float, factor: float) -> None:
    share = factor * t / (factor * t + u)
    for side in (Alternative.GREATER, Alternative.LESS):
        found = two_rate_test(EventRate(x, t), EventRate(y, u), factor=factor, alternative=side)
        if x + y:
            expected = stats.binomtest(x, x + y, share, alternative=side.value).pvalue
            assert found == pytest.approx(expected, abs=1e-9)
        else:
            assert found == 1


def test_two_rates_with_a_margin() -> None:
    first, second = EventRate(140, 1), EventRate(100, 1)
    found = two_rate_test(first, second, margin=10, alternative=Alternative.GREATER)
    assert found == pytest.approx(normal_tail(30 / math.sqrt(240)))
    assert two_rate_test(first, second, margin=40, alternative=Alternative.GREATER) == 0.5


@given(COUNTS, TIMES, st.sampled_from([0.9, 0.99]))
def test_the_interval_of_a_rate_solves_its_equation(x: int, t: float, confidence: float) -> None:
    z = normal_quantile((1 + confidence) / 2)
    low, high = rate_interval(EventRate(x, t), confidence)
    assert low <= x / t <= high
    for bound in (low, high):
        assert (x - bound * t) ** 2 == pytest.approx(z**2 * bound * t, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 9)), min_size=2, max_size=20))
def test_the_variance_is_that_of_the_values(counts: list[tuple[int, int]]) -> None:
    values = [value for value, n in counts for _ in range(n)]
    assert sample_variance(counts) == pytest.approx(statistics.variance(values))


def test_one_value_has_no_variance() -> None:
    assert sample_variance([(3.0, 1)]) == 0


@given(SIDES, st.floats(-3, 3))
def test_two_means_are_welchs_with_many_values(side: Alternative, gap: float) -> None:
    first, second = SampleMean(100 + gap, 250.0, 40_000), SampleMean(100.0, 90.0, 30_000)
    expected = stats.ttest_ind_from_stats(
        *(first.value, math.sqrt(first.variance), first.n),
        *(second.value, math.sqrt(second.variance), second.n),
        equal_var=False,
        alternative=side.value,
    ).pvalue
    assert two_mean_test(first, second, alternative=side) == pytest.approx(expected, abs=1e-4)
    low, high = mean_interval(first, 0.95)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(250 / 40_000), rel=1e-3)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 500), st.integers(0, 500))
def test_a_difference_of_wilson_intervals_is_newcombes(n: int, m: int, x: int, y: int) -> None:
    first, second = Proportion(min(x, n), n), Proportion(min(y, m), m)
    around = [wilson_interval(proportion, 0.99) or (None, None) for proportion in (first, second)]
    found = difference_interval(first.rate, around[0], second.rate, around[1])
    assert found == pytest.approx(newcombe_interval(first, second, 0.99))


def test_what_has_no_bound_gives_none() -> None:
    assert difference_interval(5, (1, None), 3, (None, 4)) == (5 - 3 - math.hypot(4, 1), None)


@given(
    st.integers(20, 2_000),
    st.integers(20, 2_000),
    st.floats(0.02, 0.9),
    st.floats(0.02, 0.9),
    st.sampled_from([0.5, 1.1, 2.0]),
    st.sampled_from([0.0, 0.01]),
)
def test_the_score_of_a_ratio_is_at_the_likeliest_proportions(
    n: int, m: int, p: float, q: float, factor: float, margin: float
) -> None:
    first, second = Proportion(round(p * n), n), Proportion(round(q * m), m)
    assume(0 < first.successes < n and 0 < second.successes < m)
    high = min(1.0, (1 - margin) / factor)

    def unlikely(base: float) -> float:
        own = factor * base + margin
        return -(
            first.successes * math.log(own)
            + (n - first.successes) * math.log(1 - own)
            + second.successes * math.log(base)
            + (m - second.successes) * math.log(1 - base)
        )

    best = optimize.minimize_scalar(
        unlikely, bounds=(1e-9, high - 1e-9), method="bounded", options={"xatol": 1e-12}
    ).x
    own = factor * best + margin
    variance = own * (1 - own) / n + factor**2 * best * (1 - best) / m
    z = (first.rate - factor * second.rate - margin) / math.sqrt(variance)
    found = two_proportion_test(
        first, second, factor=factor, margin=margin, alternative=Alternative.GREATER
    )
    assert found == pytest.approx(stats.norm.sf(z), abs=1e-5)
