"""Mann-Whitney and chi-square against scipy."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from apilog.statistics.distributions import chi_square_tail, chi_square_test
from apilog.statistics.rank_tests import mann_whitney

few_values = st.lists(st.integers(0, 6), min_size=1, max_size=60)
many_values = st.lists(st.integers(0, 10**9), min_size=1, max_size=40)


def counts(first: list[int], second: list[int]) -> list[tuple[int, int]]:
    one, two = Counter(first), Counter(second)
    return [(one[value], two[value]) for value in sorted({*one, *two})]


@given(st.one_of(few_values, many_values), st.one_of(few_values, many_values))
def test_mann_whitney_is_scipys(first: list[int], second: list[int]) -> None:
    found = mann_whitney(counts(first, second))
    if len({*first, *second}) == 1:
        assert found == 1.0
        return
    expected = stats.mannwhitneyu(first, second, method="auto").pvalue
    assert found == pytest.approx(expected, abs=1e-12)


def test_large_groups_without_ties_are_approximated() -> None:
    first, second = [*range(0, 2_000, 2)], [*range(301, 2_301, 2)]
    expected = stats.mannwhitneyu(first, second, method="asymptotic").pvalue
    assert mann_whitney(counts(first, second)) == pytest.approx(expected)


def test_an_empty_group_has_no_test() -> None:
    assert mann_whitney([(1, 0), (3, 0)]) is None
    assert mann_whitney([]) is None


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 5)), min_size=2, max_size=8))
def test_chi_square_is_scipys(groups: list[tuple[int, int]]) -> None:
    observed, weights = [o for o, _ in groups], [w for _, w in groups]
    total = sum(observed)
    if not total:
        assert chi_square_test(observed, [1.0] * len(groups)) is None
        return
    expected = [total * weight / sum(weights) for weight in weights]
    assert chi_square_test(observed, expected) == pytest.approx(
        stats.chisquare(observed, expected).pvalue, abs=1e-12
    )


@given(st.floats(0, 400), st.integers(1, 60))
def test_the_tail_is_scipys(x: float, degrees: int) -> None:
    assert chi_square_tail(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), abs=1e-12)


def test_one_count_has_nothing_to_fit() -> None:
    assert chi_square_test([7], [7.0]) is None
