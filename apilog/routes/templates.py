"""Learned templates: positions of paths that hold a value, and what of a route is such a value.

A template is a pure function of one route as its look gives it (`/users/jane`), so that chunks,
files and machines can apply it apart. It only ever replaces segments: keys merge, none is split.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

import polars as pl

from apilog.routes.segments import EXTENSION, VERSION
from apilog.values.dictionary import encode_texts, map_categories

LEARNED = "{value}"
"""Stands for a segment that traffic tells to be a value, where no kind names most of them."""
END = "$"
"""The tail of a route that ends with the segment."""
ANY_TAIL = "*"
"""All tails that few values share."""

_AFFIXES = re.compile(
    rf"^([@~]?)(.*?)((?:\.(?:{EXTENSION}|html?|php|aspx?|jsp|do|rss|atom)){{0,2}}"
    r"(?::[A-Za-z]{3,})?(?:;\{params\})?)$",
    re.DOTALL,
)
_PLACEHOLDER = re.compile(r"\{[^{}/]+\}")
_VERSION_SLOT = re.compile(r"(?i)^$|(?:^|/)api$")
_VERSION = re.compile(rf"(?:{VERSION}|v[0-9][a-z0-9.]*)$")
_DIGITS = re.compile("[0-9]+")
_MAY_HAVE_AFFIXES = re.compile("[@~.:;]")


def split_affixes(segment: str) -> tuple[str, str, str]:
    """Return what leads a segment (`@`, `~`), its heart, and the ending that stays.

    >>> split_affixes("@jane"), split_affixes("red-shoes.js")
    (('@', 'jane', ''), ('', 'red-shoes', '.js'))
    """
    # Most segments have neither, and of a crowd of them each is another one.
    return _split_affixes(segment) if _MAY_HAVE_AFFIXES.search(segment) else ("", segment, "")


@lru_cache(maxsize=65_536)
def _split_affixes(segment: str) -> tuple[str, str, str]:
    match = _AFFIXES.match(segment)
    assert match
    lead, heart, ending = match.groups()
    if not heart:
        return "", segment, ""
    return lead, heart, ending


def is_version(prefix: str, segment: str) -> bool:
    """Return whether a segment after this prefix is the version of an API."""
    return bool(_VERSION.match(segment) and _VERSION_SLOT.search(prefix))


def digit_mask(segment: str) -> str:
    """Return the segment with each number as `#`: `node-12` is `node-#`."""
    return _DIGITS.sub("#", segment)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What traffic showed of a position."""

    values: int
    """Distinct values."""
    requests: int
    """Requests with one of them that were not answered 404."""
    once: int
    """Values that came in one request."""


@dataclass(frozen=True, slots=True)
class LearnedPosition:
    """A position that holds a value."""

    prefix: str
    """The route before it, itself a template: `/users/{id}/tags`, or empty at the start."""
    name: str
    """The placeholder that stands for the values, with what leads them: `{value}`, `@{value}`."""
    tails: frozenset[str]
    """The segments that follow the values, as `tail_of` names them."""
    literals: frozenset[str]
    """Segments there that are no values, such as `me` and `search`."""
    is_open: bool
    """Whether every text there that is no literal is a value, whatever follows it."""
    masks: frozenset[str] = frozenset()
    """If there are any, only values that look so, as `digit_mask` gives it."""
    evidence: Evidence = field(default=Evidence(0, 0, 0), compare=False)

    @property
    def key(self) -> tuple[str, str]:
        """Tells one position from others: its prefix and what leads the values."""
        return self.prefix, self.name[: self.name.index("{")]

    def replace_segment(self, segment: str, following: str | None) -> str | None:
        """Return what stands for a segment with this one after it; None if it is no value."""
        if segment in self.literals or is_version(self.prefix, segment):
            return None
        if self.masks and digit_mask(segment) not in self.masks:
            return None
        has_tail = (END if following is None else following) in self.tails or (
            following is not None and ANY_TAIL in self.tails
        )
        if segment.isalnum():
            return self.name if has_tail or self.is_open else None
        _, heart, ending = split_affixes(segment)
        is_kind = bool(_PLACEHOLDER.search(heart))
        if not has_tail and (is_kind or not self.is_open):
            return None
        if is_kind and not _PLACEHOLDER.fullmatch(heart):
            return None  # `Products({id})` names more than a value.
        return self.name + ending

    def merged_with(self, other: LearnedPosition) -> LearnedPosition:
        """Return one position for two of the same key, in whichever order."""
        ordered = sorted(
            (self, other), key=lambda p: (-p.evidence.requests, p.name, p.evidence.values)
        )
        return LearnedPosition(
            prefix=self.prefix,
            name=ordered[0].name,
            tails=self.tails | other.tails,
            literals=self.literals | other.literals,
            is_open=self.is_open or other.is_open,
            masks=self.masks | other.masks if self.masks and other.masks else frozenset(),
            evidence=ordered[0].evidence,
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "prefix": self.prefix,
            "name": self.name,
            "tails": sorted(self.tails),
            "literals": sorted(self.literals),
            "is_open": self.is_open,
            "masks": sorted(self.masks),
            "evidence": [self.evidence.values, self.evidence.requests, self.evidence.once],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the position that `as_json` gave; KeyError, TypeError or ValueError if none."""
        return cls(
            prefix=str(value["prefix"]),
            name=str(value["name"]),
            tails=frozenset(map(str, value["tails"])),
            literals=frozenset(map(str, value["literals"])),
            is_open=bool(value["is_open"]),
            masks=frozenset(map(str, value["masks"])),
            evidence=Evidence(*map(int, value["evidence"])),
        )


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
        if not self:
            return routes
        by_prefix: dict[str, dict[str, LearnedPosition]] = {}
        for position in self.positions:
            by_prefix.setdefault(position.prefix, {})[position.key[1]] = position
        # Most routes have nothing to do with any position.
        begins = {prefix.partition("{")[0] for prefix in by_prefix}
        begins = {b for b in begins if not any(b != c and b.startswith(c) for c in begins)}
        touched = pl.any_horizontal(pl.col("route").str.starts_with(f"{b}") for b in sorted(begins))
        rows = routes.to_frame("route").select(touched.fill_null(value=False))
        places = rows.to_series().arg_true()
        if not len(places):
            return routes
        texts = routes.gather(places)
        deepest = max(prefix.count("/") for prefix in by_prefix)
        renamed = pl.Series([_rename(text, by_prefix, deepest) for text in texts], dtype=pl.String)
        return routes.clone().scatter(places, renamed)

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


def _rename(
    route: str, by_prefix: Mapping[str, Mapping[str, LearnedPosition]], deepest: int
) -> str:
    """Return a route with its values replaced; no prefix has more segments than `deepest`."""
    first, *segments = route.split("/")
    if first:
        return route
    prefix = ""
    last = len(segments) - 1
    for i, segment in enumerate(segments[: deepest + 1]):
        here = by_prefix.get(prefix)
        if here and segment:
            following = segments[i + 1] if i < last else None
            position = here.get(segment[0] if segment[0] in "@~" else "")
            if position:
                segment = position.replace_segment(segment, following) or segment
        prefix = f"{prefix}/{segment}"
    return "/".join([prefix, *segments[deepest + 1 :]])
