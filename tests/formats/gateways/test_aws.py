"""API Gateway: the same request in every shape gives the same record, and no value lies."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.formats import gateways
from apilog.formats.contract import Format
from apilog.formats.gateways import aws
from apilog.formats.gateways.aws.templates import LOG_FORMATS
from apilog.formats.gateways.aws.text_formats import TEXT_FORMATS
from apilog.formats.gateways.gateway import Gateway
from apilog.formats.gateways.keyed import infer_keyed
from apilog.formats.nginx import library
from apilog.schema import SCHEMA
from apilog.values.event_lines import EventLines
from tests.aggregate import oracle
from tests.formats import damaged_lines
from tests.formats.gateways.aws_shapes import (
    HTTP,
    HTTP_SHAPES,
    REST,
    REST_SHAPES,
    SHORT,
    UUID,
    WEBSOCKET,
    WEBSOCKET_SHAPES,
    Context,
    nested_in,
    render,
)

TEN = datetime(2026, 11, 21, 10, tzinfo=UTC)
BY_NAME = {f.name: f for f in TEXT_FORMATS}

RECORD = {
    "timestamp": TEN,
    "method": "GET",
    "route": "/users/{userId}",
    "protocol": "HTTP/1.1",
    "status": 200,
    "response_bytes": 512,
    "client_ip": "203.0.113.7",
    "consumer": "AROAEXAMPLE:alice",
    "request_id": UUID,
}
HTTP_RECORD = {
    "timestamp": TEN,
    "method": "POST",
    "route": "/users/{userId}",
    "protocol": "HTTP/1.1",
    "status": 503,
    "response_bytes": 33,
    "client_ip": "2001:db8::7",
    "request_id": SHORT,
}
WEBSOCKET_RECORD = {
    "timestamp": TEN,
    "operation": "MESSAGE",
    "route": "join",
    "status": 200,
    "client_ip": "203.0.113.7",
    "request_id": SHORT,
}


def inferred(*lines: str) -> Format:
    found = infer_keyed(aws.API_GATEWAY, pl.Series(lines))
    assert found is not None
    return found


def records(log_format: Format, *lines: str) -> list[dict[str, object]]:
    """Return the records of the lines, without nulls."""
    parsed = log_format.parse(EventLines("\n".join(lines).encode()), sorted(log_format.columns))
    assert parsed.rejects.is_empty()
    return [{k: v for k, v in row.items() if v is not None} for row in parsed.records.to_dicts()]


def of_json(*objects: Mapping[str, object]) -> list[dict[str, object]]:
    """Return the records of objects, without their time and id."""
    common = {"requestId": UUID, "requestTime": REST["requestTime"]}
    lines = [json.dumps({**common, **o}) for o in objects]
    log_format = inferred(json.dumps({"resourcePath": "-", **json.loads(lines[0])}), *lines)
    known = ("timestamp", "request_id")
    return [{k: v for k, v in r.items() if k not in known} for r in records(log_format, *lines)]


SHAPES = [
    *((n, s, REST, RECORD) for n, s in REST_SHAPES.items()),
    *((n, s, HTTP, HTTP_RECORD) for n, s in HTTP_SHAPES.items()),
    *((n, s, WEBSOCKET, WEBSOCKET_RECORD) for n, s in WEBSOCKET_SHAPES.items()),
]


@pytest.mark.parametrize(("name", "shape", "context", "record"), SHAPES)
def test_every_shape_gives_the_same_record(
    name: str, shape: str, context: Context, record: dict[str, object]
) -> None:
    line = render(shape, context)
    log_format = BY_NAME.get(name) or inferred(line)
    assert log_format.gateway == "aws-apigateway"
    assert records(log_format, line) == [record]


@pytest.mark.parametrize(("name", "shape", "context", "record"), SHAPES)
def test_a_dash_is_no_value(
    name: str, shape: str, context: Context, record: dict[str, object]
) -> None:
    kept = {k: v for k, v in context.items() if k in ("requestId", "requestTime", "routeKey")}
    line = render(shape, {**kept, "httpMethod": "GET"})
    log_format = BY_NAME.get(name) or inferred(line)
    (found,) = records(log_format, line)
    assert found.keys() <= {"timestamp", "request_id", "method", "route"}


def test_websocket_of_serverless_has_no_status() -> None:
    line = render(
        '$context.identity.sourceIp - - [$context.requestTime] "$context.eventType '
        '$context.routeKey $context.connectionId" $context.requestId',
        WEBSOCKET,
    )
    (record,) = records(BY_NAME["aws-websocket-clf-serverless"], line)
    assert record == {k: v for k, v in WEBSOCKET_RECORD.items() if k != "status"}


def test_a_line_with_a_comma_in_its_route_keeps_its_time() -> None:
    plain = render(HTTP_SHAPES["aws-http-csv"], HTTP)
    odd = render(HTTP_SHAPES["aws-http-csv"], {**HTTP, "routeKey": "POST /a,b"})
    found = records(BY_NAME["aws-http-csv"], plain, odd, plain)
    assert found == [HTTP_RECORD, {**HTTP_RECORD, "route": "/a,b"}, HTTP_RECORD]


@pytest.mark.parametrize("log_format", TEXT_FORMATS, ids=lambda f: f.name)
def test_samples_are_read_by_their_own_format_alone(log_format: Format) -> None:
    others = [f for f in (*TEXT_FORMATS, *library.NGINX_FORMATS) if f is not log_format]
    own = BY_NAME[log_format.name]
    assert len(records(log_format, *own.samples)) == len(own.samples)
    assert own.strict_expression.matches(pl.Series(own.samples)).all()
    for other in others:
        assert not other.strict_expression.matches(pl.Series(own.samples)).any(), other.name
        assert not own.strict_expression.matches(pl.Series(other.samples)).any(), other.name


def test_samples_as_json() -> None:
    assert len(records(inferred(*aws.API_GATEWAY.samples), *aws.API_GATEWAY.samples)) == 4


@pytest.mark.parametrize(
    ("key", "method", "route"),
    [
        ("GET /users", "GET", "/users"),
        ("ANY /{proxy+}", None, "/{proxy+}"),
        ("$default", None, "$default"),
        ("$connect", None, "$connect"),
        ("join room", None, "join room"),
        ("GET users", None, "GET users"),
        ("/users", None, "/users"),
        ("-", None, None),
        ("", None, None),
    ],
)
def test_route_keys(key: str, method: str | None, route: str | None) -> None:
    (record,) = of_json({"routeKey": key, "status": "200"})
    assert (record.get("method"), record.get("route")) == (method, route)
    line = render(HTTP_SHAPES["aws-clf"], {**HTTP, "routeKey": key})
    (record,) = records(BY_NAME["aws-clf"], line)
    assert (record["method"], record.get("route")) == ("POST", route)


def test_a_path_is_kept_beside_the_route() -> None:
    path = {"path": "/prod/users/42?token=secret", "resourcePath": "/users/{userId}"}
    assert of_json(path) == [{"path": "/prod/users/42", "route": "/users/{userId}"}]
    assert of_json({"resourcePath": "-", "path": "/users/42"}) == [{"path": "/users/42"}]


CONSUMERS = (
    ("identity.apiKeyId", "9xk2"),
    ("authorizer.principalId", "user|7"),
    ("authorizer.claims.sub", "0b8e"),
    ("authorizer.claims.client_id", "3n4b"),
    ("identity.caller", "AROA:alice"),
    ("identity.user", "AROA"),
    ("identity.userArn", "arn:aws:sts::1:assumed-role/a/b"),
)


@pytest.mark.parametrize("best", range(len(CONSUMERS)))
def test_the_consumer_is_the_best_that_is_known(best: int) -> None:
    keys = {name: "-" if i < best else value for i, (name, value) in enumerate(CONSUMERS)}
    (record,) = of_json({**keys, "status": "200"})
    assert record["consumer"] == CONSUMERS[best][1]
    nested = json.loads(render(nested_in(*keys), keys))
    (record,) = of_json({**nested, "status": "200"})
    assert record["consumer"] == CONSUMERS[best][1]


def test_a_key_itself_is_a_secret() -> None:
    found = of_json({"identity": {"apiKey": "s3cret"}, "apiKey": "s3cret", "status": "200"})
    assert found == [{"status": 200}]


def test_headers_and_bodies_are_not_looked_into() -> None:
    inner = {"path": "/x", "user": "x", "useragent": "x", "stage": "x", "host": "x"}
    keys = ("headers", "requestHeaders", "body", "responseBody", "requestOverride")
    assert of_json({**dict.fromkeys(keys, inner), "status": "200"}) == [{"status": 200}]


@pytest.mark.parametrize(
    ("keys", "error_type"),
    [
        ({"error.responseType": "THROTTLED", "error.message": "Too Many Requests"}, "THROTTLED"),
        ({"error": {"responseType": "-", "message": "Forbidden"}}, "Forbidden"),
        ({"errorMessage": '"Forbidden"'}, "Forbidden"),
        ({"error": "Forbidden"}, "Forbidden"),
        ({"authorizer": {"error": "no policy"}}, "no policy"),
        ({"authorizerError": "no policy", "error.message": "Unauthorized"}, "Unauthorized"),
        ({"wafResponseCode": "WAF_BLOCK"}, "WAF_BLOCK"),
        ({"wafResponseCode": "WAF_BLOCK", "errorMessage": "Forbidden"}, "WAF_BLOCK"),
        ({"wafResponseCode": "WAF_BLOCK", "errorType": "WAF_FILTERED"}, "WAF_FILTERED"),
        ({"wafResponseCode": "WAF_ALLOW"}, None),
        ({"waf": {"status": 403}}, "WAF_BLOCK"),
        ({"waf": {"status": "200", "error": "-"}}, None),
        ({"integrationErrorMessage": "Endpoint request timed out"}, "Endpoint request timed out"),
        ({"integration": {"error": "-"}, "error": {"message": "-", "responseType": "-"}}, None),
        ({"error": {"messageString": None}}, None),
    ],
)
def test_error_types(keys: dict[str, object], error_type: str | None) -> None:
    (record,) = of_json({**keys, "status": "403"})
    assert record.get("error_type") == error_type


@pytest.mark.parametrize(
    ("keys", "upstream_status", "source"),
    [
        # What the service answered.
        ({"status": "503", "integration": {"status": "503"}}, 503, "upstream"),
        ({"status": "500", "functionResponseStatus": "500"}, 500, "upstream"),
        ({"status": "404", "integrationStatus": 404}, 404, "client"),
        # 200 is the invocation's: what the function answered is not known.
        ({"status": "500", "integrationStatus": "200"}, None, "unknown"),
        ({"status": "500", "integrationStatus": "200", "error.message": "-"}, None, "unknown"),
        ({"status": "404", "integration": {"integrationStatus": "200"}}, None, "client"),
        ({"status": "200", "integrationStatus": "200"}, 200, None),
        # Both are known.
        (
            {"status": "500", "integrationStatus": "200", "functionStatus": "500"},
            500,
            "upstream",
        ),
        (
            {"status": "500", "integration": {"integrationStatus": "200", "status": "500"}},
            500,
            "upstream",
        ),
        # The function answered what API Gateway could not use.
        (
            {"status": "502", "integrationStatus": "200", "errorType": "DEFAULT_5XX"},
            200,
            "gateway",
        ),
        # No answer at all.
        (
            {"status": "504", "integrationStatus": "-", "errorType": "INTEGRATION_TIMEOUT"},
            None,
            "gateway",
        ),
        ({"status": "500", "error": {"message": "Internal server error"}}, None, "gateway"),
        ({"status": "500", "integrationStatus": "-"}, None, "unknown"),
    ],
)
def test_errors_are_told_apart(
    keys: dict[str, object], upstream_status: int | None, source: str | None
) -> None:
    (record,) = of_json(keys)
    assert record.get("upstream_status") == upstream_status
    row = {"upstream_status": None, "error_type": None, **record, "gateway": "aws-apigateway"}
    assert oracle.error_source(row) == source


def test_times_of_a_request_and_of_its_parts_are_not_confused() -> None:
    parts = {
        "authorizer": {"latency": "7", "integrationLatency": "6", "status": "200"},
        "integration": {"latency": "34", "status": "201", "requestId": "x", "error": "-"},
        "waf": {"latency": "1", "status": "200"},
        "authenticate": {"latency": "2", "status": "200"},
    }
    (record,) = of_json({**parts, "status": "201", "responseLatency": "50"})
    assert (record["duration_ms"], record["upstream_duration_ms"]) == (50.0, 34.0)
    assert (record["status"], record["upstream_status"]) == (201, 201)
    (record,) = of_json({**parts, "responseLength": "5", "resourcePath": "/a"})
    assert "duration_ms" not in record
    assert "status" not in record


def test_the_finer_time_counts() -> None:
    line = {"requestTimeEpoch": "1795255200123", "resourcePath": "/a"}
    (record,) = records(inferred(json.dumps(line)), json.dumps({**line, "requestTime": "-"}))
    assert record["timestamp"] == TEN.replace(microsecond=123_000)
    text = {**line, "requestTime": "21/Nov/2026:12:00:00 +0200"}
    (record,) = records(inferred(json.dumps(text)), json.dumps({**text, "requestTimeEpoch": "-"}))
    assert record["timestamp"] == TEN


def test_a_time_may_come_with_the_line() -> None:
    line = f'{{"requestId":"{UUID}","routeKey":"GET /a","status":"200","latency":"7"}}'
    assert infer_keyed(aws.API_GATEWAY, pl.Series([line])) is None
    log_format = infer_keyed(aws.API_GATEWAY, pl.Series([line]), is_timed=True)
    assert log_format is not None
    given = pl.Series([TEN], dtype=SCHEMA["timestamp"])
    lines = EventLines.from_series(pl.Series([line, line]), lambda: given.extend_constant(None, 1))
    parsed = log_format.parse(lines, ["timestamp", "duration_ms"])
    assert parsed.records.to_dicts() == [{"timestamp": TEN, "duration_ms": 7.0}]
    assert parsed.rejects.rows() == [(1, "no time that can be understood")]


@pytest.mark.parametrize(
    "value",
    [
        (
            '{"requestId":"x","requestTime":"21/Nov/2026:10:00:00 +0000","routeKey":"$default",'
            '"status":-,"responseLatency":-}'
        ),
        (
            '{"status":200,"errorMessage":-,"requestId":"x","resourcePath":"$default",'
            '"requestTime":"21/Nov/2026:10:00:00 +0000","integration":{"latency":-,"status": - }}'
        ),
    ],
)
def test_bare_dashes_are_repaired(value: str) -> None:
    (record,) = records(inferred(value), value)
    assert (record["route"], record["timestamp"]) == ("$default", TEN)
    assert record.keys() <= {"timestamp", "route", "request_id", "status"}


@pytest.mark.parametrize(
    ("keys", "column", "value"),
    [
        ({"apiId": "a1b2", "domainName": "api.example.com"}, "api", "a1b2"),
        ({"domainName": "a1b2.execute-api.eu-west-1.amazonaws.com"}, "api", "a1b2"),
        ({"domainName": "api.example.com"}, "api", "api.example.com"),
        ({"domainName": "api.example.com"}, "host", "api.example.com"),
        ({"stage": "$default"}, "stage", "$default"),
        ({"xrayTraceId": "1-6566-abc"}, "trace_id", "1-6566-abc"),
        ({"xrayTraceId": "Root=1-6566-abc;Parent=53995c3f42cd8ad8"}, "trace_id", "1-6566-abc"),
        ({"identity": {"userAgent": "curl/8.1"}}, "user_agent", "curl/8.1"),
        ({"usagePlan": "gold"}, "plan", "gold"),
        ({"responseLatency": "1234"}, "duration_ms", 1234.0),
        ({"latency": 12}, "duration_ms", 12.0),
        ({"integrationLatency": "12"}, "upstream_duration_ms", 12.0),
    ],
)
def test_columns(keys: dict[str, object], column: str, value: object) -> None:
    (record,) = of_json({**keys, "status": "200"})
    assert record[column] == value


def test_rejects_say_why() -> None:
    good = render(REST_SHAPES["console"], REST)
    lines = EventLines("\n".join([good, "junk", '{"requestId":"x"}', "", good[:-9]]).encode())
    parsed = inferred(good).parse(lines, ["status"])
    assert parsed.rejects.rows() == [
        (1, "not JSON"),
        (2, "no time that can be understood"),
        (3, "not JSON"),
        (4, "not JSON"),
    ]
    lines = EventLines(json.dumps({"requestTime": REST["requestTime"]}).encode())
    parsed = inferred(good).parse(lines, ["status"])
    assert parsed.rejects["reason"].to_list() == ["no request of aws-apigateway"]


def _other_gateways() -> Iterator[Gateway]:
    for module in pkgutil.walk_packages(gateways.__path__, f"{gateways.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Gateway) and value.name != aws.API_GATEWAY.name:
                yield value


def test_no_other_log_is_taken_for_api_gateways() -> None:
    others = {gateway.name: gateway.samples for gateway in _other_gateways()}
    assert "azure-apim" in others
    for samples in (*others.values(), damaged_lines.JSON):
        assert infer_keyed(aws.API_GATEWAY, pl.Series(samples, dtype=pl.String)) is None
        for sample in samples:
            assert infer_keyed(aws.API_GATEWAY, pl.Series([sample])) is None, sample


MADE_UP = {
    "requestId": UUID,
    "requestTimeEpoch": "1795255200123",
    "apiId": "a1b2c3d4e5",
    "stage": "prod",
    "domainName": "api.example.com",
    "status": "502",
    "identity.sourceIp": "203.0.113.7",
    "identity.userAgent": "curl/8.1",
    "identity.caller": "AROA:caller",
    "identity.user": "AROA:user",
    "identity.apiKeyId": "9xk2",
    "authorizer.principalId": "user|7",
    "authorizer.claims.sub": "0b8e",
    "authorizer.claims.client_id": "3n4b",
    "authorizer.error": "no policy",
    "integration.status": "200",
    "integration.latency": "34",
    "integration.error": "malformed",
    "error.responseType": "DEFAULT_5XX",
    "error.message": "Internal server error",
    "httpMethod": "GET",
    "path": "/prod/users/42",
    "resourcePath": "/users/{userId}",
    "routeKey": "GET /users/{userId}",
    "eventType": "MESSAGE",
    "protocol": "HTTP/1.1",
    "responseLatency": "50",
    "responseLength": "36",
    "xrayTraceId": "1-6566-abc",
    "wafResponseCode": "WAF_BLOCK",
    "waf.status": "403",
}
SEEN = {
    "requestTimeEpoch": TEN.replace(microsecond=123_000),
    "status": 502,
    "integration.status": 200,
    "integration.latency": 34.0,
    "responseLatency": 50.0,
    "responseLength": 36,
    "routeKey": "/users/{userId}",
    "waf.status": "WAF_BLOCK",
}
"""Values that are not their text."""


def _variables(log_format: str) -> list[str]:
    return re.findall(r"\$context\.([\w.]+)", log_format)


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOG_FORMATS)
def test_everything_in_a_template_is_seen(kind: str) -> None:
    template = LOG_FORMATS[kind]
    line = render(template, MADE_UP)
    log_format = inferred(line)
    needed = {"requestTimeEpoch", "status", "requestId"}
    for name in _variables(template):
        alone = render(template, {n: v for n, v in MADE_UP.items() if n in {name, *needed}})
        (record,) = records(log_format, alone)
        assert SEEN.get(name, MADE_UP[name]) in record.values(), name


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("REST", {"operation", "referer", "request_bytes", "plan", "cache_status"}),
        ("HTTP", {"operation", "referer", "request_bytes", "plan", "cache_status", "trace_id"}),
        (
            "WebSocket",
            {"referer", "request_bytes", "plan", "cache_status", "trace_id", "method", "path"}
            | {"protocol", "duration_ms", "response_bytes"},
        ),
    ],
)
def test_what_a_template_fills(kind: str, missing: set[str]) -> None:
    context = MADE_UP if kind != "WebSocket" else {**MADE_UP, "routeKey": "join"}
    line = render(LOG_FORMATS[kind], context)
    (record,) = records(inferred(line), line)
    outside = {"gateway", "source", "line_number", "error_source", "api_version"}
    outside |= {"upstream_addr", "upstream_attempts"}
    outside |= {"model", "input_tokens", "output_tokens", "tool", "time_to_first_token_ms"}
    assert set(SCHEMA) - record.keys() == missing | outside
    assert record["consumer"] == ("user|7" if kind == "HTTP" else "9xk2")
    assert record["error_type"] == "DEFAULT_5XX"
    assert record["route"] == ("join" if kind == "WebSocket" else "/users/{userId}")


@pytest.mark.parametrize("kind", LOG_FORMATS)
def test_templates_are_what_api_gateway_takes(kind: str) -> None:
    log_format = LOG_FORMATS[kind]
    assert "\n" not in log_format
    assert len(log_format.encode()) <= 3000
    assert "$context.requestId" in log_format
    assert "identity.apiKey" not in _variables(log_format)
    text = aws.API_GATEWAY.template
    assert text.isascii()
    assert log_format in text.splitlines()


def test_commands_set_the_formats() -> None:
    text = aws.API_GATEWAY.template
    lines = text.replace("\\\n", " ").splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("aws ")]
    rest, *others = [(command[1], json.loads(command[-1])) for command in commands]
    assert rest[0] == "apigateway"
    values = {operation["path"]: operation["value"] for operation in rest[1]}
    assert values["/accessLogSettings/format"] == LOG_FORMATS["REST"]
    assert values["/accessLogSettings/destinationArn"].startswith("arn:aws:logs:")
    assert [(service, settings["Format"]) for service, settings in others] == [
        ("apigatewayv2", LOG_FORMATS["HTTP"]),
        ("apigatewayv2", LOG_FORMATS["WebSocket"]),
    ]


ACCESS = (
    *aws.API_GATEWAY.samples,
    *(line for f in TEXT_FORMATS for line in f.samples),
    *(line for f in library.NGINX_FORMATS for line in f.samples),
    *damaged_lines.JSON,
)


@pytest.mark.parametrize(
    ("pattern", "samples"),
    [
        *((rule.pattern, rule.samples) for rule in aws.API_GATEWAY.skip_rules),
        *((refusal.pattern, refusal.samples) for refusal in aws.API_GATEWAY.refusals),
    ],
)
def test_what_lies_beside_is_told_from_access_lines(pattern: str, samples: tuple[str, ...]) -> None:
    assert pl.Series(samples).str.contains(pattern).all()
    assert not pl.Series(ACCESS).str.contains(pattern).any()


lines_of_json = st.sampled_from(
    [render(s, REST).encode() for s in REST_SHAPES.values() if s.startswith("{")]
    + [line.encode() for line in aws.API_GATEWAY.samples]
)
lines_of_text = st.sampled_from([line.encode() for f in TEXT_FORMATS for line in f.samples])


def accounted(log_format: Format, parts: list[bytes]) -> None:
    """Assert that each line is a record or a reject."""
    lines = EventLines(b"\n".join(parts))
    parsed = log_format.parse(lines, sorted(log_format.columns))
    rows = range(lines.count) if parsed.rows is None else parsed.rows.to_list()
    rejected = parsed.rejects["row"].to_list()
    assert parsed.records.height == len(rows)
    assert sorted([*rows, *rejected]) == list(range(lines.count))
    assert rejected == sorted(rejected)
    for name, dtype in parsed.records.schema.items():
        is_text = SCHEMA[name] == pl.String and isinstance(dtype, (pl.String, pl.Categorical))
        assert is_text or dtype == SCHEMA[name], name


@given(damaged_lines.mixtures(lines_of_json))
def test_any_lines_are_records_or_rejects(parts: list[bytes]) -> None:
    every = [render(s, REST) for s in REST_SHAPES.values() if s.startswith("{")]
    accounted(inferred(*every, *aws.API_GATEWAY.samples), parts)


@given(damaged_lines.mixtures(lines_of_text), st.sampled_from(TEXT_FORMATS))
def test_any_lines_are_records_or_rejects_of_a_preset(
    parts: list[bytes], log_format: Format
) -> None:
    accounted(log_format, parts)


@given(damaged_lines.mixtures(lines_of_json))
def test_any_head_can_be_looked_at(parts: list[bytes]) -> None:
    head = EventLines(b"\n".join(parts)).series
    found = infer_keyed(aws.API_GATEWAY, head)
    if found is not None:
        accounted(found, parts)
