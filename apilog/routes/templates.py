"""Paths to routes: low-cardinality templates such as `/users/{id}`.

The route of a path never depends on the paths it is seen with, so that chunks can be
classified apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.routes.rules import Rule, match_rules
from apilog.routes.segments import UUID, name_segments

_EXTRAS = "[?;]"
_AUTHORITY = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*"
_LAST_INTEGER = r"/[0-9]+$"
_UUID = rf"/{UUID}(?-u:\b)"
_CANDIDATE = r"/[+-]?[0-9]|@|%40|[0-9][^/]{4}|[^/]{4}[0-9]|^[^/]"
"""Matches every path that may hold an identifier."""
_PROBED = 200


def classify(paths: pl.Series, rules: Sequence[Rule] = ()) -> pl.Series:
    """The route of each path, as String.

    The first rule that matches decides; else identifiers are replaced by their kind,
    segment by segment. A query string, a `;jsessionid=` and the `http://host` of an absolute
    target are left out. Slashes are kept as they stand; null, empty and `*` stay as they are.
    """
    return classify_encoded(paths, rules).cast(pl.String)


def classify_encoded(paths: pl.Series, rules: Sequence[Rule] = ()) -> pl.Series:
    """Like `classify`, as Categorical with categories of its own."""
    paths = paths.cast(pl.String)
    routes = _templates(paths)
    if not rules:
        return routes
    ruled = match_rules(_without_extras(paths), rules)
    return encode(ruled.zip_with(ruled.is_not_null(), routes.cast(pl.String)))


def dictionary(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Codes (UInt32, null for null) and the distinct texts they index."""
    encoded = texts if isinstance(texts.dtype, pl.Categorical) else encode(texts)
    codes = encoded.to_physical().cast(pl.UInt32)
    every_code = pl.int_range(_length(codes), dtype=pl.UInt32, eager=True)
    # Seven times faster than the series that the categories themselves give.
    return codes, every_code.cat.to(encoded.dtype).cast(pl.String)


def encode(texts: pl.Series) -> pl.Series:
    """The texts as Categorical, with categories of their own."""
    return texts.cast(pl.Categorical(pl.Categories.random())).alias("route")


def _templates(paths: pl.Series) -> pl.Series:
    # Most paths differ in an integer at the end or in a UUID: after one pass over the whole
    # text few distinct paths are left, and only those are taken apart.
    short = paths.str.replace_all(_LAST_INTEGER, "/{id}")
    if paths.head(_PROBED).str.contains(_UUID).any():
        short = short.str.replace_all(_UUID, "/{uuid}")
    codes, texts = dictionary(short)
    return encode(_replace_segments(_without_extras(texts))).gather(codes)


def _length(codes: pl.Series) -> int:
    highest = codes.max()
    return highest + 1 if isinstance(highest, int) else 0


def _without_extras(paths: pl.Series) -> pl.Series:
    odd = (paths.str.contains(_EXTRAS) | ~paths.str.starts_with("/")).fill_null(False)
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
    candidates = paths.str.contains(_CANDIDATE).fill_null(False)
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
