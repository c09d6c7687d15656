r"""The repair of JSON into which API Gateway put quotes and backslashes as they came.

API Gateway replaces `$context` variables in the format without escaping their values, so that a
user agent with a quote ends its text early.
Invariant: a quote is taken for JSON's only next to what JSON has there, a key before it or a
comma and a key behind it; every other one is part of a text.
"""

from __future__ import annotations

import polars as pl

# Each stands for what is settled already; the lines are cleared of control characters first.
_QUOTE, _ESCAPED_QUOTE, _ESCAPED_BACKSLASH, _CODE = "\x01", "\x02", "\x03", "\x04"
_KEY = rf'([{{,]\s*)"([^"\\{_QUOTE}]*)"(\s*:)'
_VALUE_STARTS = rf'({_QUOTE}\s*:\s*)"'
_VALUE_ENDS = rf'"(\s*(?:\}}|,\s*{_QUOTE}))'
_IS_CODE = r"\\u([0-9A-Fa-f]{4})"
_NO_ESCAPE = r"\\([^/bfnrt])"


def escape_inner_quotes(lines: pl.Series) -> pl.Series:
    """Return lines of JSON objects with the quotes within their texts escaped."""
    return (
        # What is escaped already stays as it is.
        lines.str.replace_all(r"[\x00-\x1f]", " ")
        .str.replace_all(r"\\", _ESCAPED_BACKSLASH, literal=True)
        .str.replace_all(r"\"", _ESCAPED_QUOTE, literal=True)
        # JSON's own quotes: around keys, then around the values between two keys.
        .str.replace_all(_KEY, f"${{1}}{_QUOTE}${{2}}{_QUOTE}${{3}}")
        .str.replace_all(_VALUE_STARTS, f"${{1}}{_QUOTE}")
        .str.replace_all(_VALUE_ENDS, f"{_QUOTE}${{1}}")
        # A backslash before anything that JSON knows no escape for is a character of the text.
        .str.replace_all(_IS_CODE, f"{_CODE}${{1}}")
        .str.replace_all(_NO_ESCAPE, r"\\${1}")
        .str.replace_all(_CODE, r"\u", literal=True)
        # Every quote that is left is one, too.
        .str.replace_all('"', r"\"", literal=True)
        .str.replace_all(_ESCAPED_QUOTE, r"\"", literal=True)
        .str.replace_all(_ESCAPED_BACKSLASH, r"\\", literal=True)
        .str.replace_all(_QUOTE, '"', literal=True)
    )
