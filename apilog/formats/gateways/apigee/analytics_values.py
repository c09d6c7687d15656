"""The meaning of Apigee's values: statuses under swapped names, spans of time, unset words.

Invariant: `(not set)`, `NULL`, `null`, `-` and the empty text are null.
"""

from __future__ import annotations

import polars as pl

from apilog.formats.gateways.gateway import UnsetWords
from apilog.values import convert
from apilog.values.dictionary import ColumnConverter, map_categories
from apilog.values.integers import takes_integers
from apilog.values.requests import first_of_list, mask_query_strings, target_path, target_query
from apilog.values.times import parse_times

UNSET = UnsetWords(("", "-", "(not set)", "NULL", "null"))
TARGET_FAILED = "ErrorResponseCode"
"""The end of the fault that stands for an error answer of the target."""
# The flow in which MessageLogging runs: it names no operation.
_LOGGING_FLOW = "PostClientFlow"


@takes_integers
def positive_times(values: pl.Series) -> pl.Series:
    """Return times from text or from seconds, ms or µs since 1970; 0 stands for none."""
    moments = parse_times(values)
    return moments.set(moments.to_physical() <= 0, None)


@takes_integers
def elapsed_ms(start: pl.Series, end: pl.Series) -> pl.Series:
    """Return the milliseconds from one moment to another, null where that is negative."""
    elapsed_us = positive_times(end).to_physical() - positive_times(start).to_physical()
    return convert.scale_to_ms(elapsed_us.cast(pl.Float64), 1e-3)


@takes_integers
def target_duration_ms(durations: pl.Series, statuses: pl.Series | None) -> pl.Series:
    """Return the milliseconds in the target; a 0 of a target that gave no status is null."""
    ms = convert.durations_to_ms(durations, unit="ms")
    if statuses is None:
        return ms
    return ms.set((ms == 0) & convert.to_statuses(statuses).is_null(), None)


def client_status(sent: pl.Series, message: pl.Series | None, fault: pl.Series | None) -> pl.Series:
    """Return what the client got, from `proxyResponseCode` and `targetResponseCode`.

    Google's template fills the first with the response's status, empty if there was none, and
    the second with the message's, which is the error's in an error flow: there the two names
    are swapped.
    """
    if message is None:
        return convert.to_statuses(sent)
    codes = _status_codes(sent, message, fault)
    return codes.select(pl.when("is_swapped").then("message").otherwise("sent")).to_series()


def target_status(
    message: pl.Series, sent: pl.Series, received: pl.Series | None, fault: pl.Series | None
) -> pl.Series:
    """Return what the target answered, from the same two values as `client_status`.

    Null without a time at which its response was received, and where a fault that is not the
    target's has left only its own status.
    """
    by_target = (
        pl.when(pl.col("is_swapped") & pl.col("sent").is_not_null())
        .then("sent")
        .when(~pl.col("failed") | pl.col("by_target") | (pl.col("message") < 400))
        .then("message")
    )
    statuses = _status_codes(sent, message, fault).select(by_target).to_series()
    return status_if_received(statuses, received)


def status_if_received(statuses: pl.Series, received: pl.Series | None) -> pl.Series:
    """Return the statuses, null where no response of the target was received."""
    codes = convert.to_statuses(statuses)
    return codes if received is None else codes.set(positive_times(received).is_null(), None)


def _status_codes(sent: pl.Series, message: pl.Series, fault: pl.Series | None) -> pl.DataFrame:
    """Return both statuses and whether the request failed, by the target, with swapped names."""
    no_fault = pl.Series([None], dtype=pl.String).new_from_index(0, len(sent))
    faults = UNSET.encode(no_fault if fault is None else fault)
    by_target = map_categories(faults, lambda s: s.str.ends_with(TARGET_FAILED))
    is_swapped = (pl.col("sent").fill_null(0) < 400) & (pl.col("message") >= 400) & pl.col("failed")
    return pl.DataFrame(
        {
            "sent": convert.to_statuses(sent),
            "message": convert.to_statuses(message),
            "failed": faults.is_not_null(),
            "by_target": by_target.fill_null(value=False),
        }
    ).with_columns(is_swapped=is_swapped)


