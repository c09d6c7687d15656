"""Learned templates: all that is known of positions that hold a value.

A template is a pure function of one route as its look gives it (`/users/jane`), so that chunks,
files and machines can apply it apart. It only ever replaces segments: keys merge, none is split.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

from apilog.routes.positions import LearnedPosition
from apilog.routes.rename import rename_values
from apilog.values.dictionary import encode_texts, map_categories


@dataclass(frozen=True, slots=True)
class RouteTemplates:
    """All that was learned; empty if nothing was."""

    positions: tuple[LearnedPosition, ...] = ()
    """In the order of their keys, each once."""

    @classmethod
    def of(cls, positions: Iterable[LearnedPosition]) -> Self:
        """Return the templates of positions; those of one key are one."""
        by_key: dict[tuple[str, str], LearnedPosition] = {}
        for position in positions:
            known = by_key.get(position.key)
            by_key[position.key] = known.merged_with(position) if known else position
        return cls(tuple(by_key[key] for key in sorted(by_key)))

    def __bool__(self) -> bool:
        return bool(self.positions)

    def __or__(self, other: RouteTemplates) -> RouteTemplates:
        if not other:
            return self
        return RouteTemplates.of((*self.positions, *other.positions)) if self else other

    def before(self, other: RouteTemplates) -> RouteTemplates:
        """Return these, and of the others those of positions that nothing is known of here."""
        keys = {position.key for position in self.positions}
        new = (position for position in other.positions if position.key not in keys)
        return RouteTemplates.of((*self.positions, *new))

    def rename_column(self, routes: pl.Series) -> pl.Series:
        """Return a column of routes, as it comes or encoded, with its values replaced."""
        return map_categories(encode_texts(routes), self.rename) if self else routes

    def rename(self, routes: pl.Series) -> pl.Series:
        """Return each route with its values replaced; nulls stay."""
        return rename_values(self.positions, routes)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the templates as plain values."""
        return [position.as_json() for position in self.positions]

    @classmethod
    def from_json(cls, values: Iterable[Mapping[str, Any]]) -> Self:
        """Return what `as_json` gave; KeyError, TypeError or ValueError if it is none."""
        return cls.of(map(LearnedPosition.from_json, values))

    def dump(self) -> str:
        """Return the templates as one text."""
        return json.dumps(self.as_json(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Self:
        """Return what `dump` gave; ValueError, KeyError or TypeError if it is none."""
        return cls.from_json(json.loads(text))


NO_TEMPLATES = RouteTemplates()
