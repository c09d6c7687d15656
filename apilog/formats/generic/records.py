"""Records and rejects from fields whose use is known.

Invariant: whether a line is a record depends on the line alone, never on the columns that were
asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

import polars as pl

from apilog.formats.contract import ParsedRecords
from apilog.formats.generic.recognition import FieldPaths
from apilog.values import convert
from apilog.values.dictionary import category_texts, encode_texts, from_codes, map_categories
from apilog.values.requests import split_request_lines, target_path, target_query
from apilog.values.times import parse_times

_TELLING_TARGETS = ("request", "request_uri", "status", "method")
"""One of these has to say something, or a line is no request."""


@dataclass(frozen=True, slots=True)
class _TargetConverter:
    """A field that a column can be made of, and how."""

    target: str
    convert: Callable[[pl.Series], pl.Series]


def _encode_first(values: pl.Series) -> pl.Series:
    """Texts, encoded; of a list of texts the first."""
    return map_categories(encode_texts(values), lambda s: convert.blank_to_null(_first_of_list(s)))


def _first_of_list(s: pl.Series) -> pl.Series:
    is_list = s.str.starts_with('["').fill_null(value=False)
    if not is_list.any():
        return s
    return s.str.strip_prefix('["').str.split('"').list.first().zip_with(is_list, s)


def _encode_address(values: pl.Series) -> pl.Series:
    """The first address of a list, without its port and brackets."""

    def clean(s: pl.Series) -> pl.Series:
        first = _first_of_list(s).str.splitn(",", 2).struct.field("field_0").str.strip_chars()
        bare = first.str.replace(r"^(\d+\.\d+\.\d+\.\d+):\d+$", "$1")
        return convert.blank_to_null(bare.str.replace(r"^\[(.*)\](?::\d+)?$", "$1"))

    return map_categories(encode_texts(values), clean)


def _extract_trace_id(values: pl.Series) -> pl.Series:
    """Trace ids; of a W3C traceparent (`00-TRACE-SPAN-01`) the second part."""
    values = convert.blank_to_null(values)
    is_parent = values.str.contains(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
    return values.str.slice(3, 32).zip_with(is_parent.fill_null(value=False), values)


def _encode_query(values: pl.Series) -> pl.Series:
    """Query strings that were logged on their own."""
    return map_categories(
        _encode_first(values), lambda s: target_query("?" + s.str.strip_prefix("?"))
    )


def _request_columns(values: pl.Series, columns: Collection[str]) -> list[pl.Series]:
    """Columns out of request lines."""
    lines = encode_texts(values)
    texts = split_request_lines(category_texts(lines))
    of_target = {"path": target_path, "query": target_query}
    return [
        from_codes(
            lines.to_physical(),
            of_target[column](texts["target"]) if column in of_target else texts[column],
        ).alias(column)
        for column in columns
    ]


def _path_of_target(values: pl.Series) -> pl.Series:
    return map_categories(_encode_first(values), target_path)


def _query_of_target(values: pl.Series) -> pl.Series:
    return map_categories(_encode_first(values), target_query)


def _duration_converters(target: str) -> tuple[_TargetConverter, ...]:
    units = ("s", "ms", "us", "ns")
    return tuple(
        _TargetConverter(f"{target}_{unit}", partial(convert.durations_to_ms, unit=unit))
        for unit in units
    )


def _text_converters(*targets: str) -> tuple[_TargetConverter, ...]:
    return tuple(_TargetConverter(target, _encode_first) for target in targets)


def _unchanged(values: pl.Series) -> pl.Series:
    return values


# A stand-in: what is made of request lines is made of all of them at once.
_FROM_REQUEST_LINE = _TargetConverter("request", _unchanged)
_COLUMN_CONVERTERS: Mapping[str, tuple[_TargetConverter, ...]] = {
    "timestamp": (_TargetConverter("time", parse_times),),
    "method": (*_text_converters("method"), _FROM_REQUEST_LINE),
    "path": (_TargetConverter("request_uri", _path_of_target), _FROM_REQUEST_LINE),
    "query": (
        _TargetConverter("query", _encode_query),
        _TargetConverter("request_uri", _query_of_target),
        _FROM_REQUEST_LINE,
    ),
    "protocol": (*_text_converters("protocol"), _FROM_REQUEST_LINE),
    "status": (_TargetConverter("status", convert.to_statuses),),
    "upstream_status": (_TargetConverter("upstream_status", convert.last_upstream_status),),
    "duration_ms": _duration_converters("duration"),
    "upstream_duration_ms": (
        _TargetConverter("upstream_duration_s", convert.sum_upstream_ms),
        *_duration_converters("upstream_duration")[1:],
    ),
    "request_bytes": (_TargetConverter("request_bytes", convert.to_sizes),),
    "response_bytes": (_TargetConverter("response_bytes", convert.to_sizes),),
    "client_ip": (_TargetConverter("client_ip", _encode_address),),
    "request_id": (_TargetConverter("request_id", convert.blank_to_null),),
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
_DERIVED_COLUMNS: Mapping[str, frozenset[str]] = {"error_type": _NO_UPSTREAM_TARGETS}
"""Columns that have no field of their own, and the fields that tell them."""


def fillable_columns(fields: FieldPaths) -> frozenset[str]:
    """The columns that these fields can fill."""
    named = (column for column in _COLUMN_CONVERTERS if _best_converter(column, fields))
    return frozenset(
        (*named, *(c for c, needed in _DERIVED_COLUMNS.items() if needed <= fields.keys()))
    )


def needed_targets(columns: Collection[str], fields: FieldPaths) -> list[str]:
    """The fields that are needed for these columns and to tell records from rejects."""
    sources = (
        _best_converter(column, fields) for column in columns if column in _COLUMN_CONVERTERS
    )
    needed = {source.target for source in sources if source}
    needed |= {target for column in columns for target in _DERIVED_COLUMNS.get(column, ())}
    return [
        target for target in fields if target in needed or target in ("time", *_TELLING_TARGETS)
    ]


def parse_fields(
    values: Mapping[str, pl.Series],
    sound: pl.Series,
    columns: Collection[str],
    *,
    unsound: str,
    time_key: str,
) -> ParsedRecords:
    """Records of the values (String) of fields, with their time, and rejects.

    `sound` says which lines the values could be taken from, `unsound` what is wrong with
    the others.
    """
    timestamp = parse_times(values["time"]).alias("timestamp")
    says = _any_given([values[target] for target in _TELLING_TARGETS if target in values])
    good = sound & timestamp.is_not_null() & says
    made = _build_columns(values, [column for column in columns if column != "timestamp"])
    records = pl.DataFrame([timestamp, *made])
    if good.all():
        return ParsedRecords(records=records)
    reason = (
        pl.when(~sound)
        .then(pl.lit(unsound))
        .when(timestamp.is_null())
        .then(pl.lit(f"no time in {time_key!r}"))
        .otherwise(pl.lit("neither a request nor a status"))
    )
    rows = pl.int_range(len(good), dtype=pl.UInt32, eager=True)
    rejects = pl.DataFrame({"row": rows}).select("row", reason.alias("reason")).filter(~good)
    return ParsedRecords(
        records=records.filter(good),
        rows=rows.filter(good),
        rejects=rejects,
    )


def _build_columns(values: Mapping[str, pl.Series], columns: Collection[str]) -> list[pl.Series]:
    chosen = {
        c: s for c in columns if c in _COLUMN_CONVERTERS and (s := _best_converter(c, values))
    }
    of_request = [column for column, source in chosen.items() if source is _FROM_REQUEST_LINE]
    made = [
        source.convert(values[source.target]).alias(column)
        for column, source in chosen.items()
        if source is not _FROM_REQUEST_LINE
    ]
    told = "error_type" in columns and "error_type" not in chosen
    if told and values.keys() >= _NO_UPSTREAM_TARGETS:
        failed_alone = convert.mark_no_upstream(values["status"], values["upstream_status"])
        made.append(failed_alone.alias("error_type"))
    return made + (_request_columns(values["request"], of_request) if of_request else [])


def _best_converter(column: str, available: Collection[str]) -> _TargetConverter | None:
    return next((s for s in _COLUMN_CONVERTERS[column] if s.target in available), None)


def _any_given(values: list[pl.Series]) -> pl.Series:
    """Whether one of the values is neither null nor blank."""
    given = [((s != "-") & (s != "")).fill_null(value=False) for s in values]
    result = given[0]
    for more in given[1:]:
        if result.all():
            break
        result = result | more
    return result
