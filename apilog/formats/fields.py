"""From fields whose use is known to records and rejects.

Invariant: whether a line is a record depends on the line alone, never on the columns that
were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

import polars as pl

from apilog.formats import convert
from apilog.formats.base import Parsed
from apilog.formats.dictionary import categories, encode, from_codes, map_categories
from apilog.formats.recognise import Fields
from apilog.formats.request import split_request, target_path, target_query
from apilog.formats.times import times

_SOURCES = ("request", "request_uri", "status", "method")
"""One of these has to say something, or a line is no request."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A field that a column can be made of, and how."""

    target: str
    convert: Callable[[pl.Series], pl.Series]


def _text(values: pl.Series) -> pl.Series:
    """Texts, encoded; of a list of texts the first."""
    return map_categories(encode(values), lambda s: convert.blank_to_null(_first_of_list(s)))


def _first_of_list(s: pl.Series) -> pl.Series:
    is_list = s.str.starts_with('["').fill_null(value=False)
    if not is_list.any():
        return s
    return s.str.strip_prefix('["').str.split('"').list.first().zip_with(is_list, s)


def _address(values: pl.Series) -> pl.Series:
    """The first address of a list, without its port and brackets."""

    def clean(s: pl.Series) -> pl.Series:
        first = _first_of_list(s).str.splitn(",", 2).struct.field("field_0").str.strip_chars()
        bare = first.str.replace(r"^(\d+\.\d+\.\d+\.\d+):\d+$", "$1")
        return convert.blank_to_null(bare.str.replace(r"^\[(.*)\](?::\d+)?$", "$1"))

    return map_categories(encode(values), clean)


