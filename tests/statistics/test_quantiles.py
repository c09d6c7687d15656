"""Quantiles in buckets against scipy, and the bounds of their differences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from apilog.statistics.rank_tests import (
    QuantileBounds,
    RankedBuckets,
    quantile_excess,
    quantile_interval,
    quantile_p_value,
)

QUANTILES = st.sampled_from([0.5, 0.9, 0.95, 0.99])
VALUES = st.lists(st.integers(0, 60), min_size=1, max_size=300)


def ranked(values: list[int]) -> RankedBuckets:
    return RankedBuckets.from_counts({value: values.count(value) for value in values})


@given(VALUES)
def test_ranks_and_edges(values: list[int]) -> None:
    found = ranked(values)
    assert found.total == len(values)
    assert [found.bucket_at(rank) for rank in range(found.total)] == sorted(values)
    for edge in range(-1, 62):
        assert found.count_up_to(edge) == sum(value <= edge for value in values)


@given(st.integers(1, 400), QUANTILES, st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_has_scipys_ranks(n: int, q: float, confidence: float) -> None:
    low, high = quantile_interval(
        RankedBuckets.from_counts(dict.fromkeys(range(n), 1)), q, confidence
    )
    expected = stats.quantile_test(range(n), p=q).confidence_interval(confidence)
    assert low is None if expected.low != expected.low else low == expected.low
    assert high is None if expected.high != expected.high else high == expected.high


def bounds(values: list[int], q: float) -> QuantileBounds:
    return QuantileBounds(ranked(values), q)


@given(st.integers(20, 2000), QUANTILES, st.floats(0.1, 2.6))
def test_bounds_have_binomial_ranks(n: int, q: float, z: float) -> None:
    every = QuantileBounds(RankedBuckets.from_counts(dict.fromkeys(range(1, n + 1), 1)), q)
    assert every.value == pytest.approx(n * q)
    low, high = stats.binom.ppf([stats.norm.cdf(-z), stats.norm.cdf(z)], n, q)
    found_low, found_high = every.low(z), every.high(z)
    assert found_low is None or found_low == pytest.approx(low, abs=1.5)
    assert found_high is None or found_high == pytest.approx(high, abs=1.5)
    if n * (1 - q) > 10:
        assert found_low is not None
        assert found_high is not None


@given(VALUES, VALUES, QUANTILES)
def test_the_p_value_is_where_the_bounds_leave_out_no_difference(
    a: list[int], b: list[int], q: float
) -> None:
    first, second = bounds(a, q), bounds(b, q)
    p = quantile_p_value(first, second)
    assert p == pytest.approx(1 - quantile_p_value(second, first))
    if 1e-9 < p < 0.4999:
        z = float(stats.norm.isf(p))
        below, above = (quantile_excess(first, second, z * step) for step in (0.99, 1.01))
        assert below is not None
        assert below > 0
        assert above is None or above <= 0


def test_a_quantile_on_another_scale() -> None:
    lower, upper = ranked([10] * 200), ranked([20] * 200)
    assert quantile_p_value(QuantileBounds(upper, 0.5), QuantileBounds(lower, 0.5)) < 1e-9
    # Buckets that touch may hold the same values, however many there are.
    for shift, is_told_apart in ((9, True), (9.5, False), (10, False)):
        moved = QuantileBounds(lower, 0.5, lambda u, shift=shift: u + shift)
        assert (quantile_p_value(QuantileBounds(upper, 0.5), moved) < 0.01) is is_told_apart


def test_one_value_tells_no_quantile_apart() -> None:
    assert quantile_p_value(bounds([50], 0.95), bounds([1], 0.95)) > 0.2
