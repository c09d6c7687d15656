"""Routes of paths: low-cardinality templates such as `/users/{id}`, or the user's own rules.

Invariant: the route of a path never depends on the paths it is seen with, so that chunks can be
classified apart.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from apilog.errors import InputError, UsageError
from apilog.routes.plain_paths import PLAIN_PATH, route_plain_paths
from apilog.routes.segments import PARAMETERS, UUID, VERSION, name_segments
from apilog.routes.templates import NO_TEMPLATES, RouteTemplates
from apilog.schema import GUESSED_ROUTE
from apilog.values.dictionary import encode_texts, hardly_repeats, map_categories

_RULE_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)(\*?)\}")
_LEADING_METHOD = re.compile(r"^[A-Z]+ +/")
_COLON_PARAMETER = re.compile(r"/:([A-Za-z_][A-Za-z0-9_]*)")
_SYNTAX_HINT = "write {name} for one segment, and {name*} or * at the end for the rest"
_QUERY_OR_PARAMETER = "[?;]"
_AUTHORITY = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*"
# Neither at the start of the path nor after `api`, where an integer may be a version.
_LAST_INTEGER = r"([^iI/])/[0-9]+$"
_UUID = rf"/{UUID}(?-u:\b)"
# Matches every path that may hold an identifier.
_MAY_HOLD_IDENTIFIER = r"/[+-]?[0-9]|[@%(;]|::|[0-9][^/]{4}|[^/]{4}[0-9]|[A-Z]-[0-9]|^[^/]"
_MATRIX_PARAMETERS = r";[A-Za-z_][^/;=]*=[^/]*"
_PROBED_PATHS = 200
_VERSION_AT_START = rf"^/({VERSION}(?:/|$))"
_VERSION_AFTER_API = rf"(?i)((?:^|/)api/)({VERSION}(?:/|$))"
# Stands before a version while identifiers are replaced: no kind has this private character.
_KEPT = "\ue000"


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One route that the user declares: `/v1/users/{name}`, `/static/*`.

    It matches a whole path or nothing.
    """

    text: str
    """The rule as the route will be shown: as the user wrote it, without a method."""
    pattern: str
    """The anchored regular expression of the paths it stands for."""


def parse_rules(texts: Iterable[str]) -> tuple[RouteRule, ...]:
    """Return the rules, in order.

    Raises UsageError for one that cannot be understood.
    """
    return tuple(parse_rule(text) for text in texts)


