"""Records by the operations of specifications: their routes, and the operations' numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from apilog.routes.classify import RouteRule, add_route, without_extras
from apilog.routes.templates import NO_TEMPLATES, RouteTemplates
from apilog.schema import (
    DEPRECATED_OPERATION,
    GUESSED_ROUTE,
    ROUTE_NAMING_GATEWAYS,
    SPECIFIED_OPERATION,
)
from apilog.specifications import UNDOCUMENTED, OperationCatalogue
from apilog.specifications.catalogue import OperationGroup
from apilog.values.dictionary import (
    ColumnConverter,
    category_texts,
    encode_texts,
    from_codes,
    map_categories,
    map_texts,
)


def add_specified_route(
    records: pl.DataFrame,
    catalogue: OperationCatalogue,
    rules: Sequence[RouteRule] = (),
    learned: RouteTemplates = NO_TEMPLATES,
) -> pl.DataFrame:
    """Return what `add_route` gives, with `specify_records` of it."""
    groups = catalogue.groups
    if rules or "route" in records.columns or len(groups) != 1 or groups[0].of is not None:
        routed = add_route(records, rules, learned)
        return specify_records(routed, catalogue, [rule.text for rule in rules])
    # Nothing else can name a route of what is declared: only the rest is looked at for identifiers,
    # which costs more than finding the templates.
    group = groups[0]
    templates = map_texts(records["path"], _matcher(group))
    is_found = templates.is_not_null()
    rest = (~is_found).arg_true()
    left = records[rest].with_columns(pl.col("path").cast(pl.String))
    guessed = encode_texts(add_route(left, (), learned)["route"])
    codes = templates.cast(pl.UInt32).scatter(rest, guessed.to_physical() + len(group.routes))
    texts = pl.concat([group.routes, category_texts(guessed).alias("route")])
    is_guessed = pl.Series([True], dtype=pl.Boolean).new_from_index(0, records.height)
    routed = records.with_columns(
        from_codes(codes, texts).alias("route"),
        is_guessed.set(is_found, None).alias(GUESSED_ROUTE),
    )
    is_request = _is_request(records)
    numbers = group.operation_numbers(templates, records["method"])
    numbers = numbers.set(~is_found & is_request, UNDOCUMENTED)
    return _with_operations(routed, catalogue, numbers)


def specify_records(
    records: pl.DataFrame, catalogue: OperationCatalogue, kept_routes: Iterable[str] = ()
) -> pl.DataFrame:
    """Return the records with `SPECIFIED_OPERATION` and `DEPRECATED_OPERATION`, and with `route`
    and `operation` by them.

    They have the catalogue's `columns`. A route of `kept_routes` stays, and so does an operation
    that the log names. The number is null where no specification is about the record: one of
    another gateway, or of no request at all.
    """
    paths = records["path"]
    named = _named_routes(records)
    count = records.height
    numbers = pl.repeat(None, count, dtype=pl.Int32, eager=True)
    routes = pl.repeat(None, count, dtype=pl.String, eager=True)
    is_found = pl.repeat(value=False, n=count, dtype=pl.Boolean, eager=True)
    is_asked = pl.repeat(value=False, n=count, dtype=pl.Boolean, eager=True)
    for group in catalogue.groups:
        is_chosen = _chosen_rows(records, group.of)
        is_asked |= is_chosen
        templates = _match_templates(group, paths, named)
        is_new = is_chosen & templates.is_not_null() & ~is_found
        if is_new.any():
            found = group.operation_numbers(templates, records["method"])
            numbers = found.zip_with(is_new, numbers)
            routes = group.routes.gather(templates).zip_with(is_new, routes)
            is_found |= is_new
    is_request = _is_request(records)
    is_undocumented = is_asked & ~is_found & is_request
    numbers = numbers.set(is_undocumented, UNDOCUMENTED)
    return _with_operations(_with_routes(records, routes, kept_routes), catalogue, numbers)


def _is_request(records: pl.DataFrame) -> pl.Series:
    """Return whether a request came in: not where there is neither a method nor a path."""
    is_named = records["method"].is_not_null()
    if is_named.all():
        return is_named
    is_path = records["path"].cast(pl.String).str.starts_with("/").fill_null(value=False)
    return is_named | is_path


def _with_routes(
    records: pl.DataFrame, routes: pl.Series, kept_routes: Iterable[str]
) -> pl.DataFrame:
    """Return the records with these routes, where there is one and theirs is none of the kept."""
    given = records["route"].cast(pl.String)
    kept = pl.Series([*kept_routes], dtype=pl.String)
    if len(kept):
        routes = routes.set(given.is_in(kept.implode()).fill_null(value=False), None)
    is_declared = routes.is_not_null()
    merged = routes.zip_with(is_declared, given)
    records = records.with_columns(encode_texts(merged).alias("route"))
    if GUESSED_ROUTE in records.columns:
        # What is declared can't be made up by anyone who calls.
        records = records.with_columns(records[GUESSED_ROUTE].set(is_declared, None))
    return records


def _with_operations(
    records: pl.DataFrame, catalogue: OperationCatalogue, numbers: pl.Series
) -> pl.DataFrame:
    """Return the records with the numbers of their operations, and their names if wanted."""
    is_deprecated = catalogue.are_deprecated.gather(numbers.set(numbers < 0, None))
    deprecated = numbers.set(~is_deprecated.fill_null(value=False), None)
    records = records.with_columns(
        numbers.alias(SPECIFIED_OPERATION), deprecated.alias(DEPRECATED_OPERATION)
    )
    if "operation" not in records.columns:
        return records
    found = catalogue.names.gather(numbers.set(numbers < 0, None))
    logged = records["operation"].cast(pl.String)
    operations = logged.zip_with(logged.is_not_null(), found)
    return records.with_columns(encode_texts(operations).alias("operation"))


def _match_templates(group: OperationGroup, paths: pl.Series, named: pl.Series | None) -> pl.Series:
    """Return the template of each path, or of the route that the log names instead."""
    match = _matcher(group)
    templates = map_texts(paths, match)
    if named is None:
        return templates
    return templates.zip_with(templates.is_not_null(), map_categories(encode_texts(named), match))


def _matcher(group: OperationGroup) -> ColumnConverter:
    return lambda texts: group.automaton.match(without_extras(texts))


def _named_routes(records: pl.DataFrame) -> pl.Series | None:
    """Return the routes that the log itself names; None if it names none."""
    if GUESSED_ROUTE in records.columns:
        is_named = records[GUESSED_ROUTE].is_null()
    else:
        is_named = records["path"].is_null()
        if "gateway" in records.columns:
            is_named |= records["gateway"].cast(pl.String).is_in(ROUTE_NAMING_GATEWAYS)
    is_named = (is_named & records["route"].is_not_null()).fill_null(value=False)
    return records["route"].cast(pl.String).set(~is_named, None) if is_named.any() else None


def _chosen_rows(records: pl.DataFrame, of: str | None) -> pl.Series:
    """Return which records are of a gateway or of a host (without its port)."""
    if of is None:
        return pl.repeat(value=True, n=records.height, dtype=pl.Boolean, eager=True)
    hosts = encode_texts(records["host"])
    is_host = map_categories(
        hosts, lambda texts: texts.str.to_lowercase().str.replace(r":[0-9]+$", "") == of
    )
    is_gateway = records["gateway"].cast(pl.String) == of
    return is_gateway.fill_null(value=False) | is_host.fill_null(value=False)
