"""Tails of discrete distributions against scipy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from apilog.statistics.distributions import (
    binomial_at_least,
    binomial_at_most,
    hypergeometric_at_least,
)
from apilog.statistics.two_samples import (
    Alternative,
    Proportion,
    fisher_exact_test,
    two_proportion_test,
)

CHANCES = st.floats(0.001, 0.999)


@given(st.integers(0, 3_000), st.integers(1, 3_000), CHANCES)
def test_binomial_tails_are_scipys(k: int, n: int, p: float) -> None:
    assert binomial_at_most(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), abs=1e-10)
    assert binomial_at_least(k, n, p) == pytest.approx(stats.binom.sf(k - 1, n, p), abs=1e-10)


@pytest.mark.parametrize(
    ("k", "n", "p", "at_most"),
    [(-1, 5, 0.5, 0), (5, 5, 0.5, 1), (9, 5, 0.5, 1), (0, 5, 0, 1), (4, 5, 1, 0), (5, 5, 1, 1)],
)
def test_the_ends_of_a_binomial(k: int, n: int, p: float, at_most: float) -> None:
    assert binomial_at_most(k, n, p) == at_most


@pytest.mark.parametrize("n", [1_000_000, 100_000_000])
def test_large_numbers_stay_exact(n: int) -> None:
    k = round(n * 0.95 - 3 * (n * 0.95 * 0.05) ** 0.5)
    assert binomial_at_most(k, n, 0.95) == pytest.approx(stats.binom.cdf(k, n, 0.95), rel=1e-5)


def test_what_is_all_but_impossible_is_told_at_once() -> None:
    assert binomial_at_most(10, 100_000_000, 0.99) == 0


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 400), st.integers(1, 400))
def test_hypergeometric_tails_are_scipys(k: int, drawn: int, marked: int, others: int) -> None:
    drawn = min(drawn, marked + others)
    expected = stats.hypergeom.sf(k - 1, marked + others, marked, drawn)
    found = hypergeometric_at_least(k, drawn, marked, others)
    assert found == pytest.approx(expected, abs=1e-9)


@st.composite
def proportions(draw: st.DrawFn) -> Proportion:
    n = draw(st.integers(1, 2_000))
    return Proportion(draw(st.integers(0, n)), n)


@given(proportions(), proportions(), st.sampled_from([Alternative.GREATER, Alternative.LESS]))
def test_fishers_test_is_scipys(first: Proportion, second: Proportion, side: Alternative) -> None:
    table = [[p.successes, p.n - p.successes] for p in (first, second)]
    expected = stats.fisher_exact(table, alternative=side.value).pvalue
    assert fisher_exact_test(first, second, side) == pytest.approx(expected, abs=1e-8)


@given(proportions(), proportions())
def test_the_corrected_score_test_is_scipys_chi_square(
    first: Proportion, second: Proportion
) -> None:
    table = [[p.successes, p.n - p.successes] for p in (first, second)]
    if 0 in (sum(column) for column in zip(*table, strict=True)):
        return
    expected = stats.chi2_contingency(table, correction=True).pvalue
    found = two_proportion_test(first, second, continuity=True)
    assert found == pytest.approx(expected, abs=1e-9)


def test_of_nothing_there_is_no_exact_test() -> None:
    assert fisher_exact_test(Proportion(0, 0), Proportion(1, 2), Alternative.GREATER) is None
