"""Records and rejects from fields whose use is known.

Invariant: whether a line is a record depends on the line alone, never on the columns that were
asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

import polars as pl

from apilog.formats.contract import ParsedRecords
from apilog.formats.generic.recognition import DURATION_UNITS, FieldPaths
from apilog.values.convert import (
    blank_to_null,
    durations_to_ms,
    last_upstream_status,
    mark_no_upstream,
    sum_upstream_ms,
    to_sizes,
    to_statuses,
)
from apilog.values.dictionary import (
    ColumnConverter,
    category_texts,
    encode_texts,
    from_codes,
    map_categories,
)
from apilog.values.requests import (
    first_of_list,
    mask_query_strings,
    split_request_lines,
    target_path,
    target_query,
)
from apilog.values.times import parse_times

_TELLING_TARGETS = ("request", "request_uri", "status", "method")
"""One of these has to say something, or a line is no request."""


@dataclass(frozen=True, slots=True)
class _TargetConverter:
    """A field that a column can be made of, and how."""

    target: str
    convert: ColumnConverter


def _encode_first(values: pl.Series) -> pl.Series:
    """Return texts, encoded; of a list of texts in JSON the first."""
    return map_categories(encode_texts(values), lambda s: blank_to_null(_first_of_json_list(s)))


def _first_of_json_list(s: pl.Series) -> pl.Series:
    is_list = s.str.starts_with('["').fill_null(value=False)
    if not is_list.any():
        return s
    return s.str.strip_prefix('["').str.split('"').list.first().zip_with(is_list, s)


def _encode_address(values: pl.Series) -> pl.Series:
    """Return the first address of a list, without its port and brackets."""

    def clean(s: pl.Series) -> pl.Series:
        first = first_of_list(_first_of_json_list(s))
        bare = first.str.replace(r"^(\d+\.\d+\.\d+\.\d+):\d+$", "$1")
        return blank_to_null(bare.str.replace(r"^\[(.*)\](?::\d+)?$", "$1"))

    return map_categories(encode_texts(values), clean)


def _extract_trace_id(values: pl.Series) -> pl.Series:
    """Return trace ids; of a traceparent (`00-TRACE-SPAN-01`) the second part.

    See https://www.w3.org/TR/trace-context/#traceparent-header
    """
    values = blank_to_null(values)
    is_parent = values.str.contains(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
    return values.str.slice(3, 32).zip_with(is_parent.fill_null(value=False), values)


def _encode_part(values: pl.Series, part: ColumnConverter) -> pl.Series:
    return map_categories(_encode_first(values), part)


def _duration_converters(target: str) -> tuple[_TargetConverter, ...]:
    return tuple(
        _TargetConverter(f"{target}_{unit}", partial(durations_to_ms, unit=unit))
        for unit in DURATION_UNITS
    )


def _text_converters(*targets: str) -> tuple[_TargetConverter, ...]:
    return tuple(_TargetConverter(target, _encode_first) for target in targets)


# A stand-in: what is made of request lines is made of all of them at once.
_FROM_REQUEST_LINE = _TargetConverter("request", encode_texts)
_COLUMN_CONVERTERS: Mapping[str, tuple[_TargetConverter, ...]] = {
    "timestamp": (_TargetConverter("time", parse_times),),
    "method": (*_text_converters("method"), _FROM_REQUEST_LINE),
    "path": (
        _TargetConverter("request_uri", partial(_encode_part, part=target_path)),
        _FROM_REQUEST_LINE,
    ),
    "query": (
        _TargetConverter("query", partial(_encode_part, part=mask_query_strings)),
        _TargetConverter("request_uri", partial(_encode_part, part=target_query)),
        _FROM_REQUEST_LINE,
    ),
    "protocol": (*_text_converters("protocol"), _FROM_REQUEST_LINE),
    "status": (_TargetConverter("status", to_statuses),),
    "upstream_status": (_TargetConverter("upstream_status", last_upstream_status),),
    "duration_ms": _duration_converters("duration"),
    "upstream_duration_ms": (
        _TargetConverter("upstream_duration_s", sum_upstream_ms),
        *_duration_converters("upstream_duration")[1:],
    ),
    "request_bytes": (_TargetConverter("request_bytes", to_sizes),),
    "response_bytes": (_TargetConverter("response_bytes", to_sizes),),
    "client_ip": (_TargetConverter("client_ip", _encode_address),),
    "request_id": (_TargetConverter("request_id", blank_to_null),),
    "trace_id": (_TargetConverter("trace_id", _extract_trace_id),),
    **{
        name: _text_converters(name)
        for name in (
            "host",
            "consumer",
            "plan",
            "referer",
            "user_agent",
            "cache_status",
            "api",
            "stage",
            "operation",
            "route",
            "error_type",
        )
    },
}

_NO_UPSTREAM_TARGETS = frozenset({"status", "upstream_status"})
"""The fields that together tell that a proxy failed without asking an upstream."""


def fillable_columns(fields: FieldPaths) -> frozenset[str]:
    """Return the columns that these fields can fill."""
    columns = {column for column in _COLUMN_CONVERTERS if _best_converter(column, fields)}
    if fields.keys() >= _NO_UPSTREAM_TARGETS:
        columns.add("error_type")
    return frozenset(columns)


def needed_targets(columns: Collection[str], fields: FieldPaths) -> list[str]:
    """Return the fields that these columns need, and those that tell records from rejects."""
    converters = [_best_converter(column, fields) for column in columns]
    needed = {"time", *_TELLING_TARGETS, *(c.target for c in converters if c)}
    if "error_type" in columns:
        needed |= _NO_UPSTREAM_TARGETS
    return [target for target in fields if target in needed]


def parse_fields(
    values: Mapping[str, pl.Series],
    sound: pl.Series,
    columns: Collection[str],
    *,
    unsound: str,
    time_key: str,
) -> ParsedRecords:
    """Return records of the values (String) of fields, with their time, and rejects.

    `sound` says which lines the values could be taken from, `unsound` what the others are.
    """
    timestamp = parse_times(values["time"]).alias("timestamp")
    says_something = pl.repeat(value=False, n=len(sound), eager=True)
    # The first alone says something on every line of most logs.
    for target in _TELLING_TARGETS:
        if target in values and not says_something.all():
            text = values[target]
            says_something |= ((text != "-") & (text != "")).fill_null(value=False)
    is_record = sound & timestamp.is_not_null() & says_something
    built = [timestamp]
    from_request = []
    for column in columns:
        converter = _best_converter(column, values)
        if converter is _FROM_REQUEST_LINE:
            from_request.append(column)
        elif converter and column != "timestamp":
            built.append(converter.convert(values[converter.target]).alias(column))
        elif column == "error_type" and values.keys() >= _NO_UPSTREAM_TARGETS:
            failed_alone = mark_no_upstream(values["status"], values["upstream_status"])
            built.append(failed_alone.alias(column))
    if from_request:
        lines = encode_texts(values["request"])
        split = split_request_lines(category_texts(lines))
        parts = {"path": target_path, "query": target_query}
        for column in from_request:
            texts = parts[column](split["target"]) if column in parts else split[column]
            built.append(from_codes(lines.to_physical(), texts).alias(column))
    records = pl.DataFrame(built)
    if is_record.all():
        return ParsedRecords(records=records)
    reason = (
        pl.when(~sound)
        .then(pl.lit(unsound))
        .when(timestamp.is_null())
        .then(pl.lit(f"no time in {time_key!r}"))
        .otherwise(pl.lit("neither a request nor a status"))
    )
    return ParsedRecords.with_rejects(records.filter(is_record), is_record, reason)


def _best_converter(column: str, available: Collection[str]) -> _TargetConverter | None:
    converters = _COLUMN_CONVERTERS.get(column, ())
    return next((converter for converter in converters if converter.target in available), None)
