"""Columns made of named values: which values a column may be made of, and how it is made.

Invariant: a column is the first of its sources that has a value, record by record; what no source
gives is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.values.dictionary import category_texts, encode_texts, from_codes, hardly_repeats
from apilog.values.integers import can_take_integers
from apilog.values.requests import split_request_lines


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """Values that a column can be made of.

    A nested value goes by its whole path and by its last key.
    """

    names: tuple[str, ...]
    """Values that are needed, all of them."""
    convert: Callable[..., pl.Series]
    """Takes a String series for each name and returns one of the column's type; one that is marked
    so (see `apilog.values.integers`) takes Int64, too."""
    optional_names: tuple[str, ...] = ()
    """Values that add to the needed ones; `convert` gets None for each that the log lacks."""
    exclusive: bool = False
    """Where the log has its names, no later source is asked, whatever the values."""
    may_omit: bool = False
    """Whether a record can lack the value of what there was, so that a null says nothing."""
    fit: Callable[[pl.Series, str], tuple[Callable[..., pl.Series], str | None]] | None = None
    """Takes values of a file's head and the key they are under; returns the `convert` for all of
    the file and a doubt about it."""
    request_part: str = ""
    """The values are request lines: `convert` takes the distinct `method`s, `target`s, `protocol`s
    or `asked` targets in them and returns texts. The target of a line without a method is the line;
    it asks for none."""


def integer_names(chosen: Iterable[Sequence[ColumnSource]]) -> frozenset[str]:
    """Return the names whose values may be integers for all that these sources make of them."""
    sources = [source for column_sources in chosen for source in column_sources]
    for_texts = {
        name
        for source in sources
        if source.request_part or not can_take_integers(source.convert)
        for name in (*source.names, *source.optional_names)
    }
    return frozenset(name for source in sources for name in source.names) - for_texts


def build_columns(
    sources: Mapping[str, Sequence[ColumnSource]], values: Mapping[str, pl.Series]
) -> dict[str, pl.Series]:
    """Return the columns that have a source, made of values (String, by name)."""
    lines = _RequestLines(values)
    return {
        column: coalesce_sources(column_sources, values, lines).alias(column)
        for column, column_sources in sources.items()
        if column_sources
    }


class _RequestLines:
    """Request lines of some values, each split once, where they repeat once per distinct line."""

    def __init__(self, values: Mapping[str, pl.Series]) -> None:
        self._values = values
        self._split: dict[str, tuple[pl.Series | None, pl.DataFrame]] = {}

    def convert_part(self, source: ColumnSource) -> pl.Series:
        """Return what a source makes of a part of its request lines, encoded if it repeats."""
        (name,) = source.names
        if name not in self._split:
            self._split[name] = self._split_lines(self._values[name])
        codes, parts = self._split[name]
        texts = source.convert(_part_of(parts, source.request_part))
        if codes is not None:
            return from_codes(codes, texts)
        return texts if hardly_repeats(texts) else encode_texts(texts)

    def _split_lines(self, lines: pl.Series) -> tuple[pl.Series | None, pl.DataFrame]:
        if not isinstance(lines.dtype, pl.Categorical) and hardly_repeats(lines):
            return None, split_request_lines(lines)
        encoded = encode_texts(lines)
        return encoded.to_physical(), split_request_lines(category_texts(encoded))


def _part_of(parts: pl.DataFrame, name: str) -> pl.Series:
    if name != "asked":
        return parts[name]
    targets, methods = parts["target"], parts["method"]
    return targets.set(methods.is_null(), None) if methods.null_count() else targets


def coalesce_sources(
    sources: Sequence[ColumnSource],
    values: Mapping[str, pl.Series],
    lines: _RequestLines | None = None,
) -> pl.Series:
    """Return the sources' values, those of later sources where earlier ones are null."""
    lines = lines or _RequestLines(values)
    converted = (_convert_source(source, values, lines) for source in sources)
    result = next(converted)
    for more in converted:
        if not result.null_count():
            break
        # Each encoded series has categories of its own: codes of two don't mix.
        earlier, later = (
            s.cast(pl.String) if isinstance(s.dtype, pl.Categorical) else s for s in (result, more)
        )
        result = earlier.zip_with(earlier.is_not_null(), later)
    return result


def _convert_source(
    source: ColumnSource, values: Mapping[str, pl.Series], lines: _RequestLines
) -> pl.Series:
    if source.request_part:
        return lines.convert_part(source)
    needed = (values[name] for name in source.names)
    return source.convert(*needed, *map(values.get, source.optional_names))