def read_rules_file(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the templates in a file: one a line, without blank lines and those that begin with #.

    Raises InputError for a file that can't be read, and UsageError for a template that can't be
    understood, with its line.
    """
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        hint = "--routes is for a file with a template a line; --route takes a template"
        raise InputError(f"can't read the routes {os.fspath(path)}: {reason}", hint) from error
    templates = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            try:
                parse_rule(text)
            except UsageError as error:
                message = f"{os.fspath(path)}:{number}: {error}"
                raise UsageError(message, error.hint) from error
            templates.append(text)
    return tuple(templates)


def parse_rule(text: str) -> RouteRule:
    """Parse one rule: literal segments, `{name}` and `*` for one segment each.

    As the last segment `{name*}`, `*` or `**` stands for all that follows. A trailing slash makes
    no difference, nor does a method before the path.

    >>> parse_rule("/v1/users/{name}").pattern
    '^/v1/users/[^/]+/?$'

    Raises UsageError for a text that cannot be understood.
    """
    # A route has all methods of its path; tables of endpoints tell them apart by themselves.
    text = _LEADING_METHOD.sub("/", text)
    if not text.startswith("/"):
        raise _bad_rule(text, "it does not start with /", _SYNTAX_HINT)
    if "?" in text:
        raise _bad_rule(text, "it has a query string", "a rule is a path: leave out the ?")
    if parameter := _COLON_PARAMETER.search(text):
        name = parameter[1]
        raise _bad_rule(text, f"it has :{name}", f"write {{{name}}} for :{name}")
    *before, last = text.rstrip("/").split("/") if text.strip("/") else ["", ""]
    patterns = [_segment_pattern(segment, text) for segment in before]
    placeholder = _RULE_PLACEHOLDER.fullmatch(last)
    if last in {"*", "**"} or (placeholder and placeholder[2]):
        patterns.append("(?s:.*)")
    else:
        patterns.append(_segment_pattern(last, text))
    return RouteRule(text, f"^{'/'.join(patterns)}/?$")


def _segment_pattern(segment: str, rule: str) -> str:
    """Return the pattern of a segment of literals and placeholders."""
    if segment == "*":
        return "[^/]+"

    def literal(text: str) -> str:
        if brace := re.search(r"[{}]", text):
            raise _bad_rule(rule, f"the {brace[0]} belongs to no {{name}}", _SYNTAX_HINT)
        if "**" in text:
            raise _bad_rule(rule, "** is not a last segment of its own", _SYNTAX_HINT)
        return pl.escape_regex(text)

    pieces: list[str] = []
    end = 0
    for placeholder in _RULE_PLACEHOLDER.finditer(segment):
        if placeholder[2]:
            problem = f"{placeholder[0]} is not a last segment of its own"
            raise _bad_rule(rule, problem, _SYNTAX_HINT)
        pieces += [literal(segment[end : placeholder.start()]), "[^/]+"]
        end = placeholder.end()
    return "".join([*pieces, literal(segment[end:])])


def _bad_rule(rule: str, problem: str, hint: str) -> UsageError:
    return UsageError(f"route rule {rule!r}: {problem}", hint)


def add_route(
    records: pl.DataFrame,
    rules: Sequence[RouteRule] = (),
    templates: RouteTemplates = NO_TEMPLATES,
) -> pl.DataFrame:
    """Return the records with `route` (Categorical, categories of its own) made from `path`, and
    `GUESSED_ROUTE`.

    `path` may be String or Categorical; if it is encoded, each distinct path is classified once. A
    route that a record has already stays: its gateway named it. Without `path` the routes that are
    not there are null, and so, if there is a column `method`, is that of a record that was no
    request: no method and no path.
    """
    named = records["route"] if "route" in records.columns else None
    guessed = pl.lit(value=True)
    if named is not None:
        guessed = pl.when(pl.col("route").is_null()).then(guessed)
    records = records.with_columns(guessed.alias(GUESSED_ROUTE))
    if named is not None and not named.null_count():
        return records.with_columns(encode_texts(named))
    if "path" not in records.columns:
        routes = pl.Series([None], dtype=pl.String).new_from_index(0, records.height)
    else:
        paths = records["path"]
        if "method" in records.columns and records["method"].null_count():
            # No request came in where there is neither a method nor a path: a TLS greeting.
            rows = records["method"].is_null().arg_true()
            texts = paths.gather(rows).cast(pl.String)
            strange = rows.filter(~texts.str.starts_with("/").fill_null(value=True))
            # NOTE: scatter writes into the series it is called on.
            paths = paths.clone().scatter(strange, None) if len(strange) else paths
        if paths.dtype == pl.String and hardly_repeats(paths):
            routes = classify_paths(paths, rules, templates)
        else:
            routes = map_categories(
                encode_texts(paths), lambda texts: classify_paths(texts, rules, templates)
            )
    if named is not None and named.null_count() < len(named):
        texts = named.cast(pl.String)
        routes = texts.zip_with(texts.is_not_null(), routes.cast(pl.String))
    return records.with_columns(encode_texts(routes).alias("route"))


def classify_paths(
    paths: pl.Series,
    rules: Sequence[RouteRule] = (),
    templates: RouteTemplates = NO_TEMPLATES,
) -> pl.Series:
    """Return the route of each path, as Categorical with categories of its own.

    The first rule that matches decides; else identifiers are replaced by their kind, segment by
    segment, and values at positions that were learned. A query string, a `;jsessionid=` and the
    `http://host` of an absolute target are left out. Slashes are kept as they stand; null, empty
    and `*` stay as they are.
    """
    paths = paths.cast(pl.String)
    routes = templates.rename_column(encode_texts(_route_by_looks(paths)))
    if not rules:
        return routes
    path = pl.col("path")
    first = pl.coalesce(pl.when(path.str.contains(r.pattern)).then(pl.lit(r.text)) for r in rules)
    declared = without_extras(paths).to_frame("path").select(first).to_series()
    return encode_texts(declared.zip_with(declared.is_not_null(), routes.cast(pl.String)))


def _route_by_looks(paths: pl.Series) -> pl.Series:
    """Return the paths without extras, each identifier replaced by its kind."""
    is_plain = paths.str.contains(PLAIN_PATH).fill_null(value=False)
    if not is_plain.any():
        return route_odd_paths(paths)
    plain = paths if is_plain.all() else paths.filter(is_plain)
    routes = route_plain_paths(plain)
    if routes is None:
        return route_odd_paths(paths)
    if plain is paths:
        return routes
    odd = route_odd_paths(paths.filter(~is_plain))
    return pl.concat([routes, odd]).gather(_places_of(is_plain))


def _places_of(is_first: pl.Series) -> pl.Series:
    """Return where each row is once all those that are first stand before the others."""
    first, second = is_first.cum_sum() - 1, (~is_first).cum_sum() - 1
    return first.zip_with(is_first, second + int(is_first.sum()))


def route_odd_paths(paths: pl.Series) -> pl.Series:
    """Return the routes of any paths by expressions over whole ones, as texts."""
    # Most paths differ in an integer at the end or in a UUID: after one pass over the whole
    # text few distinct paths are left, and only those are taken apart.
    short = paths.str.replace(_LAST_INTEGER, "${1}/{id}")
    if paths.head(_PROBED_PATHS).str.contains(_UUID).any():
        short = short.str.replace_all(_UUID, "/{uuid}")
    return map_categories(
        encode_texts(short), lambda texts: _replace_identifiers(without_extras(texts))
    ).cast(pl.String)


def without_extras(paths: pl.Series) -> pl.Series:
    """Return the paths without query string, session and the host of an absolute target."""
    has_extras = (paths.str.contains(_QUERY_OR_PARAMETER) | ~paths.str.starts_with("/")).fill_null(
        value=False
    )
    if not has_extras.any():
        return paths
    cleaned = (
        paths.filter(has_extras)
        .str.replace(r"(?s)\?.*$", "")
        .str.replace_all(r"(?i);jsessionid=[^/;]*", "")
        .str.replace(_AUTHORITY + "$", "/")
        .str.replace(_AUTHORITY + "/", "/")
    )
    # NOTE: scatter writes into the series it is called on.
    return paths.clone().scatter(has_extras.arg_true(), cleaned)


def _replace_identifiers(paths: pl.Series) -> pl.Series:
    """Return the paths with each identifier replaced by its kind, segment by segment."""
    may_hold = paths.str.contains(_MAY_HOLD_IDENTIFIER).fill_null(value=False)
    if not may_hold.any():
        return paths
    segments = pl.element().map_batches(name_segments, return_dtype=pl.String, is_elementwise=True)
    # A number or date at the start or after `api` is a version, and `/404` is a page.
    path = (
        pl.col("path")
        .str.replace_all(_MATRIX_PARAMETERS, PARAMETERS)
        .str.replace_all(_UUID, "/{uuid}")
        .str.replace(_VERSION_AT_START, f"/{_KEPT}$1")
        .str.replace_all(_VERSION_AFTER_API, f"${{1}}{_KEPT}$2")
    )
    named = path.str.split("/").list.eval(segments).list.join("/")
    replaced = (
        paths.filter(may_hold)
        .to_frame("path")
        .select(named.str.replace_all(f"(?i)(^|/){_KEPT}({VERSION}(?:/|$))", "$1$2"))
        .to_series()
    )
    return paths.clone().scatter(may_hold.arg_true(), replaced)
