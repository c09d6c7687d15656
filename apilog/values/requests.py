"""Request lines, route keys and the texts that come with a request, a column at a time.

Invariant: a value that is missing (empty or a dash) is null, and a query string never comes out
with the values of its secrets.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from apilog.values import convert
from apilog.values.convert import blank_to_null
from apilog.values.dictionary import encode_texts, map_categories

_METHOD_TOKEN = r"^[A-Za-z][A-Za-z0-9_-]{0,31}$"
_USUAL_PROTOCOLS = (" HTTP/1.1", " HTTP/2.0", " HTTP/1.0", " HTTP/3.0")
_TARGET_PROTOCOL = r"(?s)^(?<target>.*) (?<protocol>HTTP/\d(?:\.\d)?)$"
_SECRET_VALUE = (
    r"(?i)((?:^|[&;])(?:[^=&;]*(?:token|secret|passw|pwd|(?:api|subscription)[_-]?key|signature"
    r"|credential|session|auth|jwt)[^=&;]*|key|sig|code|sid)=)[^&;#]*"
)


def split_request_lines(request: pl.Series) -> pl.DataFrame:
    """Columns `method`, `target`, `protocol` of raw request lines.

    The method runs to the first blank and is a token; the protocol is the last word if it is
    one; the target is what lies between, blanks included. A text that is no request (a TLS
    greeting, `HELP`) has no method and is the target as a whole. `-`, empty and null: all null.
    """
    line = request.alias("line")
    words = line.to_frame().select(pl.col("line").str.splitn(" ", 2)).unnest("line")
    method, rest = words["field_0"], words["field_1"]
    # Methods are few: the expression runs on the distinct ones.
    known = method.unique().drop_nulls()
    known = known.filter(known.str.contains(_METHOD_TOKEN))
    is_request = (method.is_in(known.implode()) & rest.is_not_null()).fill_null(value=False)
    target, protocol = _split_protocol(rest)
    if is_request.all():
        return pl.DataFrame({"method": method, "target": target, "protocol": protocol})
    whole = line.set(line.is_in(["-", ""]), None)
    return pl.DataFrame(
        {
            "method": method.set(~is_request, None),
            "target": target.zip_with(is_request, whole),
            "protocol": protocol.set(~is_request, None),
        }
    )


def _split_protocol(rest: pl.Series) -> tuple[pl.Series, pl.Series]:
    """What stands before the protocol, and the protocol; without one all of it, and null."""
    target = protocol = pl.Series(rest.name, [None], pl.String).new_from_index(0, len(rest))
    left = rest
    for usual in _USUAL_PROTOCOLS:
        ends = left.str.ends_with(usual).fill_null(value=False)
        target = left.str.strip_suffix(usual).zip_with(ends, target)
        protocol = protocol.set(ends, usual[1:])
        left = left.set(ends, None)
        if left.null_count() == len(left):
            return target, protocol
    rows = left.is_not_null().arg_true()
    words = left.gather(rows).str.extract_groups(_TARGET_PROTOCOL).struct.unnest()
    return (
        target.scatter(rows, words["target"].fill_null(left.gather(rows))),
        protocol.scatter(rows, words["protocol"]),
    )


def target_path(target: pl.Series) -> pl.Series:
    """The path of request targets: no query, no scheme and host."""
    path = _split_at_query(target)["field_0"].alias("path")
    absolute = path.str.starts_with("http://") | path.str.starts_with("https://")
    if not absolute.any():
        return path
    after_host = path.str.replace(r"^https?://[^/?#]*", "").replace("", "/")
    return after_host.zip_with(absolute.fill_null(value=False), path)


def target_query(target: pl.Series) -> pl.Series:
    """The query of request targets, without its question mark, the values of secrets masked."""
    query = _split_at_query(target)["field_1"].alias("query")
    return query.str.replace_all(_SECRET_VALUE, "${1}***")


def _split_at_query(target: pl.Series) -> pl.DataFrame:
    return target.alias("t").to_frame().select(pl.col("t").str.splitn("?", 2)).unnest("t")


_LEADING_VERB = r"^([A-Z]+) /"
_ANY_VERB = "ANY"


def route_from_key(keys: pl.Series) -> pl.Series:
    """The path template of a key that begins with a verb; other keys as they stand."""
    return blank_to_null(keys.str.replace(_LEADING_VERB, "/"))


def method_from_key(keys: pl.Series) -> pl.Series:
    """The verb of a key that has one, unless it stands for all verbs."""
    verbs = keys.str.extract(_LEADING_VERB, 1)
    return verbs.set(verbs == _ANY_VERB, None)


def split_route_request_lines(requests: pl.Series) -> pl.DataFrame:
    """Columns `method`, `route`, `protocol` of request lines that have a route or a route key
    for a target: `GET /pets/{petId} HTTP/1.1`, `GET GET /pets HTTP/1.1`."""
    parts = split_request_lines(requests)
    # What is no request is a target as a whole, and no route.
    target = parts["target"].set(parts["method"].is_null(), None)
    return parts.select("method", route_from_key(target).alias("route"), "protocol")


ColumnConverter = Callable[[pl.Series], pl.Series]

_HOST_AND_PORT = r"^([^:\[\]]+|\[[^\]]*\]):[0-9]{1,5}$"


def encode_given(values: pl.Series) -> pl.Series:
    """Text that repeats, dictionary-encoded."""
    return convert.blank_to_null(encode_texts(values))


def encode_query(values: pl.Series) -> pl.Series:
    """A query string that was logged on its own, the values of secrets masked."""
    return map_categories(encode_given(values), lambda s: target_query("?" + s))


def encode_first_address(values: pl.Series) -> pl.Series:
    """The client's end of an X-Forwarded-For list."""
    return map_categories(
        convert.blank_to_null(encode_texts(values)),
        lambda lists: lists.str.splitn(",", 2).struct.field("field_0").str.strip_chars(),
    )


