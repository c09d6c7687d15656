"""Akamai DataStream 2: JSON objects with the data set's parameters.

The edge reads a request (`reqEndTimeMSec`), answers it (`turnAroundTimeMSec`) and sends the answer
(`transferTimeMSec`): the whole request is the sum of those that the stream has, milliseconds.
`cacheStatus` is 1 for what was in the cache, 0 for what was not. A dash stands for what is not
known. Texts of callers are URL-encoded. See
https://techdocs.akamai.com/datastream2/docs/data-set-parameters
"""

from __future__ import annotations

import polars as pl

from apilog.formats.gateways import edge_values as values
from apilog.formats.gateways.edge_values import UNSET
from apilog.formats.gateways.gateway import ColumnSource, Gateway, first_of, first_time
from apilog.values.convert import to_sizes, to_statuses
from apilog.values.requests import (
    encode_client_address,
    encode_host,
    mask_query_column,
    target_path,
)

_PARAMETERS = "https://techdocs.akamai.com/datastream2/docs/data-set-parameters"


def _cache_words(codes: pl.Series) -> pl.Series:
    return UNSET.map_set(codes, lambda s: s.replace_strict({"1": "HIT", "0": "MISS"}, default=None))


def _rooted_paths(paths: pl.Series) -> pl.Series:
    """Return paths with the slash that the stream leaves out before them."""
    return UNSET.map_set(
        paths, lambda s: target_path(("/" + s).zip_with(~s.str.starts_with("/"), s))
    )


AKAMAI = Gateway(
    name="akamai",
    gateway="akamai",
    title="Akamai DataStream 2, JSON",
    url=_PARAMETERS,
    fingerprint_keys=(
        frozenset({"cliip", "reqpath", "statuscode"}),
        frozenset({"reqtimesec", "reqpath", "statuscode"}),
        frozenset({"reqtimesec", "reqmethod", "statuscode"}),
    ),
    required_columns=("status", "method", "path"),
    column_sources={
        "timestamp": first_time("reqtimesec"),
        "method": UNSET.first_known("reqmethod"),
        "path": first_of(_rooted_paths, "reqpath"),
        "query": first_of(mask_query_column, "querystr"),
        "host": first_of(encode_host, "reqhost"),
        "protocol": UNSET.first_known("proto"),
        "referer": first_of(values.decode_percents, "referer"),
        "user_agent": first_of(values.decode_percents, "ua"),
        "status": first_of(to_statuses, "statuscode"),
        "duration_ms": (
            ColumnSource(
                ("turnaroundtimemsec",),
                values.sum_durations_ms,
                optional_names=("reqendtimemsec", "transfertimemsec"),
            ),
            ColumnSource(("timetofirstbyte", "downloadtime"), values.sum_durations_ms),
        ),
        "response_bytes": first_of(to_sizes, "totalbytes", "bytes"),
        "client_ip": first_of(encode_client_address, "cliip"),
        "request_id": UNSET.first_id("reqid"),
        "error_type": first_of(values.decode_percents, "errorcode"),
        "cache_status": first_of(_cache_words, "cachestatus"),
    },
    samples=(
        (
            '{"version":1,"cp":"123456","reqId":"1239f220","reqTimeSec":"1795255200.123","bytes":'
            '"512","cliIP":"203.0.113.7","statusCode":"200","proto":"HTTPS","reqHost":'
            '"api.example.com","reqMethod":"GET","reqPath":"/v1/users/42","reqPort":"443",'
            '"rspContentLen":"512","rspContentType":"application/json","UA":"Mozilla%2F5.0+%28X11%29",'
            '"tlsVersion":"TLSv1.3","totalBytes":"812","queryStr":"page=2","referer":"-",'
            '"reqEndTimeMSec":"3","turnAroundTimeMSec":"50","transferTimeMSec":"4","errorCode":"-",'
            '"cacheStatus":"0","edgeIP":"198.51.100.9","country":"DE"}'
        ),
    ),
    advice={
        "duration_ms": "the parameters turnAroundTimeMSec, reqEndTimeMSec and transferTimeMSec",
        "cache_status": "the parameter cacheStatus",
        "error_type": "the parameter errorCode",
        "user_agent": "the parameter UA",
        "consumer": "the service behind, or the parameter customField: Akamai knows no callers",
    },
    template=(
        f"# The parameters of a stream with the log format JSON: {_PARAMETERS}\n"
        "reqId reqTimeSec reqMethod reqHost reqPath queryStr proto statusCode cliIP UA referer\n"
        "totalBytes reqEndTimeMSec turnAroundTimeMSec transferTimeMSec cacheStatus errorCode\n"
    ),
)
