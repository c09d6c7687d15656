"""The request line: method, target and protocol, by splits alone.

Every function takes a series of distinct texts and gives one value for each.
"""

from __future__ import annotations

import polars as pl

_METHOD = r"^[A-Za-z][A-Za-z0-9_-]{0,31}$"
_USUAL = (" HTTP/1.1", " HTTP/2.0", " HTTP/1.0", " HTTP/3.0")
_TARGET_PROTOCOL = r"(?s)^(?<target>.*) (?<protocol>HTTP/\d(?:\.\d)?)$"
_SECRET = (
    r"(?i)((?:^|[&;])(?:[^=&;]*(?:token|secret|passw|pwd|(?:api|subscription)[_-]?key|signature"
    r"|credential|session|auth|jwt)[^=&;]*|key|sig|code|sid)=)[^&;#]*"
)


def split_request(request: pl.Series) -> pl.DataFrame:
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
    known = known.filter(known.str.contains(_METHOD))
    is_request = (method.is_in(known.implode()) & rest.is_not_null()).fill_null(value=False)
    target, protocol = _without_protocol(rest)
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


def _without_protocol(rest: pl.Series) -> tuple[pl.Series, pl.Series]:
    """What stands before the protocol, and the protocol; without one all of it, and null."""
    target = protocol = pl.Series(rest.name, [None], pl.String).new_from_index(0, len(rest))
    left = rest
    for usual in _USUAL:
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
    path = _before_and_after(target)["field_0"].alias("path")
    absolute = path.str.starts_with("http://") | path.str.starts_with("https://")
    if not absolute.any():
        return path
    after_host = path.str.replace(r"^https?://[^/?#]*", "").replace("", "/")
    return after_host.zip_with(absolute.fill_null(value=False), path)


def target_query(target: pl.Series) -> pl.Series:
    """The query of request targets, without its question mark, the values of secrets masked."""
    query = _before_and_after(target)["field_1"].alias("query")
    return query.str.replace_all(_SECRET, "${1}***")


def _before_and_after(target: pl.Series) -> pl.DataFrame:
    return target.alias("t").to_frame().select(pl.col("t").str.splitn("?", 2)).unnest("t")
