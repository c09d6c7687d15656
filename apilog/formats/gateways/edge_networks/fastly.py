"""Fastly: log streaming in the default JSON format, and with the fields that its guides add.

The format is the customer's own VCL; what the default has is known by its keys. A duration is not
among them. Guides write `time.elapsed` in microseconds or milliseconds, under names that tell it
or do not, so that the size of the numbers decides where the name is silent. See
https://www.fastly.com/documentation/guides/integrations/logging/
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats.duration_units import decide_unit
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
    encode_url_host,
    encode_url_path,
)

_GUIDE = "https://www.fastly.com/documentation/guides/integrations/logging/"


def _fit_elapsed(values: pl.Series, key: str) -> tuple[ColumnConverter, str | None]:
    """Return how elapsed times are read; `%D` and `time.elapsed.usec` are microseconds."""
    unit, doubt = decide_unit(values, key, usual="us")
    return partial(durations_to_ms, unit=unit), doubt


_TARGETS = ("url", "requesturl", "requesturi")

FASTLY = Gateway(
    name="fastly",
    gateway="fastly",
    title="Fastly log streaming, the default JSON format",
    url=_GUIDE,
    fingerprint_keys=(
        frozenset({"fastlyserver", "requestmethod"}),
        frozenset({"fastlyserver", "responsestatus"}),
        frozenset({"fastlyisedge", "responsestatus"}),
        frozenset({"fastlyserviceid", "responsestatus"}),
        frozenset({"fastlyserviceid", "requestmethod"}),
    ),
    required_columns=("status", "method", "path"),
    column_sources={
        "timestamp": first_time("timestamp", "time", "starttime"),
        "api": UNSET.first_known("fastlyserviceid", "serviceid"),
        "method": UNSET.first_known("requestmethod", "method"),
        "path": first_of(encode_url_path, *_TARGETS),
        "query": first_of(encode_target_query, *_TARGETS),
        "host": (*first_of(encode_host, "host", "requesthost"), *first_of(encode_url_host, "url")),
        "protocol": UNSET.first_known("requestprotocol", "protocol"),
        "referer": UNSET.first_known("requestreferer", "referer"),
        "user_agent": UNSET.first_known("requestuseragent", "useragent"),
        "status": first_of(to_statuses, "responsestatus", "status"),
        "upstream_status": first_of(to_statuses, "backendstatus", "originstatus"),
        "duration_ms": (
            *first_duration_ms("timeelapsedmsec", "elapsedms", "timeelapsedms"),
            *first_duration_ms("timeelapsedusec", "elapsedusec", unit="us"),
            *(
                ColumnSource((name,), partial(durations_to_ms, unit="us"), fit=_fit_elapsed)
                for name in ("timeelapsed", "elapsedtime", "elapsed")
            ),
        ),
        "request_bytes": first_of(to_sizes, "requestsize", "requestbodysize", "bytesread"),
        "response_bytes": first_of(to_sizes, "responsebodysize", "bodysize", "responsesize"),
        "client_ip": first_of(encode_client_address, "clientip", "fastlyclientip"),
        "request_id": UNSET.first_id("requestid", "reqid"),
        "cache_status": UNSET.first_known("responsestate", "cachestatus", "fastlyinfostate"),
    },
    samples=(
        (
            '{"timestamp":"2026-11-21T10:00:00+0000","client_ip":"203.0.113.7","geo_country":'
            '"germany","geo_city":"frankfurt","host":"api.example.com","url":"/v1/users/42?page=2",'
            '"request_method":"GET","request_protocol":"HTTP/2","request_referer":"",'
            '"request_user_agent":"curl/8.1","response_state":"MISS","response_status":200,'
            '"response_reason":"OK","response_body_size":512,"fastly_server":"cache-fra-1",'
            '"fastly_is_edge":true}'
        ),
    ),
    advice={
        "duration_ms": '"time_elapsed_usec":%{time.elapsed.usec}V',
        "request_bytes": '"request_size":%{req.bytes_read}V',
        "request_id": '"request_id":"%{req.http.X-Request-ID}V"',
        "api": '"fastly_service_id":"%{req.service_id}V"',
        "consumer": "the service behind: Fastly knows no callers",
    },
    template=(
        f"# The format of a logging endpoint: {_GUIDE}\n"
        '{"timestamp":"%{strftime({"%Y-%m-%dT%H:%M:%S%z"}, time.start)}V",'
        '"client_ip":"%{req.http.Fastly-Client-IP}V",'
        '"host":"%{json.escape(if(req.http.Fastly-Orig-Host, req.http.Fastly-Orig-Host, '
        'req.http.Host))}V","url":"%{json.escape(req.url)}V",'
        '"request_method":"%{json.escape(req.method)}V",'
        '"request_protocol":"%{json.escape(req.proto)}V",'
        '"request_referer":"%{json.escape(req.http.referer)}V",'
        '"request_user_agent":"%{json.escape(req.http.User-Agent)}V",'
        '"request_size":%{req.bytes_read}V,"response_state":"%{json.escape(fastly_info.state)}V",'
        '"response_status":%{resp.status}V,"response_body_size":%{resp.body_bytes_written}V,'
        '"time_elapsed_usec":%{time.elapsed.usec}V,"fastly_server":'
        '"%{json.escape(server.identity)}V","fastly_is_edge":%{if(fastly.ff.visits_this_service == '
        '0, "true", "false")}V}\n'
    ),
)
