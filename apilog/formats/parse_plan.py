"""How one file is read: which envelopes and formats, in which order, and the reading itself.

Every event is accounted for once: it is a record, a reject with a reason, or skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from apilog.formats.contract import Format
from apilog.formats.gateways.delimited import DelimitedFormat
from apilog.formats.gateways.keyed import KeyedFormat
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.trailing_fields import UNREAD_TAIL
from apilog.formats.skipped_lines import skip_reasons
from apilog.schema import GATEWAY, SCHEMA
from apilog.transport.envelope_registry import Envelope
from apilog.values.event_lines import EventLines

TEXT_REJECTS_SCHEMA = {"row": pl.UInt32, "line": pl.String, "reason": pl.String}
INTERNAL_COLUMNS = {"query": pl.String, "row": pl.UInt32}
"""Columns beside the schema that a reading can give: the masked query string, and the
index of the line in its chunk."""


@dataclass(frozen=True, slots=True)
class ParseStage:
    """Formats to try in order, on the lines as they are or on what envelopes hold."""

    envelopes: tuple[Envelope, ...]
    """Each within the one before."""
    formats: tuple[Format, ...]
    """None, if all that the envelopes hold is to be skipped."""

    @property
    def name(self) -> str:
        """Such as `docker: combined`."""
        formats = " + ".join(dict.fromkeys(f.name for f in self.formats))
        return ": ".join([*(e.name for e in self.envelopes), formats])


@dataclass(frozen=True, slots=True)
class ParsePlan:
    """All that is tried on a file's lines, the likeliest first."""

    stages: tuple[ParseStage, ...]

    @property
    def name(self) -> str | None:
        """The formats, joined by ` + `; None where there are none."""
        return " + ".join(stage.name for stage in self.stages if stage.formats) or None

    @property
    def joins_lines(self) -> bool:
        """Whether an event may go over several lines."""
        return any(e.joins_lines for stage in self.stages for e in stage.envelopes)

    def without_formats_of(self, other: ParsePlan) -> ParsePlan | None:
        """What it tries that the other does not; None if that is nothing.

        Formats that leave the end of lines unread are left out where the other has any: what
        they read then are its lines, cut off.
        """
        tried = [(s.envelopes, f) for s in other.stages for f in s.formats]
        stages = (
            ParseStage(
                s.envelopes,
                tuple(
                    f
                    for f in s.formats
                    if (s.envelopes, f) not in tried and not (tried and _leaves_ends_unread(f))
                ),
            )
            for s in self.stages
        )
        kept = tuple(stage for stage in stages if stage.formats)
        return ParsePlan(kept) if kept else None


def _leaves_ends_unread(log_format: Format) -> bool:
    return isinstance(log_format, NginxFormat) and UNREAD_TAIL in log_format.log_format.parts


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedLines:
    """What became of the lines of a chunk."""

    records: pl.DataFrame
    """The columns asked for, all of them, in the schema's types."""
    rejects: pl.DataFrame
    """Columns of `REJECTS`."""
    skipped: int
    found_plan: ParsePlan | None = None
    """Formats that were found on the way, for lines that the given ones could not read."""


@dataclass(frozen=True, slots=True)
class _PendingEvents:
    """Texts still to be read, and the lines they are of (None: line i is text i)."""

    lines: EventLines
    rows: pl.Series | None

    def rows_of(self, within: pl.Series | None) -> pl.Series | None:
        if within is None:
            return self.rows
        return within if self.rows is None else self.rows.gather(within)

    def gather(self, within: pl.Series) -> _PendingEvents:
        return _PendingEvents(self.lines.gather(within), self.rows_of(within))


PlanDetector = Callable[[pl.Series], "ParsePlan | None"]


def parse_lines(
    lines: EventLines,
    reading: ParsePlan,
    columns: Collection[str],
    detector: PlanDetector | None = None,
) -> ParsedLines:
    """Records, rejects and skipped lines of a chunk.

    Lines that `reading` can't read are shown to `detector`, which may name more formats.
    """
    parts: list[pl.DataFrame] = []
    rest = _parse_stages(_PendingEvents(lines, None), reading, columns, parts)
    skipped, rest = _drop_skipped(rest, reading)
    found = detector(rest.lines.series.head(_SHOWN_LINES)) if rest and detector else None
    if found and (found := found.without_formats_of(reading)):
        rest = _parse_stages(rest, found, columns, parts)
        more, rest = _drop_skipped(rest, found)
        skipped += more
    return ParsedLines(
        records=_concat_records(parts, columns),
        rejects=_reject_events(rest, reading),
        skipped=skipped,
        found_plan=found,
    )


_SHOWN_LINES = 200
"""How many unread lines a detector is shown."""


