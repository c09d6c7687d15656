"""Plain text: misspelt names here, units and counts of bytes beside; no terminal."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


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
