"""The openings of a format's lines: cheap to look at, before an expression is compiled.

Invariant: no line that a format reads, or begins as one that it reads, opens otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

from apilog.formats.nginx.grammar import LiteralText, LogFormat

LONGEST_OPENED = 1024
"""Longer lines are not looked at: so little of an expression takes Python's no more than the square
of a line's length."""


def opening_of(log_format: LogFormat, patterns: Sequence[str]) -> str:
    """Return the pattern up to the first text behind a variable, of the pattern of each part."""
    opening: list[str] = []
    for part, pattern in zip(log_format.parts, patterns, strict=True):
        opening.append(pattern)
        if isinstance(part, LiteralText) and len(opening) > 1:
            break
    return "".join(opening)


@cache
def compile_opening(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """Return what tells whether a line opens so."""
    return re.compile(pattern).match
