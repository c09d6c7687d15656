"""Requests that API Management took, in each of the shapes in which Azure delivers them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from apilog.transport.framing import frame_stream

START = datetime(2026, 11, 21, 9, 59, 59, 446_000, tzinfo=UTC)

Properties = Mapping[str, object]
"""Keys of `properties` as they are written since 2018, without those that say nothing; also
some of the record around them, where its value is another than usual."""
Render = Callable[[Sequence[Properties]], list[str]]

_BASE: Properties = {
    "method": "GET",
    "url": "https://contoso.azure-api.net/v1/users/42?page=2&subscription-key=5ecre7",
    "responseCode": 200,
    "responseSize": 512,
    "requestSize": 300,
    "cache": "none",
    "backendTime": 50,
    "backendMethod": "GET",
    "backendUrl": "https://users.internal/users/42",
    "backendProtocol": "HTTP/1.1",
    "backendResponseCode": 200,
    "apiId": "users",
    "operationId": "get-user",
    "productId": "gold",
    "userId": "7",
    "apimSubscriptionId": "acme",
    "apiRevision": "2",
    "clientProtocol": "HTTP/1.1",
    "clientTlsVersion": "1.3",
    "requestHeaders": {"User-Id": "headers are nobody's business", "Method": "TRACE"},
    "responseBody": '{"method": "bodies neither", "userId": "x"}',
}


def _with(*without: str, **properties: object) -> Properties:
    return {k: v for k, v in {**_BASE, **properties}.items() if k not in without}


_BACKEND = ("backendMethod", "backendUrl", "backendProtocol", "backendResponseCode")

REQUESTS: tuple[Properties, ...] = (
    _BASE,
    # The service behind failed.
    _with(responseCode=503, backendResponseCode=503, method="POST"),
    # A policy failed after the service had answered.
    _with(
        responseCode=500,
        lastError={"reason": "ExpressionValueEvaluationFailure", "source": "set-body"},
    ),
    # The service could not be reached.
    _with(
        "backendResponseCode",
        responseCode=500,
        backendTime=21_000,
        lastError={"reason": "BackendConnectionFailure", "source": "forward-request"},
    ),
    # A caller without a key, turned away at once.
    _with(
        *_BACKEND,
        *("apimSubscriptionId", "userId", "productId", "backendTime"),
        responseCode=401,
        lastError={"reason": "SubscriptionKeyNotFound", "source": "authorization"},
    ),
    # Out of the cache; known by its user alone.
    _with(*_BACKEND, "apimSubscriptionId", cache="hit", backendTime=0),
    # The client went away before there was an answer; the failure has no reason.
    _with(
        "backendResponseCode",
        responseCode=0,
        url="https://contoso.azure-api.net:8443",
        lastError={"source": "transfer-response"},
    ),
    # A policy answered, nothing failed.
    _with(*_BACKEND, responseCode=500, backendTime=0),
)
ERROR_SOURCES = (None, "upstream", "gateway", "gateway", "client", None, None, "unknown")
"""The sources of the requests' errors."""

_COMMON = {
    "gateway": "azure-apim",
    "api": "users",
    "operation": "get-user",
    "method": "GET",
    "path": "/v1/users/42",
    "query": "page=2&subscription-key=***",
    "host": "contoso.azure-api.net",
    "protocol": "HTTP/1.1",
    "status": 200,
    "upstream_status": 200,
    "duration_ms": 57.0,
    "upstream_duration_ms": 50.0,
    "request_bytes": 300,
    "response_bytes": 512,
    "client_ip": "203.0.113.7",
    "consumer": "acme",
    "plan": "gold",
    "cache_status": "none",
    "api_version": "2",
}


def _record(*without: str, **columns: object) -> dict[str, object]:
    return {k: v for k, v in (_COMMON | columns).items() if k not in without}


def moment(number: int) -> datetime:
    """Return when a request came in."""
    return START + timedelta(seconds=number)


