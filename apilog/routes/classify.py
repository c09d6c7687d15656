"""Routes of paths: low-cardinality templates such as `/users/{id}`, or the user's own rules.

Invariant: the route of a path never depends on the paths it is seen with, so that chunks can be
classified apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.errors import UsageError
from apilog.routes.segments import UUID, name_segments

_RULE_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)(\*?)\}")
_LEADING_METHOD = re.compile(r"^[A-Z]+ +/")
_COLON_PARAMETER = re.compile(r"/:([A-Za-z_][A-Za-z0-9_]*)")
_SYNTAX_HINT = "write {name} for one segment, and {name*} or * at the end for the rest"


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One declared route."""

    text: str
    """As the user wrote it, and as the route will be shown."""
    pattern: str
    """The anchored regular expression of the paths it stands for."""


def parse_rules(texts: Iterable[str]) -> tuple[RouteRule, ...]:
    """The rules, in order.

    Raises UsageError for one that cannot be understood.
    """
    return tuple(parse_rule(text) for text in texts)


def parse_rule(text: str) -> RouteRule:
    """One rule: literal segments, `{name}` and `*` for one segment each, and as the last
    segment `{name*}`, `*` or `**` for all that follows. A trailing slash makes no difference.

    >>> parse_rule("/v1/users/{name}").pattern
    '^/v1/users/[^/]+/?$'

    Raises UsageError for a text that cannot be understood.
    """
    _refuse_other_syntax(text)
    *before, last = text.rstrip("/").split("/") if text.strip("/") else ["", ""]
    segments = [_pattern_of_segment(segment, text) for segment in before]
    return RouteRule(text, f"^{'/'.join([*segments, _pattern_of_last(last, text)])}/?$")


def match_rules(paths: pl.Series, rules: Sequence[RouteRule]) -> pl.Series:
    """The text of the first rule that matches each path; null where none does."""
    path = pl.col("path")
    first = pl.coalesce(pl.when(path.str.contains(r.pattern)).then(pl.lit(r.text)) for r in rules)
    return paths.to_frame("path").select(first).to_series()


def _refuse_other_syntax(text: str) -> None:
    if _LEADING_METHOD.match(text):
        raise _bad_rule(text, "it starts with a method", "a rule is a path: leave the method out")
    if not text.startswith("/"):
        raise _bad_rule(text, "it does not start with /", _SYNTAX_HINT)
    if "?" in text:
        raise _bad_rule(text, "it has a query string", "a rule is a path: leave out the ?")
    if parameter := _COLON_PARAMETER.search(text):
        raise _bad_rule(
            text, f"it has :{parameter[1]}", f"write {{{parameter[1]}}} for :{parameter[1]}"
        )


def _pattern_of_last(segment: str, rule: str) -> str:
    if segment in {"*", "**"}:
        return "(?s:.*)"
    placeholder = _RULE_PLACEHOLDER.fullmatch(segment)
    if placeholder and placeholder[2]:
        return "(?s:.*)"
    return _pattern_of_segment(segment, rule)


def _pattern_of_segment(segment: str, rule: str) -> str:
    if segment == "*":
        return "[^/]+"
    pieces: list[str] = []
    end = 0
    for placeholder in _RULE_PLACEHOLDER.finditer(segment):
        if placeholder[2]:
            raise _bad_rule(
                rule, f"{placeholder[0]} is not a last segment of its own", _SYNTAX_HINT
            )
        pieces += [_literal_pattern(segment[end : placeholder.start()], rule), "[^/]+"]
        end = placeholder.end()
    return "".join([*pieces, _literal_pattern(segment[end:], rule)])


def _literal_pattern(text: str, rule: str) -> str:
    if brace := re.search(r"[{}]", text):
        raise _bad_rule(rule, f"the {brace[0]} belongs to no {{name}}", _SYNTAX_HINT)
    if "**" in text:
        raise _bad_rule(rule, "** is not a last segment of its own", _SYNTAX_HINT)
    return pl.escape_regex(text)


def _bad_rule(rule: str, what: str, hint: str) -> UsageError:
    return UsageError(f"route rule {rule!r}: {what}", hint)


_QUERY_OR_PARAMETER = "[?;]"
_AUTHORITY = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*"
_LAST_INTEGER = r"/[0-9]+$"
_UUID = rf"/{UUID}(?-u:\b)"
_MAY_HOLD_IDENTIFIER = r"/[+-]?[0-9]|@|%40|[0-9][^/]{4}|[^/]{4}[0-9]|^[^/]"
"""Matches every path that may hold an identifier."""
_PROBED_PATHS = 200


def classify_paths(paths: pl.Series, rules: Sequence[RouteRule] = ()) -> pl.Series:
    """The route of each path, as String.

    The first rule that matches decides; else identifiers are replaced by their kind,
    segment by segment. A query string, a `;jsessionid=` and the `http://host` of an absolute
    target are left out. Slashes are kept as they stand; null, empty and `*` stay as they are.
    """
    return classify_encoded(paths, rules).cast(pl.String)


