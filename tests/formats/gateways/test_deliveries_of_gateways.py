"""Logs of gateways as portals, agents and collectors deliver them, and the doubts they leave."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO

import pytest

from apilog.formats.detect import detect_plan
from apilog.formats.file_plan import FileSample, UnrecognisedFormat, plan_file
from tests.formats.read_rows import lines_of, name_of, read_lines, rows


def table(header: str, *values: list[str], separator: str = ",") -> list[str]:
    out = StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(values)
    return ["\ufeff" + separator.join(header.split(",")), *out.getvalue().splitlines()]


def read(*lines: str) -> list[dict[str, object]]:
    outcome = read_lines(lines_of(*lines))
    assert not outcome.rejects.height
    return rows(outcome)


def doubts(*lines: str) -> tuple[str, ...]:
    found = detect_plan(lines_of(*lines).series)
    assert found is not None
    return found.doubts


PORTAL = "TimeGenerated [UTC],IsRequestSuccess,Category,TotalTime,Method,Url,ResponseCode"


def portal(*times: str) -> list[str]:
    url = "https://contoso.example.com/v1/users?page=2"
    row = ["True", "GatewayLogs", "57", "GET", url, "200"]
    return table(PORTAL, *([time, *row] for time in times))


@pytest.mark.parametrize(
    ("first", "second", "day"),
    [
        ("05/11/2026, 12:00:01.403 am", "21/11/2026, 9:05:00.000 pm", 5),
        ("11/05/2026, 00:00:01.403", "11/21/2026, 21:05:00.000", 5),
        ("11/5/2026, 12:00:01.403\u202fAM", "11/21/2026, 9:05:00.000\u202fPM", 5),
        ("5.11.2026, 00:00:01,403", "5.11.2026, 21:05:00,000", 5),
        ("2026/11/5 0:00:01.403", "2026/11/5 21:05:00.000", 5),
        ("2026-11-05T00:00:01.4030000Z", "2026-11-05T21:05:00.0000000Z", 5),
    ],
)
def test_tables_of_the_portal_in_every_locale(first: str, second: str, day: int) -> None:
    lines = portal(first, second)
    found = [str(row["timestamp"]) for row in read(*lines)]
    assert found[0] == f"2026-11-{day:02d} 00:00:01.403000+00:00"
    assert found[1].endswith("21:05:00+00:00")
    assert doubts(*lines) == ()


def test_what_a_column_does_not_tell_is_doubted() -> None:
    (doubt,) = doubts(*portal("05/11/2026, 09:00:00.000", "05/11/2026, 09:01:00.000"))
    assert "`TimeGenerated` is read with the day first" in doubt
    assert "`[formats.NAME]`" in doubt


def test_local_times_of_any_table_are_refused() -> None:
    lines = portal("05/11/2026, 09:00:00.000")
    local = [lines[0].replace("[UTC]", "[UTC+09:00]"), *lines[1:]]
    with pytest.raises(UnrecognisedFormat, match="local zone"):
        plan_file("x", FileSample(first=lines_of(*local).data))


GATEWAY_TABLE = "TimeGenerated,Category,clientIP_s,httpMethod_s,requestUri_s,httpStatus_d"
GATEWAY_TABLE += ",receivedBytes_d,timeTaken_d,serverStatus_s,serverResponseLatency_s"


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_decimal_commas(separator: str) -> None:
    head = ["2026-11-21T10:00:00Z", "ApplicationGatewayAccessLog", "203.0.113.7", "GET", "/v1"]
    values = [["200", "184", "0,016", "200", "0,010"], ["504", "1840", "5,003", "504", "5,001"]]
    lines = table(GATEWAY_TABLE, *([*head, *v] for v in values), separator=separator)
    found = [(row["duration_ms"], row["upstream_duration_ms"]) for row in read(*lines)]
    assert found == [(16.0, 10.0), (5003.0, 5001.0)]
    assert doubts(*lines) == ()
    assert "decimal points" in doubts(lines[0], *lines[2:])[0]


SELF_HOSTED = (
    "[Info] 2026-11-21T10:00:00.123 [GatewayLogs], correlationId: 6a9b, isRequestSuccess: false, "
    'totalTime: 7, category: "GatewayLogs", timeGenerated: 2026-11-21T10:00:00.123, '
    'method: "GET", url: "https://gw.contoso.com/v1/a,%20b: c?x=1, y: 2", responseCode: 401, '
    'apiId: "users", lastError: { "source": "authorization", "message": "no, reason: \\"x\\"", '
    '"reason": "SubscriptionKeyNotFound" }'
)


@pytest.mark.parametrize(
    "deliver",
    [
        lambda line: line,
        lambda line: f"2026-11-21T10:00:00.123456789Z stdout F {line}",
        lambda line: f"<62>1 2026-11-21T10:00:00Z host gateway 1 GatewayLogs - {line}",
        lambda line: "<62>Nov 21 10:00:00 host gateway[1]: " + line.split(" ", 2)[2],
    ],
)
def test_text_of_the_self_hosted_gateway(deliver: Callable[[str], str]) -> None:
    own = "[Info] 2026-11-21T10:00:00.123 [GatewayHeartbeat], region: eu"
    outcome = read_lines(lines_of(*[deliver(SELF_HOSTED)] * 3, own))
    first = rows(outcome)[0]
    assert (outcome.records.height, outcome.skipped) == (3, 1)
    assert (first["path"], first["status"]) == ("/v1/a,%20b: c", 401)
    assert first["error_type"] == "SubscriptionKeyNotFound"
    assert (first["api"], first["duration_ms"], first["request_id"]) == ("users", 7.0, "6a9b")


REQUESTS = "timestamp [UTC],id,name,url,resultCode,duration,itemType,customDimensions,client_IP"
REQUESTS += ",itemCount"


def request_row(dimensions: dict[str, str], count: str = "1", kind: str = "request") -> list[str]:
    return [
        *("11/21/2026, 10:00:00.123 AM", "|9b.", "GET /v1/users/7", "", "200", "57.25", kind),
        *(json.dumps(dimensions), "0.0.0.0", count),
    ]


def test_requests_of_application_insights() -> None:
    managed = {"API Name": "users", "Subscription Name": "acme", "Request Id": "6a9b"}
    lines = table(
        REQUESTS, request_row(managed), request_row({}), request_row({}, kind="dependency")
    )
    outcome = read_lines(lines_of(*lines))
    assert outcome.records["gateway"].to_list() == ["azure-apim", None]
    first, second = rows(outcome)
    assert (first["path"], first["duration_ms"], first["consumer"]) == (
        "/v1/users/7",
        57.25,
        "acme",
    )
    assert "client_ip" not in first
    assert "consumer" not in second
    assert outcome.skipped == 2


def test_sampled_requests_are_doubted() -> None:
    (doubt,) = doubts(*table(REQUESTS, request_row({}, "4")))
    assert "`itemCount`" in doubt


def test_times_of_spans_are_milliseconds() -> None:
    row = request_row({})
    row[5] = "00:01:02.5000000"
    assert read(*table(REQUESTS, row))[0]["duration_ms"] == 62_500.0


API = {
    "requestId": "8d1f",
    "requestTime": "21/Nov/2026:10:00:00 +0000",
    "httpMethod": "GET",
    "resourcePath": "/users/{id}",
    "status": "200",
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {"integrationError": {"latency": "41", "status": "201", "integrationStatus": "200"}},
            {"upstream_duration_ms": 41.0, "upstream_status": 201, "duration_ms": None},
        ),
        ({"lambda": {"latency": "41", "status": "500"}}, {"duration_ms": None, "status": 200}),
        ({"waf": {"latency": "2"}, "latencyMs": "9"}, {"duration_ms": 9.0}),
        (
            {"integrationStatus": "200", "integrationStatusCode": "404", "status": "404"},
            {"upstream_status": 404},
        ),
        ({"authError": "Unauthorized", "status": "401"}, {"error_type": "Unauthorized"}),
        ({"integrationErr": "timed out", "status": "504"}, {"error_type": "timed out"}),
        ({"tenantId": "acme"}, {"consumer": "acme"}),
    ],
)
def test_keys_of_terraform_modules(more: dict[str, object], expected: dict[str, object]) -> None:
    (row,) = read(json.dumps({**API, **more}))
    assert {column: row.get(column) for column in expected} == expected


def test_fields_of_a_query_are_named_by_its_header() -> None:
    lines = table(
        "@timestamp,requestId,httpMethod,resourcePath,status,responseLatency",
        ["2026-11-21 10:00:00.602", "8d1f", "GET", "/users/{id}", "200", "57"],
    )
    (row,) = read(*lines)
    assert str(row["timestamp"]) == "2026-11-21 10:00:00.602000+00:00"
    assert (row["status"], row["duration_ms"], row["request_id"]) == (200, 57.0, "8d1f")


def test_objects_in_single_quotes() -> None:
    assert name_of(lines_of(*[f"'{json.dumps(API)}'"] * 3)) == "quoted: aws-apigateway"


@pytest.mark.parametrize(
    "lines",
    [
        ['{"apiproxy":"orders","avg_rt":57.2,"sum_txn":4211,"timestamp":"2026-11-21 00:00:00"}'],
        ['{"apiproxy":"a","response_status_code":"200","traffic":7,"timestamp":"2026-11-21"}'],
        ["apiproxy,response_status_code,averageTime,txn_count,timestamp", "a,200,5,7,2026-11-21"],
        ["developer_app|sum(message_count)|timestamp", "a|7|2026-11-21 00:00:00"],
    ],
)
def test_totals_are_refused_whatever_their_columns_are_named(lines: list[str]) -> None:
    with pytest.raises(UnrecognisedFormat, match="totals") as caught:
        plan_file("x", FileSample(first=lines_of(*lines).data))
    assert "raw data" in caught.value.hint


def test_the_shared_flow_of_agents() -> None:
    record = {
        "organization": "shop",
        "environment": "prod",
        "api": "orders",
        "messageId": "rt-1",
        "verb": "GET",
        "path": "/v1/orders",
        "clientStartTimeStamp": "1795255200000",
        "clientEndTimeStamp": "1795255200057",
        "bytesReceived": "300",
        "bytesSent": "",
        "statusCode": "",
        "errorStatusCode": "401",
    }
    token = '[3f50@41058 tag="logs"]'
    syslog = f"<14>1 2026-11-21T10:00:00.263+0000 mp-1 Apigee-Edge - - - {token}"
    for before in ("", syslog):
        (row,) = read(before + json.dumps(record))
        assert (row["status"], row["duration_ms"], row["request_bytes"]) == (401, 57.0, 300)
        assert (row["api"], row["request_id"]) == ("orders", "rt-1")
        assert "response_bytes" not in row


def test_rows_of_edges_are_skipped_in_tables() -> None:
    header = "TimeGenerated,Category,trackingReference_s,httpMethod_s,requestUri_s"
    header += ",httpStatusCode_s,timeTaken_s,isReceivedFromClient_b"
    head = ["2026-11-21T10:00:00Z", "FrontdoorAccessLog", "0x1", "GET", "https://x.com:443/a"]
    lines = table(header, [*head, "200", "0.035", "True"], [*head, "200", "0.035", "False"])
    outcome = read_lines(lines_of(*lines))
    assert (outcome.records.height, outcome.rejects.height, outcome.skipped) == (1, 0, 2)
