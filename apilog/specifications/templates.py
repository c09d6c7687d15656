"""Path templates of specifications: `/users/{id}`, `/files/{name}.json`, `/static/{path+}`.

A parameter stands for one or more characters within one segment; after RFC 6570 and as AWS writes
it, one with `+` or `*` at the end of a template stands for all that follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

_PARAMETER = re.compile(r"\{([^{}/]*)\}")
_GREEDY = re.compile(r"\{([^{}/]+)[+*]\}\Z")
_MOST_SEGMENTS = 100
LITERAL, MIXED, PARAMETER, GREEDY = range(4)
"""Kinds of segments, the most concrete first."""


class TemplateError(ValueError):
    """A template that can't be understood, with a hint."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a template."""

    kind: int
    text: str
    """A literal itself, and of a mixed one the regular expression; else empty."""
    literals: int = 0
    """Of a mixed one, how many characters are literal."""


@dataclass(frozen=True)
class PathTemplate:
    """A template of whole paths."""

    text: str
    """As routes are shown."""
    segments: tuple[Segment, ...]

    @cached_property
    def shape(self) -> str:
        """The template without the names of its parameters: equal for the same paths."""
        return "/".join(f"{s.kind}{s.text}" for s in self.segments)

    @cached_property
    def rank(self) -> tuple[tuple[int, int], ...]:
        """Sorts templates, the most concrete first: by their segments from left to right."""
        return tuple((s.kind, -s.literals) for s in self.segments)


def parse_template(text: str) -> PathTemplate:
    """Parse one template; a slash at the end counts for nothing where no other has it.

    >>> [segment.kind for segment in parse_template("/a/{b}.json/{c}").segments]
    [0, 1, 2]

    Raises TemplateError.
    """
    if not text.startswith("/"):
        raise TemplateError("does not begin with /")
    for character, what in (("?", "a query string"), ("#", "a fragment")):
        if character in text:
            raise TemplateError(f"has {what}", f"a path ends before the {character}")
    parts = text[1:].split("/")
    if len(parts) > _MOST_SEGMENTS:
        raise TemplateError(f"has more than {_MOST_SEGMENTS} segments")
    names = [name.rstrip("+*") for name in _PARAMETER.findall(text)]
    for name in names:
        if not name:
            raise TemplateError("has a parameter without a name", "write {name}")
        if names.count(name) > 1:
            raise TemplateError(f"has the parameter {{{name}}} twice", "give each its own name")
    last = len(parts) - 1
    return PathTemplate(
        text, tuple(_parse_segment(part, is_last=i == last) for i, part in enumerate(parts))
    )


def _parse_segment(text: str, *, is_last: bool) -> Segment:
    if is_last and _GREEDY.match(text):
        return Segment(GREEDY, "")
    pieces = _PARAMETER.split(text)
    literals = pieces[::2]
    if any(brace in piece for piece in literals for brace in "{}"):
        raise TemplateError(f"has a brace without its other one: {text}", "write {name}")
    if len(pieces) == 1:
        return Segment(LITERAL, text)
    if not any(literals):
        return Segment(PARAMETER, "")
    return Segment(MIXED, f"^{'[^/]+'.join(map(_escape, literals))}$", len("".join(literals)))


def _escape(text: str) -> str:
    """Return the regular expression of a literal text, which Polars and Python read alike."""
    return "".join(f"\\{c}" if c in r"\.+*?()|[]{}^$#&-~" else c for c in text)


def spellings(literal: str) -> tuple[str, ...]:
    """Return how a literal segment may stand in a log: as it is, and percent-encoded."""
    return tuple(dict.fromkeys((literal, quote(literal, safe="%:@!$&'()*+,;=~"))))