RECORDS: tuple[dict[str, object], ...] = tuple(
    record | {"timestamp": moment(number), "request_id": f"6a9b-{number}"}
    for number, record in enumerate(
        (
            _record(),
            _record(status=503, upstream_status=503, method="POST"),
            _record(status=500, error_type="ExpressionValueEvaluationFailure"),
            _record(
                "upstream_status",
                status=500,
                error_type="BackendConnectionFailure",
                upstream_duration_ms=21_000.0,
            ),
            _record(
                *("upstream_status", "upstream_duration_ms", "consumer", "plan"),
                status=401,
                error_type="SubscriptionKeyNotFound",
            ),
            _record("upstream_status", "upstream_duration_ms", consumer="7", cache_status="hit"),
            _record(
                *("status", "upstream_status", "query"),
                error_type="transfer-response",
                path="/",
                host="contoso.azure-api.net:8443",
            ),
            _record("upstream_status", "upstream_duration_ms", status=500),
        )
    )
)
"""The records of `REQUESTS`, without nulls."""


_AROUND = ("time", "durationMs", "callerIpAddress", "correlationId")


def _inner(properties: Properties) -> dict[str, object]:
    return {k: v for k, v in properties.items() if k not in _AROUND}


def _around(number: int, properties: Properties) -> dict[str, object]:
    """Return what stands beside the properties of a request."""
    usual = {
        "time": f"{moment(number):%Y-%m-%dT%H:%M:%S}.4460000Z",
        "durationMs": 57,
        "callerIpAddress": "203.0.113.7",
        "correlationId": f"6a9b-{number}",
    }
    return {key: properties.get(key, value) for key, value in usual.items()}


def _resource_log(number: int, properties: Properties, inner: object = None) -> dict[str, object]:
    return {
        "DeploymentVersion": "0.41.15119.0",
        "Level": 4,
        "isRequestSuccess": True,
        **_around(number, properties),
        "operationName": "Microsoft.ApiManagement/GatewayLogs",
        "category": "GatewayLogs",
        "location": "West Europe",
        "properties": inner or _inner(properties),
        "resourceId": "/SUBSCRIPTIONS/5/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.APIMANAGEMENT/X",
    }


def storage(requests: Sequence[Properties]) -> list[str]:
    """Return the lines of PT1H.json in a storage account."""
    return [json.dumps(_resource_log(*numbered)) for numbered in enumerate(requests)]


def records_object(requests: Sequence[Properties]) -> list[str]:
    """Return a message of an Event Hub: one object with all of them."""
    return [json.dumps({"records": [_resource_log(*each) for each in enumerate(requests)]})]


def properties_as_text(requests: Sequence[Properties]) -> list[str]:
    """Return records whose `properties` are a text of JSON, keys with a capital."""
    renamed = {"apimSubscriptionId": "SubscriptionId", "backendTime": "ServiceTime"}
    lines = []
    for number, properties in enumerate(requests):
        keys = {renamed.get(k, k): v for k, v in _inner(properties).items()}
        text = json.dumps({k[0].upper() + k[1:]: v for k, v in keys.items()})
        lines.append(json.dumps(_resource_log(number, properties, text)))
    return lines


def _row(number: int, properties: Properties) -> dict[str, object]:
    """Return a row of ApiManagementGatewayLogs."""
    around = _around(number, properties)
    row: dict[str, object] = {
        "TenantId": "workspace",
        "TimeGenerated": around["time"],
        "OperationName": "Microsoft.ApiManagement/GatewayLogs",
        "CorrelationId": around["correlationId"],
        "Region": "West Europe",
        "IsRequestSuccess": True,
        "Category": "GatewayLogs",
        "TotalTime": around["durationMs"],
        "CallerIpAddress": around["callerIpAddress"],
        "SubscriptionId": "of Azure",
    }
    for key, value in _flat(properties, "").items():
        row[key[0].upper() + key[1:]] = value
    return row | {"Type": "ApiManagementGatewayLogs", "_ResourceId": "/subscriptions/5"}


