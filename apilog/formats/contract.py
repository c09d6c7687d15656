"""What every log format is: a value that turns lines into records and rejects.

A format sees the lines of one chunk and accounts for each of them exactly once:
as a row of `records` or as a row of `rejects`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import polars as pl

from apilog.values.event_lines import EventLines

if TYPE_CHECKING:
    from apilog.formats.parse_plan import ParsePlan

ROW_REJECTS_SCHEMA = {"row": pl.UInt32, "reason": pl.String}
"""Columns of a format's rejects: the line's index in its chunk, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRecords:
    """What became of some lines: records, rejects and skipped lines add up to them."""

    records: pl.DataFrame
    """Columns of the schema, of those that were asked for.
    A String column may come dictionary-encoded, as Categorical or Enum."""
    rows: pl.Series | None = None
    """The index of each record's line (UInt32, ascending); None: record i is line i."""
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ROW_REJECTS_SCHEMA))
    """Columns of `ROW_REJECTS_SCHEMA`, ascending by row; a plan gives the line, too."""
    skipped: int = 0
    """How many lines were skipped; a format skips none, a plan does."""
    found_plan: ParsePlan | None = None
    """The formats that were found on the way, for lines that a plan could not read."""

    @classmethod
    def with_rejects(
        cls, records: pl.DataFrame, is_record: pl.Series, reason: pl.Expr | pl.Series
    ) -> ParsedRecords:
        """Return records and, of the lines that are none, the row and the reason.

        `is_record` and `reason` have a value for each line, `records` a row for each record.
        """
        row = pl.int_range(len(is_record), dtype=pl.UInt32, eager=True).alias("row")
        return cls(
            records=records,
            rows=row.filter(is_record),
            rejects=row.to_frame().with_columns(reason.alias("reason")).filter(~is_record),
        )


@dataclass(frozen=True, slots=True)
class MatchFailure:
    """Where in a line a format stopped matching, for error messages."""

    position: int
    """How many characters matched."""
    expected: str
    """What the format wanted there."""


@dataclass(frozen=True, slots=True)
class SkipRule:
    """One kind of line that lies in access logs and is no access line."""

    reason: str
    pattern: str
    samples: tuple[str, ...]
    unless: str = ""
    """A pattern of lines that are not skipped, though the other one matches."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One kind of log that looks like an access log and can't be read."""

    pattern: str
    """A line of it."""
    message: str
    hint: str
    """What to read in its place."""
    samples: tuple[str, ...]
    holds: Callable[[pl.Series], bool] | None = None
    """Whether a head is surely of this log, although a format may read it."""


class Format(Protocol):
    """One log format."""

    @property
    def name(self) -> str:
        """What `--log-format` calls it."""

    @property
    def gateway(self) -> str | None:
        """The value of the column `gateway`: who wrote the line, None where nothing tells."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the schema that it can fill."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """What was guessed and may be read in another way: a sentence each, with the option that
        settles it."""

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        """Return the records (only these columns) and rejects; never raises on content."""

    def explain(self, line: str) -> MatchFailure:
        """Return where matching of a line stopped."""


@runtime_checkable
class ForeignLineFinder(Protocol):
    """A format that knows lines of other logs that lie beside its own."""

    def find_foreign_lines(self, lines: EventLines) -> pl.Series | None:
        """Return which lines belong to another log and are skipped; None if none is known to."""


PAIR_LINES = 4000
"""How far apart the two lines about one request may be."""
PAIR_BYTES = 4 << 20
"""How many bytes of lines are kept for those that belong to them."""


@runtime_checkable
class PairReader(Protocol):
    """A format that may have two lines for one request."""

    @property
    def pairs_lines(self) -> bool:
        """Whether it has."""