def strip_brackets(values: pl.Series) -> pl.Series:
    """Without the brackets that a field of ingress-nginx may come in."""
    return convert.blank_to_null(
        map_categories(encode_texts(values), lambda s: s.str.strip_chars("[]"))
    )


def last_attempt(values: pl.Series) -> pl.Series:
    """Of the last attempt."""
    return map_categories(
        convert.blank_to_null(encode_texts(values)),
        lambda lists: lists.str.split(", ").list.last().str.split(" : ").list.last(),
    )


def micros_to_ms(values: pl.Series) -> pl.Series:
    """Milliseconds of whole microseconds."""
    return convert.durations_to_ms(values, "us")


def seconds_or_ms(values: pl.Series) -> pl.Series:
    """Seconds where there is a point, milliseconds otherwise."""
    is_seconds = values.str.contains(".", literal=True).fill_null(value=False)
    return convert.seconds_to_ms(values).zip_with(is_seconds, bare_ms(values))


def strip_port(values: pl.Series) -> pl.Series:
    """The address of `203.0.113.7:52814`, also of `[2001:db8::7]:52814`."""
    address = values.str.replace(r":[0-9]+$", "").str.strip_chars("[]")
    return convert.blank_to_null(address)


def encode_host(values: pl.Series) -> pl.Series:
    """`$host`, which nginx gives without a port and Apache's `%v:%p` with one."""
    return map_categories(encode_given(values), lambda s: s.str.replace(_HOST_AND_PORT, "$1"))


def bare_ms(values: pl.Series) -> pl.Series:
    """Milliseconds, unless a unit says otherwise."""
    return convert.durations_to_ms(values, "ms")


def extract_trace_id(values: pl.Series) -> pl.Series:
    """The trace id, also out of a W3C traceparent (`00-TRACE-SPAN-01`)."""
    values = convert.blank_to_null(values)
    parts = values.str.split("-")
    is_parent = (parts.list.len() == 4) & (values.str.len_bytes() == 55)
    return parts.list.get(1, null_on_oob=True).zip_with(is_parent.fill_null(False), values)


def encode_route_key(values: pl.Series) -> pl.Series:
    """The route of keys such as `GET /pets/{petId}`."""
    return map_categories(encode_texts(values), route_from_key)


def part_of_route_request(part: str) -> ColumnConverter:
    """A part of request lines whose target is a route."""
    return lambda values: map_categories(
        encode_texts(values), lambda requests: split_route_request_lines(requests)[part]
    )
