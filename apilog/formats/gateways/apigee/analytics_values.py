"""What Apigee's values mean: its words for nothing, statuses in two places, spans of time.

Invariant: `(not set)`, `NULL`, `null`, `-` and the empty text are null.
"""

from __future__ import annotations

import polars as pl

from apilog.formats.gateways.gateway import ColumnSource, first_of
from apilog.values import convert
from apilog.values.dictionary import encode_texts, map_categories
from apilog.values.requests import target_path, target_query
from apilog.values.times import parse_times

_UNSET = ("", "-", "(not set)", "NULL", "null")
_TARGET_FAILED = "ErrorResponseCode"
"""The end of the fault that stands for an error answer of the target."""
_AFTER_THE_REQUEST = "PostClientFlow"
"""The flow that logs, which is no name of an operation."""


def unset_to_null(values: pl.Series) -> pl.Series:
    """The texts, without those that stand for nothing."""
    nothing = values.is_in(_UNSET)
    return values.set(nothing, None) if nothing.any() else values


def encode_known(values: pl.Series) -> pl.Series:
    """The texts, encoded, without those that stand for nothing."""
    return map_categories(encode_texts(values), unset_to_null)


def first_known(*names: str) -> tuple[ColumnSource, ...]:
    """Sources of a text that few records have for themselves, one a name."""
    return first_of(encode_known, *names)


def positive_times(values: pl.Series) -> pl.Series:
    """Times as text or since 1970 in seconds, ms or µs; 0 stands for none."""
    found = parse_times(values)
    return found.set(found.to_physical() <= 0, None)


def elapsed_ms(start: pl.Series, end: pl.Series) -> pl.Series:
    """Milliseconds from one moment to another; null where that is negative."""
    passed = positive_times(end).to_physical() - positive_times(start).to_physical()
    return convert.scale_to_ms(passed.cast(pl.Float64), 1e-3)


def target_duration_ms(taken: pl.Series, status: pl.Series | None) -> pl.Series:
    """Milliseconds in the target; a 0 of a target that gave no status is null."""
    found = convert.durations_to_ms(taken, unit="ms")
    if status is None:
        return found
    return found.set((found == 0) & convert.to_statuses(status).is_null(), None)


def client_status(sent: pl.Series, message: pl.Series | None, fault: pl.Series | None) -> pl.Series:
    """What the client got, of `proxyResponseCode` and `targetResponseCode`.

    Google's template fills them with the response's status, empty if there was none, and
    with the message's, which is the error's in an error flow: so the names are swapped there.
    """
    if message is None:
        return convert.to_statuses(sent)
    codes = _status_codes(sent, message, fault)
    return codes.select(pl.when("is_swapped").then("message").otherwise("sent")).to_series()


def target_status(
    message: pl.Series, sent: pl.Series, received: pl.Series | None, fault: pl.Series | None
) -> pl.Series:
    """What the target answered, of the same two; see `client_status`.

    Null without a time at which its response was received, and where a fault that is not
    the target's has left nothing but its own status.
    """
    codes = _status_codes(sent, message, fault)
    of_target = (
        pl.when(pl.col("is_swapped") & pl.col("sent").is_not_null())
        .then("sent")
        .when(~pl.col("failed") | pl.col("by_target") | (pl.col("message") < 400))
        .then("message")
    )
    return _null_unless_received(codes.select(of_target).to_series(), received)


def status_if_received(status: pl.Series, received: pl.Series | None) -> pl.Series:
    """Statuses, null where no response of the target was received."""
    return _null_unless_received(convert.to_statuses(status), received)


def _null_unless_received(statuses: pl.Series, received: pl.Series | None) -> pl.Series:
    return statuses if received is None else statuses.set(positive_times(received).is_null(), None)


def _status_codes(sent: pl.Series, message: pl.Series, fault: pl.Series | None) -> pl.DataFrame:
    """Both statuses, whether something failed, and the target, and whether they are swapped."""
    faults = encode_known(
        pl.repeat(None, len(sent), dtype=pl.String, eager=True) if fault is None else fault
    )
    frame = pl.DataFrame(
        {
            "sent": convert.to_statuses(sent),
            "message": convert.to_statuses(message),
            "failed": faults.is_not_null(),
            "by_target": map_categories(faults, lambda s: s.str.ends_with(_TARGET_FAILED)),
        }
    ).with_columns(pl.col("by_target").fill_null(value=False))
    is_other = pl.col("sent").fill_null(0) < 400
    return frame.with_columns(is_swapped=is_other & (pl.col("message") >= 400) & pl.col("failed"))


