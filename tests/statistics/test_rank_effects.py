"""The effect that goes with the Mann-Whitney test, against all pairs and scipy."""

from __future__ import annotations

import math
import random
from collections import Counter
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from apilog.statistics.rank_effects import (
    ValueCounts,
    ratio_interval,
    superiority,
    typical_ratio,
)

positive = st.lists(st.integers(1, 40).map(float), min_size=1, max_size=12)
values = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=12)


def counted(sample: list[float]) -> ValueCounts:
    return ValueCounts(Counter(sample))


@given(values, values)
def test_superiority_is_the_statistic_over_the_pairs(one: list[float], other: list[float]) -> None:
    statistic = stats.mannwhitneyu(one, other).statistic
    expected = pytest.approx(statistic / (len(one) * len(other)))
    assert superiority(counted(one), counted(other)) == expected


@given(positive, positive)
def test_the_ratio_is_the_median_of_those_of_all_pairs(
    one: list[float], other: list[float]
) -> None:
    ratio = typical_ratio(counted(one), counted(other))
    assert ratio is not None
    if superiority(counted(one), counted(other)) == 0.5:
        assert ratio == 1
    else:
        middle = median(math.log(a / b) for a in one for b in other)
        # Of an even number of pairs it is the middle of the two in the middle, on this scale.
        assert math.log(ratio) == pytest.approx(middle, abs=1e-9)


@given(values, values)
def test_effect_and_superiority_agree(one: list[float], other: list[float]) -> None:
    above = superiority(counted(one), counted(other))
    ratio = typical_ratio(counted(one), counted(other))
    if ratio is None:  # nothing makes the others as large
        assert above > 0.5
    elif above != 0.5:
        assert ratio >= 1 if above > 0.5 else ratio <= 1


@given(positive, positive)
def test_the_interval_holds_1_unless_the_test_finds_a_difference(
    one: list[float], other: list[float]
) -> None:
    low, high = ratio_interval(counted(one), counted(other))
    p_value = 1.0
    if len({*one, *other}) > 1:
        p_value = float(stats.mannwhitneyu(one, other, method="auto").pvalue)
    holds = (low is None or low <= 1 + 1e-9) and (high is None or high >= 1 - 1e-9)
    if p_value > 0.0501:
        assert holds
    # At 1 itself ties may hide what is found on both sides of it.
    elif p_value < 0.0499 and not {*one} & {*other}:
        assert not holds


def test_values_of_nothing_but_0() -> None:
    nothing, some = counted([0.0, 0.0]), counted([1.0, 2.0])
    assert typical_ratio(nothing, counted([0.0])) == 1
    assert typical_ratio(some, nothing) is None
    assert ratio_interval(some, nothing) == (0, None)
    assert typical_ratio(nothing, some) == 0
    assert typical_ratio(counted([0.0, 0.0, 1.0]), some) == 0


@pytest.mark.slow
def test_the_interval_covers_the_factor_that_was_made() -> None:
    rng = random.Random(5)
    covered = 0
    for _ in range(200):
        one = [round(1.5 * rng.lognormvariate(3, 1)) + 1.0 for _ in range(60)]
        other = [round(rng.lognormvariate(3, 1)) + 1.0 for _ in range(90)]
        low, high = ratio_interval(counted(one), counted(other))
        covered += (low or 0) <= 1.5 <= (high or math.inf)
    # 95 % of 200, and four standard errors.
    assert 178 <= covered <= 200
