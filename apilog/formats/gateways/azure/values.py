"""What the logs of Azure's gateways have in common: times, URLs, categories, blanks.

Invariant: a value that Azure writes for nothing (empty, `-`, `N/A`, and the `None` of its
command line) is null.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats import convert
from apilog.formats.dictionary import encode, map_categories
from apilog.formats.gateways.gateway import Source, each, instants
from apilog.formats.request import target_path, target_query
from apilog.formats.times import times

SUFFIXES = ("_s", "_d", "_b", "_g", "_t")
"""Endings of the columns of the table AzureDiagnostics."""

HEADERS_AND_BODIES = frozenset(
    f"{side}{direction}{part}"
    for side in ("", "backend")
    for direction in ("request", "response")
    for part in ("headers", "body")
)

_NOTHING = ("", "-", "N/A", "None")
_HEAD = 200
_PORTAL = "%m/%d/%Y, %I:%M:%S%.f %p"
_HOST = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?([^/?#@]*)"


def given(values: pl.Series) -> pl.Series:
    """The texts, without those that stand for nothing."""
    nothing = values.is_in(_NOTHING)
    return values.set(nothing, None) if nothing.any() else values


def known(values: pl.Series) -> pl.Series:
    """The texts, encoded, without those that stand for nothing."""
    return map_categories(encode(values), given)


def named(*names: str) -> tuple[Source, ...]:
    """Sources of a text that few records have for themselves, one a name."""
    return each(known, *names)


def identifiers(*names: str) -> tuple[Source, ...]:
    """Sources of a text that every record has for itself, one a name."""
    return each(given, *names)


def seconds(*names: str) -> tuple[Source, ...]:
    """Sources of a duration that is logged in seconds."""
    return each(partial(convert.durations_ms, unit="s"), *names)


def log_analytics_times(values: pl.Series) -> pl.Series:
    """Times as tables have them: ISO, or `7/2/2024, 6:31:31.446 AM` as the portal exports them."""
    if not values.head(_HEAD).str.contains("/", literal=True).any():
        return times(values)
    local = values.str.strptime(pl.Datetime("us"), _PORTAL, strict=False)
    found = local.set(~local.dt.year().is_between(1900, 2260), None).dt.replace_time_zone("UTC")
    if found.null_count() == values.null_count():
        return found
    return found.fill_null(times(values.set(found.is_not_null(), None)))


TIMES = (*instants("time"), *each(log_analytics_times, "timegenerated"), *instants("timestamp"))


def url_path(values: pl.Series) -> pl.Series:
    """The path of URLs, absolute or not."""
    return map_categories(known(values), lambda s: target_path(_of_http(s)))


def url_query(values: pl.Series) -> pl.Series:
    """The query of URLs, the values of secrets masked."""
    return map_categories(known(values), target_query)


def url_host(values: pl.Series) -> pl.Series:
    """The host of absolute URLs, with its port unless that is 80 or 443."""
    return map_categories(
        known(values), lambda s: given(s.str.extract(_HOST).str.replace(r":(?:80|443)$", ""))
    )


def errors_but(nothing: str, values: pl.Series) -> pl.Series:
    """The gateway's names of failures, but for the one that says that there was none."""
    return map_categories(known(values), lambda s: s.set(s == nothing, None))


def in_category(name: str, values: pl.Series) -> pl.Series:
    """Whether the category of a record is this one (lower case); null where it has none."""
    return map_categories(known(values), lambda s: s.str.to_lowercase() == name)


_ACCESS = ("gatewaylogs", "applicationgatewayaccesslog", "frontdooraccesslog")
"""The categories of access logs."""


def of_other_category(values: pl.Series) -> pl.Series:
    """Whether the category of a record is none of an access log; null where it has none."""
    return map_categories(known(values), lambda s: ~s.str.to_lowercase().is_in(_ACCESS))


def _of_http(urls: pl.Series) -> pl.Series:
    if not urls.str.starts_with("ws").any():
        return urls
    return urls.str.replace(r"^ws(s?)://", "http${1}://")
