"""Records and rejects from fields whose use is known.

Invariant: whether a line is a record depends on the line alone, never on the columns that were
asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.column_sources import build_columns, integer_names
from apilog.formats.contract import PAIR_LINES, ParsedRecords
from apilog.formats.generic.field_choice import TELLING_COLUMNS
from apilog.formats.generic.recognition import RecognisedFields
from apilog.schema import TIMESTAMP
from apilog.values.convert import mark_no_upstream
from apilog.values.event_lines import EventLines

_NO_UPSTREAM = ("status", "upstream_status")
"""The columns whose fields together tell that a proxy failed without asking an upstream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedFormat:
    """What formats have in common whose fields are told by names and looks."""

    fields: RecognisedFields

    @property
    def gateway(self) -> str | None:
        return self.fields.gateway

    @property
    def doubts(self) -> tuple[str, ...]:
        return self.fields.doubts

    @property
    def columns(self) -> frozenset[str]:
        derived = {"error_type"} if self.fields.sources.keys() >= {*_NO_UPSTREAM} else set()
        return frozenset({"timestamp"} | self.fields.sources.keys() | derived)


def needed_names(columns: Collection[str], fields: RecognisedFields) -> list[str]:
    """Return the fields that these columns need, and those that tell records from rejects."""
    needed = {"timestamp", *fields.telling, *columns}
    if "error_type" in columns:
        needed |= {*_NO_UPSTREAM}
    sources = (s for c in fields.sources if c in needed for s in fields.sources[c])
    names = [*(n for s in sources for n in (*s.names, *s.optional_names) if n in fields.places)]
    names += fields.access_lines
    names += fields.pair_names
    if "error_type" in columns and fields.received_name:
        names.append(fields.received_name)
    return list(dict.fromkeys(names))


def may_be_integers(names: Collection[str], fields: RecognisedFields) -> Collection[str]:
    """Return which of these fields `parse_fields` takes as Int64 as well."""
    if fields.pair_names:
        return ()
    wanted = {*names}
    used = (
        [s for s in sources if not wanted.isdisjoint((*s.names, *s.optional_names))]
        for sources in fields.sources.values()
    )
    for_texts = {*fields.access_lines, fields.received_name}
    return (integer_names(used) & wanted) - for_texts


def parse_fields(
    fields: RecognisedFields,
    values: Mapping[str, pl.Series],
    sound: pl.Series,
    columns: Collection[str],
    *,
    unsound: str,
    lines: EventLines,
) -> ParsedRecords:
    """Return records of the values (String) of fields, and rejects.

    Those of `may_be_integers` may be Int64.

    `sound` says which lines the values could be taken from, `unsound` what the others are.
    """
    is_begin = None
    if fields.pair_names:
        values, is_begin = join_pairs(fields, values, lines.rows)
    wanted = {"timestamp", *columns}
    if "error_type" in columns and "error_type" not in fields.sources:
        wanted |= {*_NO_UPSTREAM}
    sources = {column: s for column, s in fields.sources.items() if column in wanted}
    built = build_columns(sources, values)
    if "error_type" in columns and fields.sources.keys() >= {*_NO_UPSTREAM}:
        failed_alone = _mark_no_upstream(fields, values)
        given = built.get("error_type")
        built["error_type"] = (
            failed_alone if given is None else given.cast(pl.String).fill_null(failed_alone)
        )
    tells = says_something(fields, values, len(sound))
    is_access = is_access_line(fields, values, len(sound))
    if is_begin is not None:
        is_access &= ~is_begin
    if "timestamp" not in built:
        built["timestamp"] = pl.Series([None], dtype=TIMESTAMP).new_from_index(0, len(sound))
    if built["timestamp"].null_count() and (times := lines.times) is not None:
        built["timestamp"] = built["timestamp"].fill_null(times)
    timestamp = built["timestamp"]
    is_timed = timestamp.is_not_null() | fields.lacks_time
    is_record = sound & is_timed & tells & is_access
    records = pl.DataFrame(
        [s.alias(column) for column, s in built.items() if column in {"timestamp", *columns}]
    )
    if is_record.all():
        return ParsedRecords(records=records)
    reason = (
        pl.when(~sound)
        .then(pl.lit(unsound))
        .when(~is_timed)
        .then(pl.lit(f"no time in {fields.time_name!r}" if fields.time_name else "no time"))
        .when(~tells)
        .then(pl.lit("neither a request nor a status"))
        .otherwise(pl.lit("of another log, or the beginning of a request"))
    )
    return ParsedRecords.with_rejects(records.filter(is_record), is_record, reason)


