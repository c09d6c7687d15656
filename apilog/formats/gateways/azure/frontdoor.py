"""Azure Front Door, Standard, Premium and classic: the access log.

Front Door does not log what the origin answered. A 5xx of a request that went to an origin
and met no error of Front Door's own (`NoError`) is the origin's, and is its
`upstream_status`; for all other answers that is null. What one edge asked of another is no
request of a client and is left out.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats import convert
from apilog.formats.dictionary import map_categories
from apilog.formats.gateways.azure.values import (
    SUFFIXES,
    TIMES,
    errors_but,
    identifiers,
    in_category,
    known,
    named,
    of_other_category,
    seconds,
    url_host,
    url_path,
    url_query,
)
from apilog.formats.gateways.gateway import Gateway, Source, each


def _origin_errors(statuses: pl.Series, errors: pl.Series, origins: pl.Series) -> pl.Series:
    """Statuses from 500 on that an origin gave."""
    found = convert.statuses(statuses)
    asked = known(origins).is_not_null() & (errors.str.to_lowercase() == "noerror")
    return found.set(~(asked & (found >= 500)).fill_null(value=False), None)


def _protocols(values: pl.Series) -> pl.Series:
    """Protocols; versions such as `2.0.0.0` as HTTP/2.0."""
    version = r"^(\d+\.\d+)(?:\.\d+)*$"
    return map_categories(known(values), lambda s: s.str.replace(version, "HTTP/$1"))


def _from_clients(categories: pl.Series, flags: pl.Series | None) -> pl.Series:
    """Whether records are of the access log, and not of what one edge asked of another."""
    found = in_category("frontdooraccesslog", categories)
    if flags is None:
        return found
    return found & ~(flags.str.to_lowercase() == "false").fill_null(value=False)


GATEWAY = Gateway(
    name="azure-frontdoor",
    title="Azure Front Door (Standard, Premium, classic): FrontDoorAccessLog",
    url="https://learn.microsoft.com/azure/frontdoor/monitor-front-door-reference",
    markers=(frozenset({"trackingreference", "httpstatuscode", "requesturi"}),),
    required=("status", "method", "path"),
    belongs=(Source(("category",), _from_clients, optional=("isreceivedfromclient",)),),
    others=each(of_other_category, "category"),
    rare=("isReceivedFromClient",),
    suffixes=SUFFIXES,
    sources={
        "timestamp": TIMES,
        "api": named("endpoint"),
        "operation": named("routingrulename", "routename"),
        "method": named("httpmethod"),
        "path": each(url_path, "requesturi"),
        "query": each(url_query, "requesturi"),
        "host": (*named("hostname"), *each(url_host, "requesturi")),
        "protocol": each(_protocols, "httpversion"),
        "referer": named("referer", "referrer"),
        "user_agent": named("useragent"),
        "status": each(convert.statuses, "httpstatuscode"),
        "upstream_status": (
            Source(("httpstatuscode", "errorinfo", "originip"), _origin_errors),
            Source(("httpstatuscode", "errorinfo", "backendhostname"), _origin_errors),
        ),
        "duration_ms": seconds("timetaken"),
        "request_bytes": each(convert.sizes, "requestbytes"),
        "response_bytes": each(convert.sizes, "responsebytes"),
        "client_ip": named("clientip", "socketip"),
        "request_id": identifiers("trackingreference"),
        "error_type": each(partial(errors_but, "NoError"), "errorinfo"),
        "cache_status": named("cachestatus"),
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
)
