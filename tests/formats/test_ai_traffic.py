"""Requests to language models and tools, as gateways log them by their documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

import apilog
from tests.formats.read_rows import lines_of, read_lines, rows

AI_COLUMNS = ("model", "input_tokens", "output_tokens", "time_to_first_token_ms")

KONG = {
    "request": {"method": "POST", "uri": "/v1/chat", "id": "6a9b", "size": 323},
    "response": {"status": 200, "size": 1200},
    "latencies": {"request": 2800, "kong": 20, "proxy": 2780},
    "service": {"name": "llm"},
    "consumer": {"username": "acme"},
    "client_ip": "203.0.113.7",
    "started_at": 1791640536123,
}
KONG_AI = {
    "usage": {"prompt_tokens": 28, "completion_tokens": 20, "total_tokens": 48, "cost": 0.0038},
    "meta": {
        "request_model": "gpt-4o",
        "response_model": "gpt-4o-2024-08-06",
        "provider_name": "openai",
        "llm_latency": 2670,
    },
}
APISIX = {
    "apisix_latency": 3.1,
    "start_time": 1791640536123,
    "latency": 2858.0,
    "upstream_latency": 2855,
    "client_ip": "203.0.113.7",
    "route_id": "1",
    "consumer": {"username": "acme"},
    "server": {"version": "3.13.0"},
    "request": {"method": "POST", "uri": "/v1/chat", "size": 87},
    "response": {"status": 200, "size": 804},
}
ENVOY = {
    "start_time": "2026-11-21T10:00:00.123Z",
    "method": "POST",
    "x-envoy-origin-path": "/v1/chat/completions",
    "protocol": "HTTP/1.1",
    "response_code": "200",
    "x-envoy-upstream-service-time": "2855",
    "duration": "2858",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": "28",
    "gen_ai.usage.output_tokens": "20",
}
TYK = {
    "api_id": "w",
    "api_key": "585bc3a4",
    "api_name": "Weather MCP",
    "api_type": "mcp",
    "client_ip": "203.0.113.7",
    "latency_gateway": 2,
    "latency_total": 312,
    "upstream_latency": 310,
    "method": "POST",
    "org_id": "o",
    "path": "/mcp",
    "prefix": "access-log",
}


def first_record(*objects: Mapping[str, object]) -> dict[str, object]:
    return rows(read_lines(lines_of(*map(json.dumps, objects))))[0]


def told(record: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(record.get(column) for column in AI_COLUMNS)


def test_kong() -> None:
    record = first_record(KONG | {"ai": {"proxy": KONG_AI}})
    assert told(record) == ("gpt-4o-2024-08-06", 28, 20, None)
    assert (record["consumer"], record["duration_ms"]) == ("acme", 2800.0)
    old = KONG_AI | {"usage": {"prompt_token": 89, "completion_token": 56, "total_tokens": 145}}
    assert told(first_record(KONG | {"ai": {"ai-proxy": old}})) == (
        *("gpt-4o-2024-08-06", 89, 56, None),
    )
    assert told(first_record(KONG)) == (None, None, None, None)


def test_apisix() -> None:
    summary = {"model": "gpt-4-0613", "request_model": "gpt-4", "duration": 311}
    summary |= {"prompt_tokens": 23, "completion_tokens": 8}
    assert told(first_record(APISIX | {"llm_summary": summary})) == ("gpt-4-0613", 23, 8, 311.0)
    # What it does not know it writes as 0.
    unknown = summary | {"duration": 0, "prompt_tokens": 0, "completion_tokens": 0}
    assert told(first_record(APISIX | {"llm_summary": unknown})) == ("gpt-4-0613", *[None] * 3)


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ('"311" "gpt-4-0613" "gpt-4"  "23" "8"', ("gpt-4-0613", 23, 8, 311.0)),
        ('"0" "" ""  "0" "0"', (None, None, None, None)),
    ],
)
def test_the_access_log_of_apisix(tail: str, expected: tuple[object, ...]) -> None:
    line = (
        '203.0.113.7 - acme [21/Nov/2026:10:00:00 +0000] api.example.com "POST /v1/chat HTTP/1.1" '
        '200 804 2.858 "-" "curl/8.1" api.openai.com:443 200 2.858 '
        '"https://api.openai.com/v1/chat/completions" "5c5e0b95f8d303cb81e4dc456a4b12d9" "ai_chat" '
    )
    (record,) = rows(read_lines(lines_of(line + tail)))
    assert told(record) == expected
    assert (record["consumer"], record["duration_ms"]) == ("acme", 2858.0)


def test_envoy_ai_gateway() -> None:
    record = first_record(ENVOY)
    assert told(record) == ("gpt-4o-2024-08-06", 28, 20, None)
    assert (record["path"], record["status"]) == ("/v1/chat/completions", 200)


LITELLM = {
    "id": "chatcmpl-1",
    "call_type": "acompletion",
    "status": "success",
    "startTime": 1795173600.123,
    "endTime": 1795173602.456,
    "completionStartTime": 1795173600.923,
    # Of a stream it is the time to the first token.
    "response_time": 0.8,
    "model": "gpt-4o",
    "model_group": "gpt-4o",
    "response_cost": 0.0012,
    "prompt_tokens": 20,
    "completion_tokens": 10,
    "requester_ip_address": "203.0.113.7",
    "metadata": {"user_api_key_alias": "till", "user_api_key_request_route": "/chat/completions"},
    "error_information": {"error_code": "", "error_class": "", "llm_provider": ""},
}
"""https://docs.litellm.ai/docs/proxy/logging_spec"""


