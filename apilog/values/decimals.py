"""Numbers as spreadsheets and portals write them in places that have decimal commas: `0,016`.

Whether a file has such numbers is decided over all of its columns of numbers, as `1,234` alone may
be read in two ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

_NUMBER = r"^-?[0-9]+(?:,[0-9]+)?$|^-?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?$"
_IN_ENGLISH = r"^-?(?:[0-9]{1,3}(?:,[0-9]{3})*|[0-9]+)(?:\.[0-9]+)?$"
_WITH_THOUSANDS = r"^-?[0-9]{1,3}(?:,[0-9]{3}){2,}(?:\.[0-9]+)?$|^-?[0-9]{1,3},[0-9]{3}\.[0-9]+$"
"""A number with commas that are no decimal ones."""
_FRACTION = r"^-?(?:0[0-9]*,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|[0-9]{4,},[0-9]+|.*\..*,.*)$"
"""A number with a comma that sets no thousands apart."""


@dataclass(frozen=True, slots=True)
class DecimalCommas:
    """The columns of a table that hold numbers, if these have commas, and what these mean."""

    columns: tuple[str, ...] = ()
    is_sure: bool = True
    are_thousands: bool = False
    """Whether they set thousands apart."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is to be said of a guess."""
        readings = ("are read as decimal points", "may set thousands apart")
        if self.are_thousands:
            readings = ("are read as setting thousands apart", "may be decimal points")
        said = f"commas in numbers {readings[0]}; they {readings[1]}"
        return () if self.is_sure else (f"{said}: an export without them says which",)


def find_decimal_commas(cells: pl.DataFrame) -> DecimalCommas:
    """Return which columns (String) hold numbers with commas, or whole ones beside such."""
    given = {name: cells[name].drop_nulls() for name in cells.columns}
    given = {name: s for name, s in given.items() if len(s)}
    is_english = {n: bool(s.str.contains(_IN_ENGLISH).all()) for n, s in given.items()}
    numbers = [n for n, s in given.items() if is_english[n] or s.str.contains(_NUMBER).all()]
    with_comma = [n for n in numbers if given[n].str.contains(",", literal=True).any()]
    if not with_comma:
        return DecimalCommas()
    # In a place with decimal commas, points set thousands apart: fractions with one are English.
    continental = tuple(n for n in numbers if given[n].str.contains(_NUMBER).all())
    if any(given[n].str.contains(_FRACTION).any() for n in with_comma if n in continental):
        return DecimalCommas(continental)
    if not all(is_english[n] for n in with_comma):
        return DecimalCommas(continental, is_sure=False)
    english = tuple(n for n in numbers if is_english[n])
    if any(given[n].str.contains(_WITH_THOUSANDS).any() for n in with_comma):
        return DecimalCommas(english, are_thousands=True)
    # Fractions end in three digits by chance, but for those that are rounded to them, and these
    # have a comma each; beside numbers up to 999 without one it sets thousands apart.
    if all(_has_small_whole(given[n]) for n in with_comma):
        return DecimalCommas(english, is_sure=False, are_thousands=True)
    return DecimalCommas(continental, is_sure=False)


def _has_small_whole(given: pl.Series) -> bool:
    """Return whether there are numbers without a comma, and all of them are below 1000."""
    bare = given.filter(~given.str.contains(",", literal=True))
    return bool(len(bare)) and bool(bare.str.contains(r"^-?[0-9]{1,3}$").all())


def with_decimal_points(values: pl.Series, *, are_thousands: bool = False) -> pl.Series:
    """Return numbers as programs write them; other texts as they are.

    A comma becomes a point, or is left out if it sets thousands apart.
    """
    if not values.str.contains(",", literal=True).any():
        return values
    pattern = _IN_ENGLISH if are_thousands else _NUMBER
    has_comma = values.str.contains(pattern) & values.str.contains(",", literal=True)
    if are_thousands:
        plain = values.str.replace_all(",", "", literal=True)
    else:
        plain = values.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return plain.zip_with(has_comma.fill_null(value=False), values)
