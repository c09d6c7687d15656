"""Conversions that take whole numbers as well as their texts.

Invariant: such a conversion makes the same of a column of integers as of the texts that these are
cast to, so that readers may skip the texts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

Conversion = TypeVar("Conversion", bound=Callable[..., object])

_MARKED: set[Callable[..., object]] = set()


def takes_integers(convert: Conversion) -> Conversion:
    """Mark a conversion that takes integers for every series of texts that it takes."""
    _MARKED.add(convert)
    return convert


def can_take_integers(convert: Callable[..., object]) -> bool:
    """Return whether a conversion, perhaps with arguments of its own, is marked so."""
    function = convert.func if isinstance(convert, partial) else convert
    # Others may be methods of values that can't be hashed.
    return hasattr(function, "__code__") and function in _MARKED