def consumer_names(
    app: pl.Series, product: pl.Series | None, client: pl.Series | None
) -> pl.Series:
    """Return developer apps, or the client id where the app has the name of the product.

    Google's template writes the product's name in place of the app's.
    """
    apps = UNSET.encode(app)
    if product is None:
        return apps
    frame = pl.DataFrame(
        {"app": apps.cast(pl.String), "product": UNSET.encode(product).cast(pl.String)}
    )
    clients = pl.lit(None, pl.String) if client is None else UNSET.encode(client).cast(pl.String)
    is_product = pl.col("app") == pl.col("product")
    return frame.select(pl.when(is_product).then(clients).otherwise("app")).to_series()


def name_where_true(name: str, values: pl.Series) -> pl.Series:
    """Return the name where the value is 1 or true."""
    is_true = pl.col("flag").str.to_lowercase().is_in(["1", "true"])
    return UNSET.map_set(
        values,
        lambda flags: (
            flags.to_frame("flag").select(pl.when(is_true).then(pl.lit(name))).to_series()
        ),
    )


def cache_status(hit: pl.Series, executed: pl.Series | None) -> pl.Series:
    """Return HIT, or MISS where the log says so or a cache was asked at all."""
    hits = UNSET.map_set(hit, lambda s: s.str.to_lowercase().replace("true", "1"))
    is_asked = pl.lit(value=False) if executed is None else convert.to_integers(executed) > 0
    is_miss = (pl.col("hit") == "false") | ((pl.col("hit") == "0") & is_asked)
    return (
        hits.cast(pl.String)
        .to_frame("hit")
        .select(
            pl.when(pl.col("hit") == "1").then(pl.lit("HIT")).when(is_miss).then(pl.lit("MISS"))
        )
        .to_series()
    )


def url_paths(values: pl.Series) -> pl.Series:
    """Return the path of targets and of URLs."""
    return UNSET.map_set(values, target_path)


def url_queries(values: pl.Series) -> pl.Series:
    """Return the query of targets and of URLs, the values of secrets masked."""
    return UNSET.map_set(values, target_query)


def query_strings(values: pl.Series) -> pl.Series:
    """Return queries that were logged on their own, the values of secrets masked."""
    return UNSET.map_set(values, mask_query_strings)


def join_paths(base: pl.Series, suffix: pl.Series) -> pl.Series:
    """Return a proxy's base path with what follows it."""
    start = UNSET.to_null(base).str.strip_suffix("/")
    return url_paths(start + UNSET.to_null(suffix).fill_null("")).alias("path")


def fit_suffix(values: pl.Series, key: str) -> tuple[ColumnConverter, str]:
    """Return how a path is read of which the lines have the end alone."""
    return url_paths, (
        f"`path` is read from `{key}`, which begins behind the proxy's base path: requests of "
        "several proxies may look alike; log `proxy.basepath` too"
    )


def first_addresses(values: pl.Series) -> pl.Series:
    """Return the first of a list of addresses."""
    if not values.str.contains(",", literal=True).any():
        return UNSET.to_null(values)
    return UNSET.to_null(first_of_list(values))


def protocol_names(values: pl.Series) -> pl.Series:
    """Return protocols, also from a version alone."""
    return UNSET.map_set(values, lambda s: s.str.replace(r"^([0-9](?:\.[0-9])?)$", "HTTP/$1"))


def trace_ids(values: pl.Series) -> pl.Series:
    """Return trace ids, also from W3C's and Google's headers."""
    return UNSET.to_null(values.str.replace(r"^(?:00-)?([0-9a-f]{32})[-/].*$", "$1"))


def flow_names(values: pl.Series) -> pl.Series:
    """Return the names of flows, without the one that only logs."""
    return UNSET.map_set(values, lambda s: s.set(s == _LOGGING_FLOW, None))


def is_analytics(values: pl.Series) -> pl.Series:
    """Return whether records are of requests, by their type; null where they have none."""
    return UNSET.map_set(values, lambda s: s == "APIAnalytics")


def never_a_record(values: pl.Series) -> pl.Series:
    """Return false for every record, as a record with this value is a total of many requests."""
    return values.is_null() & values.is_not_null()
