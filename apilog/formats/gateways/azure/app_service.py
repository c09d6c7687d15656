"""Azure App Service: the log of HTTP requests, as the resource log and as the table.

`TimeTaken` is milliseconds, `CsUsername` the user that App Service's authentication knows. The
site answers itself: there is no service behind. See
https://learn.microsoft.com/azure/azure-monitor/reference/tables/appservicehttplogs
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats.gateways.azure import resource_logs as azure
from apilog.formats.gateways.azure.resource_logs import UNSET
from apilog.formats.gateways.gateway import Gateway, first_duration_ms, first_of
from apilog.values.convert import to_sizes, to_statuses
from apilog.values.requests import encode_client_address, encode_host, mask_query_column


def _site_names(ids: pl.Series) -> pl.Series:
    """Return the names of sites: `…/SITES/NAME` and slots behind it."""
    return UNSET.map_set(ids, lambda s: s.str.extract(r"(?i)/sites/([^/]+)", 1))


def _slot_names(ids: pl.Series) -> pl.Series:
    return UNSET.map_set(ids, lambda s: s.str.extract(r"(?i)/slots/([^/]+)", 1))


APP_SERVICE = Gateway(
    name="azure-appservice",
    gateway="azure-appservice",
    title="Azure App Service: AppServiceHTTPLogs",
    url="https://learn.microsoft.com/azure/azure-monitor/reference/tables/appservicehttplogs",
    fingerprint_keys=(
        # Beside `time-taken` of IIS, whose names these are, stand times of Azure's own.
        frozenset({"csmethod", "csuristem", "scstatus", "category"}),
        frozenset({"csmethod", "csuristem", "scstatus", "timegenerated"}),
        frozenset({"csmethod", "csuristem", "scstatus", "resourceid"}),
    ),
    required_columns=("status", "method", "path"),
    is_own_record=first_of(partial(azure.is_category, "appservicehttplogs"), "category"),
    is_foreign_record=first_of(azure.is_foreign_category, "category"),
    type_suffixes=azure.TYPE_SUFFIXES,
    column_sources={
        "timestamp": azure.TIME_SOURCES,
        "api": first_of(_site_names, "resourceid"),
        "stage": first_of(_slot_names, "resourceid"),
        "method": UNSET.first_known("csmethod"),
        "path": first_of(azure.url_path, "csuristem"),
        "query": first_of(mask_query_column, "csuriquery"),
        "host": first_of(encode_host, "cshost"),
        "protocol": UNSET.first_known("protocol", "csversion"),
        "referer": UNSET.first_known("referer"),
        "user_agent": UNSET.first_known("useragent"),
        "status": first_of(to_statuses, "scstatus"),
        "duration_ms": first_duration_ms("timetaken"),
        "request_bytes": first_of(to_sizes, "csbytes"),
        "response_bytes": first_of(to_sizes, "scbytes"),
        "client_ip": first_of(encode_client_address, "cip", "calleripaddress"),
        "consumer": UNSET.first_known("csusername"),
    },
    samples=(
        (
            '{"time":"2026-11-21T10:00:00.1234567Z","resourceId":"/SUBSCRIPTIONS/0/RESOURCEGROUPS/'
            'SHOP/PROVIDERS/MICROSOFT.WEB/SITES/ORDERS","category":"AppServiceHTTPLogs","properties":'
            '{"CsHost":"orders.azurewebsites.net","CIp":"203.0.113.7","SPort":"443","CsUriStem":'
            '"/v1/users/42","CsUriQuery":"page=2","CsMethod":"GET","TimeTaken":57,"ScStatus":"200",'
            '"Result":"Success","CsBytes":"312","ScBytes":"512","UserAgent":"curl/8.1","Cookie":"-",'
            '"CsUsername":"till","Referer":"-","ComputerName":"RD1","ScSubStatus":"0",'
            '"ScWin32Status":"0"}}'
        ),
    ),
    skip_rules=azure.SKIP_RULES,
    refusals=(azure.LOCAL_TIMES,),
    advice={
        "consumer": "App Service's authentication, which fills CsUsername",
        "request_id": "the service itself: AppServiceHTTPLogs has no id of the request",
    },
    template=azure.storage_command("AppServiceHTTPLogs", "App Service"),
)
