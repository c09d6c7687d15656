"""How a file is parsed: which envelopes and formats are tried, in which order; and the parsing.

Every event is accounted for once: it is a record, a reject with a reason, or skipped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import polars as pl
import polars.selectors as cs

from apilog.formats.contract import ForeignLineFinder, Format, PairReader, ParsedRecords
from apilog.formats.failure_codes import has_answered, needed_columns
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.gateways.positional import PositionalFormat
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.trailing_fields import UNREAD_TAIL
from apilog.formats.skipped_lines import skip_reasons
from apilog.schema import SCHEMA, TIMESTAMP, error_source
from apilog.transport.envelope import Envelope
from apilog.values.event_lines import EventLines

TEXT_REJECTS_SCHEMA = {"row": pl.UInt32, "line": pl.String, "reason": pl.String}
INTERNAL_COLUMNS = {"query": pl.String, "row": pl.UInt32}
"""Columns beside the schema that records can have on the way: the masked query string, and the
index of the line in its chunk."""

_ERROR_SOURCE_FROM = frozenset({"status", "upstream_status", "error_type"})


@dataclass(frozen=True, slots=True)
class ParseStage:
    """Formats to try in order, on the lines as they are or on what envelopes hold."""

    envelopes: tuple[Envelope, ...]
    """Each within the one before."""
    formats: tuple[Format, ...]
    """Empty if all that the envelopes hold is to be skipped."""

    @property
    def name(self) -> str:
        """The envelopes and formats, such as `docker: combined`."""
        formats = " + ".join(dict.fromkeys(f.name for f in self.formats))
        return ": ".join([*(e.name for e in self.envelopes), formats])


@dataclass(frozen=True, slots=True)
class ParsePlan:
    """All that is tried on a file's lines, the likeliest first."""

    stages: tuple[ParseStage, ...]
    fallbacks: tuple[Format, ...] = ()
    """What is tried on lines that no format reads, not even one that is found on the way."""
    saw_all: bool = False
    """Whether it was made of all lines of its file: there is no other format to be found."""

    @property
    def name(self) -> str | None:
        """The formats, joined by ` + `; None where there are none."""
        return " + ".join(stage.name for stage in self.stages if stage.formats) or None

    @property
    def doubts(self) -> tuple[str, ...]:
        """The doubts of all formats, each once."""
        return tuple(dict.fromkeys(doubt for f in iterate_formats(self) for doubt in f.doubts))

    @property
    def pairs_lines(self) -> bool:
        """Whether two lines may tell of one request."""
        return any(isinstance(f, PairReader) and f.pairs_lines for f in iterate_formats(self))

    @property
    def joins_lines(self) -> bool:
        """Whether an event may go over several lines."""
        return any(e.joins_lines for stage in self.stages for e in stage.envelopes)

    def without_formats_of(self, other: ParsePlan) -> ParsePlan | None:
        """Return what it tries that the other does not; None if that is nothing.

        Formats that leave the end of lines unread are left out where the other has any: what
        they read then are its lines, cut off.
        """
        tried = [(s.envelopes, f) for s in other.stages for f in s.formats]
        layouts = [(e, f.layout) for e, f in tried if isinstance(f, PositionalFormat)]
        stages = (
            ParseStage(
                s.envelopes,
                tuple(
                    f
                    for f in s.formats
                    if (s.envelopes, f) not in tried
                    and not (
                        # One reads lines with any number of values.
                        isinstance(f, PositionalFormat) and (s.envelopes, f.layout) in layouts
                    )
                    and not (
                        tried and isinstance(f, NginxFormat) and UNREAD_TAIL in f.log_format.parts
                    )
                ),
            )
            for s in self.stages
        )
        kept = tuple(stage for stage in stages if stage.formats)
        return ParsePlan(kept) if kept else None


class PlanDetector(Protocol):
    """What finds a plan for lines."""

    def __call__(self, lines: pl.Series, /, *, is_timed: bool = False) -> ParsePlan | None:
        """Return how to parse lines like these, if that can be told.

        `is_timed` says that times came with the lines, so that they need none of their own.
        """


_ACCESS_TIME = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}"

# How many unread lines a detector is shown.
_DETECTION_LINES = 200


