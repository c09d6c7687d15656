r"""The escapes that servers write into their logs, undone.

Invariant: `\xHH` stands for one byte; a value is decoded as UTF-8 once all of its
bytes are there, and bytes that are no UTF-8 become U+FFFD.
"""

from __future__ import annotations

import re
from itertools import chain

import polars as pl

from apilog.values.dictionary import map_texts

_NOT_HEX = re.compile(rb"\\(?!x[0-9A-Fa-f]{2})")
_NOT_APACHE = re.compile(rb'(?<!\\)((?:\\\\)*)\\(?![\\"nrtbv]|x[0-9A-Fa-f]{2})')
_NOT_JSON = re.compile(rb'(?<!\\)((?:\\\\)*)\\(?![\\"nrtbf]|u00[01][0-9A-Fa-f])')
# As Python's own escape: no byte of a log decodes to U+E000, so it marks where a value ends.
_SEPARATOR_ESCAPED, _SEPARATOR = rb"\ue000", "\ue000"


def decode_hex_escapes(s: pl.Series) -> pl.Series:
    r"""Decode every `\xHH` in texts, as nginx writes them; all else stays as it is."""
    return map_texts(s, lambda texts: _decode_escaped(texts, r"\x", _NOT_HEX, rb"\\\\"))


def decode_apache_escapes(s: pl.Series) -> pl.Series:
    r"""Decode the escapes of Apache in texts: `\" \\ \n \r \t \b \v` and `\xHH`.

    They are read from left to right: `\\x41` is a backslash and `x41`. A backslash before
    anything else stands for itself. See https://httpd.apache.org/docs/current/mod/mod_log_config.html
    """
    return map_texts(s, lambda texts: _decode_escaped(texts, "\\", _NOT_APACHE, rb"\1\\\\"))


def decode_json_escapes(s: pl.Series) -> pl.Series:
    r"""Decode the escapes of nginx's `escape=json` in texts: `\" \\ \n \r \t \b \f`, `\u00HH`.

    `\u00HH` stands for control characters; a backslash before anything else for itself.
    """
    return map_texts(s, lambda texts: _decode_escaped(texts, "\\", _NOT_JSON, rb"\1\\\\"))


def decode_haproxy_escapes(s: pl.Series) -> pl.Series:
    """Decode every `#HH` in texts, as HAProxy writes what can't be printed, quotes and `#` itself.

    See https://docs.haproxy.org/3.2/configuration.html#8.6
    """

    def decode(texts: pl.Series) -> pl.Series:
        # As nginx's escapes, among which a backslash of the text would be one.
        kept = texts.str.replace_all("\\", r"\x5C", literal=True)
        return decode_hex_escapes(kept.str.replace_all(r"#([0-9A-F]{2})", r"\x$1"))

    def decode_signed(texts: pl.Series) -> pl.Series:
        has_sign = texts.str.contains("#", literal=True).fill_null(value=False)
        return decode(texts).zip_with(has_sign, texts) if has_sign.any() else texts

    return map_texts(s, decode_signed)


def _decode_escaped(
    s: pl.Series, sign: str, literal: re.Pattern[bytes], doubled: bytes
) -> pl.Series:
    """Decode the values that contain the sign; `literal` finds backslashes to keep."""
    has_sign = s.str.contains(sign, literal=True).fill_null(value=False)
    if not has_sign.any():
        return s
    values = s.filter(has_sign)
    # All values go through Python's codecs as one text: per-value calls would cost more than the
    # decoding. `unicode_escape` gives each byte as the character of that number, so that the bytes
    # of a value that was cut into escapes come together again before they are read as UTF-8.
    between = _absent_character(values.str.join("")[0].encode())
    joined = values.str.join(between)[0].encode()
    escaped = literal.sub(doubled, joined).replace(between.encode(), _SEPARATOR_ESCAPED)
    characters = escaped.decode("unicode_escape")
    after = _absent_character(characters.replace(_SEPARATOR, "").encode("latin-1"))
    as_bytes = characters.replace(_SEPARATOR, after.encode().decode("latin-1")).encode("latin-1")
    decoded = pl.Series(values.name, [as_bytes.decode("utf-8", "replace")]).str.split(after)
    position = (has_sign.cum_sum() - 1).cast(pl.UInt32).set(~has_sign, None)
    return decoded.explode().gather(position).zip_with(has_sign, s).alias(s.name)


def _absent_character(data: bytes) -> str:
    """Return a character whose UTF-8 form does not occur in the bytes."""
    # There are more of these than a chunk has room for.
    candidates = chain("\n", map(chr, chain(range(0xE000, 0xF900), range(0x10000, 0x110000))))
    return next(c for c in candidates if c.encode() not in data)
