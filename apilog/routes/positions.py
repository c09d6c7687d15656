"""Positions of paths that hold a value, and which segments there are such values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

from apilog.routes.segments import EXTENSION, VERSION

LEARNED = "{value}"
"""Stands for a segment that traffic tells to be a value, where no kind names most of them."""
END = "$"
"""The tail of a route that ends with the segment."""
ANY_TAIL = "*"
"""All tails that few values share."""

LEADS = ("@", "~")
"""What may lead the values of a position of their own."""
AFFIXES = (
    rf"(?s)^([@~]?)(.*?)((?:\.(?:{EXTENSION}|html?|php|aspx?|jsp|do|rss|atom)){{0,2}}"
    r"(?::[A-Za-z]{3,})?(?:;\{params\})?)$"
)
"""A segment's lead, heart and ending, as expression both of Python and of Polars."""
MAY_HAVE_AFFIXES = "[@~.:;]"
PLACEHOLDER = r"\{[^{}/]+\}"
"""A kind in a segment."""
VERSION_SEGMENT = rf"^(?:{VERSION}|v[0-9][a-z0-9.]*)$"
"""A segment that is the version of an API where one may stand, see `may_be_versioned`."""
NUMBERS = "[0-9]+"
"""What `digit_mask` replaces."""

_AFFIXES = re.compile(AFFIXES)
_MAY_HAVE_AFFIXES = re.compile(MAY_HAVE_AFFIXES)
_PLACEHOLDER = re.compile(PLACEHOLDER)
_VERSION_SLOT = re.compile(r"(?i)^$|(?:^|/)api$")
_VERSION = re.compile(VERSION_SEGMENT)
_NUMBERS = re.compile(NUMBERS)


def split_affixes(segment: str) -> tuple[str, str, str]:
    """Return what leads a segment (`@`, `~`), its heart, and the ending that stays.

    >>> split_affixes("@jane"), split_affixes("red-shoes.js")
    (('@', 'jane', ''), ('', 'red-shoes', '.js'))
    """
    # Most segments have neither, and of a crowd of them each is another one.
    return _split_affixes(segment) if _MAY_HAVE_AFFIXES.search(segment) else ("", segment, "")


@lru_cache(maxsize=65_536)
def _split_affixes(segment: str) -> tuple[str, str, str]:
    match = _AFFIXES.fullmatch(segment)
    assert match
    lead, heart, ending = match.groups()
    if not heart:
        return "", segment, ""
    return lead, heart, ending


def is_version(prefix: str, segment: str) -> bool:
    """Return whether a segment after this prefix is the version of an API."""
    return bool(_VERSION.fullmatch(segment) and may_be_versioned(prefix))


def may_be_versioned(prefix: str) -> bool:
    """Return whether the version of an API may follow this prefix."""
    return _VERSION_SLOT.search(prefix) is not None


def digit_mask(segment: str) -> str:
    """Return the segment with each number as `#`: `node-12` is `node-#`."""
    return _NUMBERS.sub("#", segment)


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
        return self.prefix, self.lead

    @property
    def lead(self) -> str:
        """What leads the values: one of `LEADS`, or nothing."""
        return self.name[: self.name.index("{")]

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
