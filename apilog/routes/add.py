"""The column `route` of records, made from their paths.

A path that is dictionary-encoded is classified once for each distinct value.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.routes.rules import Rule
from apilog.routes.templates import classify_encoded, dictionary, encode


def add_route(records: pl.DataFrame, rules: Sequence[Rule] = ()) -> pl.DataFrame:
    """The records with `route` (Categorical, categories of its own) made from `path`.

    `path` may be String or Categorical. A route that a record has already stays: its gateway
    named it. Without `path` the routes that are not there are null, and so, if there is a
    column `method`, is that of a record that was no request: no method and no path.
    """
    if "route" not in records.columns:
        return records.with_columns(_routes(records, rules).alias("route"))
    named = records["route"]
    if not named.null_count():
        return records.with_columns(_encoded(named))
    if named.null_count() == len(named):
        return records.with_columns(_routes(records, rules).alias("route"))
    texts = named.cast(pl.String)
    routes = texts.zip_with(texts.is_not_null(), _routes(records, rules).cast(pl.String))
    return records.with_columns(encode(routes))


def _encoded(routes: pl.Series) -> pl.Series:
    return routes if isinstance(routes.dtype, pl.Categorical) else encode(routes)


def _routes(records: pl.DataFrame, rules: Sequence[Rule]) -> pl.Series:
    if "path" not in records.columns:
        return encode(pl.Series([None], dtype=pl.String)).new_from_index(0, records.height)
    paths = _requested(records)
    if not isinstance(paths.dtype, pl.Categorical):
        return classify_encoded(paths, rules)
    codes, texts = dictionary(paths)
    return classify_encoded(texts, rules).gather(codes)


def _requested(records: pl.DataFrame) -> pl.Series:
    """The paths, null where something other than a request came in, such as a TLS greeting."""
    paths = records["path"]
    if "method" not in records.columns or not records["method"].null_count():
        return paths
    rows = records["method"].is_null().arg_true()
    texts = paths.gather(rows).cast(pl.String)
    strange = rows.filter(~texts.str.starts_with("/").fill_null(value=True))
    # NOTE: scatter writes into the series it is called on.
    return paths.clone().scatter(strange, None) if len(strange) else paths