def litellm_failure(code: str, name: str, provider: str) -> dict[str, object]:
    error = {"error_code": code, "error_class": name, "llm_provider": provider}
    end = LITELLM["endTime"]
    return LITELLM | {"status": "failure", "error_information": error, "completionStartTime": end}


def test_litellm() -> None:
    events = (
        LITELLM,
        litellm_failure("429", "RateLimitError", "openai"),
        litellm_failure("503", "ServiceUnavailableError", "openai"),
        litellm_failure("", "Exception", ""),
    )
    records = rows(read_lines(lines_of(*map(json.dumps, events))))
    first = records[0]
    assert told(first) == ("gpt-4o", 20, 10, 800.0)
    assert (first["duration_ms"], first["path"]) == (2333.0, "/chat/completions")
    assert {(r["consumer"], r["client_ip"]) for r in records} == {("till", "203.0.113.7")}
    columns = ("status", "upstream_status", "error_source", "error_type", "time_to_first_token_ms")
    assert [tuple(r.get(c) for c in columns) for r in records] == [
        (200, None, None, None, 800.0),
        (429, 429, "client", "RateLimitError", None),
        (503, 503, "upstream", "ServiceUnavailableError", None),
        (500, None, "gateway", "Exception", None),
    ]


def test_litellm_without_any_failure() -> None:
    event = {k: v for k, v in LITELLM.items() if k != "error_information"}
    assert first_record(event)["status"] == 200


def mcp(number: int, **more: object) -> dict[str, object]:
    status = {"status": 200, "time": f"2026-11-21T10:00:0{number}Z"}
    return {**TYK, **status, **more}


MCP = (
    mcp(0, mcp_method="initialize", mcp_primitive_name="initialize"),
    mcp(1, mcp_method="tools/call", mcp_primitive_name="get_weather", mcp_primitive_type="tool"),
    mcp(
        2,
        mcp_method="tools/call",
        mcp_primitive_name="get_weather",
        mcp_primitive_type="tool",
        mcp_error_code=-32004,
    ),
    mcp(3, mcp_method="tools/call", mcp_error_code=-32001, status=401),
    mcp(4, response_flag="UCF", status=500),
)


