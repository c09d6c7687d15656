"""Text over several lines as one line that means the same.

A newline within a JSON string becomes an escape, any other a blank.
"""

from __future__ import annotations

import re

from apilog.sources.framing.scan import STRING

_BREAK = re.compile(rb"\n\s*+")
_STRING_OR_BREAK = re.compile(STRING + rb"|\n\s*+", re.DOTALL)


def one_line(text: bytes) -> bytes:
    r"""JSON, whole or not, on one line; indentation goes.

    >>> one_line(b'{\n  "a": "x\ny"\n}')
    b'{ "a": "x\\ny" }'
    """
    if b"\n" not in text:
        return text
    return _STRING_OR_BREAK.sub(_replacement, text.replace(b"\r\n", b"\n"))


def without_breaks(text: bytes) -> bytes:
    """`one_line` for text without newlines in strings."""
    if b"\n" not in text:
        return text
    return _BREAK.sub(b" ", text.replace(b"\r\n", b"\n"))


def unbroken(text: bytes) -> bytes:
    """Text of the same length without newlines."""
    return text.replace(b"\n", b" ")


def _replacement(found: re.Match[bytes]) -> bytes:
    text = found[0]
    return text.replace(b"\n", rb"\n") if text.startswith(b'"') else b" "
