"""What Apigee's values mean: its words for nothing, statuses in two places, spans of time.

Invariant: `(not set)`, `NULL`, `null`, `-` and the empty text are null.
"""

from __future__ import annotations

import polars as pl

from apilog.formats import convert
from apilog.formats.dictionary import encode, map_categories
from apilog.formats.gateways.gateway import Source, each
from apilog.formats.request import target_path, target_query
from apilog.formats.times import times

_NOTHING = ("", "-", "(not set)", "NULL", "null")
_TARGET_FAILED = "ErrorResponseCode"
"""The end of the fault that stands for an error answer of the target."""
_AFTER_THE_REQUEST = "PostClientFlow"
"""The flow that logs, which is no name of an operation."""


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


def moments(values: pl.Series) -> pl.Series:
    """Times as text or since 1970 in seconds, ms or µs; 0 stands for none."""
    found = times(values)
    return found.set(found.to_physical() <= 0, None)


def span_ms(start: pl.Series, end: pl.Series) -> pl.Series:
    """Milliseconds from one moment to another; null where that is negative."""
    passed = moments(end).to_physical() - moments(start).to_physical()
    return convert.milliseconds(passed.cast(pl.Float64), 1e-3)


def target_ms(taken: pl.Series, status: pl.Series | None) -> pl.Series:
    """Milliseconds in the target; a 0 of a target that gave no status is null."""
    found = convert.durations_ms(taken, unit="ms")
    if status is None:
        return found
    return found.set((found == 0) & convert.statuses(status).is_null(), None)


def client_status(sent: pl.Series, message: pl.Series | None, fault: pl.Series | None) -> pl.Series:
    """What the client got, of `proxyResponseCode` and `targetResponseCode`.

    Google's template fills them with the response's status, empty if there was none, and
    with the message's, which is the error's in an error flow: so the names are swapped there.
    """
    if message is None:
        return convert.statuses(sent)
    codes = _codes(sent, message, fault)
    return codes.select(pl.when("is_swapped").then("message").otherwise("sent")).to_series()


def target_status(
    message: pl.Series, sent: pl.Series, received: pl.Series | None, fault: pl.Series | None
) -> pl.Series:
    """What the target answered, of the same two; see `client_status`.

    Null without a time at which its response was received, and where a fault that is not
    the target's has left nothing but its own status.
    """
    codes = _codes(sent, message, fault)
    of_target = (
        pl.when(pl.col("is_swapped") & pl.col("sent").is_not_null())
        .then("sent")
        .when(~pl.col("failed") | pl.col("by_target") | (pl.col("message") < 400))
        .then("message")
    )
    return _if_received(codes.select(of_target).to_series(), received)


def status_if_received(status: pl.Series, received: pl.Series | None) -> pl.Series:
    """Statuses, null where no response of the target was received."""
    return _if_received(convert.statuses(status), received)


def _if_received(statuses: pl.Series, received: pl.Series | None) -> pl.Series:
    return statuses if received is None else statuses.set(moments(received).is_null(), None)


def _codes(sent: pl.Series, message: pl.Series, fault: pl.Series | None) -> pl.DataFrame:
    """Both statuses, whether something failed, and the target, and whether they are swapped."""
    faults = known(
        pl.repeat(None, len(sent), dtype=pl.String, eager=True) if fault is None else fault
    )
    frame = pl.DataFrame(
        {
            "sent": convert.statuses(sent),
            "message": convert.statuses(message),
            "failed": faults.is_not_null(),
            "by_target": map_categories(faults, lambda s: s.str.ends_with(_TARGET_FAILED)),
        }
    ).with_columns(pl.col("by_target").fill_null(value=False))
    is_other = pl.col("sent").fill_null(0) < 400
    return frame.with_columns(is_swapped=is_other & (pl.col("message") >= 400) & pl.col("failed"))


def consumer(app: pl.Series, product: pl.Series | None, client: pl.Series | None) -> pl.Series:
    """Developer apps; where the name is the product's, the client id.

    Google's template writes the product's name there.
    """
    apps = known(app)
    if product is None:
        return apps
    frame = pl.DataFrame({"app": apps.cast(pl.String), "product": known(product).cast(pl.String)})
    clients = pl.lit(None, pl.String) if client is None else known(client).cast(pl.String)
    of_product = pl.col("app") == pl.col("product")
    return frame.select(pl.when(of_product).then(clients).otherwise("app")).to_series()


def flag(name: str, values: pl.Series) -> pl.Series:
    """The name where the value is 1 or true."""
    return map_categories(
        known(values), lambda s: _word(s.str.to_lowercase().is_in(["1", "true"]), name)
    )


def cache_status(hit: pl.Series, executed: pl.Series | None) -> pl.Series:
    """HIT, or MISS where that is said or a cache was asked at all."""
    hits = map_categories(known(hit), lambda s: s.str.to_lowercase().replace("true", "1"))
    frame = pl.DataFrame({"hit": hits.cast(pl.String)})
    asked = pl.lit(value=False) if executed is None else convert.integers(executed) > 0
    missed = (pl.col("hit") == "false") | ((pl.col("hit") == "0") & asked)
    return frame.select(
        pl.when(pl.col("hit") == "1").then(pl.lit("HIT")).when(missed).then(pl.lit("MISS"))
    ).to_series()


def paths(values: pl.Series) -> pl.Series:
    """The path of targets and of URLs."""
    return map_categories(known(values), target_path)


def queries(values: pl.Series) -> pl.Series:
    """The query of targets and of URLs, the values of secrets masked."""
    return map_categories(known(values), target_query)


def query_strings(values: pl.Series) -> pl.Series:
    """Queries that were logged on their own."""
    return map_categories(known(values), lambda s: target_query("?" + s.str.strip_prefix("?")))


def joined_path(base: pl.Series, suffix: pl.Series) -> pl.Series:
    """A proxy's base path and what follows it."""
    start = given(base).str.strip_suffix("/")
    return paths(start + given(suffix).fill_null("")).alias("path")


def addresses(values: pl.Series) -> pl.Series:
    """The first of a list of addresses."""
    if not values.str.contains(",", literal=True).any():
        return given(values)
    return given(values.str.splitn(",", 2).struct.field("field_0").str.strip_chars())


def protocols(values: pl.Series) -> pl.Series:
    """Protocols, also of a version alone."""
    return map_categories(
        known(values), lambda s: s.str.replace(r"^([0-9](?:\.[0-9])?)$", "HTTP/$1")
    )


def trace_ids(values: pl.Series) -> pl.Series:
    """Trace ids, also out of W3C's and Google's headers."""
    return given(values.str.replace(r"^(?:00-)?([0-9a-f]{32})[-/].*$", "$1"))


def flows(values: pl.Series) -> pl.Series:
    """Names of flows."""
    return map_categories(known(values), lambda s: s.set(s == _AFTER_THE_REQUEST, None))


def is_analytics(values: pl.Series) -> pl.Series:
    """Whether records are of requests, by their type; null where they have none."""
    return map_categories(known(values), lambda s: s == "APIAnalytics")


def never(values: pl.Series) -> pl.Series:
    """That no record is a request's, where there is a value."""
    return values.is_null() & values.is_not_null()


def _word(chosen: pl.Series, name: str) -> pl.Series:
    return pl.DataFrame({"chosen": chosen}).select(pl.when("chosen").then(pl.lit(name))).to_series()