def _trace_id(values: pl.Series) -> pl.Series:
    """Trace ids; of a W3C traceparent (`00-TRACE-SPAN-01`) the second part."""
    values = convert.blank_to_null(values)
    is_parent = values.str.contains(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
    return values.str.slice(3, 32).zip_with(is_parent.fill_null(value=False), values)


def _query(values: pl.Series) -> pl.Series:
    """Query strings that were logged on their own."""
    return map_categories(_text(values), lambda s: target_query("?" + s.str.strip_prefix("?")))


def _of_request(values: pl.Series, columns: Collection[str]) -> list[pl.Series]:
    """Columns out of request lines."""
    lines = encode(values)
    texts = split_request(categories(lines))
    of_target = {"path": target_path, "query": target_query}
    return [
        from_codes(
            lines.to_physical(),
            of_target[column](texts["target"]) if column in of_target else texts[column],
        ).alias(column)
        for column in columns
    ]


def _of_target(values: pl.Series) -> pl.Series:
    return map_categories(_text(values), target_path)


def _query_of_target(values: pl.Series) -> pl.Series:
    return map_categories(_text(values), target_query)


def _durations(target: str) -> tuple[_Source, ...]:
    units = ("s", "ms", "us", "ns")
    return tuple(
        _Source(f"{target}_{unit}", partial(convert.durations_ms, unit=unit)) for unit in units
    )


def _texts(*targets: str) -> tuple[_Source, ...]:
    return tuple(_Source(target, _text) for target in targets)


def _whole(values: pl.Series) -> pl.Series:
    return values


# A stand-in: what is made of request lines is made of all of them at once.
_REQUEST = _Source("request", _whole)
_COLUMNS: Mapping[str, tuple[_Source, ...]] = {
    "timestamp": (_Source("time", times),),
    "method": (*_texts("method"), _REQUEST),
    "path": (_Source("request_uri", _of_target), _REQUEST),
    "query": (_Source("query", _query), _Source("request_uri", _query_of_target), _REQUEST),
    "protocol": (*_texts("protocol"), _REQUEST),
    "status": (_Source("status", convert.statuses),),
    "upstream_status": (_Source("upstream_status", convert.upstream_last_status),),
    "duration_ms": _durations("duration"),
    "upstream_duration_ms": (
        _Source("upstream_duration_s", convert.upstream_sum_ms),
        *_durations("upstream_duration")[1:],
    ),
    "request_bytes": (_Source("request_bytes", convert.sizes),),
    "response_bytes": (_Source("response_bytes", convert.sizes),),
    "client_ip": (_Source("client_ip", _address),),
    "request_id": (_Source("request_id", convert.blank_to_null),),
    "trace_id": (_Source("trace_id", _trace_id),),
    **{
        name: _texts(name)
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

_HAS_NO_UPSTREAM = frozenset({"status", "upstream_status"})
_DERIVED: Mapping[str, frozenset[str]] = {"error_type": _HAS_NO_UPSTREAM}
"""Columns that have no field of their own, and the fields that tell them."""


def columns_of(fields: Fields) -> frozenset[str]:
    """The columns that these fields can fill."""
    named = (column for column in _COLUMNS if _source(column, fields))
    return frozenset((*named, *(c for c, needed in _DERIVED.items() if needed <= fields.keys())))


def targets_of(columns: Collection[str], fields: Fields) -> list[str]:
    """The fields that are needed for these columns and to tell records from rejects."""
    sources = (_source(column, fields) for column in columns if column in _COLUMNS)
    needed = {source.target for source in sources if source}
    needed |= {target for column in columns for target in _DERIVED.get(column, ())}
    return [target for target in fields if target in needed or target in ("time", *_SOURCES)]


def parsed(
    values: Mapping[str, pl.Series],
    sound: pl.Series,
    columns: Collection[str],
    *,
    unsound: str,
    time_key: str,
) -> Parsed:
    """Records of the values (String) of fields, with their time, and rejects.

    `sound` says which lines the values could be taken from, `unsound` what is wrong with
    the others.
    """
    timestamp = times(values["time"]).alias("timestamp")
    says = _any_given([values[target] for target in _SOURCES if target in values])
    good = sound & timestamp.is_not_null() & says
    made = _made(values, [column for column in columns if column != "timestamp"])
    records = pl.DataFrame([timestamp, *made])
    if good.all():
        return Parsed(records=records)
    reason = (
        pl.when(~sound)
        .then(pl.lit(unsound))
        .when(timestamp.is_null())
        .then(pl.lit(f"no time in {time_key!r}"))
        .otherwise(pl.lit("neither a request nor a status"))
    )
    rows = pl.int_range(len(good), dtype=pl.UInt32, eager=True)
    rejects = pl.DataFrame({"row": rows}).select("row", reason.alias("reason")).filter(~good)
    return Parsed(
        records=records.filter(good),
        rows=rows.filter(good),
        rejects=rejects,
    )


def _made(values: Mapping[str, pl.Series], columns: Collection[str]) -> list[pl.Series]:
    chosen = {c: s for c in columns if c in _COLUMNS and (s := _source(c, values))}
    of_request = [column for column, source in chosen.items() if source is _REQUEST]
    made = [
        source.convert(values[source.target]).alias(column)
        for column, source in chosen.items()
        if source is not _REQUEST
    ]
    told = "error_type" in columns and "error_type" not in chosen
    if told and values.keys() >= _HAS_NO_UPSTREAM:
        failed_alone = convert.no_upstream(values["status"], values["upstream_status"])
        made.append(failed_alone.alias("error_type"))
    return made + (_of_request(values["request"], of_request) if of_request else [])


def _source(column: str, available: Collection[str]) -> _Source | None:
    return next((s for s in _COLUMNS[column] if s.target in available), None)


def _any_given(values: list[pl.Series]) -> pl.Series:
    """Whether one of the values is neither null nor blank."""
    given = [((s != "-") & (s != "")).fill_null(value=False) for s in values]
    result = given[0]
    for more in given[1:]:
        if result.all():
            break
        result = result | more
    return result
