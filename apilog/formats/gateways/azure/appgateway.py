"""Azure Application Gateway, v1 and v2: the access log.

`timeTaken` is in milliseconds (v1) or in seconds (v2). Seconds it is where the record has a
value that v1 does not know (transactionId, serverStatus, serverResponseLatency, serverRouted,
clientResponseTime) or where the number has a fraction; otherwise milliseconds.

A 5xx is the backend's when its status (`serverStatus`; of v1 SERVER-STATUS within
`requestQuery`) says so. Of a backend that was not reached, or did not answer
(`ERRORINFO_UPSTREAM_…`), the status that stands there is the gateway's own and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import polars as pl

from apilog.formats import convert
from apilog.formats.dictionary import map_categories
from apilog.formats.gateways.azure.values import (
    SUFFIXES,
    TIMES,
    errors_but,
    given,
    identifiers,
    in_category,
    known,
    named,
    of_other_category,
    url_path,
    url_query,
)
from apilog.formats.gateways.gateway import Gateway, Source, each
from apilog.formats.request import target_query

_V2_ALONE = (
    "transactionid",
    "serverstatus",
    "serverresponselatency",
    "serverrouted",
    "clientresponsetime",
)
_JUNK = r"(?:^|&)X-AzureApplicationGateway-.*"
_NO_ANSWER = "ERRORINFO_UPSTREAM_"


def _are_v2(sure: pl.Series, of_v2: Iterable[pl.Series | None]) -> pl.Series:
    """Which records are of v2: those that surely are, and those with a value of v2's alone."""
    found = sure.fill_null(value=False)
    for values in of_v2:
        if values is not None and not found.all():
            found |= given(values).is_not_null()
    return found


def _taken_ms(durations: pl.Series, *of_v2: pl.Series | None) -> pl.Series:
    """Milliseconds of v2's seconds and of v1's milliseconds."""
    in_seconds = _are_v2(durations.str.contains(".", literal=True), of_v2)
    found = convert.durations_ms(durations, unit="s")
    if in_seconds.all():
        return found
    return found.zip_with(in_seconds, convert.durations_ms(durations, unit="ms"))


def _answered(statuses: pl.Series, errors: pl.Series | None) -> pl.Series:
    """The backends' statuses; one that the gateway made up for a silent backend is none."""
    if errors is None:
        return convert.upstream_last_status(statuses)
    silent = errors.str.starts_with(_NO_ANSWER).fill_null(value=False)
    return convert.upstream_last_status(statuses.set(silent, None))


def _within_query(key: str, queries: pl.Series, *of_v2: pl.Series | None) -> pl.Series:
    """A value that v1 appends to the query: the last, as callers can write such values too."""
    has_key = queries.str.contains(f"{key}=", literal=True).fill_null(value=False)
    if not has_key.any():
        return queries.clear(len(queries))
    return queries.set(_are_v2(~has_key, of_v2), None).str.extract(f"^(?:.*&)?{key}=([^&]*)")


def _status_within_query(queries: pl.Series, *of_v2: pl.Series | None) -> pl.Series:
    return convert.statuses(_within_query("SERVER-STATUS", queries, *of_v2))


def _clean_query(queries: pl.Series) -> pl.Series:
    clean = map_categories(known(queries), lambda s: s.str.replace(_JUNK, ""))
    return map_categories(known(clean), lambda s: target_query("?" + s))


GATEWAY = Gateway(
    name="azure-appgateway",
    title="Azure Application Gateway (v1, v2): ApplicationGatewayAccessLog",
    url="https://learn.microsoft.com/azure/application-gateway/monitor-application-gateway-reference",
    markers=(frozenset({"httpstatus", "timetaken", "receivedbytes", "clientip"}),),
    required=("status", "method", "path"),
    belongs=each(partial(in_category, "applicationgatewayaccesslog"), "category"),
    others=each(of_other_category, "category"),
    suffixes=SUFFIXES,
    sources={
        "timestamp": TIMES,
        "api": named("backendpoolname"),
        "operation": named("rulename"),
        "method": named("httpmethod"),
        "path": each(url_path, "originalrequesturiwithargs", "requesturi"),
        "query": (
            *each(url_query, "originalrequesturiwithargs"),
            *each(_clean_query, "requestquery"),
        ),
        "host": named("originalhost", "host"),
        "protocol": named("httpversion"),
        "user_agent": named("useragent"),
        "status": each(convert.statuses, "httpstatus"),
        "upstream_status": (
            Source(("requestquery",), _status_within_query, optional=_V2_ALONE),
            Source(("serverstatus",), _answered, optional=("errorinfo",)),
        ),
        "duration_ms": (Source(("timetaken",), _taken_ms, optional=_V2_ALONE),),
        "upstream_duration_ms": each(convert.upstream_sum_ms, "serverresponselatency"),
        "request_bytes": each(convert.sizes, "receivedbytes"),
        "response_bytes": each(convert.sizes, "sentbytes"),
        "client_ip": named("clientip"),
        "request_id": (
            *identifiers("transactionid"),
            Source(
                ("requestquery",),
                partial(_within_query, "X-AzureApplicationGateway-LOG-ID"),
                optional=_V2_ALONE,
            ),
        ),
        "error_type": each(partial(errors_but, "ERRORINFO_NO_ERROR"), "errorinfo"),
    },
    samples=(
        (
            '{"time":"2026-11-21T10:00:00Z","category":"ApplicationGatewayAccessLog","properties":'
            '{"clientIP":"203.0.113.7","httpMethod":"GET","requestUri":"\\/v1\\/users","requestQuery":'
            '"X-AzureApplicationGateway-CACHE-HIT=0&SERVER-STATUS=404","httpStatus":404,'
            '"httpVersion":"HTTP/1.0","receivedBytes":65,"sentBytes":553,"timeTaken":205,'
            '"host":"www.contoso.com"}}'
        ),
        (
            '{"timeStamp":"2026-11-21T10:00:00+00:00","ruleName":"users","backendPoolName":"users",'
            '"category":"ApplicationGatewayAccessLog","properties":{"clientIP":"203.0.113.7",'
            '"httpMethod":"GET","originalRequestUriWithArgs":"\\/v1\\/users?page=2","requestUri":'
            '"\\/users","httpStatus":200,"httpVersion":"HTTP\\/1.1","receivedBytes":184,'
            '"sentBytes":466,"timeTaken":0.034,"transactionId":"592d16","serverRouted":"10.0.0.4:443",'
            '"serverStatus":"200","serverResponseLatency":"0.028","originalHost":"www.contoso.com",'
            '"host":"www.contoso.com","error_info":"ERRORINFO_NO_ERROR"}}'
        ),
    ),
)
