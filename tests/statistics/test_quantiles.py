"""Quantiles in buckets against scipy, and against a plain search over all edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from apilog.statistics.rank_tests import RankedBuckets, quantile_interval, separation_p_value

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


@given(VALUES, VALUES, QUANTILES)
def test_separation_is_the_best_of_all_edges(a: list[int], b: list[int], q: float) -> None:
    lower, upper = ranked(a), ranked(b)
    levels = [
        max(
            stats.binom.sf(sum(v <= edge for v in a) - 1, len(a), q),
            stats.binom.cdf(sum(v <= edge for v in b), len(b), q),
        )
        for edge in range(-1, 62)
    ]
    assert separation_p_value(lower, upper, q) == pytest.approx(min(levels), abs=1e-9)


def test_separation_on_another_scale() -> None:
    lower, upper = ranked([10] * 200), ranked([20] * 200)
    assert separation_p_value(lower, upper, 0.5) < 1e-9
    assert separation_p_value(lower, upper, 0.5, lambda bucket: 2 * bucket) == 1
    assert separation_p_value(lower, upper, 0.5, lambda bucket: 2 * bucket - 1) < 1e-9


def test_one_value_separates_nothing() -> None:
    assert separation_p_value(ranked([1]), ranked([50]), 0.95) > 0.9
