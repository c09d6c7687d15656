"""The reading of lines in tests: bytes or lines in, plain rows out."""

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
"""Every column that a format can be asked for."""


def lines_of(*lines: str | bytes) -> EventLines:
    """Return the lines as they stand in a file."""
    return EventLines(
        b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    )


def reading_of(log_format: Format) -> ParsePlan:
    """Return a plan with the format alone, on bare lines."""
    return ParsePlan((ParseStage((), (log_format,)),))


def read_lines(
    lines: EventLines,
    reading: ParsePlan | None = None,
    columns: Collection[str] = COLUMNS,
    detector: PlanDetector | None = None,
) -> ParsedRecords:
    """Return what is read from the lines, by the plan given or the one detected."""
    if reading is None:
        reading = detect_plan(lines.series)
        assert reading is not None, lines.series[0]
    return parse_lines(lines, reading, columns, detector)


def name_of(lines: EventLines) -> str | None:
    """Return the name of the plan that is detected for the lines."""
    found = detect_plan(lines.series)
    return found.name if found else None


def plain(records: pl.DataFrame) -> pl.DataFrame:
    """Return the records without dictionary encoding, which belongs to one chunk."""
    return records.with_columns(cs.categorical().cast(pl.String))


def rows(outcome: ParsedRecords) -> list[dict[str, object]]:
    """Return the records without nulls, and without their gateway and row."""
    return [
        {k: v for k, v in row.items() if v is not None and k not in ("gateway", "row")}
        for row in plain(outcome.records).to_dicts()
    ]
