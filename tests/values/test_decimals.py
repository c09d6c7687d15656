"""Commas in the numbers of a table: what they mean is decided over all of its columns."""

from __future__ import annotations

import polars as pl
import pytest

from apilog.values.decimals import find_decimal_commas, with_decimal_points


def read(*columns: list[str]) -> tuple[list[list[float]], bool]:
    cells = pl.DataFrame({str(at): values for at, values in enumerate(columns)})
    found = find_decimal_commas(cells)
    assert bool(found.doubts) == (not found.is_sure)
    plain = (
        with_decimal_points(cells[name], are_thousands=found.are_thousands).cast(pl.Float64)
        for name in cells.columns
        if not found.columns or name in found.columns
    )
    return [s.to_list() for s in plain], found.is_sure


@pytest.mark.parametrize(
    ("texts", "expected", "is_sure"),
    [
        (["12", "7"], [12, 7], True),
        (["0,016", "1,234"], [0.016, 1.234], True),
        (["12,5", "1,234"], [12.5, 1.234], True),
        (["1.234,5", "12"], [1234.5, 12], True),
        (["1,234,567", "1,234"], [1234567, 1234], True),
        (["1,234.5", "12"], [1234.5, 12], True),
        (["1,234", "505", "12"], [1234, 505, 12], False),
        (["1,234", "2,505"], [1.234, 2.505], False),
        (["1,234", "2505"], [1.234, 2505], False),
    ],
)
def test_commas_are_what_all_numbers_allow(
    texts: list[str], expected: list[float], is_sure: bool
) -> None:
    assert read(texts) == ([expected], is_sure)


def test_one_column_tells_of_the_others() -> None:
    assert read(["1,234", "505"], ["0,5", "2"]) == ([[1.234, 505], [0.5, 2]], True)
    assert read(["1,234", "505"], ["1,234,567", "2"]) == ([[1234, 505], [1234567, 2]], True)
