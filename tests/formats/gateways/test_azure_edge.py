"""Azure Application Gateway and Front Door."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.formats.contract import Format
from apilog.formats.gateways import delimited, keyed
from apilog.formats.gateways.azure import GATEWAYS
from apilog.formats.gateways.gateway import Gateway
from apilog.values.event_lines import EventLines
from tests.aggregate import oracle
from tests.any_text import any_text
from tests.formats.gateways.azure_shapes import events_of

APP_GATEWAY, FRONT_DOOR = GATEWAYS[1:3]


def read(gateway: Gateway, *events: object) -> list[dict[str, object]]:
    """Return the records of the events, without nulls; all of them have to be records."""
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    log_format = keyed.infer_keyed(gateway, pl.Series(lines))
    assert log_format is not None
    parsed = log_format.parse(EventLines("\n".join(lines).encode()), sorted(log_format.columns))
    assert parsed.rejects.is_empty()
    return [{k: v for k, v in row.items() if v is not None} for row in parsed.records.to_dicts()]


V2: dict[str, object] = {
    "instanceId": "appgw_2",
    "clientIP": "203.0.113.7",
    "clientPort": 45057,
    "httpMethod": "GET",
    "requestUri": "/rewritten",
    "requestQuery": "page=2",
    "userAgent": "curl/8.1",
    "httpStatus": 200,
    "httpVersion": "HTTP/1.1",
    "receivedBytes": 184,
    "sentBytes": 466,
    "clientResponseTime": 0,
    "timeTaken": 0.034,
    "WAFEvaluationTime": "0.000",
    "transactionId": "592d1649",
    "serverRouted": "10.0.0.4:443",
    "serverStatus": "200",
    "serverResponseLatency": "0.028",
    "originalRequestUriWithArgs": "/v1/users/42?page=2&sig=5ecre7",
    "originalHost": "api.contoso.com",
    "host": "10.0.0.4",
    "error_info": "ERRORINFO_NO_ERROR",
}


def v2(**properties: object) -> dict[str, object]:
    return {
        "timeStamp": "2026-11-21T10:00:00+00:00",
        "listenerName": "https",
        "ruleName": "users-rule",
        "backendPoolName": "users",
        "category": "ApplicationGatewayAccessLog",
        "properties": V2 | properties,
    }


V1: dict[str, object] = {
    "clientIP": "203.0.113.7",
    "httpMethod": "GET",
    "requestUri": "/v1/users/42",
    "requestQuery": (
        "page=2&X-AzureApplicationGateway-CACHE-HIT=0&SERVER-ROUTED=10.4.0.4"
        "&X-AzureApplicationGateway-LOG-ID=874f1f0f&SERVER-STATUS=404"
    ),
    "httpStatus": 404,
    "httpVersion": "HTTP/1.0",
    "receivedBytes": 65,
    "sentBytes": 553,
    "timeTaken": 205,
    "host": "api.contoso.com",
}


def v1(**properties: object) -> dict[str, object]:
    time = {"time": "2026-11-21T10:00:00Z", "category": "ApplicationGatewayAccessLog"}
    return time | {"properties": V1 | properties}


DOOR: dict[str, object] = {
    "trackingReference": "20261121T100000Z-17587c8c",
    "httpMethod": "GET",
    "httpVersion": "2.0.0.0",
    "requestUri": "https://api.contoso.com:443/v1/users/42?code=5ecre7",
    "requestBytes": "60",
    "responseBytes": "1624",
    "userAgent": "curl/8.1",
    "clientIp": "203.0.113.7",
    "socketIp": "198.51.100.1",
    "timeToFirstByte": "0.030",
    "timeTaken": "0.035",
    "httpStatusCode": "200",
    "cacheStatus": "MISS",
    "errorInfo": "NoError",
    "ErrorInfo": "NoError",
    "endpoint": "contoso.z01.azurefd.net",
    "routingRuleName": "users",
    "hostName": "api.contoso.com",
    "originIp": "10.0.0.1:443",
    "referer": "",
}


def front_door(**properties: object) -> dict[str, object]:
    time = {"time": "2026-11-21T10:00:00.0000000Z", "category": "FrontDoorAccessLog"}
    return time | {"properties": DOOR | properties}


def test_application_gateway_v2() -> None:
    (record,) = read(APP_GATEWAY, v2())
    assert str(record.pop("timestamp")) == "2026-11-21 10:00:00+00:00"
    assert record == {
        "api": "users",
        "operation": "users-rule",
        "method": "GET",
        "path": "/v1/users/42",
        "query": "page=2&sig=***",
        "host": "api.contoso.com",
        "protocol": "HTTP/1.1",
        "user_agent": "curl/8.1",
        "status": 200,
        "upstream_status": 200,
        "duration_ms": 34.0,
        "upstream_duration_ms": 28.0,
        "request_bytes": 184,
        "response_bytes": 466,
        "client_ip": "203.0.113.7",
        "request_id": "592d1649",
    }


def test_application_gateway_v1() -> None:
    (record,) = read(APP_GATEWAY, v1())
    assert str(record.pop("timestamp")) == "2026-11-21 10:00:00+00:00"
    assert record == {
        "method": "GET",
        "path": "/v1/users/42",
        "query": "page=2",
        "host": "api.contoso.com",
        "protocol": "HTTP/1.0",
        "status": 404,
        "upstream_status": 404,
        "duration_ms": 205.0,
        "request_bytes": 65,
        "response_bytes": 553,
        "client_ip": "203.0.113.7",
        "request_id": "874f1f0f",
    }


def test_one_key_has_two_units() -> None:
    events = [
        v1(timeTaken=205),
        v1(timeTaken=0),
        v2(timeTaken=0.205),
        v2(timeTaken=2),
        v2(timeTaken="2"),
        v2(transactionId="", serverStatus="", serverResponseLatency="", timeTaken="0.2"),
        v1(timeTaken=""),
        v1(timeTaken=1.5),
    ]
    found = [record.get("duration_ms") for record in read(APP_GATEWAY, *events)]
    assert found == [205.0, 0.0, 205.0, 2000.0, 2000.0, 200.0, None, 1500.0]


def test_what_a_caller_writes_into_the_query_is_no_answer_of_a_backend() -> None:
    junk = "X-AzureApplicationGateway-LOG-ID=x&SERVER-STATUS=200"
    of_v1, of_v2 = read(
        APP_GATEWAY,
        v1(requestQuery=f"{junk}&X-AzureApplicationGateway-LOG-ID=y&SERVER-STATUS=502"),
        v2(requestQuery=junk, serverStatus="", httpStatus=502),
    )
    assert (of_v1["upstream_status"], of_v1["request_id"]) == (502, "y")
    assert ("upstream_status" in of_v2, of_v2["request_id"]) == (False, "592d1649")


@pytest.mark.parametrize(
    ("properties", "source"),
    [
        ({"httpStatus": 404, "serverStatus": "404"}, "client"),
        ({"httpStatus": 503, "serverStatus": "503"}, "upstream"),
        ({"httpStatus": 502, "serverStatus": "502, 503"}, "upstream"),
        ({"httpStatus": 500, "serverStatus": "200"}, "gateway"),
        (
            {
                "httpStatus": 504,
                "serverStatus": "504",
                "error_info": "ERRORINFO_UPSTREAM_TIMED_OUT",
            },
            "gateway",
        ),
        (
            {"httpStatus": 502, "serverStatus": "", "error_info": "ERRORINFO_UPSTREAM_NO_LIVE"},
            "gateway",
        ),
        ({"httpStatus": 502, "serverStatus": ""}, "unknown"),
    ],
)
def test_errors_of_application_gateway(properties: dict[str, object], source: str) -> None:
    (record,) = read(APP_GATEWAY, v2(**properties))
    assert oracle.error_source(record) == source


def test_values_that_are_missing() -> None:
    nothing: dict[str, object] = dict.fromkeys(V2, "")
    (record,) = read(APP_GATEWAY, v2(**(nothing | {"httpStatus": 400, "userAgent": "-"})))
    assert set(record) == {"timestamp", "status", "api", "operation"}


def test_front_door() -> None:
    (record,) = read(FRONT_DOOR, front_door())
    assert str(record.pop("timestamp")) == "2026-11-21 10:00:00+00:00"
    assert record == {
        "api": "contoso.z01.azurefd.net",
        "operation": "users",
        "method": "GET",
        "path": "/v1/users/42",
        "query": "code=***",
        "host": "api.contoso.com",
        "protocol": "HTTP/2.0",
        "user_agent": "curl/8.1",
        "status": 200,
        "duration_ms": 35.0,
        "request_bytes": 60,
        "response_bytes": 1624,
        "client_ip": "203.0.113.7",
        "request_id": "20261121T100000Z-17587c8c",
        "cache_status": "MISS",
    }


@pytest.mark.parametrize(
    ("version", "protocol"),
    [("1.1.0.0", "HTTP/1.1"), ("3.0", "HTTP/3.0"), ("HTTP/1.1", "HTTP/1.1"), ("", None)],
)
def test_versions(version: str, protocol: str | None) -> None:
    (record,) = read(FRONT_DOOR, front_door(httpVersion=version))
    assert record.get("protocol") == protocol


@pytest.mark.parametrize(
    ("properties", "source"),
    [
        ({"httpStatusCode": "404"}, "client"),
        ({"httpStatusCode": "503"}, "upstream"),
        ({"httpStatusCode": "503", "errorInfo": "OriginTimeout"}, "gateway"),
        ({"httpStatusCode": "503", "originIp": "N/A"}, "unknown"),
        ({"httpStatusCode": "0", "errorInfo": "OriginTimeout"}, None),
    ],
)
def test_errors_of_front_door(properties: dict[str, object], source: str | None) -> None:
    (record,) = read(FRONT_DOOR, front_door(**properties))
    assert oracle.error_source(record) == source


def test_an_origin_is_not_known_to_have_answered_what_the_client_got() -> None:
    (record,) = read(FRONT_DOOR, front_door(httpStatusCode="304"))
    assert "upstream_status" not in record


def test_the_host_is_also_in_the_uri() -> None:
    (record,) = read(FRONT_DOOR, front_door(hostName="N/A"))
    assert record["host"] == "api.contoso.com"


def test_requests_between_edges_are_no_requests_of_clients() -> None:
    events = [front_door(isReceivedFromClient=flag) for flag in (True, False, "true", "False")]
    lines = [json.dumps(event) for event in (*events, front_door())]
    log_format = keyed.infer_keyed(FRONT_DOOR, pl.Series(lines))
    assert log_format is not None
    assert log_format.parse(EventLines("\n".join(lines).encode()), []).rejects["row"].to_list() == [
        1,
        3,
    ]


def test_tables_of_log_analytics() -> None:
    row = {
        "TimeGenerated": "2026-11-21T10:00:00Z",
        "Category": "ApplicationGatewayAccessLog",
        "BackendPoolName": "users",
        "RuleName": "users-rule",
        "Type": "AGWAccessLogs",
    }
    capital = {key[0].upper() + key[1:]: value for key, value in V2.items()}
    suffixed = {f"{key}_s": value for key, value in V2.items()}
    names = {"backendPoolName_s": "users", "ruleName_s": "users-rule", "Type": "AzureDiagnostics"}
    expected = read(APP_GATEWAY, v2())
    assert read(APP_GATEWAY, row | capital) == expected
    old = {key: row[key] for key in ("TimeGenerated", "Category")}
    assert read(APP_GATEWAY, old | suffixed | names) == expected


def test_one_table_of_two_gateways() -> None:
    categories = ("ApplicationGatewayAccessLog", "FrontDoorAccessLog")
    rows = [
        {"TimeGenerated": "2026-11-21T10:00:00Z", "Category": category}
        | {f"{key}_s": value for key, value in properties.items()}
        for category, properties in zip((*categories, categories[0]), (V2, DOOR, V2), strict=True)
    ]
    lines = [json.dumps(row) for row in rows]
    for gateway, rejected in ((APP_GATEWAY, [1]), (FRONT_DOOR, [0, 2])):
        log_format = keyed.infer_keyed(gateway, pl.Series(lines))
        assert log_format is not None
        parsed = log_format.parse(EventLines("\n".join(lines).encode()), ["path"])
        assert parsed.rejects["row"].to_list() == rejected
        assert set(parsed.records["path"]) == {"/v1/users/42"}


def test_real_records_of_application_gateway(samples: Path) -> None:
    name = "azure/opentelemetry-collector-contrib/agw/access-log.json"
    events = events_of((samples / name).read_text(encoding="utf-8"))
    records = read(APP_GATEWAY, *events)
    assert [r["status"] for r in records] == [404, 404, 200, 404, 301, 400]
    assert [r.get("upstream_status") for r in records] == [404, 200, 200, None, 301, None]
    # The second is an example of v2 with a number of v1: what it says are 205 seconds.
    assert [r["duration_ms"] for r in records] == [205.0, 205_000.0, 34.0, 205.0, 13.0, 97.0]
    assert [r.get("upstream_duration_ms") for r in records] == [None, 23.0, 28.0, None, 16.0, None]
    assert [r.get("path") for r in records] == [
        *("/phpmyadmin/scripts/setup.php", "/phpmyadmin/scripts/setup.php", "/"),
        *("/phpmyadmin/scripts/setup.php", "/search", None),
    ]
    assert [r["client_ip"] for r in records[:2]] == ["203.0.113.97"] * 2
    assert records[3]["error_type"] == "ERRORINFO_UPSTREAM_NO_LIVE"


def test_real_records_of_front_door(samples: Path) -> None:
    name = "azure/opentelemetry-collector-contrib/frontdoor/access-log.json"
    events = events_of((samples / name).read_text(encoding="utf-8"))
    (record,) = read(FRONT_DOOR, *events)
    assert record["path"] == "/"
    assert record["duration_ms"] == 35.0
    assert record["protocol"] == "HTTP/2.0"
    assert record["client_ip"] == "2001:1c00:3280:6700:fbfa:bf04:1296:ebfc"
    assert record["cache_status"] == "CONFIG_NOCACHE"
    assert "error_type" not in record


FORMATS: list[Format] = [
    found
    for gateway, properties in ((APP_GATEWAY, V2), (FRONT_DOOR, DOOR))
    for found in (
        keyed.infer_keyed(gateway, pl.Series([json.dumps({"time": None, **properties})])),
        delimited.infer_delimited(gateway, pl.Series([",".join(["time", *properties])])),
    )
    if found
]
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | any_text(max_size=9)


@given(
    st.sampled_from(FORMATS),
    st.lists(
        st.binary(max_size=60)
        | st.dictionaries(st.sampled_from(sorted({*V2, *DOOR})), VALUES, max_size=9),
        max_size=6,
    ),
)
def test_any_bytes_are_accounted_for(
    log_format: Format, events: list[bytes | dict[str, object]]
) -> None:
    known = {"time": "2026-11-21T10:00:00Z", **V2, **DOOR}
    texts = [e if isinstance(e, bytes) else json.dumps(known | e).encode() for e in events]
    lines = EventLines(b"\n".join(texts))
    parsed = log_format.parse(lines, sorted(log_format.columns))
    rows = range(lines.count) if parsed.rows is None else parsed.rows
    assert sorted([*rows, *parsed.rejects["row"]]) == list(range(lines.count))
    assert parsed.records.height == lines.count - parsed.rejects.height


def test_tables_come_as_csv_as_well() -> None:
    assert len(FORMATS) == 4
