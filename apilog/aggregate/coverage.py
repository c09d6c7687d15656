"""Calls held against specifications: what is used, unused, undocumented and deprecated.

The tables are made of groups by method, route and the number of the operation, which sums and sets
give like those of any other table.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.aggregate.table_specs import TableSpec
from apilog.schema import DEPRECATED_OPERATION, SPECIFIED_OPERATION
from apilog.specifications import IMPLIED, UNDOCUMENTED, OperationCatalogue

USED, UNUSED, NO_SPECIFICATION, NOT_FOUND_STATE = "used", "unused", "undocumented", "not_found"
STATES = (USED, UNUSED, NO_SPECIFICATION, NOT_FOUND_STATE)
"""Every value of the column `state`. What is in no specification and was only answered 404 is
`not_found`: nothing is there, and mostly scanners ask for it."""

_SEPARATOR = ", "
_COUNTS = ("requests", "errors")


def describe_coverage(
    spec: TableSpec,
    catalogue: OperationCatalogue,
    cells: pl.DataFrame,
    statuses: pl.DataFrame,
    top: int | None,
    others: str,
) -> pl.DataFrame:
    """Return the table `coverage`: a row for each operation that is declared or called.

    `cells` has the keys and metrics of the table, `statuses` the requests by its keys and status;
    a row of the rest has the key `others`.
    """
    keys = list(spec.keys)
    number = pl.col(SPECIFIED_OPERATION)
    is_rest = (pl.col("route") == others) & number.is_null()
    told = cells.filter(number.is_not_null() | is_rest.fill_null(value=False))
    by_keys = statuses.filter(pl.col("status").is_not_null())
    counted = by_keys.group_by(keys).agg(
        not_found=pl.col("requests").filter(pl.col("status") == 404).sum()
    )
    rows = told.join(counted, on=keys, how="left", nulls_equal=True, maintain_order="left").join(
        _undeclared_statuses(keys, catalogue, by_keys),
        on=keys,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    is_unfound = pl.col("not_found") == pl.col("requests")
    undocumented = pl.when(is_unfound).then(pl.lit(NOT_FOUND_STATE))
    state = (
        pl.when(number == UNDOCUMENTED)
        .then(undocumented.otherwise(pl.lit(NO_SPECIFICATION)))
        .when(number.is_not_null())
        .then(pl.lit(USED))
    )
    seen = pl.concat(
        [rows.with_columns(state=state), _unused_rows(catalogue, rows)], how="diagonal"
    )
    ordered = seen.sort(
        "requests", *keys, descending=[True, *(False for _ in keys)], nulls_last=True
    )
    return _keep_first(_with_names(ordered, catalogue), keys, top, others).select(
        *("method", "route", "operation", "tags", "state", "deprecated", "sunset"),
        *(key for key in keys if key not in ("method", "route", SPECIFIED_OPERATION)),
        *spec.metrics,
        "undeclared_statuses",
    )


def describe_deprecated(catalogue: OperationCatalogue, cells: pl.DataFrame) -> pl.DataFrame:
    """Return the table `deprecated`: who calls each deprecated operation."""
    named = cells.rename({DEPRECATED_OPERATION: SPECIFIED_OPERATION})
    operations = catalogue.operations
    rows = _with_names(named, catalogue).with_columns(
        _gather([o.method for o in operations], named).alias("method"),
        _gather([o.routes[0].text for o in operations], named).alias("route"),
    )
    return rows.select("method", "route", "operation", "sunset", "consumer", *_COUNTS, "last_seen")


def _undeclared_statuses(
    keys: Sequence[str], catalogue: OperationCatalogue, statuses: pl.DataFrame
) -> pl.DataFrame:
    """Return the statuses that operations have and don't declare, as one text for the keys."""
    undeclared = catalogue.is_undeclared(statuses[SPECIFIED_OPERATION], statuses["status"])
    rows = statuses.filter(undeclared).sort("status")
    text = pl.col("status").unique(maintain_order=True).cast(pl.String).str.join(_SEPARATOR)
    return rows.group_by(keys).agg(text.alias("undeclared_statuses"))


def _unused_rows(catalogue: OperationCatalogue, seen: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each operation that nobody called."""
    numbers = set(seen[SPECIFIED_OPERATION].to_list())
    unused = [
        (operation.method, operation.routes[0].text, number)
        for number, operation in enumerate(catalogue.operations)
        if number not in numbers and number in catalogue.reachable
    ]
    schema = {"method": pl.String, "route": pl.String, SPECIFIED_OPERATION: pl.Int32}
    frame = pl.DataFrame(unused, schema=schema, orient="row")
    zeros = (pl.lit(0, seen.schema[name]).alias(name) for name in _COUNTS if name in seen.columns)
    return frame.with_columns(*zeros, state=pl.lit(UNUSED))


def _with_names(rows: pl.DataFrame, catalogue: OperationCatalogue) -> pl.DataFrame:
    """Return the rows with what the specifications say of their operations."""
    operations = catalogue.operations
    tags = [_SEPARATOR.join(o.tags) or None for o in operations]
    return rows.with_columns(
        _gather([o.name for o in operations], rows).alias("operation"),
        _gather(tags, rows).alias("tags"),
        _gather([o.sunset for o in operations], rows).alias("sunset"),
        pl.Series([o.is_deprecated for o in operations], dtype=pl.Boolean)
        .gather(_known_numbers(rows))
        .alias("deprecated"),
    )


def _gather(texts: Sequence[str | None], rows: pl.DataFrame) -> pl.Series:
    return pl.Series(texts, dtype=pl.String).gather(_known_numbers(rows))


def _known_numbers(rows: pl.DataFrame) -> pl.Series:
    numbers = rows[SPECIFIED_OPERATION]
    return numbers.set((numbers < 0) | (numbers == IMPLIED), None)


def _keep_first(
    rows: pl.DataFrame, keys: Sequence[str], top: int | None, others: str
) -> pl.DataFrame:
    """Return so many rows, and one that sums up the rest."""
    is_rest = (rows["route"] == others).fill_null(value=False) & rows["state"].is_null()
    regular = rows.filter(~is_rest)
    most = regular.height if top is None else top
    left = pl.concat([regular.slice(most), rows.filter(is_rest)])
    if not left.height:
        return regular
    texts = (pl.lit(others).alias(k) for k in keys if rows.schema[k] == pl.String)
    sums = (pl.col(name).sum() for name in _COUNTS)
    rest = left.select(*texts, *sums, pl.col("last_seen").max())
    return pl.concat([regular.head(most), rest], how="diagonal")
