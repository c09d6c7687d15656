"""What the resource logs of Azure's gateways share: times, URLs, categories, other logs' lines.

Invariant: a value that Azure writes for nothing (empty, `-`, `N/A`, and the `None` of its
command line) is null, and no pattern of another log matches an access record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

import polars as pl

from apilog.formats.gateways.gateway import ColumnSource, first_of, first_time
from apilog.values import convert
from apilog.values.dictionary import encode_texts, map_categories
from apilog.values.requests import target_path, target_query
from apilog.values.times import parse_times

TYPE_SUFFIXES = ("_s", "_d", "_b", "_g", "_t")
"""Endings of the columns of the table AzureDiagnostics."""

HEADERS_AND_BODIES = frozenset(
    f"{side}{direction}{part}"
    for side in ("", "backend")
    for direction in ("request", "response")
    for part in ("headers", "body")
)

_UNSET = ("", "-", "N/A", "None")
_HEAD_LINES = 200
_PORTAL = "%m/%d/%Y, %I:%M:%S%.f %p"
_HOST = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?([^/?#@]*)"


def unset_to_null(values: pl.Series) -> pl.Series:
    """The texts, without those that stand for nothing."""
    nothing = values.is_in(_UNSET)
    return values.set(nothing, None) if nothing.any() else values


def encode_known(values: pl.Series) -> pl.Series:
    """The texts, encoded, without those that stand for nothing."""
    return map_categories(encode_texts(values), unset_to_null)


def first_known(*names: str) -> tuple[ColumnSource, ...]:
    """Sources of a text that few records have for themselves, one a name."""
    return first_of(encode_known, *names)


def first_id(*names: str) -> tuple[ColumnSource, ...]:
    """Sources of a text that every record has for itself, one a name."""
    return first_of(unset_to_null, *names)


def first_duration_s(*names: str) -> tuple[ColumnSource, ...]:
    """Sources of a duration that is logged in seconds."""
    return first_of(partial(convert.durations_to_ms, unit="s"), *names)


def log_analytics_times(values: pl.Series) -> pl.Series:
    """Times as tables have them: ISO, or `7/2/2024, 6:31:31.446 AM` as the portal exports them."""
    if not values.head(_HEAD_LINES).str.contains("/", literal=True).any():
        return parse_times(values)
    local = values.str.strptime(pl.Datetime("us"), _PORTAL, strict=False)
    found = local.set(~local.dt.year().is_between(1900, 2260), None).dt.replace_time_zone("UTC")
    if found.null_count() == values.null_count():
        return found
    return found.fill_null(parse_times(values.set(found.is_not_null(), None)))


TIME_SOURCES = (
    *first_time("time"),
    *first_of(log_analytics_times, "timegenerated"),
    *first_time("timestamp"),
)


def url_path(values: pl.Series) -> pl.Series:
    """The path of URLs, absolute or not."""
    return map_categories(encode_known(values), lambda s: target_path(_as_http_urls(s)))


def url_query(values: pl.Series) -> pl.Series:
    """The query of URLs, the values of secrets masked."""
    return map_categories(encode_known(values), target_query)


def url_host(values: pl.Series) -> pl.Series:
    """The host of absolute URLs, with its port unless that is 80 or 443."""
    return map_categories(
        encode_known(values),
        lambda s: unset_to_null(s.str.extract(_HOST).str.replace(r":(?:80|443)$", "")),
    )


def error_names(nothing: str, values: pl.Series) -> pl.Series:
    """The gateway's names of failures, but for the one that says that there was none."""
    return map_categories(encode_known(values), lambda s: s.set(s == nothing, None))


def is_category(name: str, values: pl.Series) -> pl.Series:
    """Whether the category of a record is this one (lower case); null where it has none."""
    return map_categories(encode_known(values), lambda s: s.str.to_lowercase() == name)


_ACCESS_CATEGORIES = ("gatewaylogs", "applicationgatewayaccesslog", "frontdooraccesslog")
"""The categories of access logs."""


def is_foreign_category(values: pl.Series) -> pl.Series:
    """Whether the category of a record is none of an access log; null where it has none."""
    return map_categories(
        encode_known(values), lambda s: ~s.str.to_lowercase().is_in(_ACCESS_CATEGORIES)
    )