def says_something(
    fields: RecognisedFields,
    values: Mapping[str, pl.Series],
    count: int,
    columns: Collection[str] | None = None,
) -> pl.Series:
    """Return which lines have one of these columns; by default a request, a path or a status."""
    tells = pl.repeat(value=False, n=count, eager=True)
    # The first alone says something on every line of most logs.
    for column in fields.telling if columns is None else columns:
        for source in fields.sources.get(column, ()):
            if not tells.all():
                text = values[source.names[0]]
                if text.dtype.is_integer():
                    tells |= text.is_not_null()
                    continue
                tells |= ((text != "-") & (text != "")).fill_null(value=False)
    return tells


def is_access_line(
    fields: RecognisedFields, values: Mapping[str, pl.Series], count: int
) -> pl.Series:
    """Return which lines are not known to be of another log of the same software."""
    is_access = pl.repeat(value=True, n=count, eager=True)
    for name, pattern in fields.access_lines.items():
        is_access &= values[name].str.contains(pattern).fill_null(value=True)
    return is_access


def find_foreign(
    fields: RecognisedFields, values: Mapping[str, pl.Series], is_application_line: pl.Series
) -> pl.Series:
    """Return which lines are of another log: they tell of no request, or of one told elsewhere."""
    count = len(is_application_line)
    silent = is_application_line & ~says_something(fields, values, count)
    is_foreign = silent | ~is_access_line(fields, values, count)
    if fields.pair_names:
        is_foreign |= _find_begins(fields, values)
    return is_foreign


def join_pairs(
    fields: RecognisedFields, values: Mapping[str, pl.Series], chunk_rows: pl.Series | None = None
) -> tuple[Mapping[str, pl.Series], pl.Series]:
    """Return the values with what the first line of each request tells on its last line.

    And which lines are such first ones. A line belongs to the one before it with the same id, if
    that is a beginning and not too far away: chunks come with only so many lines before them. The
    time is that of the beginning.
    """
    begins = _find_begins(fields, values)
    key = pl.concat_str(
        [pl.col(name).fill_null("") for name in fields.pair_names], separator="\x1f"
    )
    frame = pl.DataFrame([values[name].alias(name) for name in fields.pair_names])
    rows = frame.select(
        key.alias("key"),
        pl.col(fields.pair_names[0]).is_not_null().alias("keyed"),
        begins.alias("begins"),
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
    )
    rows = rows.with_columns((rows["row"] if chunk_rows is None else chunk_rows).alias("line"))
    before = rows.filter("keyed").select(
        "row",
        ~pl.col("begins") & pl.col("begins").shift().over("key").fill_null(value=False),
        pl.col("row").shift().over("key").alias("before"),
        (pl.col("line") - pl.col("line").shift().over("key")).alias("distance"),
    )
    joined = before.filter(pl.col("begins") & (pl.col("distance") <= PAIR_LINES))
    if not joined.height:
        return values, begins
    place = pl.Series("at", [None], pl.UInt32).new_from_index(0, len(begins))
    place = place.scatter(joined["row"], joined["before"])
    is_joined = place.is_not_null()
    times = {name for source in fields.sources.get("timestamp", ()) for name in source.names}
    completed = {}
    for name, texts in values.items():
        first = texts.gather(place)
        is_missing = texts.is_null() | texts.is_in(["", "-"])
        taken = is_joined & first.is_not_null() & (is_missing if name not in times else is_joined)
        completed[name] = first.zip_with(taken, texts)
    return completed, begins


def _find_begins(fields: RecognisedFields, values: Mapping[str, pl.Series]) -> pl.Series:
    """Return which lines have a request and no status yet."""
    given = {
        column: says_something(fields, values, len(values[fields.pair_names[0]]), (column,))
        for column in TELLING_COLUMNS
    }
    return (given["path"] | given["method"]) & ~given["status"]


def _mark_no_upstream(fields: RecognisedFields, values: Mapping[str, pl.Series]) -> pl.Series:
    names = (fields.sources[column][0].names[0] for column in _NO_UPSTREAM)
    status, upstream = (values[name].cast(pl.String) for name in names)
    received = values[fields.received_name] if fields.received_name else None
    return mark_no_upstream(status, upstream, received)
