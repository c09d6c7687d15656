"""Texts of any characters that UTF-8 has.

Hypothesis works out what a codec can encode, character by character, which takes a second and more
wherever it has not been done before; that surrogates are all that UTF-8 lacks is known.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

CHARACTERS = st.characters(exclude_categories=["Cs"])


def any_text(
    min_size: int = 0, max_size: int | None = None, *, without: str = ""
) -> SearchStrategy[str]:
    """Texts of so many characters, other ones than these."""
    characters = st.characters(exclude_categories=["Cs"], exclude_characters=without)
    return st.text(characters, min_size=min_size, max_size=max_size)