def _as_http_urls(urls: pl.Series) -> pl.Series:
    if not urls.str.starts_with("ws").any():
        return urls
    return urls.str.replace(r"^ws(s?)://", "http${1}://")


_OTHER_CATEGORIES = (
    "WebSocketConnectionLogs|DeveloperPortalAuditLogs|Gateway(?:Llm|Mcp)Logs?"
    "|ApplicationGateway(?:Firewall|Performance)Log"
    "|FrontDoor(?:HealthProbe|WebApplicationFirewall)Log"
)

NON_ACCESS_LINES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "record of another Azure log",
        rf'(?:"[Cc]ategory"\s*:\s*"|(?:^|[,;|\t])"?)(?i:{_OTHER_CATEGORIES})(?:["\s,;|]|$)',
        (
            '{"category":"WebSocketConnectionLogs","properties":{"EventName":"BackendConnected"}}',
            '{"Category": "GatewayLlmLogs", "ModelName": "m", "PromptTokens": "3"}',
            '"11/21/2026, 10:00:00.000 AM",DeveloperPortalAuditLogs,"West Europe"',
            '{"category":"FrontDoorHealthProbeLog","properties":{"httpStatusCode":"400"}}',
        ),
    ),
    (
        "metrics of Azure Monitor",
        r'"metricName"\s*:.*"timeGrain"\s*:|"timeGrain"\s*:.*"metricName"\s*:',
        ('{"count":1,"time":"2026-11-21T10:00:00Z","metricName":"Requests","timeGrain":"PT1M"}',),
    ),
    (
        "request between two edges of Front Door",
        r'"isReceivedFromClient"\s*:\s*"?(?i:false)',
        ('{"category":"FrontdoorAccessLog","properties":{"isReceivedFromClient":false}}',),
    ),
)
"""Lines to skip: the reason, the pattern, samples."""

REFUSALS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        r"TimeGenerated \[[^U\]]",
        "the times of this Log Analytics export are in a local zone that it does not name",
        "set the time zone of the Logs page to UTC and export again",
        ("TimeGenerated [Local Time],Method,Url,ResponseCode",),
    ),
    (
        r'"callCount(?:Success|Total)"\s*:',
        "a report of API Management holds totals, not requests",
        "send GatewayLogs to storage: see apilog formats azure-apim --template",
        ('{"name":"users","callCountSuccess":13,"callCountTotal":19,"apiTimeAvg":1.5}',),
    ),
)
"""What can't be read: the pattern of a line, what it is, what to do instead, samples."""


def _storage_command(category: str, resource: str) -> str:
    """The command that sends a category of logs to a storage account."""
    logs = json.dumps([{"category": category, "enabled": True}])
    return (
        f"# RESOURCE_ID: of the {resource}; STORAGE_ID: of a storage account in its region.\n"
        "az monitor diagnostic-settings create \\\n"
        "  --name apilog \\\n"
        '  --resource "$RESOURCE_ID" \\\n'
        '  --storage-account "$STORAGE_ID" \\\n'
        f"  --logs '{logs}'\n"
        f"# The log is then in the container insights-logs-{category.lower()}.\n"
    )


ADVICE: Mapping[str, Mapping[str, str]] = {
    "azure-apim": {
        "consumer": "nothing more, but turn on 'Subscription required' in the API's settings",
        "plan": "nothing more, but add the API to a product, whose subscriptions callers then use",
        "request_bytes": "the category GatewayLogs of today's diagnostic settings",
        "client_ip": "the category GatewayLogs of today's diagnostic settings",
    },
    "azure-appgateway": {
        "upstream_duration_ms": "with the SKU v2: v1 has no serverResponseLatency",
        "host": "with the SKU v2: v1 may have no host",
        "request_id": "with the SKU v2: its transactionId",
    },
    "azure-frontdoor": {
        "upstream_duration_ms": "the service behind: Front Door does not tell its time",
        "consumer": "the service behind, or API Management: Front Door knows no callers",
    },
}
"""Gateway to column to what to change: their logs have no format to be set."""

TEMPLATES: Mapping[str, str] = {
    "azure-apim": _storage_command("GatewayLogs", "API Management service"),
    "azure-appgateway": _storage_command("ApplicationGatewayAccessLog", "Application Gateway"),
    "azure-frontdoor": _storage_command("FrontDoorAccessLog", "Front Door profile"),
}
"""Gateway to what to run so that it writes its log: lines of a shell."""
