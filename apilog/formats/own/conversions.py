"""From the values of a key to a column, where the user says which key it is.

Invariant: a key named for a column is read for it, whatever its values look like; what can't be
understood is null. Values are converted as those of fields that are found by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import polars as pl

from apilog.formats.answer_fields import DURATION_COLUMNS
from apilog.formats.column_sources import ColumnSource
from apilog.formats.duration_units import decide_unit, duration_converter
from apilog.formats.field_entry import FieldEntry, VariableSource
from apilog.formats.field_map import KEYS
from apilog.options import ColumnMapping
from apilog.schema import SCHEMA
from apilog.values.addresses import first_addresses
from apilog.values.convert import blank_to_null, encode_given, to_integers
from apilog.values.decimals import with_decimal_points
from apilog.values.dictionary import ColumnConverter, encode_texts, map_categories
from apilog.values.requests import split_request_lines
from apilog.values.times import parse_epochs_of, parse_layout, parse_times, parse_times_of_zone

_LIST = r"[0-9-](?:, | : )[0-9-]"
_DECIMAL_COMMA = r"^-?[0-9]+,[0-9]+$"


@dataclass(frozen=True, slots=True)
class KeyConversion:
    """How a column is made of a key's values."""

    convert: ColumnConverter
    request_part: str = ""
    """The part of request lines that `convert` takes, if the values are request lines."""
    kind: str = ""
    """Other columns of this kind may be made of the same values, see `FieldEntry.kind`."""
    doubt: str | None = None

    def source_of(self, name: str) -> ColumnSource:
        """Return the source of the column in logs whose values have names of their own."""
        return ColumnSource((name,), self.convert, request_part=self.request_part)

    def variable_source(self, variable: str) -> VariableSource:
        """Return the source of the column in lines that a `log_format` describes."""
        if not self.request_part:
            return VariableSource(variable, partial(_convert_texts, convert=self.convert))
        take = partial(_convert_part, part=self.request_part, convert=self.convert)
        return VariableSource(variable, encode_texts, take)


def convert_key(
    mapping: ColumnMapping, sample: pl.Series, unit: str | None = None
) -> KeyConversion:
    """Return how a column is made of the key that the user named.

    `sample` are first values of the key (String). They decide on a duration's unit where neither
    the user nor the format, with `unit`, has one; and whether the key holds request lines.
    """
    column = mapping.column
    if column == "timestamp":
        return KeyConversion(_time_converter(mapping))
    if column in DURATION_COLUMNS:
        doubt = None
        chosen = mapping.unit or unit
        if chosen is None:
            chosen, doubt = decide_unit(sample, mapping.key, column=column)
        return KeyConversion(_duration_converter(column, sample, chosen), doubt=doubt)
    if column == "client_ip":
        return KeyConversion(encode_first_address)
    if entries := KEYS.get(column):
        given = blank_to_null(sample).drop_nulls()
        entry = next((e for e in entries if e.kind and _has_look(e, given)), entries[0])
        return KeyConversion(entry.convert, entry.request_part, entry.kind)
    dtype = SCHEMA[column]
    if dtype.is_integer():
        return KeyConversion(partial(_to_whole_numbers, dtype=dtype))
    return KeyConversion(encode_given)


def _duration_converter(column: str, sample: pl.Series, unit: str) -> ColumnConverter:
    """Return the converter of durations, or of lists of them where several attempts make one."""
    if column == "upstream_duration_ms" or sample.str.contains(_LIST).any():
        return duration_converter("upstream_duration_ms", unit)
    convert = duration_converter(column, unit)
    has_commas = sample.str.contains(_DECIMAL_COMMA).any()
    return partial(_convert_with_commas, convert=convert) if has_commas else convert


def _convert_with_commas(values: pl.Series, convert: ColumnConverter) -> pl.Series:
    return convert(with_decimal_points(values))


def join_values(first: pl.Series, second: pl.Series, convert: ColumnConverter) -> pl.Series:
    """Convert values that stand in two keys, such as a date and a time of day."""
    return convert(first.cast(pl.String) + " " + second.cast(pl.String))


def encode_first_address(values: pl.Series) -> pl.Series:
    """Return the first address of lists, encoded."""
    return map_categories(encode_texts(values), first_addresses)


def _has_look(entry: FieldEntry, given: pl.Series) -> bool:
    return 2 * int(entry.look(given).sum()) > len(given)


def _to_whole_numbers(values: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    return to_integers(values).cast(dtype, strict=False)


def _convert_texts(values: pl.Series, convert: ColumnConverter) -> pl.Series:
    """Convert values that come as text, or as the numbers that they nearly always are."""
    return convert(values.cast(pl.String) if values.dtype.is_numeric() else values)


def _convert_part(texts: pl.Series, part: str, convert: ColumnConverter) -> pl.Series:
    return convert(split_request_lines(texts)[part])


def _time_converter(mapping: ColumnMapping) -> ColumnConverter:
    if mapping.unit is not None:
        return partial(parse_epochs_of, unit=mapping.unit)
    if mapping.format is not None:
        return partial(parse_layout, layout=mapping.format, zone=mapping.tz)
    return parse_times if mapping.tz is None else partial(parse_times_of_zone, zone=mapping.tz)
