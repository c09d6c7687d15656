"""What every log format is: a value that turns lines into records and rejects.

A format sees the lines of one chunk and accounts for each of them exactly once:
as a row of `records` or as a row of `rejects`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Protocol

import polars as pl

from apilog.counting import count_byte

REJECTS_SCHEMA = {"row": pl.UInt32, "reason": pl.String}
"""Columns of `Parsed.rejects`: the line's index in its chunk, and why."""


_PACKED = (b"\x1f\x8b", b"x", b"(\xb5/\xfd")
"""How gzip, zlib and zstd begin: Polars unpacks what does, also in memory."""


def readable(data: bytes) -> tuple[bytes, int]:
    """Lines as a reader of Polars takes them for text, and how many of them it is to skip."""
    return (b"\n" + data, 1) if data.startswith(_PACKED) else (data, 0)


class Lines:
    """The lines of one chunk, as bytes or as a Polars series, whichever is there first.

    The bytes end in a newline unless they are empty; newlines are not part of a line.
    Bytes that are no UTF-8 become U+FFFD in the series.
    """

    def __init__(self, data: bytes, count: int | None = None) -> None:
        self.data = data if not data or data.endswith(b"\n") else data + b"\n"
        self._times: Times = _no_times
        if count is not None:
            self.count = count

    @classmethod
    def of(cls, series: pl.Series, times: Times | None = None) -> Lines:
        """The lines of a series of strings, none of which holds a newline.

        `times` gives the time that came with each line, outside of it.
        """
        lines = cls.__new__(cls)
        lines.series = series
        lines.count = len(series)
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
    def text(self) -> bytes:
        """The data as valid UTF-8."""
        if self.data.isascii():
            return self.data
        return self.data.decode("utf-8", "replace").encode()

    @cached_property
    def series(self) -> pl.Series:
        """One string a line."""
        if not self.data:
            return pl.Series("line", [], dtype=pl.String)
        try:
            return _series(self.data)
        except pl.exceptions.ComputeError:  # no UTF-8: to ask beforehand costs more
            return _series(self.text)

    def gather(self, rows: pl.Series) -> Lines:
        """The lines at these indexes, in their order."""

        def times() -> pl.Series | None:
            return None if self.times is None else self.times.gather(rows)

        return Lines.of(self.series.gather(rows), times)


def _series(data: bytes) -> pl.Series:
    text, skipped = readable(data)
    return pl.read_lines(BytesIO(text), name="line").to_series().slice(skipped)


Times = Callable[[], "pl.Series | None"]


def _no_times() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a format made of some lines; records and rejects add up to the lines."""

    records: pl.DataFrame
    """Columns of the schema, those that were asked for and that the format knows.
    A String column may come dictionary-encoded, as Categorical."""
    rows: pl.Series | None = None
    """The index of each record's line (UInt32, ascending); None: record i is line i."""
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTS_SCHEMA))
    """Columns of `REJECTS_SCHEMA`, ascending by row."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where in a line a format stopped matching, for error messages."""

    position: int
    """Characters that matched."""
    expected: str
    """What the format wanted there."""


class Format(Protocol):
    """One log format."""

    @property
    def name(self) -> str:
        """What `--log-format` calls it."""

    @property
    def gateway(self) -> str:
        """The value of the column `gateway`."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the schema that it can fill."""

    def parse(self, lines: Lines, columns: Collection[str]) -> Parsed:
        """Records (only these columns) and rejects of the lines; never raises on content."""

    def explain(self, line: str) -> Stop:
        """Where matching of a line stopped."""
