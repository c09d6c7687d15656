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

from apilog.formats.gateways.azure import resource_logs as azure
from apilog.formats.gateways.azure.resource_logs import UNSET
from apilog.formats.gateways.gateway import ColumnSource, Gateway, first_of
from apilog.values import convert
from apilog.values.requests import target_query

_V2_ONLY_KEYS = (
    "transactionid",
    "serverstatus",
    "serverresponselatency",
    "serverrouted",
    "clientresponsetime",
)
# https://learn.microsoft.com/azure/application-gateway/application-gateway-diagnostics#access-log
_V1_QUERY_SUFFIX = r"(?:^|&)X-AzureApplicationGateway-.*"
_NO_ANSWER = "ERRORINFO_UPSTREAM_"


def _are_v2(sure: pl.Series, v2_values: Iterable[pl.Series | None]) -> pl.Series:
    """Return which records are of v2: surely, or as they have a value that v1 does not know."""
    is_v2 = sure.fill_null(value=False)
    for values in v2_values:
        if values is not None and not is_v2.all():
            is_v2 |= UNSET.to_null(values).is_not_null()
    return is_v2


def _time_taken_ms(durations: pl.Series, *v2_values: pl.Series | None) -> pl.Series:
    """Return milliseconds, from v2's seconds and from v1's milliseconds."""
    # v2 writes 0 and whole seconds without a point: then another value of the record decides.
    is_seconds = _are_v2(durations.str.contains(".", literal=True), v2_values)
    ms = convert.durations_to_ms(durations, unit="s")
    if is_seconds.all():
        return ms
    return ms.zip_with(is_seconds, convert.durations_to_ms(durations, unit="ms"))


def _backend_status(statuses: pl.Series, errors: pl.Series | None) -> pl.Series:
    """Return the backends' statuses; one that the gateway made up for a silent backend is null."""
    if errors is not None:
        is_silent = errors.str.starts_with(_NO_ANSWER).fill_null(value=False)
        statuses = statuses.set(is_silent, None)
    return convert.last_upstream_status(statuses)


def _value_within_query(key: str, queries: pl.Series, *v2_values: pl.Series | None) -> pl.Series:
    """Return a value that v1 appends to the query: the last, as callers can write such too."""
    has_key = queries.str.contains(f"{key}=", literal=True).fill_null(value=False)
    if not has_key.any():
        return queries.clear(len(queries))
    return queries.set(_are_v2(~has_key, v2_values), None).str.extract(f"^(?:.*&)?{key}=([^&]*)")


def _status_within_query(queries: pl.Series, *v2_values: pl.Series | None) -> pl.Series:
    return convert.to_statuses(_value_within_query("SERVER-STATUS", queries, *v2_values))


def _clean_queries(queries: pl.Series) -> pl.Series:
    """Return the callers' queries, without what v1 appends, the values of secrets masked."""
    clean = UNSET.map_set(queries, lambda s: s.str.replace(_V1_QUERY_SUFFIX, ""))
    return UNSET.map_set(clean, lambda s: target_query("?" + s))


APPLICATION_GATEWAY = Gateway(
    name="azure-appgateway",
    gateway="azure-appgateway",
    title="Azure Application Gateway (v1, v2): ApplicationGatewayAccessLog",
    url="https://learn.microsoft.com/azure/application-gateway/monitor-application-gateway-reference",
    fingerprint_keys=(frozenset({"httpstatus", "timetaken", "receivedbytes", "clientip"}),),
    required_columns=("status", "method", "path"),
    is_own_record=first_of(partial(azure.is_category, "applicationgatewayaccesslog"), "category"),
    is_foreign_record=first_of(azure.is_foreign_category, "category"),
    type_suffixes=azure.TYPE_SUFFIXES,
    column_sources={
        "timestamp": azure.TIME_SOURCES,
        "api": UNSET.first_known("backendpoolname"),
        "operation": UNSET.first_known("rulename"),
        "method": UNSET.first_known("httpmethod"),
        "path": first_of(azure.url_path, "originalrequesturiwithargs", "requesturi"),
        "query": (
            *first_of(azure.url_query, "originalrequesturiwithargs"),
            *first_of(_clean_queries, "requestquery"),
        ),
        "host": UNSET.first_known("originalhost", "host"),
        "protocol": UNSET.first_known("httpversion"),
        "user_agent": UNSET.first_known("useragent"),
        "status": first_of(convert.to_statuses, "httpstatus"),
        "upstream_status": (
            ColumnSource(
                ("requestquery",), _status_within_query, optional_names=_V2_ONLY_KEYS, may_omit=True
            ),
            ColumnSource(("serverstatus",), _backend_status, optional_names=("errorinfo",)),
        ),
        "duration_ms": (
            ColumnSource(("timetaken",), _time_taken_ms, optional_names=_V2_ONLY_KEYS),
        ),
        "upstream_duration_ms": first_of(convert.sum_upstream_ms, "serverresponselatency"),
        "request_bytes": first_of(convert.to_sizes, "receivedbytes"),
        "response_bytes": first_of(convert.to_sizes, "sentbytes"),
        "client_ip": UNSET.first_known("clientip"),
        "request_id": (
            *UNSET.first_id("transactionid"),
            ColumnSource(
                ("requestquery",),
                partial(_value_within_query, "X-AzureApplicationGateway-LOG-ID"),
                optional_names=_V2_ONLY_KEYS,
            ),
        ),
        "error_type": first_of(partial(azure.error_names, "ERRORINFO_NO_ERROR"), "errorinfo"),
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
    skip_rules=azure.SKIP_RULES,
    refusals=(azure.LOCAL_TIMES,),
    advice={
        "upstream_duration_ms": "with the SKU v2: v1 has no serverResponseLatency",
        "host": "with the SKU v2: v1 may have no host",
        "request_id": "with the SKU v2: its transactionId",
    },
    template=azure.storage_command("ApplicationGatewayAccessLog", "Application Gateway"),
)
