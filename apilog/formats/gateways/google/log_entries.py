"""The common ground of Google Cloud's request logs: entries of Cloud Logging with an `httpRequest`.

`latency` is a text of seconds with its unit, sizes are texts of bytes. The kind of resource tells
which service wrote an entry, so that entries of several lie in one file. See
https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from apilog.formats.gateways.edge_values import UNSET
from apilog.formats.gateways.gateway import (
    ColumnSource,
    first_duration_ms,
    first_of,
    first_time,
)
from apilog.values.convert import to_sizes, to_statuses
from apilog.values.requests import (
    encode_client_address,
    encode_target_query,
    encode_url_host,
    encode_url_path,
    extract_trace_id,
)

FINGERPRINT = frozenset({"httprequestrequesturl", "httprequeststatus", "resourcetype"})
"""What an entry about a request has, whichever service wrote it."""

ADVICE_OF_ALL = {
    "timestamp": "`gcloud logging read --format=json`, or a sink to a bucket: both have it",
}

_ANSWERED = r"^(?:via_upstream|response_sent_by_backend)$"


def are_resources(pattern: str) -> Callable[[pl.Series], pl.Series]:
    """Return a converter that tells which kinds of resources a pattern matches."""
    return lambda kinds: UNSET.map_set(kinds, lambda s: s.str.contains(pattern))


def who_answered(details: pl.Series) -> pl.Series:
    """Return `upstream` where the details of a response say that it is the service's own.

    Other details are names of what the gateway did itself.
    """
    return UNSET.map_set(
        details,
        lambda s: (
            s.to_frame("s")
            .select(
                pl.when(pl.col("s").str.contains(_ANSWERED))
                .then(pl.lit("upstream"))
                .when(pl.col("s").is_not_null())
                .then(pl.lit("gateway"))
            )
            .to_series()
        ),
    )


def failure_details(details: pl.Series) -> pl.Series:
    """Return the details of responses that are not the service's own."""
    return UNSET.map_set(
        details, lambda s: s.set(s.str.contains(_ANSWERED).fill_null(value=False), None)
    )


def _http_versions(protocols: pl.Series) -> pl.Series:
    """Return protocols with a version; `http` and `grpc` are none."""
    return UNSET.map_set(
        protocols, lambda s: s.set(~s.str.contains("(?i)^HTTP/").fill_null(value=False), None)
    )


REQUEST_COLUMNS: Mapping[str, tuple[ColumnSource, ...]] = {
    "timestamp": first_time("timestamp", "receivetimestamp"),
    "method": UNSET.first_known("httprequestrequestmethod"),
    "path": first_of(encode_url_path, "httprequestrequesturl"),
    "query": first_of(encode_target_query, "httprequestrequesturl"),
    "host": first_of(encode_url_host, "httprequestrequesturl"),
    "protocol": first_of(_http_versions, "httprequestprotocol"),
    "referer": UNSET.first_known("httprequestreferer"),
    "user_agent": UNSET.first_known("httprequestuseragent"),
    "status": first_of(to_statuses, "httprequeststatus"),
    "duration_ms": first_duration_ms("httprequestlatency", unit="s"),
    "request_bytes": first_of(to_sizes, "httprequestrequestsize"),
    "response_bytes": first_of(to_sizes, "httprequestresponsesize"),
    "client_ip": first_of(encode_client_address, "httprequestremoteip"),
    "request_id": UNSET.first_id("insertid"),
    "trace_id": first_of(extract_trace_id, "trace"),
}
"""What every service's entries tell of a request."""
