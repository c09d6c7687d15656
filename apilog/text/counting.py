"""How often a byte occurs in a block of data: at the speed of memory where blocks are large."""

from __future__ import annotations

LARGE_BYTES = 1 << 20
_FIRST_NO_ASCII = 0x80
_PACKED = (b"\x1f", b"x", b"(")
"""How what Polars may take for compressed begins."""


def count_byte(data: bytes, byte: int) -> int:
    """Return how often the byte occurs in the data."""
    # `bytes.count` takes time for every hit and keeps the interpreter's lock meanwhile, which for
    # lines and quotes of a log costs as much as parsing a column of it.
    is_odd = byte >= _FIRST_NO_ASCII or data[:1] == bytes([byte]) or data.startswith(_PACKED)
    if len(data) < LARGE_BYTES or is_odd:
        return data.count(byte)
    import polars as pl

    # Rows that end in the byte are counted without being made; the last needs none at its end.
    rows = pl.scan_csv(
        data,
        has_header=False,
        schema={"row": pl.String},
        separator="\x00" if byte else "\x01",
        quote_char=None,
        eol_char=chr(byte),
    )
    return int(rows.select(pl.len()).collect().item()) - (data[-1] != byte)
