"""What a dialect is: a software that writes logs without fixed names, told by its keys.

Invariant: an entry matches by names and by the look of telling values, never by one name that
others use, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from apilog.formats.field_entry import FieldEntry
from apilog.formats.field_map import entry_named
from apilog.formats.key_paths import candidate_paths, normalise_name
from apilog.values.json_text import KeyPath


@dataclass(frozen=True, slots=True)
class JoinedNames:
    """How a column is made of several fields at once."""

    names: tuple[str, ...]
    convert: Callable[..., pl.Series]
    """Takes the texts of each field; None for an optional one that the log lacks."""
    optional: tuple[str, ...] = ()
    """Fields that add to the needed ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDialect:
    """A software that writes JSON, LTSV or key=value, by the names of its fields."""

    name: str
    gateway: str | None = None
    """The value of the column `gateway`; None: what writes it is none of them."""
    names: tuple[frozenset[str], ...]
    """Sets of names: a log that has all names of one set is of this software. A name that begins
    with a dot is the last key alone."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Names to what most of their values match, for names that tell nothing alone."""
    units: tuple[str, ...] = ()
    """The units of durations that it may be set to write, the default first."""
    fields: Mapping[str, tuple[FieldEntry, ...]] = field(default_factory=dict)
    """Columns to the fields that make them; empty: none does."""
    joined: Mapping[str, JoinedNames] = field(default_factory=dict)
    """Columns to what makes them where no field makes them alone."""
    access_lines: Mapping[str, str] = field(default_factory=dict)
    """Names to what their values match on access lines; other lines are of another log."""
    begin_lines: Mapping[str, str] = field(default_factory=dict)
    """Names to what their values match on lines at the beginning of a request, if another line is
    written at its end."""
    lacks_time: bool = False
    """Whether its lines may have no time: then records have none either."""
    doubts: tuple[str, ...] = ()
    """What is to be said of each of its logs."""
    sample: str
    """A line of it."""
    url: str


def all_of(*names: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(given.split()) for given in names)


def fields_named(**names: str) -> dict[str, tuple[FieldEntry, ...]]:
    """Return the fields of columns; `duration_ms="latency:us"` tells the unit of that one."""
    return {column: _entries(column, given.split()) for column, given in names.items()}


def _entries(column: str, names: Iterable[str]) -> tuple[FieldEntry, ...]:
    split = (name.partition(":") for name in names)
    return tuple(entry_named(column, name, unit=unit or None) for name, _, unit in split)


def find_path(name: str, paths: Collection[KeyPath]) -> KeyPath | None:
    """Return the field that goes by a name; one that begins with a dot is the last key alone."""
    if name.startswith("."):
        return next((path for path in paths if normalise_name(path[-1]) == name[1:]), None)
    found = candidate_paths((name,), paths)
    return found[0][2] if found else None
