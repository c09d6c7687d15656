"""Azure API Management: the resource log GatewayLogs, in every shape it is delivered.

One record a request that the gateway took. Its time is when processing began. `backendTime`
is 0 where no service was asked; such zeros are null here. A 5xx is the service's when
`backendResponseCode` says so; with another code there, or with a `lastError` and none, the
gateway made it.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats import convert
from apilog.formats.gateways.azure.values import (
    HEADERS_AND_BODIES,
    SUFFIXES,
    TIMES,
    identifiers,
    in_category,
    named,
    of_other_category,
    url_host,
    url_path,
    url_query,
)
from apilog.formats.gateways.gateway import Gateway, Source, each, milliseconds

URL = "https://learn.microsoft.com/azure/azure-monitor/reference/tables/apimanagementgatewaylogs"

_MARKERS = (
    frozenset({"isrequestsuccess", "responsecode"}),
    frozenset({"resourceid", "category", "url", "responsecode"}),
    frozenset({"timegenerated", "url", "responsecode"}),
)


def _backend_ms(durations: pl.Series, codes: pl.Series | None = None) -> pl.Series:
    """Milliseconds in the service behind; 0 counts only where the service answered."""
    found = convert.durations_ms(durations, unit="ms")
    unasked = found == 0
    if codes is not None:
        unasked &= convert.statuses(codes).is_null()
    return found.set(unasked, None)


def _last_error(part: str) -> tuple[Source, ...]:
    """A part of `lastError`: flattened, within the record, or within its properties."""
    return named(f"lasterror{part}", f"propertieslasterror{part}")


GATEWAY = Gateway(
    name="azure-apim",
    title="Azure API Management: GatewayLogs of storage, Event Hubs and Log Analytics",
    url=URL,
    markers=_MARKERS,
    required=("status", "method", "path"),
    belongs=each(partial(in_category, "gatewaylogs"), "category"),
    others=each(of_other_category, "category"),
    ignored=HEADERS_AND_BODIES | {"tracerecords"},
    suffixes=SUFFIXES,
    sources={
        "timestamp": TIMES,
        "api": named("apiid"),
        "operation": named("operationid"),
        "method": named("method"),
        "path": each(url_path, "url"),
        "query": each(url_query, "url"),
        "host": each(url_host, "url"),
        "protocol": named("clientprotocol"),
        "status": each(convert.statuses, "responsecode"),
        "upstream_status": each(convert.statuses, "backendresponsecode"),
        "duration_ms": milliseconds("durationms", "totaltime"),
        "upstream_duration_ms": tuple(
            Source((name,), _backend_ms, optional=("backendresponsecode",))
            for name in ("backendtime", "servicetime")
        ),
        "request_bytes": each(convert.sizes, "requestsize"),
        "response_bytes": each(convert.sizes, "responsesize"),
        "client_ip": named("calleripaddress"),
        # `SubscriptionId` beside the record is Azure's: only the one within is the caller's.
        "consumer": named("apimsubscriptionid", "propertiessubscriptionid", "userid"),
        "plan": named("productid"),
        "request_id": identifiers("correlationid"),
        "error_type": (*_last_error("reason"), *_last_error("source")),
        "cache_status": named("cache"),
    },
    samples=(
        (
            '{"time":"2026-11-21T10:00:00.1234567Z","resourceId":"/SUBSCRIPTIONS/0/RESOURCEGROUPS/RG'
            '/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/CONTOSO","operationName":"Microsoft.'
            'ApiManagement/GatewayLogs","category":"GatewayLogs","isRequestSuccess":true,'
            '"resultType":"Succeeded","durationMs":57,"callerIpAddress":"203.0.113.7",'
            '"correlationId":"6a9b0c1d-0000-4000-8000-000000000001","location":"West Europe",'
            '"properties":{"method":"GET","url":"https://contoso.azure-api.net/v1/users/42?page=2",'
            '"backendResponseCode":200,"responseCode":200,"responseSize":512,"requestSize":300,'
            '"cache":"none","backendTime":50,"apiId":"users","operationId":"get-user",'
            '"productId":"gold","apimSubscriptionId":"acme","clientProtocol":"HTTP/1.1"}}'
        ),
        (
            '{"Tenant":"0","DeploymentName":"contoso","time":"2016-11-21T10:00:00.1234567Z",'
            '"resourceId":"/SUBSCRIPTIONS/0","category":"GatewayLogs","operationName":"Microsoft.'
            'ApiManagement/GatewayLogs","durationMs":57,"Level":4,"properties":"{\\"ApiId\\":'
            '\\"users\\",\\"Method\\":\\"GET\\",\\"Url\\":\\"https://contoso.azure-api.net/v1/users\\",'
            '\\"ResponseCode\\":200}"}'
        ),
        (
            '{"TimeGenerated":"2026-11-21T10:00:00.1234567Z","CorrelationId":"6a9b","Region":'
            '"West Europe","IsRequestSuccess":"False","Category":"GatewayLogs","TotalTime":"57",'
            '"Method":"GET","Url":"https://contoso.azure-api.net/v1/users","ResponseCode":"401",'
            '"BackendResponseCode":"None","LastErrorReason":"SubscriptionKeyNotFound",'
            '"TableName":"PrimaryResult","Type":"ApiManagementGatewayLogs"}'
        ),
        (
            '{"TimeGenerated":"2026-11-21T10:00:00.1234567Z","Category":"GatewayLogs","DurationMs":57,'
            '"CorrelationId":"6a9b","method_s":"GET","url_s":"https://contoso.azure-api.net/v1/users",'
            '"responseCode_d":200,"isRequestSuccess_b":true,"Type":"AzureDiagnostics"}'
        ),
    ),
)
