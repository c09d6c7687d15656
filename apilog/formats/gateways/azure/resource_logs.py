"""The common ground of the resource logs of Azure's gateways: times, URLs, categories, commands.

Invariant: a value that is not set (empty, `-`, `N/A`, and the `None` of Azure's command line) is
null, and no pattern of another log matches an access record.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import polars as pl

from apilog.formats.column_sources import ColumnSource
from apilog.formats.contract import Refusal, SkipRule
from apilog.formats.gateways.gateway import UnsetWords, first_time
from apilog.values.dictionary import ColumnConverter
from apilog.values.local_times import (
    LocalTimes,
    decide_local_times,
    describe_order,
    is_local_time,
)
from apilog.values.requests import target_path, target_query
from apilog.values.times import parse_times

TYPE_SUFFIXES = ("_s", "_d", "_b", "_g", "_t")
"""Endings of the columns of the table AzureDiagnostics, one per type:
https://learn.microsoft.com/azure/azure-monitor/reference/tables/azurediagnostics"""

UNSET = UnsetWords(("", "-", "N/A", "None"))

_HOST = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?([^/?#@]*)"


def log_analytics_times(values: pl.Series, local: LocalTimes | None = None) -> pl.Series:
    """Return times as tables have them: ISO, or as the portal writes them for a place, in UTC.

    https://learn.microsoft.com/azure/azure-monitor/logs/log-analytics-tutorial
    """
    is_local = is_local_time(values)
    if not is_local.any():
        return parse_times(values)
    times = (local or LocalTimes(day_first=False)).parse(values)
    if is_local.all():
        return times
    return times.fill_null(parse_times(values.set(is_local, None)))


@dataclass(frozen=True, slots=True)
class _TableTimes:
    """Reads the times of one table."""

    local: LocalTimes

    def __call__(self, values: pl.Series) -> pl.Series:
        return log_analytics_times(values, self.local)


def fit_table_times(values: pl.Series, key: str) -> tuple[ColumnConverter, str | None]:
    """Return how the times of a table are read, whose portal had the locale of its reader."""
    local = decide_local_times(values)
    return _TableTimes(local), describe_order(local, key)


def first_table_time(*names: str) -> tuple[ColumnSource, ...]:
    """Return the sources of a time that may be written for readers of some place."""
    return tuple(ColumnSource((name,), log_analytics_times, fit=fit_table_times) for name in names)


TIME_SOURCES = (*first_time("time"), *first_table_time("timegenerated", "timestamp"))


def url_path(values: pl.Series) -> pl.Series:
    """Return the path of URLs, absolute or not."""
    return UNSET.map_set(
        values, lambda urls: target_path(urls.str.replace(r"^ws(s?)://", "http${1}://"))
    )


def url_query(values: pl.Series) -> pl.Series:
    """Return the query of URLs, the values of secrets masked."""
    return UNSET.map_set(values, target_query)


def url_host(values: pl.Series) -> pl.Series:
    """Return the host of absolute URLs, with its port unless that is 80 or 443."""
    return UNSET.map_set(
        values, lambda s: UNSET.to_null(s.str.extract(_HOST).str.replace(r":(?:80|443)$", ""))
    )


def error_names(no_error: str, values: pl.Series) -> pl.Series:
    """Return the gateway's names of failures, with the one that says `no_error` as null."""
    return UNSET.map_set(values, lambda s: s.set(s == no_error, None))


def is_category(name: str, values: pl.Series) -> pl.Series:
    """Return whether a record has this category (lower case); null where it has none."""
    return UNSET.map_set(values, lambda s: s.str.to_lowercase() == name)


_ACCESS_CATEGORIES = (
    "gatewaylogs",
    "applicationgatewayaccesslog",
    "frontdooraccesslog",
    "appservicehttplogs",
)


def is_foreign_category(values: pl.Series) -> pl.Series:
    """Return whether a record has the category of another log; null where it has none."""
    return UNSET.map_set(values, lambda s: ~s.str.to_lowercase().is_in(_ACCESS_CATEGORIES))


_OTHER_CATEGORIES = (
    "WebSocketConnectionLogs|DeveloperPortalAuditLogs|Gateway(?:Llm|Mcp)Logs?"
    "|ApplicationGateway(?:Firewall|Performance)Log"
    "|FrontDoor(?:HealthProbe|WebApplicationFirewall)Log"
    "|AppService(?:Console|App|Audit|IPSecAudit|Platform|Authentication|FileAudit)Logs"
)

SKIP_RULES = (
    SkipRule(
        "record of another Azure log",
        rf'(?:"[Cc]ategory"\s*:\s*"|(?:^|[,;|\t])"?)(?i:{_OTHER_CATEGORIES})(?:["\s,;|]|$)',
        (
            '{"category":"WebSocketConnectionLogs","properties":{"EventName":"BackendConnected"}}',
            '{"Category": "GatewayLlmLogs", "ModelName": "m", "PromptTokens": "3"}',
            '"11/21/2026, 10:00:00.000 AM",DeveloperPortalAuditLogs,"West Europe"',
            '{"category":"FrontDoorHealthProbeLog","properties":{"httpStatusCode":"400"}}',
            '{"category":"AppServiceConsoleLogs","resultDescription":"started"}',
        ),
    ),
    SkipRule(
        "metrics of Azure Monitor",
        r'"metricName"\s*:.*"timeGrain"\s*:|"timeGrain"\s*:.*"metricName"\s*:',
        ('{"count":1,"time":"2026-11-21T10:00:00Z","metricName":"Requests","timeGrain":"PT1M"}',),
    ),
)
LOCAL_TIMES = Refusal(
    r"(?:TimeGenerated|timestamp) \[(?:[^U\]]|U[^T]|UT[^C]|UTC[^\]])",
    "the times of this Log Analytics export are in a local zone that it does not name",
    "set the time zone of the Logs page to UTC and export again",
    ("TimeGenerated [Local Time],Method,Url,ResponseCode",),
)


def storage_command(category: str, resource: str) -> str:
    """Return the command that sends a category of logs to a storage account."""
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
