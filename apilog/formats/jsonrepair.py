r"""The slips of hand-made JSON, and mending them.

Invariant: `repair` is for lines that are no JSON; `mend` touches no line that is.
"""

from __future__ import annotations

import polars as pl

from apilog.formats.escapes import decode_hex_escapes

# A key whose value is missing or a bare dash. The key's quotes and what stands before
# them keep it from matching inside a text.
_NO_VALUE = r'([{,]\s*"[^"\\]*"\s*:)\s*-?\s*([,}])'
_ZEROS = r'([{,]\s*"[^"\\]*"\s*:\s*-?)0+([0-9])'
"""Leading zeros, such as those of nginx's status 000."""
_ILLEGAL_HEX = r"(?:^|[^\\])(?:\\\\)*\\x"
_CONTROL = r"[\x00-\x1f]"
_TEXT_OR_CONTROL = rf'("(?:[^"\\]|\\.)*")|{_CONTROL}'


def repair(lines: pl.Series) -> pl.Series:
    r"""Lines with the slips of hand-made JSON mended.

    nginx's `\xHH` become what they stand for, missing values and bare dashes null; bare control
    characters are escaped in texts and blanks between them; a byte order mark, trailing commas
    and leading zeros go.
    """
    mended = lines.str.strip_chars("\ufeff \t\r").str.strip_suffix(",")
    mended = escape_controls(mended.str.replace(r",\s*}$", "}"))
    for _ in range(2):  # a match takes the comma that the next one needs
        mended = mended.str.replace_all(_NO_VALUE, "${1}null$2")
    mended = mended.str.replace_all(_ZEROS, "${1}$2")
    if not mended.str.contains(r"\x", literal=True).any():
        return mended
    return decode_hex_escapes(
        mended.str.replace_all(r"\\", r"\u005c", literal=True)
        .str.replace_all(r"\\x([01][0-9A-Fa-f])", r"\u00$1")
        .str.replace_all(r"\x22", r"\"", literal=True)
        .str.replace_all(r"\\x5[Cc]", r"\u005c")
    )


def escape_controls(lines: pl.Series) -> pl.Series:
    """Lines of JSON with bare control characters escaped in texts, and blanks between them."""
    if not lines.str.contains(_CONTROL).any():
        return lines
    lines = lines.str.replace_all(_TEXT_OR_CONTROL, "$1 ")
    for control in map(chr, range(0x20)):
        if lines.str.contains(control, literal=True).any():
            lines = lines.str.replace_all(control, f"\\u{ord(control):04x}", literal=True)
    return lines


def mend(lines: pl.Series) -> pl.Series | None:
    """The lines, those repaired that show a slip which no JSON has; None if none does."""
    slips = lines.str.contains(f"{_NO_VALUE}|{_ZEROS}") | lines.str.contains(_ILLEGAL_HEX)
    if not slips.any():
        return None
    position = (slips.cum_sum().cast(pl.Int64) - 1).set(~slips, None)
    return repair(lines.filter(slips)).gather(position).zip_with(slips, lines)