def test_an_answer_of_200_may_be_an_error_of_its_protocol() -> None:
    records = rows(read_lines(lines_of(*map(json.dumps, MCP))))
    found = [tuple(r.get(c) for c in ("tool", "error_type", "error_source")) for r in records]
    assert found == [
        (None, None, None),
        ("get_weather", None, None),
        ("get_weather", "jsonrpc:-32004", "protocol"),
        (None, "jsonrpc:-32001", "client"),
        (None, "UCF", "gateway"),
    ]
    assert [r.get("operation") for r in records] == ["initialize", *["tools/call"] * 3, None]


def test_tables_of_models_consumers_and_tools(tmp_path: Path) -> None:
    kong = [KONG | {"ai": {"proxy": KONG_AI}}, KONG | {"ai": {"proxy": KONG_AI}}]
    kong[1] |= {"consumer": {"username": "globex"}, "response": {"status": 500, "size": 5}}
    for name, objects in (("kong", kong), ("tyk", MCP)):
        text = "".join(f"{json.dumps(o)}\n" for o in objects)
        (tmp_path / f"{name}.log").write_text(text, "utf-8")
    names = ("overview", "errors", "models", "model_consumers", "tools")
    tables = apilog.report([tmp_path], tables=names).tables
    columns = ("model", "requests", "errors", "protocol_errors", "input_tokens", "output_tokens")
    model = "gpt-4o-2024-08-06"
    assert set(tables["models"].select(columns).rows()) == {
        (model, 2, 1, 0, 56, 40),
        (None, 5, 2, 1, None, None),
    }
    by_both = tables["model_consumers"].select("model", "consumer", "requests", "input_tokens")
    assert {row for row in by_both.rows() if row[0]} == {
        (model, "acme", 1, 28),
        (model, "globex", 1, 28),
    }
    assert tables["tools"].select("tool", "requests", "protocol_errors").rows() == [
        ("get_weather", 2, 1)
    ]
    # Counted apart from errors, which are those of statuses.
    assert tables["overview"]["errors"].to_list() == [3]
    assert (200, "protocol", 1) in tables["errors"].select(
        "status", "error_source", "requests"
    ).rows()


def test_the_csv_pump_of_tyk() -> None:
    header = (
        "Method,Host,Path,RawPath,ContentLength,UserAgent,Day,Month,Year,Hour,ResponseCode,APIKey,"
        "TimeStamp,APIVersion,APIName,APIID,OrgID,OauthID,RequestTime,RawRequest,RawResponse,"
        "IPAddress,Alias"
    )
    line = (
        "GET,api.example.com,/a,/a,120,curl/8,20,November,2026,9,200,c0ffee,"
        "2026-11-20 09:15:01.123456789 +0000 UTC,v1,orders,a1,o1,,15,,,203.0.113.7,acme"
    )
    (record,) = rows(read_lines(lines_of(header, line)))
    assert (record["path"], record["status"], record["client_ip"]) == ("/a", 200, "203.0.113.7")
    assert record["api_version"] == "v1"
    assert f"{record['timestamp']:%H:%M:%S.%f}" == "09:15:01.123456"


def test_the_reporter_of_wso2() -> None:
    event = {
        "apiName": "shop",
        "proxyResponseCode": 200,
        "apiMethod": "GET",
        "apiResourceTemplate": "/orders/{id}",
        "responseLatency": 15,
        "backendLatency": 12,
        "targetResponseCode": 200,
        "applicationName": "acme",
        "requestTimestamp": "2026-11-21T10:00:00.123Z",
        "correlationId": "6a9b",
        "userIp": "203.0.113.7",
    }
    start = "[2026-11-21 10:00:00,930]  INFO - ELKCounterMetric apimMetrics: apim:response, "
    parsed = read_lines(
        lines_of(
            f"{start}properties :{json.dumps(event)}",
            f"TID: [-1234] [] {start}properties :{json.dumps(event | {'proxyResponseCode': 500})}",
        )
    )
    told_columns = ("api", "route", "status", "duration_ms", "consumer")
    assert [tuple(r.get(c) for c in told_columns if c != "route") for r in rows(parsed)] == [
        ("shop", 200, 15.0, "acme"),
        ("shop", 500, 15.0, "acme"),
    ]