def spread_lines(lines: pl.Series, most: int) -> pl.Series:
    """Return the lines, or of more than `most` as many, evenly spread, from the first on."""
    return lines.gather_every(-(-len(lines) // most)) if len(lines) > most else lines


_YEAR = "(?:2(?:26[2-9]|2[7-9][0-9]|[3-9][0-9]{2})|[3-9][0-9]{3}|1[0-8][0-9]{2}|0[0-9]{3})"
_STRANGE_YEAR = rf"\b{_YEAR}-[01][0-9]-[0-3][0-9](?:[T ]|\b)|/[A-Z][a-z]{{2}}/{_YEAR}:"
"""A date or time in a year that no timestamp holds: see `apilog.values.times`."""
_STRANGE_TIME = "a time outside the years 1900 to 2261"


def parse_lines(
    lines: EventLines,
    plan: ParsePlan,
    columns: Collection[str],
    detector: PlanDetector | None = None,
) -> ParsedRecords:
    """Return the records, rejects and skipped lines of a chunk.

    The records have all columns asked for, in the schema's types; rejects have the columns of
    `TEXT_REJECTS_SCHEMA`. Lines that the plan can't read are shown to `detector`, which may name
    more formats.
    """
    parts: list[pl.DataFrame] = []
    skipped, unread = _run_plan(lines, plan, columns, parts)
    found_plan = None
    if unread is not None and detector:
        shown = spread_lines(unread.series, _DETECTION_LINES)
        found_plan = detector(shown, is_timed=unread.times is not None)
        # What the plan has tried would reject these lines again.
        found_plan = found_plan.without_formats_of(plan) if found_plan else None
    if unread is not None and found_plan:
        more_skipped, unread = _run_plan(unread, found_plan, columns, parts)
        skipped += more_skipped
    fallbacks = plan.fallbacks + (found_plan.fallbacks if found_plan else ())
    if unread is not None and fallbacks:
        unread = _run_fallbacks(unread, fallbacks, columns, parts)
    rejects = pl.DataFrame(schema=TEXT_REJECTS_SCHEMA)
    if unread is not None:
        reason = f"not {plan.name}" if plan.name else "no known format"
        rejects = pl.DataFrame({"row": rows_of_lines(unread), "line": unread.series})
        strange = pl.col("line").str.contains(_STRANGE_YEAR).fill_null(value=False)
        told = pl.when(strange).then(pl.lit(f"{reason}: {_STRANGE_TIME}")).otherwise(pl.lit(reason))
        rejects = rejects.with_columns(told.alias("reason")).sort("row")
    if len(parts) > 1:
        # Texts of several formats lose their encoding.
        plain = [part.with_columns(cs.categorical().cast(pl.String)) for part in parts]
        records = pl.concat(plain)
        if "row" in columns:
            records = records.sort("row", maintain_order=True)
    elif parts:
        records = parts[0]
    else:
        records = pl.DataFrame(schema={name: _column_type(name) for name in columns})
    return ParsedRecords(
        records=records,
        rejects=rejects,
        skipped=skipped,
        found_plan=found_plan,
    )


def try_plan(lines: EventLines, plan: ParsePlan) -> tuple[ParsePlan, EventLines | None]:
    """Return the plan without formats that read none of the lines, and the lines left over.

    A line that is skipped is not left over. What is left over in an envelope is without it.
    """
    counts: dict[int, int] = {}
    _, unread = _run_plan(lines, plan, (), [], counts)
    stages = [
        replace(stage, formats=tuple(f for f in stage.formats if counts.get(id(f))))
        for stage in plan.stages
    ]
    kept = [
        new for new, old in zip(stages, plan.stages, strict=True) if new.formats or not old.formats
    ]
    return replace(plan, stages=tuple(kept)), unread


def _run_plan(
    lines: EventLines,
    plan: ParsePlan,
    columns: Collection[str],
    parts: list[pl.DataFrame],
    counts: dict[int, int] | None = None,
) -> tuple[int, EventLines | None]:
    """Append the records to `parts`; return how many lines are skipped, and those left over.

    The number of records of each format is put into `counts`, by its identity.
    """
    unread: EventLines | None = lines
    # What one stage leaves over, in the envelope or out of it, is given to the next. Texts are only
    # gathered where some are left over: most chunks are read whole by the first format.
    for stage in plan.stages:
        inside, outside = unread, []
        for envelope in stage.envelopes:
            if inside is None:
                break
            inside, bare = _take_off_envelope(inside, envelope)
            outside.append(bare)
        for log_format in stage.formats:
            if inside is None:
                break
            # Without any column a frame has no height.
            wanted = {*columns, "timestamp"}
            if "error_source" in wanted:
                wanted |= _ERROR_SOURCE_FROM | needed_columns(log_format.gateway)
            parsed = log_format.parse(inside, wanted)
            if counts is not None:
                counts[id(log_format)] = counts.get(id(log_format), 0) + parsed.records.height
            elif parsed.records.height:
                records_rows = inside.rows_of(parsed.rows)
                parts.append(_to_schema(parsed.records, log_format, columns, records_rows))
            inside = inside.gather(parsed.rejects["row"]) if parsed.rejects.height else None
        left = [events for events in (inside, *outside) if events is not None]
        unread = left[0] if left else None
        if len(left) > 1:
            unread = _join_lines(left)
    if unread is None:
        return 0, None
    is_skipped = skip_reasons(unread.series).is_not_null()
    for log_format in iterate_formats(plan):
        if isinstance(log_format, ForeignLineFinder):
            foreign = log_format.find_foreign_lines(unread)
            is_skipped = is_skipped if foreign is None else is_skipped | foreign
    skipped = int(is_skipped.sum())
    if not skipped:
        return 0, unread
    return skipped, (None if is_skipped.all() else unread.gather((~is_skipped).arg_true()))


def _run_fallbacks(
    lines: EventLines,
    formats: Collection[Format],
    columns: Collection[str],
    parts: list[pl.DataFrame],
) -> EventLines | None:
    """Append the records that fallbacks read to `parts`, and return the lines left over."""
    # Two lines that were written into one are no record of the first of them.
    is_single = lines.series.str.count_matches(_ACCESS_TIME) < 2
    joined = None if is_single.all() else lines.gather((~is_single).arg_true())
    unread = lines if joined is None else lines.gather(is_single.arg_true())
    _, rest = _run_plan(unread, ParsePlan((ParseStage((), tuple(formats)),)), columns, parts)
    left = [events for events in (rest, joined) if events is not None]
    return _join_lines(left) if len(left) > 1 else next(iter(left), None)


def _join_lines(parts: Sequence[EventLines]) -> EventLines:
    """Return lines that are left over in several places, with their rows and their times."""
    texts = pl.concat([events.series.alias("line") for events in parts])
    rows = pl.concat([rows_of_lines(events).alias("row") for events in parts])

    def times() -> pl.Series | None:
        given = [events.times for events in parts]
        if all(s is None for s in given):
            return None
        nulls = pl.Series([None], dtype=TIMESTAMP)
        return pl.concat(
            [
                nulls.new_from_index(0, events.count) if s is None else s.alias("")
                for events, s in zip(parts, given, strict=True)
            ]
        )

    open_rows = frozenset[int]().union(*(events.open_rows for events in parts))
    return EventLines.from_series(texts, times, rows, open_rows)


def _take_off_envelope(
    lines: EventLines, envelope: Envelope
) -> tuple[EventLines | None, EventLines | None]:
    """Return the events inside the envelope, and the lines that are not in it."""
    unwrapped = envelope.unwrap(lines.series)
    indexes = unwrapped.texts["row"]

    def times() -> pl.Series | None:  # a function: most formats have times of their own
        given = envelope.times(lines.series) if envelope.times else lines.times
        return None if given is None else given.gather(indexes)

    texts = EventLines.from_series(
        unwrapped.texts["text"], times, lines.rows_of(indexes), lines.open_rows
    )
    bare = lines.gather(unwrapped.unmatched) if len(unwrapped.unmatched) else None
    return (texts if len(indexes) else None), bare


def _to_schema(
    records: pl.DataFrame, log_format: Format, columns: Collection[str], rows: pl.Series | None
) -> pl.DataFrame:
    """Return the columns asked for, those that the format lacks as nulls."""
    height = records.height
    series: list[pl.Series] = []
    for name in columns:
        if name in records.columns and name != "error_source":
            series.append(records[name])
        elif name == "gateway":
            gateway = pl.Series(name, [log_format.gateway], pl.Categorical)
            series.append(gateway.new_from_index(0, height))
        elif name == "error_source":
            needed = _ERROR_SOURCE_FROM | needed_columns(log_format.gateway)
            lacking = needed.difference(records.columns)
            nulls = (pl.lit(None, _column_type(column)).alias(column) for column in lacking)
            tells_upstream = (
                log_format.tells_upstream
                if isinstance(log_format, GatewayFormat)
                else "upstream_status" in log_format.columns
            )
            told = pl.col(name) if name in records.columns else None
            answered = has_answered(log_format.gateway, log_format.columns)
            source = error_source(tells_upstream=tells_upstream, told=told, has_answered=answered)
            series.append(records.with_columns(*nulls).select(source).to_series())
        elif name == "row":
            series.append((_row_numbers(height) if rows is None else rows).alias(name))
        else:
            series.append(pl.Series(name, [None], _column_type(name)).new_from_index(0, height))
    return pl.DataFrame(series)


def _column_type(name: str) -> pl.DataType | type[pl.DataType]:
    return SCHEMA.get(name) or INTERNAL_COLUMNS[name]


def rows_of_lines(lines: EventLines) -> pl.Series:
    """Return the rows of a chunk that these lines came from."""
    return lines.rows if lines.rows is not None else _row_numbers(lines.count)


def _row_numbers(count: int) -> pl.Series:
    return pl.int_range(count, dtype=pl.UInt32, eager=True)


def iterate_formats(plan: ParsePlan) -> Iterator[Format]:
    """Yield every format of a plan."""
    for stage in plan.stages:
        yield from stage.formats
