"""Learned templates: all that is known of positions that hold a value.

A template is a pure function of one route as its look gives it (`/users/jane`), so that chunks,
files and machines can apply it apart. It only ever replaces segments: keys merge, none is split.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

from apilog.routes.positions import PLACEHOLDER, LearnedPosition
from apilog.routes.rename import rename_values
from apilog.routes.segments import SEGMENT_KINDS
from apilog.values.dictionary import encode_texts, map_categories


@dataclass(frozen=True, slots=True)
class RouteTemplates:
    """All that was learned; empty if nothing was."""

    positions: tuple[LearnedPosition, ...] = ()
    """In the order of their keys, each once."""
    kept: frozenset[str] = frozenset()
    """Routes that stay as they are; not part of what was learned."""

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
        if not self:
            return other
        return RouteTemplates.of((*self.positions, *other.positions)).keeping(
            self.kept | other.kept
        )

    def keeping(self, routes: frozenset[str]) -> RouteTemplates:
        """Return the templates that leave these routes as they are, besides those already kept."""
        return RouteTemplates(self.positions, self.kept | routes) if routes else self

    def before(self, other: RouteTemplates) -> RouteTemplates:
        """Return these, and of the others those of positions that nothing is known of here."""
        keys = {position.key for position in self.positions}
        new = (position for position in other.positions if position.key not in keys)
        return RouteTemplates.of((*self.positions, *new)).keeping(self.kept | other.kept)

    def may_give(self, route: str) -> bool:
        """Return whether a route may come of these, or of looks alone."""
        kinds = {*_PLACEHOLDERS.findall(route)} - _KINDS_BY_LOOK
        begins = (f"{position.prefix}/{position.name}" for position in self.positions)
        return not kinds or any(route.startswith(begin) for begin in begins)

    def rename_column(self, routes: pl.Series) -> pl.Series:
        """Return a column of routes, as it comes or encoded, with its values replaced."""
        return map_categories(encode_texts(routes), self.rename) if self else routes

    def rename(self, routes: pl.Series) -> pl.Series:
        """Return each route with its values replaced; nulls stay."""
        renamed = rename_values(self.positions, routes)
        if not self.kept:
            return renamed
        is_kept = routes.is_in(pl.Series(sorted(self.kept)).implode()).fill_null(value=False)
        return routes.zip_with(is_kept, renamed)

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


_PLACEHOLDERS = re.compile(PLACEHOLDER)
_KINDS_BY_LOOK = {"{params}"}.union(*(_PLACEHOLDERS.findall(kind.name) for kind in SEGMENT_KINDS))

NO_TEMPLATES = RouteTemplates()
