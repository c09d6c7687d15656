"""Escaping of text that an attacker may have written, with one function for each target.

Escaped text can't move a cursor, reorder or hide text, or become markup.
"""

from __future__ import annotations

import re

UNSAFE = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi controls
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # lone surrogates, from undecodable file names
    "\xad\u034f\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u180b-\u180f"  # format characters
    "\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb\ufffe\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # letters without ink
    "\u2800\ufffc\U0001d159"  # symbols without ink
    "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors and tags
)
"""Characters that are invisible or steer a display, as a character class.

See https://www.unicode.org/reports/tr36/ and https://trojansource.codes for what they can do.
"""

_UNSAFE = re.compile(f"[{UNSAFE}]")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_MARKDOWN = str.maketrans(
    {c: f"\\{c}" for c in "\\`*_[]~|$@"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_MARKDOWN_LINK = re.compile(r":(?=//)|(?<=\bwww)\.", re.IGNORECASE)


def escape_terminal(text: str) -> str:
    r"""Write out every invisible or steering character, as `\x1b` or `\u202e`."""
    return _UNSAFE.sub(_write_out_char, text)


def escape_terminal_lines(text: str) -> str:
    r"""Escape text of several lines like `escape_terminal`, but keep `\n`."""
    return "\n".join(map(escape_terminal, text.split("\n")))


def escape_markdown(text: str) -> str:
    """Escape text for a cell of a Markdown table: no HTML, links, emphasis, code or borders."""
    escaped = escape_terminal(text).translate(_MARKDOWN)
    return _MARKDOWN_LINK.sub(r"\\\g<0>", escaped)


def escape_xml(text: str) -> str:
    """Escape text for XML and HTML, as content or in a quoted attribute.

    Control characters, which no XML can hold (https://www.w3.org/TR/xml/#charsets), are written
    out as `escape_terminal` does.
    """
    return escape_terminal(text).translate(_XML)


def escape_json(document: str) -> str:
    r"""Write the steering characters in the strings of serialised JSON as `\uXXXX`.

    The newlines between values stay; those in strings are escaped already.
    """
    return _UNSAFE.sub(_escape_json_char, document)


def _write_out_char(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if code < 0x100:
        return _NAMED.get(char, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape_json_char(match: re.Match[str]) -> str:
    char = match[0]
    if char == "\n":
        return char
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
