"""Records by the operations of specifications: their routes, and the operations' numbers."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from apilog.routes.classify import without_extras
from apilog.schema import (
    DEPRECATED_OPERATION,
    GUESSED_ROUTE,
    ROUTE_NAMING_GATEWAYS,
    SPECIFIED_OPERATION,
)
from apilog.specifications import UNDOCUMENTED, OperationCatalogue
from apilog.specifications.catalogue import OperationGroup
from apilog.values.dictionary import encode_texts, map_categories


def specify_records(
    records: pl.DataFrame, catalogue: OperationCatalogue, kept_routes: Iterable[str] = ()
) -> pl.DataFrame:
    """Return the records with `SPECIFIED_OPERATION` and `DEPRECATED_OPERATION`, and with `route`
    and `operation` by them.

    They have the catalogue's `columns`. A route of `kept_routes` stays, and so does an operation
    that the log names. The number is null where no specification is about the record: one of
    another gateway, or of no request at all.
    """
    paths = encode_texts(records["path"])
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
    is_request = records["method"].is_not_null() | records["path"].is_not_null()
    is_undocumented = is_asked & ~is_found & is_request
    numbers = numbers.set(is_undocumented, UNDOCUMENTED).alias(SPECIFIED_OPERATION)
    is_deprecated = catalogue.are_deprecated.gather(numbers.set(numbers < 0, None))
    deprecated = numbers.set(~is_deprecated.fill_null(value=False), None)
    specified = records.with_columns(numbers, deprecated.alias(DEPRECATED_OPERATION))
    return _fill_names(specified, catalogue, routes, kept_routes)


def _fill_names(
    records: pl.DataFrame,
    catalogue: OperationCatalogue,
    routes: pl.Series,
    kept_routes: Iterable[str],
) -> pl.DataFrame:
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
    if "operation" not in records.columns:
        return records
    numbers = records[SPECIFIED_OPERATION]
    found = catalogue.names.gather(numbers.set(numbers < 0, None))
    logged = records["operation"].cast(pl.String)
    operations = logged.zip_with(logged.is_not_null(), found)
    return records.with_columns(encode_texts(operations).alias("operation"))


def _match_templates(group: OperationGroup, paths: pl.Series, named: pl.Series | None) -> pl.Series:
    """Return the template of each path, or of the route that the log names instead."""

    def match(texts: pl.Series) -> pl.Series:
        return group.automaton.match(without_extras(texts))

    templates = map_categories(paths, match)
    if named is None:
        return templates
    return templates.zip_with(templates.is_not_null(), map_categories(encode_texts(named), match))


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
