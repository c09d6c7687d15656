"""Cloudflare Logpush: the data set of HTTP requests.

`timestamp_format` decides how times are written: whole seconds (Unix, RFC 3339), or with their
fraction (Unix nanoseconds, the default of old jobs, and RFC 3339 with milli- or nanoseconds). Only
the latter tell how long a request took. Of whole seconds no duration follows; then it is the time
until the first byte, where that is logged, which is said as a doubt. `OriginResponseDurationMs` is
milliseconds, its elder `OriginResponseTime` nanoseconds; `OriginResponseStatus` is 0 where no
origin was asked.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats.contract import SkipRule
from apilog.formats.gateways.edge_values import UNSET
from apilog.formats.gateways.gateway import (
    ColumnSource,
    Gateway,
    first_duration_ms,
    first_of,
    first_time,
)
from apilog.values.convert import durations_to_ms, to_sizes, to_statuses
from apilog.values.dictionary import ColumnConverter
from apilog.values.requests import (
    encode_client_address,
    encode_host,
    encode_target_query,
    encode_url_path,
)
from apilog.values.times import parse_times

_DATA_SET = (
    "https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/zone/http_requests/"
)
_IS_FINE = r"^(?:[0-9]{13,}|.*[0-9]\.[0-9]+.*)$"
"""A time with a fraction of a second."""


def _elapsed_ms(starts: pl.Series, ends: pl.Series) -> pl.Series:
    """Return milliseconds between times with fractions; null between whole seconds."""
    is_fine = starts.str.contains(_IS_FINE) & ends.str.contains(_IS_FINE)
    if not is_fine.any():
        return pl.Series([None], dtype=pl.Float64).new_from_index(0, len(starts))
    frame = pl.DataFrame([_nanoseconds(starts).alias("start"), _nanoseconds(ends).alias("end")])
    elapsed = frame.select((pl.col("end") - pl.col("start")) / 1e6).to_series()
    is_known = (is_fine & (elapsed >= 0)).fill_null(value=False)
    # Durations are exact to the microsecond.
    return elapsed.round(3).set(~is_known, None)


def _nanoseconds(times: pl.Series) -> pl.Series:
    """Return times as nanoseconds of the epoch (Int64), numbers as exactly as they are written."""
    numbers = times.cast(pl.Int64, strict=False)
    exact = numbers.set(~(numbers > 10**17).fill_null(value=False), None)
    return exact.fill_null(parse_times(times).dt.epoch("us") * 1000)


def _origin_ms(unit: str, durations: pl.Series, statuses: pl.Series | None) -> pl.Series:
    """Return milliseconds in the origin; 0 of an origin that was not asked is null."""
    ms = durations_to_ms(durations, unit=unit)
    if statuses is None:
        return ms
    return ms.set((to_statuses(statuses).is_null() & (ms == 0)).fill_null(value=False), None)


def _none_of(*words: str) -> ColumnConverter:
    """Return a converter that keeps texts but these."""
    return lambda texts: UNSET.map_set(
        texts, lambda s: s.set(s.str.to_lowercase().is_in(words).fill_null(value=False), None)
    )


def _doubt_of_whole_seconds(times: pl.Series, key: str) -> str | None:
    if times.str.contains(_IS_FINE).any():
        return None
    return (
        f"the times in `{key}` are whole seconds, which tell no duration: `duration_ms` is the "
        "time to the first byte; `timestamp_format=unixnano` of the job tells the whole"
    )


CLOUDFLARE = Gateway(
    name="cloudflare",
    gateway="cloudflare",
    title="Cloudflare Logpush, http_requests",
    url=_DATA_SET,
    fingerprint_keys=(
        frozenset({"rayid", "edgeresponsestatus"}),
        frozenset({"rayid", "clientrequesturi"}),
        frozenset({"edgeresponsestatus", "clientrequestmethod"}),
        frozenset({"edgeresponsebytes", "clientrequestmethod"}),
    ),
    required_columns=("status", "method", "path"),
    column_sources={
        "timestamp": first_time("edgestarttimestamp", "edgeendtimestamp"),
        "api": UNSET.first_known("zonename"),
        "method": UNSET.first_known("clientrequestmethod"),
        "path": first_of(encode_url_path, "clientrequesturi", "clientrequestpath"),
        "query": first_of(encode_target_query, "clientrequesturi"),
        "host": first_of(encode_host, "clientrequesthost"),
        "protocol": UNSET.first_known("clientrequestprotocol"),
        "referer": UNSET.first_known("clientrequestreferer"),
        "user_agent": UNSET.first_known("clientrequestuseragent"),
        "status": first_of(to_statuses, "edgeresponsestatus"),
        "upstream_status": first_of(to_statuses, "originresponsestatus"),
        "upstream_addr": first_of(UNSET.to_null, "originip"),
        "duration_ms": (
            ColumnSource(("edgestarttimestamp", "edgeendtimestamp"), _elapsed_ms),
            *first_duration_ms("edgetimetofirstbytems"),
        ),
        "upstream_duration_ms": (
            ColumnSource(
                ("originresponsedurationms",),
                partial(_origin_ms, "ms"),
                optional_names=("originresponsestatus",),
            ),
            ColumnSource(
                ("originresponsetime",),
                partial(_origin_ms, "ns"),
                optional_names=("originresponsestatus",),
            ),
        ),
        "request_bytes": first_of(to_sizes, "clientrequestbytes"),
        "response_bytes": first_of(to_sizes, "edgeresponsebytes", "edgeresponsebodybytes"),
        "client_ip": first_of(encode_client_address, "clientip"),
        "consumer": UNSET.first_known("clientmtlsauthcertfingerprint"),
        "request_id": UNSET.first_id("rayid"),
        # What a rule did to a request that it let not pass.
        "error_type": first_of(_none_of("unknown", "allow", "log", "skip"), "securityaction"),
        "cache_status": first_of(_none_of("unknown"), "cachecachestatus"),
    },
    head_doubts={("edgestarttimestamp", "edgetimetofirstbytems"): _doubt_of_whole_seconds},
    samples=(
        (
            '{"ClientIP":"203.0.113.7","ClientRequestHost":"api.example.com","ClientRequestMethod":'
            '"GET","ClientRequestURI":"/v1/users/42?page=2","EdgeEndTimestamp":'
            '"2026-11-21T10:00:00Z","EdgeResponseBytes":512,"EdgeResponseStatus":200,'
            '"EdgeStartTimestamp":"2026-11-21T10:00:00Z","RayID":"7d6b0f3a1c2e4f58"}'
        ),
        (
            '{"CacheCacheStatus":"dynamic","ClientIP":"203.0.113.7","ClientRequestBytes":312,'
            '"ClientRequestHost":"api.example.com","ClientRequestMethod":"GET",'
            '"ClientRequestProtocol":"HTTP/2","ClientRequestReferer":"","ClientRequestURI":'
            '"/v1/reports","ClientRequestUserAgent":"curl/8.1","EdgeEndTimestamp":'
            '1795255200180000000,"EdgeResponseBytes":512,"EdgeResponseStatus":502,'
            '"EdgeStartTimestamp":1795255200123000000,"EdgeTimeToFirstByteMs":56,"OriginIP":'
            '"10.0.0.1","OriginResponseDurationMs":50,"OriginResponseStatus":502,"RayID":'
            '"7d6b0f3a1c2e4f59","SecurityAction":"","ZoneName":"example.com"}'
        ),
    ),
    skip_rules=(
        SkipRule(
            "firewall event of Cloudflare",
            r'"Datetime"\s*:.*"RayID"\s*:.*"(?:RuleID|Source)"\s*:',
            ('{"Action":"block","Datetime":"2026-11-21T10:00:00Z","RayID":"7d6b","Source":"waf"}',),
        ),
    ),
    advice={
        "duration_ms": "timestamp_format=unixnano in the job's output options",
        "upstream_duration_ms": "the field OriginResponseDurationMs",
        "upstream_status": "the field OriginResponseStatus",
        "request_bytes": "the field ClientRequestBytes",
        "cache_status": "the field CacheCacheStatus",
        "protocol": "the field ClientRequestProtocol",
        "user_agent": "the field ClientRequestUserAgent",
        "consumer": "the service behind: Cloudflare logs the certificate of a caller at most",
    },
    template=(
        f"# The output options of a Logpush job: {_DATA_SET}\n"
        "{\n"
        '  "field_names": ["ClientIP", "ClientRequestHost", "ClientRequestMethod",\n'
        '    "ClientRequestURI", "ClientRequestProtocol", "ClientRequestReferer",\n'
        '    "ClientRequestUserAgent", "ClientRequestBytes", "EdgeStartTimestamp",\n'
        '    "EdgeEndTimestamp", "EdgeResponseStatus", "EdgeResponseBytes",\n'
        '    "OriginResponseStatus", "OriginResponseDurationMs", "OriginIP",\n'
        '    "CacheCacheStatus", "SecurityAction", "RayID", "ZoneName"],\n'
        '  "timestamp_format": "unixnano"\n'
        "}\n"
    ),
)
