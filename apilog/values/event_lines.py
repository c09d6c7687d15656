"""The events of a chunk as lines of text, in whichever form they are there first.

The bytes end in a newline unless they are empty; newlines are not part of a line. Bytes that are
no UTF-8 become U+FFFD in the series. Colours of terminals are no part of a line either.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from io import BytesIO

import polars as pl

from apilog.text.counting import count_byte
from apilog.values.colours import strip_colours_of_bytes

_PACKED = (b"\x1f\x8b", b"x", b"(\xb5/\xfd")
"""How gzip, zlib and zstd begin: Polars unpacks what does, also in memory."""


def as_polars_text(data: bytes) -> tuple[bytes, int]:
    """Return lines as Polars reads them for text, and how many of them it is to skip."""
    return (b"\n" + data, 1) if data.startswith(_PACKED) else (data, 0)


_FEW_BYTES = 16 << 10

TimesGetter = Callable[[], "pl.Series | None"]


def _no_times() -> None:
    return None


class EventLines:
    """Events, one per line, and the lines of the chunk that they came from."""

    def __init__(self, data: bytes, count: int | None = None) -> None:
        data = strip_colours_of_bytes(data)
        self.data = data if not data or data.endswith(b"\n") else data + b"\n"
        self.rows: pl.Series | None = None
        """The row of the chunk that each came from (UInt32); None: event i is line i."""
        self.open_rows: frozenset[int] = frozenset()
        """The rows of the chunk whose lines had no newline of their own: they may be cut off."""
        self._times: TimesGetter = _no_times
        if count is not None:
            self.count = count

    @classmethod
    def from_series(
        cls,
        series: pl.Series,
        times: TimesGetter | None = None,
        rows: pl.Series | None = None,
        open_rows: frozenset[int] = frozenset(),
    ) -> EventLines:
        """Return the lines of a series of strings, none of which holds a newline.

        `times` gives the time that came with each line, outside of it.
        """
        lines = cls.__new__(cls)
        lines.series = series
        lines.count = len(series)
        lines.rows = rows
        lines.open_rows = open_rows
        lines._times = times or _no_times
        return lines

    @cached_property
    def times(self) -> pl.Series | None:
        """The time that came with each line (null: with none); None if there are no such times."""
        return self._times()

    @cached_property
    def data(self) -> bytes:
        """All lines, each with its newline."""
        if not len(self.series):
            return b""
        joined: str = self.series.str.join("\n", ignore_nulls=False)[0]
        return joined.encode() + b"\n"

    @cached_property
    def count(self) -> int:
        """How many lines there are."""
        return count_byte(self.data, ord("\n"))

    @cached_property
    def utf8(self) -> bytes:
        """The data as valid UTF-8."""
        if self.data.isascii():
            return self.data
        return self.data.decode("utf-8", "replace").encode()

    @cached_property
    def series(self) -> pl.Series:
        """The lines as strings."""
        if len(self.data) <= _FEW_BYTES:
            # So few lines are split before a reader has begun.
            text = self.data.decode("utf-8", "replace").replace("\r\n", "\n")
            return pl.Series("line", text.split("\n")[:-1], dtype=pl.String)
        try:
            return _read_lines(self.data)
        except pl.exceptions.ComputeError:  # no UTF-8: to ask beforehand costs more
            return _read_lines(self.utf8)

    def gather(self, indexes: pl.Series) -> EventLines:
        """Return the lines at these indexes, in their order."""

        def times() -> pl.Series | None:
            return None if self.times is None else self.times.gather(indexes)

        rows = self.rows_of(indexes)
        return EventLines.from_series(self.series.gather(indexes), times, rows, self.open_rows)

    def find_open(self) -> pl.Series:
        """Return the indexes of lines that may be cut off."""
        if not self.open_rows:
            return pl.Series([], dtype=pl.UInt32)
        open_rows = pl.Series(sorted(self.open_rows), dtype=pl.UInt32)
        rows = self.rows
        if rows is None:
            return open_rows.filter(open_rows < self.count)
        return rows.is_in(open_rows.implode()).arg_true()

    def rows_of(self, indexes: pl.Series | None) -> pl.Series | None:
        """Return the rows of the chunk that the lines at these indexes came from; None: of all."""
        if indexes is None:
            return self.rows
        return indexes if self.rows is None else self.rows.gather(indexes)


def _read_lines(data: bytes) -> pl.Series:
    text, skipped = as_polars_text(data)
    return pl.read_lines(BytesIO(text), name="line").to_series().slice(skipped)