def consumer_names(
    app: pl.Series, product: pl.Series | None, client: pl.Series | None
) -> pl.Series:
    """Developer apps; where the name is the product's, the client id.

    Google's template writes the product's name there.
    """
    apps = encode_known(app)
    if product is None:
        return apps
    frame = pl.DataFrame(
        {"app": apps.cast(pl.String), "product": encode_known(product).cast(pl.String)}
    )
    clients = pl.lit(None, pl.String) if client is None else encode_known(client).cast(pl.String)
    of_product = pl.col("app") == pl.col("product")
    return frame.select(pl.when(of_product).then(clients).otherwise("app")).to_series()


def name_where_true(name: str, values: pl.Series) -> pl.Series:
    """The name where the value is 1 or true."""
    return map_categories(
        encode_known(values), lambda s: _name_where(s.str.to_lowercase().is_in(["1", "true"]), name)
    )


def cache_status(hit: pl.Series, executed: pl.Series | None) -> pl.Series:
    """HIT, or MISS where that is said or a cache was asked at all."""
    hits = map_categories(encode_known(hit), lambda s: s.str.to_lowercase().replace("true", "1"))
    frame = pl.DataFrame({"hit": hits.cast(pl.String)})
    asked = pl.lit(value=False) if executed is None else convert.to_integers(executed) > 0
    missed = (pl.col("hit") == "false") | ((pl.col("hit") == "0") & asked)
    return frame.select(
        pl.when(pl.col("hit") == "1").then(pl.lit("HIT")).when(missed).then(pl.lit("MISS"))
    ).to_series()


def url_paths(values: pl.Series) -> pl.Series:
    """The path of targets and of URLs."""
    return map_categories(encode_known(values), target_path)


def url_queries(values: pl.Series) -> pl.Series:
    """The query of targets and of URLs, the values of secrets masked."""
    return map_categories(encode_known(values), target_query)


def query_strings(values: pl.Series) -> pl.Series:
    """Queries that were logged on their own."""
    return map_categories(
        encode_known(values), lambda s: target_query("?" + s.str.strip_prefix("?"))
    )


def join_paths(base: pl.Series, suffix: pl.Series) -> pl.Series:
    """A proxy's base path and what follows it."""
    start = unset_to_null(base).str.strip_suffix("/")
    return url_paths(start + unset_to_null(suffix).fill_null("")).alias("path")


def first_addresses(values: pl.Series) -> pl.Series:
    """The first of a list of addresses."""
    if not values.str.contains(",", literal=True).any():
        return unset_to_null(values)
    return unset_to_null(values.str.splitn(",", 2).struct.field("field_0").str.strip_chars())


def protocol_names(values: pl.Series) -> pl.Series:
    """Protocols, also of a version alone."""
    return map_categories(
        encode_known(values), lambda s: s.str.replace(r"^([0-9](?:\.[0-9])?)$", "HTTP/$1")
    )


def trace_ids(values: pl.Series) -> pl.Series:
    """Trace ids, also out of W3C's and Google's headers."""
    return unset_to_null(values.str.replace(r"^(?:00-)?([0-9a-f]{32})[-/].*$", "$1"))


def flow_names(values: pl.Series) -> pl.Series:
    """Names of flows."""
    return map_categories(encode_known(values), lambda s: s.set(s == _AFTER_THE_REQUEST, None))


def is_analytics(values: pl.Series) -> pl.Series:
    """Whether records are of requests, by their type; null where they have none."""
    return map_categories(encode_known(values), lambda s: s == "APIAnalytics")


def never_a_record(values: pl.Series) -> pl.Series:
    """That no record is a request's, where there is a value."""
    return values.is_null() & values.is_not_null()


def _name_where(chosen: pl.Series, name: str) -> pl.Series:
    return pl.DataFrame({"chosen": chosen}).select(pl.when("chosen").then(pl.lit(name))).to_series()
