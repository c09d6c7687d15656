"""Plain text: counts of bytes and misspelt names here, units beside; no Polars, no terminal."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LARGE_BYTES = 1 << 20
_STEP_BYTES = 2 << 20
"""How much is counted at once: copies of this size stay in a processor's cache."""


def count_byte(data: bytes, byte: int) -> int:
    """Return how often the byte occurs in the data."""
    # `bytes.count` takes time for every hit and keeps the interpreter's lock meanwhile, which for
    # lines and quotes of a log costs as much as parsing a column of it.
    if len(data) < LARGE_BYTES:
        return data.count(byte)
    import polars as pl

    total = 0
    for start in range(0, len(data), _STEP_BYTES):
        block = pl.Series([data[start : start + _STEP_BYTES]])
        total += int((block.cast(pl.List(pl.UInt8)).explode() == byte).sum())
    return total


def nearest_names(name: str, known: Iterable[str], *, at_most: int = 3) -> list[str]:
    """Return the known names that look like `name`, the nearest first; case doesn't count.

    >>> nearest_names("Statsu", ["status", "stage", "api"])
    ['status']
    """
    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.casefold(), candidate)
    return [folded[near] for near in get_close_matches(name.casefold(), folded, n=at_most)]


def did_you_mean(
    name: str,
    known: Iterable[str],
    otherwise: str = "",
    *,
    also: str = "",
    at_most: int = 3,
    quoted: bool = False,
) -> str:
    """Return a hint that asks for the nearest known names, or `otherwise` if none is near.

    `also` is added in both cases. `quoted` is for names that may hold anything, such as the
    columns of a user's table.

    >>> did_you_mean("statsu", ["status", "api"]), did_you_mean("x", ["status"], "see the list")
    ('did you mean status?', 'see the list')
    """
    near = nearest_names(name, known, at_most=at_most)
    candidates = [repr(candidate) if quoted else candidate for candidate in near]
    hint = f"did you mean {' or '.join(candidates)}?" if near else otherwise
    return " ".join(part for part in (hint, also) if part)
