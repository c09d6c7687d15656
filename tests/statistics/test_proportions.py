"""Proportions against scipy, published figures, and a search over the likelihood."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from apilog.statistics.distributions import normal_quantile
from apilog.statistics.two_samples import (
    Alternative,
    Interval,
    Proportion,
    benjamini_hochberg,
    two_proportion_test,
    wilson_interval,
)
from tests.statistics.newcombe import newcombe_interval


@st.composite
def proportions(draw: st.DrawFn, most: int = 5_000) -> Proportion:
    n = draw(st.integers(1, most))
    return Proportion(draw(st.integers(0, n)), n)


@given(proportions(), st.sampled_from((0.9, 0.95, 0.99)))
def test_wilson_is_scipys(one: Proportion, confidence: float) -> None:
    low, high = stats.binomtest(one.successes, one.n).proportion_ci(confidence, method="wilson")
    assert wilson_interval(one, confidence) == pytest.approx((low, high), abs=1e-12)


def test_none_of_none_has_neither_interval_nor_test() -> None:
    some, none = Proportion(1, 2), Proportion(0, 0)
    assert wilson_interval(none) is None
    assert newcombe_interval(some, none) is None
    assert two_proportion_test(none, some) is None


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Newcombe (1998), table II, method 10: cases (a) to (h) but for those that repeat.
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_newcombes_interval_is_the_published_one(
    first: tuple[int, int], second: tuple[int, int], expected: tuple[float, float]
) -> None:
    found = newcombe_interval(Proportion(*first), Proportion(*second))
    assert found == pytest.approx(expected, abs=5e-5)


@given(proportions(), proportions())
def test_newcombes_interval_mirrors_and_holds_the_difference(
    one: Proportion, two: Proportion
) -> None:
    found, mirrored = newcombe_interval(one, two), newcombe_interval(two, one)
    assert found is not None
    assert mirrored == pytest.approx(Interval(-found.high, -found.low))
    assert found.low - 1e-12 <= one.rate - two.rate <= found.high + 1e-12


@given(proportions(), proportions())
def test_without_a_margin_it_is_the_pooled_test(one: Proportion, two: Proportion) -> None:
    table = [[p.successes, p.n - p.successes] for p in (one, two)]
    if 0 in (sum(row[0] for row in table), sum(row[1] for row in table)):
        assert two_proportion_test(one, two) == 1.0
        return
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert two_proportion_test(one, two) == pytest.approx(expected, abs=1e-9)


@given(
    proportions(300),
    proportions(300),
    st.floats(-0.4, 0.4).filter(lambda margin: abs(margin) > 1e-3),
)
def test_with_a_margin_the_variance_is_of_the_likeliest_proportions(
    one: Proportion, two: Proportion, margin: float
) -> None:
    def unlikely(p: float) -> float:
        pairs = ((one, p), (two, p - margin))
        return -sum(
            count * math.log(max(chance, 1e-300))
            for group, rate in pairs
            for count, chance in (
                (group.successes, rate),
                (group.n - group.successes, 1 - rate),
            )
            if count
        )

    bounds = (max(0.0, margin), min(1.0, 1 + margin))
    p = optimize.minimize_scalar(
        unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-12}
    ).x
    variance = p * (1 - p) / one.n + (p - margin) * (1 - p + margin) / two.n
    if variance < 1e-6:
        return
    z = (one.rate - two.rate - margin) / math.sqrt(variance)
    found = two_proportion_test(one, two, margin=margin, alternative=Alternative.GREATER)
    assert found == pytest.approx(stats.norm.sf(z), abs=2e-4)


@given(proportions(), proportions(), st.floats(-0.3, 0.3))
def test_the_two_sides_add_up(one: Proportion, two: Proportion, margin: float) -> None:
    sides = [
        two_proportion_test(one, two, margin=margin, alternative=side)
        for side in (Alternative.GREATER, Alternative.LESS)
    ]
    assert sum(side for side in sides if side is not None) == pytest.approx(1)
    both = two_proportion_test(one, two, margin=margin)
    assert both == pytest.approx(min(1, 2 * min(side for side in sides if side is not None)))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_are_scipys(p_values: list[float]) -> None:
    expected = stats.false_discovery_control(p_values, method="bh")
    assert benjamini_hochberg(p_values) == pytest.approx(list(expected))


def test_tests_that_were_not_made_stay_so() -> None:
    assert benjamini_hochberg([None, 0.02, None, 0.01]) == [None, 0.02, None, 0.02]
    assert benjamini_hochberg([]) == []


def test_normal_quantiles() -> None:
    assert normal_quantile(0.975) == pytest.approx(stats.norm.ppf(0.975))
