"""What the words of proxies for a failed request say of who answered it.

Invariant: whether the service behind answered is told by the proxy's own words and by whether a
server was chosen; where neither is in the log, nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

ENVOY_FLAGS: Mapping[str, str] = {
    "DC": "the client closed the connection",
    "DF": "a name could not be resolved",
    "DO": "requests were dropped by the policy for overload",
    "DPE": "the client's request was no HTTP",
    "DT": "the request or connection lasted too long",
    "FI": "a fault was injected",
    "IH": "a header of Envoy's had an invalid value",
    "LH": "the service's health check failed",
    "LR": "the connection was reset by Envoy",
    "NC": "there is no such cluster",
    "NFCF": "a filter had no configuration",
    "NR": "no route matched",
    "OM": "the overload manager ended the request",
    "RL": "a rate limit was exceeded",
    "RLSE": "the rate limit service failed",
    "SI": "the stream was idle for too long",
    "UAEX": "the external authorization service denied the request",
    "UC": "the upstream closed the connection",
    "UF": "no connection to the upstream",
    "UH": "no healthy upstream host",
    "UMSDR": "the upstream stream lasted too long",
    "UO": "a circuit breaker was open",
    "UPE": "the upstream's response was no HTTP",
    "UR": "the upstream reset the stream",
    "UT": "the upstream took too long",
}
"""Response flags of answers that are Envoy's own, and what they say.

Others, such as URX (the last retry failed), DI (delayed) and RFCF (from the cache), stand beside
answers of the upstream, too. Source: `ALL_RESPONSE_STRINGS_FLAGS` of
https://github.com/envoyproxy/envoy/blob/main/source/common/stream_info/utility.h and
https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

HAPROXY_PHASES: Mapping[str, bool] = {
    "R": False,
    "Q": False,
    "C": False,
    "H": False,
    "T": False,
    "D": True,
    "L": True,
    "-": True,
}
"""The second letter of a termination state, which tells where the session ended, to whether the
server had answered by then: https://docs.haproxy.org/3.2/configuration.html#8.5"""

_CODED = ("envoy", "haproxy")


def needed_columns(gateway: str | None) -> frozenset[str]:
    """Return the columns by which the answer of this gateway's upstream is told."""
    return frozenset({"error_type", "upstream_addr"} if gateway in _CODED else ())


def has_answered(gateway: str | None, columns: Collection[str]) -> pl.Expr | None:
    """Return the expression of whether the upstream answered, null where nothing tells.

    `columns` are those that the format fills. None: this gateway has no such words.
    """
    if gateway not in _CODED or "error_type" not in columns:
        return None
    code = pl.col("error_type").cast(pl.String)
    if gateway == "envoy":
        own = code.str.split(",").list.set_intersection(pl.lit([*ENVOY_FLAGS])).list.len() > 0
        is_known = pl.when(own).then(pl.lit(value=False))
    else:
        by_phase = code.str.slice(1, 1).replace_strict(
            HAPROXY_PHASES, default=None, return_dtype=pl.Boolean
        )
        is_known = pl.when(code.is_not_null()).then(by_phase)
    if "upstream_addr" not in columns:
        return is_known
    return is_known.otherwise(pl.col("upstream_addr").is_not_null())