def _parse_stages(
    events: _PendingEvents | None,
    reading: ParsePlan,
    columns: Collection[str],
    parts: list[pl.DataFrame],
) -> _PendingEvents | None:
    for stage in reading.stages:
        inside, rest = events, []
        for envelope in stage.envelopes:
            inside, bare = _take_off_envelope(inside, envelope)
            rest.append(bare)
        events = _concat_events(_parse_with_formats(inside, stage.formats, columns, parts), *rest)
    return events


def _take_off_envelope(
    events: _PendingEvents | None, envelope: Envelope
) -> tuple[_PendingEvents | None, _PendingEvents | None]:
    """The events inside the envelope, and those that are not in it."""
    if events is None:
        return None, None
    lines = events.lines
    inside = envelope.unwrap(lines.series)
    rows = inside.texts["row"]

    def times() -> pl.Series | None:
        given = envelope.times(lines.series) if envelope.times else lines.times
        return None if given is None else given.gather(rows)

    texts = _PendingEvents(
        EventLines.from_series(inside.texts["text"], times), events.rows_of(rows)
    )
    bare = events.gather(inside.unmatched) if len(inside.unmatched) else None
    return (texts if len(rows) else None), bare


def _parse_with_formats(
    events: _PendingEvents | None,
    formats: tuple[Format, ...],
    columns: Collection[str],
    parts: list[pl.DataFrame],
) -> _PendingEvents | None:
    for log_format in formats:
        if events is None:
            return None
        # Without any column a frame has no height.
        parsed = log_format.parse(events.lines, {*columns, "timestamp"})
        if parsed.records.height:
            rows = events.rows_of(parsed.rows)
            parts.append(_to_schema(parsed.records, log_format, columns, rows))
        events = events.gather(parsed.rejects["row"]) if parsed.rejects.height else None
    return events


def _to_schema(
    records: pl.DataFrame, log_format: Format, columns: Collection[str], rows: pl.Series | None
) -> pl.DataFrame:
    """The columns asked for, those that the format lacks as nulls."""
    height = records.height
    made: list[pl.Series] = []
    for name in columns:
        if name in records.columns:
            made.append(records[name])
        elif name == "gateway":
            made.append(pl.Series(name, [log_format.gateway], GATEWAY).new_from_index(0, height))
        elif name == "row":
            every = pl.int_range(height, dtype=pl.UInt32, eager=True)
            made.append((every if rows is None else rows).alias(name))
        else:
            made.append(pl.Series(name, [None], _column_type(name)).new_from_index(0, height))
    return pl.DataFrame(made)


def _column_type(name: str) -> pl.DataType | type[pl.DataType]:
    return SCHEMA.get(name) or INTERNAL_COLUMNS[name]


def _concat_events(*parts: _PendingEvents | None) -> _PendingEvents | None:
    given = [part for part in parts if part is not None]
    if len(given) <= 1:
        return given[0] if given else None
    texts = pl.concat([part.lines.series.alias("line") for part in given])
    rows = pl.concat([_rows_of(part).alias("row") for part in given])
    return _PendingEvents(EventLines.from_series(texts), rows)


def _rows_of(events: _PendingEvents) -> pl.Series:
    return events.rows if events.rows is not None else _row_numbers(events.lines.count)


def _row_numbers(count: int) -> pl.Series:
    return pl.int_range(count, dtype=pl.UInt32, eager=True)


def _drop_skipped(
    events: _PendingEvents | None, reading: ParsePlan
) -> tuple[int, _PendingEvents | None]:
    if events is None:
        return 0, None
    unexplained = skip_reasons(events.lines.series).is_null()
    for log_format in iterate_formats(reading):
        if isinstance(log_format, DelimitedFormat | KeyedFormat):
            others = log_format.find_foreign_lines(events.lines)
            unexplained = unexplained if others is None else unexplained & ~others
    kept = _row_numbers(events.lines.count).filter(unexplained)
    skipped = events.lines.count - len(kept)
    if not skipped:
        return 0, events
    return skipped, (events.gather(kept) if len(kept) else None)


def _concat_records(parts: list[pl.DataFrame], columns: Collection[str]) -> pl.DataFrame:
    """One frame, in the order of the lines; texts of several formats lose their encoding."""
    if not parts:
        return pl.DataFrame(schema={name: _column_type(name) for name in columns})
    if len(parts) == 1:
        return parts[0]
    plain = [part.with_columns(cs.categorical().cast(pl.String)) for part in parts]
    joined = pl.concat(plain)
    return joined.sort("row", maintain_order=True) if "row" in joined.columns else joined


def _reject_events(events: _PendingEvents | None, reading: ParsePlan) -> pl.DataFrame:
    if events is None:
        return pl.DataFrame(schema=TEXT_REJECTS_SCHEMA)
    reason = f"not {reading.name}" if reading.name else "no known format"
    frame = pl.DataFrame({"row": _rows_of(events), "line": events.lines.series})
    return frame.with_columns(pl.lit(reason).alias("reason")).sort("row")


def iterate_formats(reading: ParsePlan) -> Iterator[Format]:
    """Every format of a reading."""
    for stage in reading.stages:
        yield from stage.formats
