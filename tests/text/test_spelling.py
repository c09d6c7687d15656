from __future__ import annotations

import doctest

import pytest

from apilog import text
from apilog.text import did_you_mean


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(text)
    assert (result.attempted, result.failed) == (2, 0)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("rout", "did you mean route?"),
        ("ROUTE", "did you mean route?"),
        ("statsu", "did you mean stats or status?"),
        ("zzz", "see the list"),
    ],
)
def test_the_nearest_names_come_first_and_case_does_not_count(name: str, hint: str) -> None:
    assert did_you_mean(name, ["stats", "route", "status"], "see the list") == hint


def test_names_that_may_hold_anything_are_quoted() -> None:
    hint = did_you_mean("acount", ["an account"], also="`--by` names it", quoted=True)
    assert hint == "did you mean 'an account'? `--by` names it"
    assert did_you_mean("zzz", ["a"], also="`--by` names it") == "`--by` names it"