def classify_encoded(paths: pl.Series, rules: Sequence[RouteRule] = ()) -> pl.Series:
    """Like `classify`, as Categorical with categories of its own."""
    paths = paths.cast(pl.String)
    routes = _path_templates(paths)
    if not rules:
        return routes
    ruled = match_rules(_without_extras(paths), rules)
    return encode_routes(ruled.zip_with(ruled.is_not_null(), routes.cast(pl.String)))


def codes_and_texts(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Codes (UInt32, null for null) and the distinct texts they index."""
    encoded = texts if isinstance(texts.dtype, pl.Categorical) else encode_routes(texts)
    codes = encoded.to_physical().cast(pl.UInt32)
    every_code = pl.int_range(_code_count(codes), dtype=pl.UInt32, eager=True)
    # Seven times faster than the series that the categories themselves give.
    return codes, every_code.cat.to(encoded.dtype).cast(pl.String)


def encode_routes(texts: pl.Series) -> pl.Series:
    """The texts as Categorical, with categories of their own."""
    return texts.cast(pl.Categorical(pl.Categories.random())).alias("route")


def _path_templates(paths: pl.Series) -> pl.Series:
    # Most paths differ in an integer at the end or in a UUID: after one pass over the whole
    # text few distinct paths are left, and only those are taken apart.
    short = paths.str.replace_all(_LAST_INTEGER, "/{id}")
    if paths.head(_PROBED_PATHS).str.contains(_UUID).any():
        short = short.str.replace_all(_UUID, "/{uuid}")
    codes, texts = codes_and_texts(short)
    return encode_routes(_replace_segments(_without_extras(texts))).gather(codes)


def _code_count(codes: pl.Series) -> int:
    highest = codes.max()
    return highest + 1 if isinstance(highest, int) else 0


def _without_extras(paths: pl.Series) -> pl.Series:
    odd = (paths.str.contains(_QUERY_OR_PARAMETER) | ~paths.str.starts_with("/")).fill_null(False)
    if not odd.any():
        return paths
    cleaned = (
        paths.filter(odd)
        .str.replace(r"(?s)\?.*$", "")
        .str.replace_all(r"(?i);jsessionid=[^/;]*", "")
        .str.replace(_AUTHORITY + "$", "/")
        .str.replace(_AUTHORITY + "/", "/")
    )
    # NOTE: scatter writes into the series it is called on.
    return paths.clone().scatter(odd.arg_true(), cleaned)


def _replace_segments(paths: pl.Series) -> pl.Series:
    candidates = paths.str.contains(_MAY_HOLD_IDENTIFIER).fill_null(False)
    if not candidates.any():
        return paths
    segments = pl.element().map_batches(name_segments, return_dtype=pl.String, is_elementwise=True)
    path = pl.col("path").str.replace_all(_UUID, "/{uuid}")
    replaced = (
        paths.filter(candidates)
        .to_frame("path")
        .select(path.str.split("/").list.eval(segments).list.join("/"))
        .to_series()
    )
    return paths.clone().scatter(candidates.arg_true(), replaced)


def add_route(records: pl.DataFrame, rules: Sequence[RouteRule] = ()) -> pl.DataFrame:
    """The records with `route` (Categorical, categories of its own) made from `path`.

    `path` may be String or Categorical. A route that a record has already stays: its gateway
    named it. Without `path` the routes that are not there are null, and so, if there is a
    column `method`, is that of a record that was no request: no method and no path.
    """
    if "route" not in records.columns:
        return records.with_columns(_classify_records(records, rules).alias("route"))
    named = records["route"]
    if not named.null_count():
        return records.with_columns(_ensure_encoded(named))
    if named.null_count() == len(named):
        return records.with_columns(_classify_records(records, rules).alias("route"))
    texts = named.cast(pl.String)
    routes = texts.zip_with(texts.is_not_null(), _classify_records(records, rules).cast(pl.String))
    return records.with_columns(encode_routes(routes))


def _ensure_encoded(routes: pl.Series) -> pl.Series:
    return routes if isinstance(routes.dtype, pl.Categorical) else encode_routes(routes)


def _classify_records(records: pl.DataFrame, rules: Sequence[RouteRule]) -> pl.Series:
    if "path" not in records.columns:
        return encode_routes(pl.Series([None], dtype=pl.String)).new_from_index(0, records.height)
    paths = _requested_paths(records)
    if not isinstance(paths.dtype, pl.Categorical):
        return classify_encoded(paths, rules)
    codes, texts = codes_and_texts(paths)
    return classify_encoded(texts, rules).gather(codes)


def _requested_paths(records: pl.DataFrame) -> pl.Series:
    """The paths, null where something other than a request came in, such as a TLS greeting."""
    paths = records["path"]
    if "method" not in records.columns or not records["method"].null_count():
        return paths
    rows = records["method"].is_null().arg_true()
    texts = paths.gather(rows).cast(pl.String)
    strange = rows.filter(~texts.str.starts_with("/").fill_null(value=True))
    # NOTE: scatter writes into the series it is called on.
    return paths.clone().scatter(strange, None) if len(strange) else paths
