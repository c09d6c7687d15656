"""Thresholds cut into tokens, and errors that point at a character of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from apilog.errors import UsageError

LONGEST = 1000
"""Characters of a threshold."""


class Kind(StrEnum):
    """What a token is."""

    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a threshold; of a string the text without quotes and escapes."""

    kind: Kind
    text: str
    position: int
    """Of its first character, from 0."""

    def __str__(self) -> str:
        return "the end" if self.kind is Kind.END else repr(self.text)


# Bounded digits: what is longer is no limit of anything.
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\([A-Za-z_][A-Za-z0-9_]*\))?)
    | (?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?(?![0-9.])|\.[0-9]{1,9}(?![0-9.]))
    | "(?P<string>(?:[^"\\]|\\["\\])*)"
    | (?P<sign><=|>=|[<>{}=,+\-*%/])
    )""",
    re.VERBOSE,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r'\\(["\\])')


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a threshold, an END last. Raises UsageError at what is none."""
    if len(text) > LONGEST:
        raise UsageError(f"a threshold of {len(text):,} characters is too long")
    if (broken := _SURROGATE.search(text)) is not None:
        raise error_at(text, broken.start(), "this is not UTF-8")
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _unreadable(text, position)
        found = match[match.lastgroup]
        if match.lastgroup == "string":
            found = _ESCAPE.sub(r"\1", found)
        start = match.end() - len(match[0].lstrip())
        yield Token(Kind(match.lastgroup), found, start)
        position = match.end()
    yield Token(Kind.END, "", end)


def error_at(text: str, position: int, problem: str, hint: str = "") -> UsageError:
    """The error for what stands at that character."""
    return UsageError(f"threshold {text!r}, character {position + 1}: {problem}", hint)


def nearest(name: str, known: Sequence[str], otherwise: str) -> str:
    """A hint that names the nearest of the known names, or what else to do."""
    near = get_close_matches(name, known, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def _unreadable(text: str, position: int) -> UsageError:
    start = position + len(text[position:]) - len(text[position:].lstrip())
    match text[start]:
        case '"':
            return error_at(
                text, start, "this text has no end", 'close it with "; write \\" and \\\\ in it'
            )
        case "'":
            return error_at(text, start, "texts stand in double quotes", 'write {route="/orders"}')
        case char if char.isdigit() or char == ".":
            return error_at(text, start, "this number can't be read", "write 300 or 0.5")
        case char:
            return error_at(text, start, f"unexpected {char!r}", EXAMPLES)


EXAMPLES = (
    'write such as error_rate < 1%, latency_p95{route="/orders/{id}"} < 300ms, '
    "error_rate <= baseline + 0.5pp for each route"
)
