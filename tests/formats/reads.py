"""Reading in tests: bytes or lines in, plain rows out."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl
import polars.selectors as cs

from apilog.formats.base import Format, Lines
from apilog.formats.detect import detect
from apilog.formats.reading import Detector, Outcome, Reading, Stage, read
from apilog.schema import SCHEMA

COLUMNS = ("row", *(c for c in SCHEMA if c not in ("source", "line_number", "route")), "query")
"""All that a format can be asked for."""


def lines_of(*lines: str | bytes) -> Lines:
    """The lines as they stand in a file."""
    return Lines(
        b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    )


def reading_of(log_format: Format) -> Reading:
    """The format alone, on bare lines."""
    return Reading((Stage((), (log_format,)),))


def read_lines(
    lines: Lines,
    reading: Reading | None = None,
    columns: Collection[str] = COLUMNS,
    detector: Detector | None = None,
) -> Outcome:
    """What is read of the lines, as detected or as given."""
    if reading is None:
        reading = detect(lines.series)
        assert reading is not None, lines.series[0]
    return read(lines, reading, columns, detector)


def name_of(lines: Lines) -> str | None:
    """The name of what the lines are detected as."""
    found = detect(lines.series)
    return found.name if found else None


def plain(records: pl.DataFrame) -> pl.DataFrame:
    """Without dictionaries, which belong to one chunk."""
    return records.with_columns(cs.categorical().cast(pl.String))


def rows(outcome: Outcome) -> list[dict[str, object]]:
    """The records without what is null, and without their gateway and row."""
    return [
        {k: v for k, v in row.items() if v is not None and k not in ("gateway", "row")}
        for row in plain(outcome.records).to_dicts()
    ]
