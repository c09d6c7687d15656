"""Numbers as spreadsheets and portals write them in places that have decimal commas: `0,016`.

Whether a file has such numbers is decided over all of its columns of numbers, as `1,234` alone may
be read in two ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

_NUMBER = r"^-?[0-9]+(?:,[0-9]+)?$|^-?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?$"
_FRACTION = r"^-?(?:0[0-9]*,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|[0-9]{4,},[0-9]+|.*\..*,.*)$"
"""A number with a comma that sets no thousands apart."""


@dataclass(frozen=True, slots=True)
class DecimalCommas:
    """The columns of a table that hold numbers, if these have decimal commas."""

    columns: tuple[str, ...] = ()
    is_sure: bool = True


def find_decimal_commas(cells: pl.DataFrame) -> DecimalCommas:
    """Return which columns (String) hold numbers with decimal commas or whole ones beside such."""
    numbers = [
        name
        for name in cells.columns
        if cells[name].drop_nulls().str.contains(_NUMBER).all() and len(cells[name].drop_nulls())
    ]
    with_comma = [n for n in numbers if cells[n].str.contains(",", literal=True).any()]
    if not with_comma:
        return DecimalCommas()
    is_sure = any(cells[n].str.contains(_FRACTION).any() for n in with_comma)
    return DecimalCommas(tuple(numbers), is_sure)


def with_decimal_points(values: pl.Series) -> pl.Series:
    """Return numbers with points in place of decimal commas; other texts as they are."""
    if not values.str.contains(",", literal=True).any():
        return values
    has_comma = values.str.contains(_NUMBER) & values.str.contains(",", literal=True)
    plain = values.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return plain.zip_with(has_comma.fill_null(value=False), values)
