"""How one file is read: which envelopes and formats, in which order, and the reading itself.

Every event is accounted for once: it is a record, a reject with a reason, or skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from apilog.formats.base import Format, Lines
from apilog.formats.envelopes import Envelope
from apilog.formats.gateways.delimited import DelimitedFormat
from apilog.formats.gateways.keyed import KeyedFormat
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.tails import UNREAD
from apilog.formats.skips import skip_reasons
from apilog.schema import GATEWAY, SCHEMA

REJECTS = {"row": pl.UInt32, "line": pl.String, "reason": pl.String}
INTERNAL = {"query": pl.String, "row": pl.UInt32}
"""Columns beside the schema that a reading can give: the masked query string, and the
index of the line in its chunk."""


@dataclass(frozen=True, slots=True)
class Stage:
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
class Reading:
    """All that is tried on a file's lines, the likeliest first."""

    stages: tuple[Stage, ...]

    @property
    def name(self) -> str | None:
        """The formats, joined by ` + `; None where there are none."""
        return " + ".join(stage.name for stage in self.stages if stage.formats) or None

    @property
    def joins_lines(self) -> bool:
        """Whether an event may go over several lines."""
        return any(e.joins_lines for stage in self.stages for e in stage.envelopes)

    def beyond(self, other: Reading) -> Reading | None:
        """What it tries that the other does not; None if that is nothing.

        Formats that leave the end of lines unread are left out where the other has any: what
        they read then are its lines, cut off.
        """
        tried = [(s.envelopes, f) for s in other.stages for f in s.formats]
        stages = (
            Stage(
                s.envelopes,
                tuple(
                    f
                    for f in s.formats
                    if (s.envelopes, f) not in tried and not (tried and _is_open(f))
                ),
            )
            for s in self.stages
        )
        kept = tuple(stage for stage in stages if stage.formats)
        return Reading(kept) if kept else None


def _is_open(log_format: Format) -> bool:
    return isinstance(log_format, NginxFormat) and UNREAD in log_format.log_format.parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the lines of a chunk."""

    records: pl.DataFrame
    """The columns asked for, all of them, in the schema's types."""
    rejects: pl.DataFrame
    """Columns of `REJECTS`."""
    skipped: int
    found: Reading | None = None
    """Formats that were found on the way, for lines that the given ones could not read."""


@dataclass(frozen=True, slots=True)
class _Events:
    """Texts still to be read, and the lines they are of (None: line i is text i)."""

    lines: Lines
    rows: pl.Series | None

    def rows_of(self, within: pl.Series | None) -> pl.Series | None:
        if within is None:
            return self.rows
        return within if self.rows is None else self.rows.gather(within)

    def gather(self, within: pl.Series) -> _Events:
        return _Events(self.lines.gather(within), self.rows_of(within))


Detector = Callable[[pl.Series], "Reading | None"]


def read(
    lines: Lines, reading: Reading, columns: Collection[str], detector: Detector | None = None
) -> Outcome:
    """Records, rejects and skipped lines of a chunk.

    Lines that `reading` can't read are shown to `detector`, which may name more formats.
    """
    parts: list[pl.DataFrame] = []
    rest = _read_stages(_Events(lines, None), reading, columns, parts)
    skipped, rest = _without_skipped(rest, reading)
    found = detector(rest.lines.series.head(_HEAD)) if rest and detector else None
    if found and (found := found.beyond(reading)):
        rest = _read_stages(rest, found, columns, parts)
        more, rest = _without_skipped(rest, found)
        skipped += more
    return Outcome(
        records=_joined(parts, columns),
        rejects=_rejects(rest, reading),
        skipped=skipped,
        found=found,
    )


_HEAD = 200
"""How many unread lines a detector is shown."""


def _read_stages(
    events: _Events | None, reading: Reading, columns: Collection[str], parts: list[pl.DataFrame]
) -> _Events | None:
    for stage in reading.stages:
        inside, rest = events, []
        for envelope in stage.envelopes:
            inside, bare = _unwrapped(inside, envelope)
            rest.append(bare)
        events = _together(_read_formats(inside, stage.formats, columns, parts), *rest)
    return events


