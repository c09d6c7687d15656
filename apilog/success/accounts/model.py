"""Account tables: as they were read, and as they are understood."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that is left out."""

    row: int
    """Its number, from 1; a head and blank lines don't count."""
    reason: str
    """What is wrong with it."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A table as it was read, under its own names."""

    frame: pl.DataFrame
    rows: pl.Series
    """The number of each of its rows."""
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Raw:
        """A table of which every row could be read."""
        return cls(frame, pl.int_range(1, frame.height + 1, eager=True).alias("row"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts, and who their consumers are."""

    frame: pl.DataFrame
    """A row an account, its position being its id: the columns of `COLUMNS` but `consumers`, and
    those asked for by `--by`, as String."""
    claims: pl.DataFrame
    """`consumer`, ascending and unique, and the `id` (UInt32) of its account."""
    notes: tuple[str, ...]
    """What was assumed, and the rows that are left out."""
    bad_rows: int
