"""Colours of terminals in text: the sequences that a program writes around words to draw them.

Only what changes colours and weights, or clears the rest of a line, is taken for one; any other
escape sequence is text like all the rest.
See https://invisible-island.net/xterm/ctlseqs/ctlseqs.html, "SGR" and "EL".
"""

from __future__ import annotations

import re

import polars as pl

_ESCAPE = b"\x1b"
_COLOUR_BYTES = re.compile(rb"\x1b\[[0-9;:]*[mK]")
_COLOUR = r"\x1b\[[0-9;:]*[mK]"


def strip_colours_of_bytes(data: bytes) -> bytes:
    """Return the bytes without colours; newlines stay where they are."""
    # Looking for one byte takes a tenth of the time of looking for two.
    return _COLOUR_BYTES.sub(b"", data) if _ESCAPE in data else data


def strip_colours(texts: pl.Series) -> pl.Series:
    """Return the texts without colours."""
    if not texts.str.contains("\x1b[", literal=True).any():
        return texts
    return texts.str.replace_all(_COLOUR, "")
