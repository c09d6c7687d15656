"""What single variables of nginx say, as values of columns.

Invariant: a value that is missing (empty or a dash) is null.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from apilog.formats import convert
from apilog.formats.dictionary import encode, map_categories
from apilog.formats.request import target_query
from apilog.formats.routekeys import route_of_key, split_route_request

Convert = Callable[[pl.Series], pl.Series]

_PORT = r"^([^:\[\]]+|\[[^\]]*\]):[0-9]{1,5}$"


def text(values: pl.Series) -> pl.Series:
    """Text that repeats, dictionary-encoded."""
    return convert.blank_to_null(encode(values))


def query(values: pl.Series) -> pl.Series:
    """A query string that was logged on its own, the values of secrets masked."""
    return map_categories(text(values), lambda s: target_query("?" + s))


def first_address(values: pl.Series) -> pl.Series:
    """The client's end of an X-Forwarded-For list."""
    return map_categories(
        convert.blank_to_null(encode(values)),
        lambda lists: lists.str.splitn(",", 2).struct.field("field_0").str.strip_chars(),
    )


def without_brackets(values: pl.Series) -> pl.Series:
    """Without the brackets that a field of ingress-nginx may come in."""
    return convert.blank_to_null(map_categories(encode(values), lambda s: s.str.strip_chars("[]")))


def last_of_list(values: pl.Series) -> pl.Series:
    """Of the last attempt."""
    return map_categories(
        convert.blank_to_null(encode(values)),
        lambda lists: lists.str.split(", ").list.last().str.split(" : ").list.last(),
    )


def micros_to_ms(values: pl.Series) -> pl.Series:
    """Milliseconds of whole microseconds."""
    return convert.durations_ms(values, "us")


def seconds_or_millis(values: pl.Series) -> pl.Series:
    """Seconds where there is a point, milliseconds otherwise."""
    is_seconds = values.str.contains(".", literal=True).fill_null(value=False)
    return convert.seconds_to_ms(values).zip_with(is_seconds, millis(values))


def without_port(values: pl.Series) -> pl.Series:
    """The address of `203.0.113.7:52814`, also of `[2001:db8::7]:52814`."""
    address = values.str.replace(r":[0-9]+$", "").str.strip_chars("[]")
    return convert.blank_to_null(address)


def host(values: pl.Series) -> pl.Series:
    """`$host`, which nginx gives without a port and Apache's `%v:%p` with one."""
    return map_categories(text(values), lambda s: s.str.replace(_PORT, "$1"))


def millis(values: pl.Series) -> pl.Series:
    """Milliseconds, unless a unit says otherwise."""
    return convert.durations_ms(values, "ms")


def trace_id(values: pl.Series) -> pl.Series:
    """The trace id, also out of a W3C traceparent (`00-TRACE-SPAN-01`)."""
    values = convert.blank_to_null(values)
    parts = values.str.split("-")
    is_parent = (parts.list.len() == 4) & (values.str.len_bytes() == 55)
    return parts.list.get(1, null_on_oob=True).zip_with(is_parent.fill_null(False), values)


def route(values: pl.Series) -> pl.Series:
    """The route of keys such as `GET /pets/{petId}`."""
    return map_categories(encode(values), route_of_key)


def of_route_request(part: str) -> Convert:
    """A part of request lines whose target is a route."""
    return lambda values: map_categories(
        encode(values), lambda requests: split_route_request(requests)[part]
    )
