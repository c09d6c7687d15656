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
    mean_difference_interval,
    mean_difference_variance,
    mean_interval,
    mean_p_value,
    pooled_mean,
    proportion_p_value,
    rate_interval,
    sample_mean,
    scaled_mean,
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


COUNTED = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 9)), min_size=2, max_size=20)


def values_of(counts: list[tuple[int, int]]) -> list[int]:
    return [value for value, n in counts for _ in range(n)]


def sample_of(counts: list[tuple[int, int]]) -> SampleMean:
    return sample_mean(statistics.fmean(values_of(counts)), counts)


def same_moments(found: SampleMean, values: list[int]) -> bool:
    middle = statistics.fmean(values)
    third = math.fsum((value - middle) ** 3 for value in values) / len(values)
    return (
        found.n == len(values)
        and found.value == pytest.approx(middle)
        and found.variance == pytest.approx(statistics.variance(values))
        and found.third_moment == pytest.approx(third, abs=1e-3)
    )


@given(COUNTED, COUNTED)
def test_the_moments_are_those_of_the_values(
    a: list[tuple[int, int]], b: list[tuple[int, int]]
) -> None:
    assert same_moments(sample_of(a), values_of(a))
    assert same_moments(pooled_mean(sample_of(a), sample_of(b)), values_of(a) + values_of(b))
    doubled = [2 * value + 3 for value in values_of(a)]
    assert same_moments(scaled_mean(sample_of(a), 2, 3), doubled)


def test_one_value_has_no_variance() -> None:
    assert sample_mean(3.0, [(3.0, 1)]) == SampleMean(3.0, 0.0, 1)


@given(SIDES, st.floats(-3, 3))
def test_two_means_are_welchs_with_many_values(side: Alternative, gap: float) -> None:
    first, second = SampleMean(100 + gap, 250.0, 40_000), SampleMean(100.0, 90.0, 30_000)
    both = pooled_mean(first, second).variance * (1 / first.n + 1 / second.n)
    found = two_mean_test(first, second, alternative=side)
    welch, together = (
        stats.ttest_ind_from_stats(
            *(first.value, math.sqrt(first.variance), first.n),
            *(second.value, math.sqrt(second.variance), second.n),
            equal_var=False,
            alternative=side.value,
        ).pvalue,
        stats.norm.sf(abs(gap) / math.sqrt(both)),
    )
    if side is Alternative.TWO_SIDED:
        assert found == pytest.approx(max(welch, 2 * together), abs=1e-4)
    elif (gap > 0) == (side is Alternative.GREATER):
        assert found == pytest.approx(max(welch, together), abs=1e-4)
    low, high = mean_interval(first, 0.95)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(250 / 40_000), rel=1e-3)
    low, high = mean_difference_interval(first, second, 0.95)
    widest = max(both, mean_difference_variance(first, second))
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(widest), rel=1e-3)


def test_a_long_tail_makes_a_difference_less_sure() -> None:
    tame, skewed = SampleMean(100.0, 900.0, 500), SampleMean(100.0, 900.0, 500, 3e5)
    current = SampleMean(103.5, 900.0, 8000)
    sure, less_sure = (two_mean_test(current, base) for base in (tame, skewed))
    assert sure < 0.02 < less_sure
    # A tail that only the larger sample has is the smaller one's, too, if nothing changed.
    outliers = sample_mean(300.0, [(100.0, 7990), (160_000.0, 10)])
    base = sample_mean(100.0, [(99.0, 250), (101.0, 250)])
    assert two_mean_test(outliers, base, alternative=Alternative.GREATER) > 0.1
    assert two_mean_test(base, base, alternative=Alternative.GREATER) == 0.5


def test_a_mean_and_a_number() -> None:
    mean = SampleMean(110.0, 900.0, 400)
    expected = stats.norm.sf(10 / 1.5)
    assert mean_p_value(mean, 100, Alternative.GREATER) == pytest.approx(expected)
    assert mean_p_value(mean, 120, Alternative.LESS) == pytest.approx(expected)
    # Below a limit, a tail that the sample hardly has may be what is missing.
    skewed = mean._replace(third_moment=900.0**1.5 * 8)
    assert mean_p_value(skewed, 120, Alternative.LESS) == 0.5
    assert mean_p_value(skewed, 100, Alternative.GREATER) == pytest.approx(expected)
    constant = SampleMean(5.0, 0.0, 9)
    assert mean_p_value(constant, 4, Alternative.GREATER) == 0
    assert mean_p_value(constant, 4, Alternative.LESS) == 1


@given(st.integers(1, 500), st.integers(0, 500), st.floats(0.001, 0.999))
def test_a_proportion_and_a_number_are_scipys(n: int, k: int, rate: float) -> None:
    for side in (Alternative.GREATER, Alternative.LESS):
        expected = stats.binomtest(min(k, n), n, rate, alternative=side.value).pvalue
        found = proportion_p_value(Proportion(min(k, n), n), rate, side)
        assert found == pytest.approx(expected, abs=1e-9)


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
