"""Azure API Management: the resource log GatewayLogs, in every shape it is delivered.

A record is a request that the gateway took. Its time is when processing began. `backendTime`
is 0 where no service was asked; such zeros are null here. A 5xx is the service's when
`backendResponseCode` says so; with another code there, or with a `lastError` and none, the
gateway made it.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats.contract import Refusal
from apilog.formats.gateways.azure import resource_logs as azure
from apilog.formats.gateways.azure.resource_logs import UNSET
from apilog.formats.gateways.azure.self_hosted import (
    SELF_HOSTED_RULES,
    TEXT_LINE,
    text_to_json,
)
from apilog.formats.gateways.gateway import ColumnSource, Gateway, first_duration_ms, first_of
from apilog.values import convert


def _backend_duration_ms(durations: pl.Series, codes: pl.Series | None = None) -> pl.Series:
    """Return milliseconds in the service behind; 0 counts only where the service answered."""
    ms = convert.durations_to_ms(durations, unit="ms")
    is_unasked = ms == 0
    if codes is not None:
        is_unasked &= convert.to_statuses(codes).is_null()
    return ms.set(is_unasked, None)


def _last_error(part: str) -> tuple[ColumnSource, ...]:
    """Return the sources of a part of `lastError`, within the record or within its properties."""
    return UNSET.first_known(f"lasterror{part}", f"propertieslasterror{part}")


API_MANAGEMENT = Gateway(
    name="azure-apim",
    gateway="azure-apim",
    title="Azure API Management: GatewayLogs of storage, Event Hubs, Log Analytics and gateways",
    url="https://learn.microsoft.com/azure/azure-monitor/reference/tables/apimanagementgatewaylogs",
    fingerprint_keys=(
        frozenset({"isrequestsuccess", "responsecode"}),
        frozenset({"resourceid", "category", "url", "responsecode"}),
        frozenset({"timegenerated", "url", "responsecode"}),
    ),
    repair_json=text_to_json,
    repairable=TEXT_LINE,
    # https://learn.microsoft.com/azure/api-management/gateway-log-schema-reference
    omits_unset_values=True,
    required_columns=("status", "method", "path"),
    is_own_record=first_of(partial(azure.is_category, "gatewaylogs"), "category"),
    is_foreign_record=first_of(azure.is_foreign_category, "category"),
    ignored_keys=frozenset(
        f"{side}{direction}{part}"
        for side in ("", "backend")
        for direction in ("request", "response")
        for part in ("headers", "body")
    )
    | {"tracerecords"},
    type_suffixes=azure.TYPE_SUFFIXES,
    column_sources={
        "timestamp": azure.TIME_SOURCES,
        "api": UNSET.first_known("apiid"),
        "api_version": UNSET.first_known("apirevision"),
        "operation": UNSET.first_known("operationid"),
        "method": UNSET.first_known("method"),
        "path": first_of(azure.url_path, "url"),
        "query": first_of(azure.url_query, "url"),
        "host": first_of(azure.url_host, "url"),
        "protocol": UNSET.first_known("clientprotocol"),
        "status": first_of(convert.to_statuses, "responsecode"),
        "upstream_status": first_of(convert.to_statuses, "backendresponsecode"),
        "duration_ms": first_duration_ms("durationms", "totaltime"),
        "upstream_duration_ms": tuple(
            ColumnSource((name,), _backend_duration_ms, optional_names=("backendresponsecode",))
            for name in ("backendtime", "servicetime")
        ),
        "request_bytes": first_of(convert.to_sizes, "requestsize"),
        "response_bytes": first_of(convert.to_sizes, "responsesize"),
        "client_ip": UNSET.first_known("calleripaddress"),
        # `SubscriptionId` beside the record is Azure's: only the one within is the caller's.
        "consumer": UNSET.first_known("apimsubscriptionid", "propertiessubscriptionid", "userid"),
        "plan": UNSET.first_known("productid"),
        "request_id": UNSET.first_id("correlationid"),
        "error_type": (*_last_error("reason"), *_last_error("source")),
        "cache_status": UNSET.first_known("cache"),
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
        (
            "[Info] 2026-11-21T10:00:00.123 [GatewayLogs], correlationId: 6a9b0c1d, "
            'isRequestSuccess: false, totalTime: 2, category: "GatewayLogs", timeGenerated: '
            '2026-11-21T10:00:00.123, method: "GET", url: "https://gw.contoso.com/v1/users", '
            'responseCode: 401, lastError: { "source": "authorization", "reason": '
            '"SubscriptionKeyNotFound" }'
        ),
    ),
    skip_rules=(*azure.SKIP_RULES, *SELF_HOSTED_RULES),
    refusals=(
        azure.LOCAL_TIMES,
        Refusal(
            r'"callCount(?:Success|Total)"\s*:',
            "a report of API Management holds totals, not requests",
            "send GatewayLogs to storage: see apilog formats azure-apim --template",
            ('{"name":"users","callCountSuccess":13,"callCountTotal":19,"apiTimeAvg":1.5}',),
        ),
    ),
    # Azure's logs have no format that could be set: advice is about what makes the values.
    advice={
        "consumer": "nothing more, but turn on 'Subscription required' in the API's settings",
        "plan": "nothing more, but add the API to a product, whose subscriptions callers then use",
        "request_bytes": "the category GatewayLogs of today's diagnostic settings",
        "client_ip": "the category GatewayLogs of today's diagnostic settings",
    },
    template=azure.storage_command("GatewayLogs", "API Management service"),
)