def _unwrapped(events: _Events | None, envelope: Envelope) -> tuple[_Events | None, _Events | None]:
    """The events inside the envelope, and those that are not in it."""
    if events is None:
        return None, None
    lines = events.lines
    inside = envelope.unwrap(lines.series)
    rows = inside.texts["row"]

    def times() -> pl.Series | None:
        given = envelope.times(lines.series) if envelope.times else lines.times
        return None if given is None else given.gather(rows)

    texts = _Events(Lines.of(inside.texts["text"], times), events.rows_of(rows))
    bare = events.gather(inside.unmatched) if len(inside.unmatched) else None
    return (texts if len(rows) else None), bare


def _read_formats(
    events: _Events | None,
    formats: tuple[Format, ...],
    columns: Collection[str],
    parts: list[pl.DataFrame],
) -> _Events | None:
    for log_format in formats:
        if events is None:
            return None
        # Without any column a frame has no height.
        parsed = log_format.parse(events.lines, {*columns, "timestamp"})
        if parsed.records.height:
            rows = events.rows_of(parsed.rows)
            parts.append(_conformed(parsed.records, log_format, columns, rows))
        events = events.gather(parsed.rejects["row"]) if parsed.rejects.height else None
    return events


def _conformed(
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
            made.append(pl.Series(name, [None], _dtype(name)).new_from_index(0, height))
    return pl.DataFrame(made)


def _dtype(name: str) -> pl.DataType | type[pl.DataType]:
    return SCHEMA.get(name) or INTERNAL[name]


def _together(*parts: _Events | None) -> _Events | None:
    given = [part for part in parts if part is not None]
    if len(given) <= 1:
        return given[0] if given else None
    texts = pl.concat([part.lines.series.alias("line") for part in given])
    rows = pl.concat([_rows(part).alias("row") for part in given])
    return _Events(Lines.of(texts), rows)


def _rows(events: _Events) -> pl.Series:
    return events.rows if events.rows is not None else _every(events.lines.count)


def _every(count: int) -> pl.Series:
    return pl.int_range(count, dtype=pl.UInt32, eager=True)


def _without_skipped(events: _Events | None, reading: Reading) -> tuple[int, _Events | None]:
    if events is None:
        return 0, None
    unexplained = skip_reasons(events.lines.series).is_null()
    for log_format in iter_formats(reading):
        if isinstance(log_format, DelimitedFormat | KeyedFormat):
            others = log_format.others_among(events.lines)
            unexplained = unexplained if others is None else unexplained & ~others
    kept = _every(events.lines.count).filter(unexplained)
    skipped = events.lines.count - len(kept)
    if not skipped:
        return 0, events
    return skipped, (events.gather(kept) if len(kept) else None)


def _joined(parts: list[pl.DataFrame], columns: Collection[str]) -> pl.DataFrame:
    """One frame, in the order of the lines; texts of several formats lose their encoding."""
    if not parts:
        return pl.DataFrame(schema={name: _dtype(name) for name in columns})
    if len(parts) == 1:
        return parts[0]
    plain = [part.with_columns(cs.categorical().cast(pl.String)) for part in parts]
    joined = pl.concat(plain)
    return joined.sort("row", maintain_order=True) if "row" in joined.columns else joined


def _rejects(events: _Events | None, reading: Reading) -> pl.DataFrame:
    if events is None:
        return pl.DataFrame(schema=REJECTS)
    reason = f"not {reading.name}" if reading.name else "no known format"
    frame = pl.DataFrame({"row": _rows(events), "line": events.lines.series})
    return frame.with_columns(pl.lit(reason).alias("reason")).sort("row")


def iter_formats(reading: Reading) -> Iterator[Format]:
    """Every format of a reading."""
    for stage in reading.stages:
        yield from stage.formats
