"""Routes of plain paths by their looks: each path is split once, each segment named by itself.

Most paths are plain: they begin with a slash and have no query string and no parameters. Segments
that nothing but a look at them tells (integers, UUIDs, hex) are named in the column, so that few
distinct ones are left for the kinds.

Invariant: the route of a plain path is what `apilog.routes.classify` makes of it in its other way.
"""

from __future__ import annotations

import polars as pl

from apilog.routes.segments import HEX_TOKEN, UUID, VERSION, name_segments
from apilog.values.dictionary import category_texts, encode_texts

PLAIN_PATH = r"^/[^?;]*$"
_UUID_AT_START = rf"^{UUID}(?-u:\b)"
_UUID_CHARACTERS = 36
_SHORTEST_TOKEN = 16
_VERSION = f"^{VERSION}$"
_VERSION_IN_ANY_CASE = f"(?i)^{VERSION}$"


def route_plain_paths(paths: pl.Series) -> pl.Series | None:
    """Return the routes of paths that all match `PLAIN_PATH`, as texts.

    None where a version stands between two segments `api`: which of these counts is told by the
    expressions of the other way.
    """
    lists = paths.rechunk().str.split("/")
    lengths = lists.list.len()
    segments = lists.explode()
    encoded = encode_texts(_shorten(segments))
    codes, texts = encoded.to_physical(), category_texts(encoded)
    names = name_segments(texts)
    named = names.gather(codes)
    # A number or date at the start or after `api` is a version, and `/404` is a page.
    may_be_version = (names != texts) | texts.is_in(["{id}"])
    behind_start = lengths.cum_sum() - lengths + 1
    named = _keep_versions(
        named,
        segments,
        behind_start.filter(may_be_version.gather(codes.gather(behind_start))),
        _VERSION,
    )
    is_api = texts.str.to_lowercase() == "api"
    if is_api.any():
        apis = is_api.gather(codes).arg_true()
        between = apis.filter(apis.diff(null_behavior="ignore").shift(-1) == 2) + 1
        if segments.gather(between).str.contains(_VERSION_IN_ANY_CASE).any():
            return None
        behind_api = (apis + 1).filter(apis + 1 < len(segments))
        behind_api = behind_api.filter(may_be_version.gather(codes.gather(behind_api)))
        named = _keep_versions(named, segments, behind_api, _VERSION_IN_ANY_CASE)
    put_back = pl.element().map_batches(
        lambda _: named, return_dtype=pl.String, is_elementwise=True
    )
    joined = pl.col("path").list.eval(put_back).list.join("/")
    return lists.to_frame("path").select_seq(joined).to_series()


def _shorten(segments: pl.Series) -> pl.Series:
    """Return the segments with those replaced that a look at each tells, so that few differ."""
    is_integer = segments.cast(pl.Int64, strict=False).is_not_null()
    short = segments.set(is_integer, "{id}")
    long = (short.str.len_bytes() >= _SHORTEST_TOKEN).arg_true()
    if not len(long):
        return short
    texts = short.gather(long)
    is_hex = texts.str.contains(HEX_TOKEN.shape) & texts.str.contains(HEX_TOKEN.mixture)
    short = short.scatter(long.filter(is_hex), "{token}")
    has_uuid = texts.str.contains(_UUID_AT_START)
    if has_uuid.any():
        rests = texts.filter(has_uuid).str.slice(_UUID_CHARACTERS)
        short = short.scatter(long.filter(has_uuid), "{uuid}" + rests)
    return short


def _keep_versions(
    named: pl.Series, segments: pl.Series, places: pl.Series, version: str
) -> pl.Series:
    """Return named segments, at these places as they were where they are a version."""
    if not len(places):
        return named
    raw = segments.gather(places)
    is_version = raw.str.contains(version)
    return named.scatter(places.filter(is_version), raw.filter(is_version))
