"""Azure Front Door, Standard, Premium and classic: the access log.

Front Door does not log what the origin answered. A 5xx of a request that went to an origin
and met no error of Front Door's own (`NoError`) is the origin's, and is its
`upstream_status`; for all other answers that is null. What one edge asked of another is no
request of a client and is left out.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats.contract import SkipRule
from apilog.formats.gateways.azure import resource_logs as azure
from apilog.formats.gateways.azure.resource_logs import UNSET
from apilog.formats.gateways.gateway import ColumnSource, Gateway, first_duration_ms, first_of
from apilog.values import convert


def _origin_errors(statuses: pl.Series, errors: pl.Series, origins: pl.Series) -> pl.Series:
    """Return the statuses from 500 on that an origin gave."""
    codes = convert.to_statuses(statuses)
    is_origins = UNSET.encode(origins).is_not_null() & (errors.str.to_lowercase() == "noerror")
    return codes.set(~(is_origins & (codes >= 500)).fill_null(value=False), None)


def _http_versions(values: pl.Series) -> pl.Series:
    """Return protocols, versions such as `2.0.0.0` as HTTP/2.0."""
    return UNSET.map_set(values, lambda s: s.str.replace(r"^(\d+\.\d+)(?:\.\d+)*$", "HTTP/$1"))


def _is_foreign(categories: pl.Series, flags: pl.Series | None) -> pl.Series:
    """Return whether records are of another log, or of what one edge asked of another."""
    is_foreign = azure.is_foreign_category(categories)
    if flags is None:
        return is_foreign
    return is_foreign.fill_null(value=False) | _are_false(flags)


def _are_false(flags: pl.Series) -> pl.Series:
    return (flags.str.to_lowercase() == "false").fill_null(value=False)


def _from_clients(categories: pl.Series, flags: pl.Series | None) -> pl.Series:
    """Return whether records are of the access log, and not of what one edge asked of another."""
    is_access = azure.is_category("frontdooraccesslog", categories)
    if flags is None:
        return is_access
    return is_access & ~_are_false(flags)


FRONT_DOOR = Gateway(
    name="azure-frontdoor",
    gateway="azure-frontdoor",
    title="Azure Front Door (Standard, Premium, classic): FrontDoorAccessLog",
    url="https://learn.microsoft.com/azure/frontdoor/monitor-front-door-reference",
    fingerprint_keys=(frozenset({"trackingreference", "httpstatuscode", "requesturi"}),),
    required_columns=("status", "method", "path"),
    is_own_record=(
        ColumnSource(("category",), _from_clients, optional_names=("isreceivedfromclient",)),
    ),
    is_foreign_record=(
        ColumnSource(("category",), _is_foreign, optional_names=("isreceivedfromclient",)),
    ),
    optional_keys=("isReceivedFromClient",),
    type_suffixes=azure.TYPE_SUFFIXES,
    column_sources={
        "timestamp": azure.TIME_SOURCES,
        "api": UNSET.first_known("endpoint"),
        "operation": UNSET.first_known("routingrulename", "routename"),
        "method": UNSET.first_known("httpmethod"),
        "path": first_of(azure.url_path, "requesturi"),
        "query": first_of(azure.url_query, "requesturi"),
        "host": (*UNSET.first_known("hostname"), *first_of(azure.url_host, "requesturi")),
        "protocol": first_of(_http_versions, "httpversion"),
        "referer": UNSET.first_known("referer", "referrer"),
        "user_agent": UNSET.first_known("useragent"),
        "status": first_of(convert.to_statuses, "httpstatuscode"),
        "upstream_status": (
            ColumnSource(("httpstatuscode", "errorinfo", "originip"), _origin_errors),
            ColumnSource(("httpstatuscode", "errorinfo", "backendhostname"), _origin_errors),
        ),
        "duration_ms": first_duration_ms("timetaken", unit="s"),
        "request_bytes": first_of(convert.to_sizes, "requestbytes"),
        "response_bytes": first_of(convert.to_sizes, "responsebytes"),
        "client_ip": UNSET.first_known("clientip", "socketip"),
        "request_id": UNSET.first_id("trackingreference"),
        "error_type": first_of(partial(azure.error_names, "NoError"), "errorinfo"),
        "cache_status": UNSET.first_known("cachestatus"),
    },
    samples=(
        (
            '{"time":"2026-11-21T10:00:00.0000000Z","category":"FrontDoorAccessLog","operationName":'
            '"Microsoft.Cdn/Profiles/AccessLog/Write","properties":{"trackingReference":"20261121T",'
            '"httpMethod":"GET","httpVersion":"2.0.0.0","requestUri":"https://api.contoso.com:443/v1",'
            '"requestBytes":"60","responseBytes":"1624","clientIp":"203.0.113.7","timeTaken":"0.035",'
            '"httpStatusCode":"200","cacheStatus":"CONFIG_NOCACHE","errorInfo":"NoError",'
            '"ErrorInfo":"NoError","hostName":"api.contoso.com","originIp":"10.0.0.1:443"}}'
        ),
    ),
    skip_rules=(
        *azure.SKIP_RULES,
        SkipRule(
            "request between two edges of Front Door",
            r'"isReceivedFromClient(?:_b)?"\s*:\s*"?(?i:false)',
            ('{"category":"FrontdoorAccessLog","properties":{"isReceivedFromClient":false}}',),
        ),
    ),
    refusals=(azure.LOCAL_TIMES,),
    advice={
        "upstream_duration_ms": "the service behind: Front Door does not tell its time",
        "consumer": "the service behind, or API Management: Front Door knows no callers",
    },
    template=azure.storage_command("FrontDoorAccessLog", "Front Door profile"),
)
