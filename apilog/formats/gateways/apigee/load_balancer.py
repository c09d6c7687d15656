"""Apigee X: the log of the load balancer in front of it, as Cloud Logging entries.

A 5xx is the balancer's where `statusDetails` names a failure, and that of the service behind
(Apigee, or whatever it is) where it says that the backend sent it. What a failure is called in
`statusDetails` is the error's type.
"""

from __future__ import annotations

import polars as pl

from apilog.formats.gateways.apigee import analytics_values as values
from apilog.formats.gateways.apigee.analytics_values import UNSET
from apilog.formats.gateways.gateway import ColumnSource, Gateway, first_duration_ms, first_of
from apilog.formats.gateways.google.log_entries import who_answered
from apilog.values import convert

_LOAD_BALANCER_TYPES = r"^(?:http_load_balancer|internal_http_lb_rule|(?:http|https)_.*lb_rule)$"
# The beginning of `statusDetails` of a request that went well, whatever the status.
_ANSWERED = r"^(?:response_|cache_lookup_|redirected_)"
# A sink to BigQuery puts the type of the payload into the name.
_DETAILS = ("jsonpayloadstatusdetails", "jsonpayloadtypeloadbalancerlogentrystatusdetails")


def _is_load_balancer(kinds: pl.Series) -> pl.Series:
    return UNSET.map_set(kinds, lambda s: s.str.contains(_LOAD_BALANCER_TYPES))


def _failure_names(details: pl.Series) -> pl.Series:
    """Return the balancer's own names of failures."""
    return UNSET.map_set(
        details, lambda s: s.set(s.str.contains(_ANSWERED).fill_null(value=False), None)
    )


def _bare_trace_ids(names: pl.Series) -> pl.Series:
    return UNSET.to_null(names.str.replace(r"^projects/[^/]*/traces/", ""))


def _url_hosts(urls: pl.Series) -> pl.Series:
    return UNSET.map_set(
        urls, lambda s: s.str.extract(r"^[a-z]+://([^/?#@]+)").str.replace(r":443$", "")
    )


def _cdn_status(hit: pl.Series, asked: pl.Series | None) -> pl.Series:
    """Return HIT, or MISS where the cache was asked."""
    is_asked = hit.is_null() & False if asked is None else asked == "true"
    frame = pl.DataFrame({"hit": hit == "true", "asked": is_asked})
    return frame.select(
        pl.when("hit").then(pl.lit("HIT")).when("asked").then(pl.lit("MISS"))
    ).to_series()


LOAD_BALANCER = Gateway(
    name="apigee-loadbalancer",
    # Whatever service is behind, the balancer writes the line.
    gateway="gcp-loadbalancer",
    title="Google Cloud load balancers, such as the one in front of Apigee X",
    url="https://cloud.google.com/load-balancing/docs/https/https-logging-monitoring",
    fingerprint_keys=(frozenset({"httprequestrequesturl", "httprequeststatus", "resourcetype"}),),
    required_columns=("status", "method", "path"),
    is_own_record=first_of(_is_load_balancer, "resourcetype"),
    ignored_keys=frozenset({"metadata"}),
    column_sources={
        "timestamp": first_of(values.positive_times, "timestamp", "receivetimestamp"),
        "method": UNSET.first_known("httprequestrequestmethod"),
        "path": first_of(values.url_paths, "httprequestrequesturl"),
        "query": first_of(values.url_queries, "httprequestrequesturl"),
        "host": first_of(_url_hosts, "httprequestrequesturl"),
        "protocol": UNSET.first_known("httprequestprotocol"),
        "referer": UNSET.first_known("httprequestreferer"),
        "user_agent": UNSET.first_known("httprequestuseragent"),
        "status": first_of(convert.to_statuses, "httprequeststatus"),
        "duration_ms": first_duration_ms("httprequestlatency", unit="s"),
        "request_bytes": first_of(convert.to_sizes, "httprequestrequestsize"),
        "response_bytes": first_of(convert.to_sizes, "httprequestresponsesize"),
        "client_ip": UNSET.first_known("httprequestremoteip", "jsonpayloadremoteip"),
        "request_id": UNSET.first_id("insertid"),
        "trace_id": first_of(_bare_trace_ids, "trace"),
        "error_type": first_of(_failure_names, *_DETAILS),
        "error_source": first_of(who_answered, *_DETAILS),
        "upstream_addr": first_of(UNSET.to_null, "httprequestserverip"),
        "api": UNSET.first_known("resourcelabelsbackendservicename"),
        "operation": UNSET.first_known("resourcelabelsmatchedurlpathrule"),
        "cache_status": (
            ColumnSource(
                ("httprequestcachehit",), _cdn_status, optional_names=("httprequestcachelookup",)
            ),
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
    advice={
        "error_type": "gcloud compute backend-services update SERVICE --enable-logging "
        "--logging-sample-rate=1",
        "cache_status": "gcloud compute backend-services update SERVICE --enable-cdn",
    },
    template=(
        "# https://cloud.google.com/load-balancing/docs/https/https-logging-monitoring\n"
        "gcloud compute backend-services update SERVICE --global --enable-logging "
        "--logging-sample-rate=1\n"
    ),
)
