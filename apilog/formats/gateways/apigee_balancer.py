"""Apigee X: the log of the load balancer in front of it, as Cloud Logging entries.

The service behind the balancer is Apigee, whose answers and its targets' look the same here:
a 5xx is the balancer's where `statusDetails` says so, and otherwise nobody's.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats import convert
from apilog.formats.dictionary import map_categories
from apilog.formats.gateways import apigee_values as values
from apilog.formats.gateways.apigee_values import named
from apilog.formats.gateways.gateway import Gateway, Source, each

_OF_BALANCERS = r"^(?:http_load_balancer|internal_http_lb_rule|(?:http|https)_.*lb_rule)$"
_ANSWERED = r"^(?:response_|cache_lookup_|redirected_)"
"""Begins the details of a request that went well, whatever the status."""


def _is_balancers(kinds: pl.Series) -> pl.Series:
    return map_categories(values.known(kinds), lambda s: s.str.contains(_OF_BALANCERS))


def _failures(details: pl.Series) -> pl.Series:
    """The balancer's own names of failures."""
    return map_categories(
        values.known(details),
        lambda s: s.set(s.str.contains(_ANSWERED).fill_null(value=False), None),
    )


def _traces(names: pl.Series) -> pl.Series:
    return values.given(names.str.replace(r"^projects/[^/]*/traces/", ""))


def _hosts(urls: pl.Series) -> pl.Series:
    return map_categories(
        values.known(urls),
        lambda s: s.str.extract(r"^[a-z]+://([^/?#@]+)").str.replace(r":443$", ""),
    )


def _cache_status(hit: pl.Series, asked: pl.Series | None) -> pl.Series:
    """HIT, or MISS where the cache was asked."""
    missed = hit.is_null() & False if asked is None else asked == "true"
    frame = pl.DataFrame({"hit": hit == "true", "asked": missed})
    return frame.select(
        pl.when("hit").then(pl.lit("HIT")).when("asked").then(pl.lit("MISS"))
    ).to_series()


LOAD_BALANCER = Gateway(
    name="apigee-loadbalancer",
    gateway="apigee",
    title="Apigee X, the load balancer in front of it: entries of Cloud Logging",
    url="https://cloud.google.com/load-balancing/docs/https/https-logging-monitoring",
    markers=(frozenset({"httprequestrequesturl", "httprequeststatus", "resourcetype"}),),
    required=("status", "method", "path"),
    belongs=each(_is_balancers, "resourcetype"),
    ignored=frozenset({"metadata"}),
    sources={
        "timestamp": each(values.moments, "timestamp", "receivetimestamp"),
        "method": named("httprequestrequestmethod"),
        "path": each(values.paths, "httprequestrequesturl"),
        "query": each(values.queries, "httprequestrequesturl"),
        "host": each(_hosts, "httprequestrequesturl"),
        "protocol": named("httprequestprotocol"),
        "referer": named("httprequestreferer"),
        "user_agent": named("httprequestuseragent"),
        "status": each(convert.statuses, "httprequeststatus"),
        "duration_ms": each(partial(convert.durations_ms, unit="s"), "httprequestlatency"),
        "request_bytes": each(convert.sizes, "httprequestrequestsize"),
        "response_bytes": each(convert.sizes, "httprequestresponsesize"),
        "client_ip": named("httprequestremoteip", "jsonpayloadremoteip"),
        "request_id": each(values.given, "insertid"),
        "trace_id": each(_traces, "trace"),
        "error_type": each(_failures, "jsonpayloadstatusdetails"),
        "cache_status": (
            Source(("httprequestcachehit",), _cache_status, optional=("httprequestcachelookup",)),
        ),
    },
    samples=(
        (
            '{"httpRequest":{"latency":"0.057000s","protocol":"HTTP/2","remoteIp":"203.0.113.7",'
            '"requestMethod":"GET","requestSize":"312","requestUrl":"https://api.example.com/v1/orders'
            '/42?page=2","responseSize":"512","serverIp":"10.0.0.2","status":200,"userAgent":'
            '"curl/8.1"},"insertId":"1x2y3z","jsonPayload":{"@type":"type.googleapis.com/google.cloud.'
            'loadbalancing.type.LoadBalancerLogEntry","statusDetails":"response_sent_by_backend"},'
            '"logName":"projects/shop/logs/requests","receiveTimestamp":"2026-11-21T10:00:00.9Z",'
            '"resource":{"labels":{"backend_service_name":"apigee"},"type":"http_load_balancer"},'
            '"severity":"INFO","timestamp":"2026-11-21T10:00:00.123456Z","trace":'
            '"projects/shop/traces/0af7651916cd43dd8448eb211c80319c"}'
        ),
    ),
)
