"""Application Insights: the table of requests, as API Management and applications send them.

A row is a request, or stands for several where telemetry is sampled. Its name is the method and the
path, or the method and the operation. API Management puts what it knows beyond that into
`customDimensions`; addresses are masked as 0.0.0.0 unless that is turned off. See
https://learn.microsoft.com/azure/azure-monitor/reference/tables/apprequests and
https://learn.microsoft.com/azure/api-management/api-management-howto-app-insights
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats.column_sources import ColumnSource
from apilog.formats.gateways.azure import resource_logs as azure
from apilog.formats.gateways.azure.resource_logs import UNSET
from apilog.formats.gateways.gateway import Gateway, UnsetWords, first_of
from apilog.schema import SCHEMA
from apilog.values import convert
from apilog.values.json_text import decode_objects

_BAGS = ("customdimensions", "properties")
_MASKED = UnsetWords((*UNSET.words, "0.0.0.0", "::"))
_METHOD = r"^([A-Z]{3,8}) "
_PATH = r"^[A-Z]{3,8} (/\S*)"
_SPAN = r"^(?:([0-9]+)\.)?([0-9]{1,2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]+)?)$"


def _dimension(key: str, bags: pl.Series) -> pl.Series:
    """Return a value out of objects that a table holds as texts."""
    frame, _ = decode_objects(bags, (key,))
    return UNSET.encode(frame[key])


def _first_dimension(key: str) -> tuple[ColumnSource, ...]:
    name = key.lower().replace(" ", "")
    return (
        *UNSET.first_known(*(f"{bag}{name}" for bag in _BAGS)),
        *first_of(partial(_dimension, key), *_BAGS),
    )


def _api_management(apis: pl.Series) -> pl.Series:
    """Return API Management where a request names its API; applications name none."""
    names = UNSET.to_null(apis.cast(pl.String)).to_frame("api")
    is_named = pl.when(pl.col("api").is_not_null()).then(pl.lit("azure-apim"))
    return names.select(is_named.cast(SCHEMA["gateway"])).to_series()


def _api_management_of(key: str, bags: pl.Series) -> pl.Series:
    return _api_management(_dimension(key, bags))


def _nobody(names: pl.Series) -> pl.Series:
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(names))
    return _api_management(nothing)


def _part_of_name(pattern: str, names: pl.Series) -> pl.Series:
    return UNSET.map_set(names, lambda s: s.str.extract(pattern, 1))


def _durations_ms(values: pl.Series) -> pl.Series:
    """Return milliseconds, also of spans such as `00:00:01.5000000`."""
    ms = convert.durations_to_ms(values, unit="ms")
    if not values.str.contains(":", literal=True).any():
        return ms
    parts = values.str.extract_groups(_SPAN).struct.unnest()
    day, hour, minute, second = (pl.col(name).cast(pl.Float64) for name in parts.columns)
    seconds = ((day.fill_null(0) * 24 + hour) * 60 + minute) * 60 + second
    spans = parts.select(seconds).to_series()
    return ms.fill_null(convert.scale_to_ms(spans, 1e3))


def _is_request(kinds: pl.Series) -> pl.Series:
    return UNSET.map_set(kinds, lambda s: s.str.to_lowercase().is_in(["request", "apprequests"]))


def _is_no_request(kinds: pl.Series) -> pl.Series:
    return ~_is_request(kinds)


def _doubt_of_sampling(counts: pl.Series, key: str) -> str | None:
    if not (convert.to_integers(counts) > 1).any():
        return None
    return (
        f"a row stands for several requests where `{key}` is over 1, as sampling makes it: rows "
        "are counted as one each; turn sampling off for API Management's or the application's "
        "telemetry"
    )


_KINDS = ("itemtype", "type")

APPLICATION_INSIGHTS = Gateway(
    name="azure-appinsights",
    gateway="azure-apim",
    title="Application Insights: requests of API Management and applications",
    url="https://learn.microsoft.com/azure/azure-monitor/reference/tables/apprequests",
    fingerprint_keys=tuple(
        frozenset({"name", "url", "resultcode", duration})
        for duration in ("duration", "durationms")
    ),
    required_columns=("status", "method", "path"),
    is_own_record=first_of(_is_request, *_KINDS),
    is_foreign_record=first_of(_is_no_request, *_KINDS),
    head_doubts={"itemcount": _doubt_of_sampling},
    column_sources={
        "gateway": (
            *first_of(_api_management, "customdimensionsapiname", "propertiesapiname"),
            *first_of(partial(_api_management_of, "API Name"), *_BAGS),
            *first_of(_nobody, "name"),
        ),
        "timestamp": azure.TIME_SOURCES,
        "api": _first_dimension("API Name"),
        "api_version": _first_dimension("API Revision"),
        "operation": _first_dimension("Operation Name"),
        "method": (
            *first_of(partial(_part_of_name, _METHOD), "name"),
            *_first_dimension("HTTP Method"),
        ),
        "path": (
            *first_of(azure.url_path, "url"),
            *first_of(partial(_part_of_name, _PATH), "name"),
        ),
        "query": first_of(azure.url_query, "url"),
        "host": first_of(azure.url_host, "url"),
        "status": first_of(convert.to_statuses, "resultcode"),
        "duration_ms": first_of(_durations_ms, "duration", "durationms"),
        "client_ip": _MASKED.first_known("clientip"),
        "consumer": (*_first_dimension("Subscription Name"), *_first_dimension("User Id")),
        "plan": _first_dimension("Product Name"),
        "request_id": (*_first_dimension("Request Id"), *UNSET.first_id("id")),
        "trace_id": UNSET.first_id("operationid"),
    },
    samples=(
        (
            '{"timestamp":"2026-11-21T10:00:00.123Z","id":"|9b74.","name":"GET /v1/users","url":'
            '"https://contoso.azure-api.net/v1/users?page=2","success":"True","resultCode":"200",'
            '"duration":57.2,"itemType":"request","itemCount":1,"client_IP":"0.0.0.0",'
            '"operation_Id":"9b740e50","customDimensions":"{\\"API Name\\":\\"users\\",\\"Request '
            'Id\\":\\"6a9b\\",\\"Subscription Name\\":\\"acme\\"}"}'
        ),
        (
            '{"TimeGenerated":"2026-11-21T10:00:00.123Z","Name":"GET Users/Get","Url":'
            '"https://shop.example.com/v1/users","ResultCode":"500","DurationMs":57.2,"Success":false,'
            '"ItemCount":1,"Type":"AppRequests","Properties":{"API Name":"users"}}'
        ),
    ),
    skip_rules=azure.SKIP_RULES,
    refusals=(azure.LOCAL_TIMES,),
)
