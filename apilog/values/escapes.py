r"""Undoing the escapes that servers write into their logs.

Invariant: `\xHH` stands for one byte; a value is decoded as UTF-8 once all of its
bytes are there, and bytes that are no UTF-8 become U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from apilog.values.dictionary import map_texts

_NOT_HEX = re.compile(rb"\\(?!x[0-9A-Fa-f]{2})")
_NOT_APACHE = re.compile(rb'(?<!\\)((?:\\\\)*)\\(?![\\"nrtbv]|x[0-9A-Fa-f]{2})')
_NOT_JSON = re.compile(rb'(?<!\\)((?:\\\\)*)\\(?![\\"nrtbf]|u00[01][0-9A-Fa-f])')
# U+E000 as Python's own escape: no byte decodes to it, so it marks where a value ends.
_SEPARATOR_ESCAPED, _SEPARATOR = rb"\ue000", "\ue000"


def decode_hex_escapes(s: pl.Series) -> pl.Series:
    r"""Texts with every `\xHH` decoded, as nginx writes them; all else stays as it is."""
    return map_texts(s, lambda texts: _decode_escaped(texts, r"\x", _NOT_HEX, rb"\\\\"))


def decode_apache_escapes(s: pl.Series) -> pl.Series:
    r"""Texts with the escapes of Apache decoded: `\" \\ \n \r \t \b \v` and `\xHH`.

    They are read from left to right: `\\x41` is a backslash and `x41`. A backslash
    before anything else stands for itself.
    """
    return map_texts(s, lambda texts: _decode_escaped(texts, "\\", _NOT_APACHE, rb"\1\\\\"))


def decode_json_escapes(s: pl.Series) -> pl.Series:
    r"""Texts with the escapes of nginx's `escape=json` decoded: `\" \\ \n \r \t \b \f` and
    `\u00HH` of control characters; a backslash before anything else stands for itself.
    """
    return map_texts(s, lambda texts: _decode_escaped(texts, "\\", _NOT_JSON, rb"\1\\\\"))


def _decode_escaped(
    s: pl.Series, sign: str, literal: re.Pattern[bytes], doubled: bytes
) -> pl.Series:
    """Decode the values that contain the sign; `literal` finds backslashes to keep."""
    chosen = s.str.contains(sign, literal=True).fill_null(value=False)
    if not chosen.any():
        return s
    values = s.filter(chosen)
    decoded = _decode_all(values, literal, doubled)
    position = (chosen.cum_sum() - 1).cast(pl.UInt32)
    return decoded.gather(position.set(~chosen, None)).zip_with(chosen, s).alias(s.name)


def _decode_all(values: pl.Series, literal: re.Pattern[bytes], doubled: bytes) -> pl.Series:
    # All values go through Python's codecs as one text: per-value calls would cost more
    # than the decoding.
    between = _absent_character(values.str.join("")[0].encode())
    joined = values.str.join(between)[0].encode()
    escaped = literal.sub(doubled, joined).replace(between.encode(), _SEPARATOR_ESCAPED)
    characters = escaped.decode("unicode_escape")
    after = _absent_character(characters.replace(_SEPARATOR, "").encode("latin-1"))
    as_bytes = characters.replace(_SEPARATOR, after.encode().decode("latin-1")).encode("latin-1")
    text = as_bytes.decode("utf-8", "replace")
    return pl.Series(values.name, [text]).str.split(after).explode()


def _absent_character(data: bytes) -> str:
    """A character whose UTF-8 form does not occur in the bytes."""
    return next(c for c in _separators() if c.encode() not in data)


def _separators() -> Iterator[str]:
    """Characters to separate values with; more of them than a chunk has room for."""
    yield "\n"
    yield from map(chr, range(0xE000, 0xF900))
    yield from map(chr, range(0x10000, 0x110000))
