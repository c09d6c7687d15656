"""Reading in tests: bytes or lines in, plain rows out."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl
import polars.selectors as cs

from apilog.formats.contract import Format, ParsedRecords
from apilog.formats.detect import detect_plan
from apilog.formats.parse_plan import ParsePlan, ParseStage, PlanDetector, parse_lines
from apilog.schema import SCHEMA
from apilog.values.event_lines import EventLines

COLUMNS = ("row", *(c for c in SCHEMA if c not in ("source", "line_number", "route")), "query")
"""All that a format can be asked for."""


def lines_of(*lines: str | bytes) -> EventLines:
    """The lines as they stand in a file."""
    return EventLines(
        b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    )


def reading_of(log_format: Format) -> ParsePlan:
    """The format alone, on bare lines."""
    return ParsePlan((ParseStage((), (log_format,)),))


def read_lines(
    lines: EventLines,
    reading: ParsePlan | None = None,
    columns: Collection[str] = COLUMNS,
    detector: PlanDetector | None = None,
) -> ParsedRecords:
    """What is read of the lines, as detected or as given."""
    if reading is None:
        reading = detect_plan(lines.series)
        assert reading is not None, lines.series[0]
    return parse_lines(lines, reading, columns, detector)


def name_of(lines: EventLines) -> str | None:
    """The name of what the lines are detected as."""
    found = detect_plan(lines.series)
    return found.name if found else None


def plain(records: pl.DataFrame) -> pl.DataFrame:
    """Without dictionaries, which belong to one chunk."""
    return records.with_columns(cs.categorical().cast(pl.String))


def rows(outcome: ParsedRecords) -> list[dict[str, object]]:
    """The records without what is null, and without their gateway and row."""
    return [
        {k: v for k, v in row.items() if v is not None and k not in ("gateway", "row")}
        for row in plain(outcome.records).to_dicts()
    ]