def _flat(properties: Properties, between: str) -> dict[str, object]:
    """Return the properties with the parts of `lastError` beside the other values."""
    found = {k: v for k, v in _inner(properties).items() if k != "lastError"}
    error = properties.get("lastError")
    for part, value in error.items() if isinstance(error, Mapping) else ():
        name = part if between else part.capitalize()
        found[f"lastError{between}{name}"] = value
    return found


def _table(requests: Sequence[Properties]) -> tuple[list[str], list[list[object]]]:
    """Return columns, and all rows with a value for each."""
    rows = [_row(*numbered) for numbered in enumerate(requests)]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return columns, [[row.get(column) for column in columns] for row in rows]


def table_objects(requests: Sequence[Properties]) -> list[str]:
    """Return the rows of a table as objects."""
    columns, rows = _table(requests)
    return [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]


def tables_and_rows(requests: Sequence[Properties]) -> list[str]:
    """Return an answer of the query API."""
    columns, rows = _table(requests)
    named = [{"name": column, "type": "dynamic"} for column in columns]
    table = {"name": "PrimaryResult", "columns": named, "rows": rows}
    return [json.dumps({"tables": [table]})]


def command_line(requests: Sequence[Properties]) -> list[str]:
    """Return objects of `az monitor log-analytics query`: Python's texts of all values."""
    columns, rows = _table(requests)
    return [
        json.dumps({"TableName": "PrimaryResult", **dict(zip(columns, map(str, row), strict=True))})
        for row in rows
    ]


def azure_diagnostics(requests: Sequence[Properties]) -> list[str]:
    """Return rows of the table AzureDiagnostics, whose columns carry their type."""
    lines = []
    for number, properties in enumerate(requests):
        around = _around(number, properties)
        row: dict[str, object] = {
            "TimeGenerated": around["time"],
            "Category": "GatewayLogs",
            "OperationName": "Microsoft.ApiManagement/GatewayLogs",
            "SubscriptionId": "of Azure",
            "CorrelationId": around["correlationId"],
            "DurationMs": around["durationMs"],
            "CallerIPAddress": around["callerIpAddress"],
            "isRequestSuccess_b": True,
            "Type": "AzureDiagnostics",
        }
        for key, value in _flat(properties, "_").items():
            if isinstance(value, int):
                row[f"{key}_d"] = float(value)
            else:
                row[f"{key}_s"] = value if isinstance(value, str) else json.dumps(value)
        lines.append(json.dumps(row))
    return lines


def portal_csv(requests: Sequence[Properties]) -> list[str]:
    """Return the portal's CSV file: a byte order mark, times as in the United States."""
    columns, rows = _table(requests)
    at = columns.index("TimeGenerated")
    columns[at] = "TimeGenerated [UTC]"
    lines = [_csv_line(columns)]
    for row in rows:
        time = datetime.fromisoformat(str(row[at]))
        exact = f"{time:%m/%d/%Y, %I:%M:%S}.{time.microsecond // 1000:03} {time:%p}"
        row[at] = exact.lstrip("0").replace(", 0", ", ")
        lines.append(_csv_line([json.dumps(v) if isinstance(v, dict) else v for v in row]))
    return ["\ufeff" + lines[0], *lines[1:]]


def _csv_line(values: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


SHAPES: Mapping[str, Render] = {
    "storage": storage,
    "properties as text": properties_as_text,
    "table objects": table_objects,
    "command line": command_line,
    "AzureDiagnostics": azure_diagnostics,
    "portal CSV": portal_csv,
}
"""Shapes with one event per line."""
FRAMED: Mapping[str, Render] = {
    "records object": records_object,
    "tables and rows": tables_and_rows,
}
"""Shapes whose events are within something larger."""


def events_of(text: str) -> list[str]:
    """Return the events of a stream, one per line."""
    reader = frame_stream(io.BytesIO(text.encode()), 1 << 20)
    data = b"".join(iter(lambda: reader.read(1 << 16), b""))
    return data.decode().splitlines()
