"""JSON access logs of many gateways: keys are found by name and by their values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.formats.generic.json_lines import JsonLinesFormat
from apilog.schema import SCHEMA
from apilog.values.event_lines import EventLines
from tests.any_text import any_text


def lines_of(*values: Mapping[str, object] | str) -> EventLines:
    texts = (v if isinstance(v, str) else json.dumps(v) for v in values)
    return EventLines("\n".join(texts).encode())


def inferred(lines: EventLines) -> JsonLinesFormat:
    found = JsonLinesFormat.infer(lines.series)
    assert found is not None
    return found


def records(*values: Mapping[str, object] | str) -> list[dict[str, object]]:
    """What the lines say, without nulls."""
    lines = lines_of(*values)
    log_format = inferred(lines)
    parsed = log_format.parse(lines, sorted(log_format.columns))
    assert parsed.rejects.is_empty()
    return [{k: v for k, v in row.items() if v is not None} for row in parsed.records.to_dicts()]


NOON = "2026-11-21T12:00:00+02:00"
TEN = datetime(2026, 11, 21, 10, tzinfo=UTC)

NGINX = {
    "time_iso8601": NOON,
    "remote_addr": "203.0.113.7",
    "remote_user": "alice",
    "request": "GET /v1/users/42?token=abc&page=2 HTTP/1.1",
    "status": "200",
    "body_bytes_sent": "512",
    "request_length": "300",
    "request_time": "0.057",
    "upstream_response_time": "0.010, 0.040",
    "upstream_status": "502, 200",
    "upstream_cache_status": "MISS",
    "http_referer": "",
    "http_user_agent": "curl/8.1",
    "http_host": "api.example.com",
    "request_id": "752178adb17130b291aefd8c386279e7",
    "http_traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}


def test_nginx() -> None:
    assert records(NGINX) == [
        {
            "timestamp": TEN,
            "client_ip": "203.0.113.7",
            "consumer": "alice",
            "method": "GET",
            "path": "/v1/users/42",
            "query": "token=***&page=2",
            "protocol": "HTTP/1.1",
            "status": 200,
            "upstream_status": 200,
            "duration_ms": 57.0,
            "upstream_duration_ms": 50.0,
            "request_bytes": 300,
            "response_bytes": 512,
            "cache_status": "MISS",
            "user_agent": "curl/8.1",
            "host": "api.example.com",
            "request_id": "752178adb17130b291aefd8c386279e7",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        }
    ]


def test_the_key_host_may_hold_the_client() -> None:
    line = {
        "time": NOON,
        "host": "203.0.113.7",
        "port": 4711,
        "method": "GET",
        "uri": "/foo/bar?token=1",
        "status": "200",
        "body_bytes": 12,
        "referer": "-",
        "ua": "UA1",
        "request_time": "0.057",
        "response_time": "0.050",
    }
    (record,) = records(line)
    assert (record["client_ip"], record.get("host")) == ("203.0.113.7", None)
    assert (record["duration_ms"], record["upstream_duration_ms"]) == (57.0, 50.0)
    (record,) = records({**line, "remote_addr": "198.51.100.1", "host": "203.0.113.9"})
    assert (record["client_ip"], record["host"]) == ("198.51.100.1", "203.0.113.9")
    (record,) = records({**line, "host": "api.example.com"})
    assert (record.get("client_ip"), record["host"]) == (None, "api.example.com")


def test_traefik() -> None:
    line = {
        "ClientAddr": "203.0.113.7:4711",
        "ClientHost": "203.0.113.7",
        "ClientUsername": "-",
        "DownstreamContentSize": 15,
        "DownstreamStatus": 504,
        "Duration": 1_234_567,
        "OriginDuration": 1_000_000,
        "OriginStatus": 0,
        "RequestContentSize": 3,
        "RequestCount": 1,
        "RequestHost": "api.example.com",
        "RequestMethod": "GET",
        "RequestPath": "/v1/users/42?x=1",
        "RequestProtocol": "HTTP/1.1",
        "RouterName": "orders@docker",
        "ServiceName": "orders",
        "StartUTC": "2026-11-21T10:00:00.123456789Z",
        "entryPointName": "web",
        "level": "info",
        "msg": "",
        "time": "2026-11-21T10:00:01Z",
        "request_User-Agent": "curl/8.1",
    }
    assert inferred(lines_of(line)).gateway == "traefik"
    assert records(line) == [
        {
            "timestamp": TEN.replace(microsecond=123_456),
            "client_ip": "203.0.113.7",
            "method": "GET",
            "path": "/v1/users/42",
            "query": "x=1",
            "protocol": "HTTP/1.1",
            "status": 504,
            "duration_ms": 1.235,
            "upstream_duration_ms": 1.0,
            "request_bytes": 3,
            "response_bytes": 15,
            "host": "api.example.com",
            "api": "orders",
            "operation": "orders@docker",
            "user_agent": "curl/8.1",
            "error_type": "no_upstream",
        }
    ]


def test_caddy() -> None:
    line = {
        "level": "info",
        "ts": 1_795_255_200.5241024,
        "logger": "http.log.access",
        "msg": "handled request",
        "request": {
            "remote_ip": "203.0.113.7",
            "remote_port": "41342",
            "proto": "HTTP/2.0",
            "method": "GET",
            "host": "api.example.com",
            "uri": "/v1/users/42",
            "headers": {"User-Agent": ["curl/8.1"], "Accept": ["*/*"]},
            "tls": {"resumed": False, "version": 772},
        },
        "bytes_read": 7,
        "user_id": "",
        "duration": 0.000929675,
        "size": 10900,
        "status": 200,
        "resp_headers": {"Server": ["Caddy"]},
    }
    assert records(line) == [
        {
            "timestamp": TEN.replace(microsecond=524_102),
            "client_ip": "203.0.113.7",
            "method": "GET",
            "path": "/v1/users/42",
            "protocol": "HTTP/2.0",
            "host": "api.example.com",
            "user_agent": "curl/8.1",
            "status": 200,
            "duration_ms": 0.93,
            "request_bytes": 7,
            "response_bytes": 10900,
        }
    ]


def test_envoy() -> None:
    line = {
        "start_time": "2026-11-21T10:00:00.123Z",
        "method": "GET",
        "path": "/v1/users/42",
        "protocol": "HTTP/1.1",
        "response_code": 503,
        "response_flags": "UF",
        "bytes_received": 0,
        "bytes_sent": 91,
        "duration": 12,
        "upstream_service_time": None,
        "x_forwarded_for": "-",
        "authority": "orders:80",
        "upstream_host": "10.0.0.2:80",
        "upstream_cluster": "outbound|80||orders",
        "downstream_remote_address": "203.0.113.7:4711",
        "request_id": "6a9b",
    }
    assert records(line, {**line, "upstream_service_time": "11"}) == [
        record := {
            "timestamp": TEN.replace(microsecond=123_000),
            "client_ip": "203.0.113.7",
            "method": "GET",
            "path": "/v1/users/42",
            "protocol": "HTTP/1.1",
            "status": 503,
            "error_type": "UF",
            "duration_ms": 12.0,
            "request_bytes": 0,
            "response_bytes": 91,
            "host": "orders:80",
            "upstream_addr": "10.0.0.2:80",
            "api": "outbound|80||orders",
            "request_id": "6a9b",
        },
        {**record, "upstream_duration_ms": 11.0},
    ]


def test_kong() -> None:
    line = {
        "latencies": {"request": 515, "kong": 58, "proxy": 457},
        "service": {"host": "10.0.0.2", "name": "orders", "id": "5b"},
        "request": {
            "id": "6a9b",
            "method": "GET",
            "querystring": {},
            "size": 87,
            "uri": "/v1/users/42?a=1",
            "url": "http://api.example.com:8000/v1/users/42",
            "headers": {"host": "api.example.com", "user-agent": "curl/8.1"},
        },
        "response": {"status": 200, "size": 1000, "headers": {"content-type": "text/plain"}},
        "route": {"id": "1", "name": "users", "paths": ["/v1"]},
        "consumer": {"username": "alice", "id": "c1"},
        "client_ip": "203.0.113.7",
        "started_at": 1_795_255_200_000,
        "upstream_uri": "/users/42",
        "tries": [{"balancer_latency": 0}],
    }
    assert records(line) == [
        {
            "timestamp": TEN,
            "client_ip": "203.0.113.7",
            "method": "GET",
            "path": "/v1/users/42",
            "query": "a=1",
            "status": 200,
            "duration_ms": 515.0,
            "upstream_duration_ms": 457.0,
            "request_bytes": 87,
            "response_bytes": 1000,
            "host": "api.example.com",
            "user_agent": "curl/8.1",
            "consumer": "alice",
            "api": "orders",
            "operation": "users",
            "request_id": "6a9b",
        }
    ]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("request_time", "0.057", 57.0),
        ("requestTime", 0.057, 57.0),
        ("duration_ms", 57, 57.0),
        ("response_time_ms", "57", 57.0),
        ("elapsed_us", 57_000, 57.0),
        ("durationNs", 57_000_000, 57.0),
        ("duration", "57ms", 57.0),
        ("latency", 0.057, 57.0),
        ("latency", 57, 57.0),
        ("latency", 57.25, 57.25),
        ("taken", "0.057", 57.0),
        ("elapsed", 57_000_000, 57.0),
        ("apptime", "-", None),
        ("duration", "quick", None),
    ],
)
def test_the_unit_of_a_duration(key: str, value: object, expected: float | None) -> None:
    (record,) = records({"ts": 1_795_255_200, "path": "/a", key: value})
    assert record.get("duration_ms") == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("@timestamp", "2026-11-21T10:00:00.000Z"),
        ("time_local", "21/Nov/2026:12:00:00 +0200"),
        ("msec", "1795255200.000"),
        ("ts", 1_795_255_200),
        ("timestamp", 1_795_255_200_000),
        ("timestamp_ns", 1_795_255_200_000_000_000),
        ("date", "Sat, 21 Nov 2026 10:00:00 GMT"),
    ],
)
def test_times_under_any_name(key: str, value: object) -> None:
    assert records({key: value, "status": 204}) == [{"timestamp": TEN, "status": 204}]


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("uri", "/a/b?c=1", "/a/b"),
        ("uri", "GET /a/b HTTP/1.1", "/a/b"),
        ("request", "/a/b", "/a/b"),
        ("request", "POST /a/b?c=1 HTTP/2.0", "/a/b"),
        ("url", "https://api.example.com/a/b?c=1", "/a/b"),
        ("http.target", "/a/b", "/a/b"),
    ],
)
def test_paths_under_any_name(key: str, value: str, path: str) -> None:
    assert records({"ts": NOON, key: value})[0]["path"] == path


@pytest.mark.parametrize(
    "line",
    [
        {"ts": NOON, "level": "info", "msg": "started"},
        {"status": 200, "path": "/a"},
        {"time": 0.25, "status": 200},
        {"time": "soon", "status": 200},
        {"ts": NOON, "status": "OK"},
        {"ts": NOON, "kubernetes": {"path": "/a"}},
        "junk",
        "[1]",
    ],
)
def test_what_is_no_access_log(line: dict[str, object] | str) -> None:
    assert JsonLinesFormat.infer(lines_of(line).series) is None


def test_an_empty_head() -> None:
    assert JsonLinesFormat.infer(pl.Series([], dtype=pl.String)) is None


def test_rejects_say_why_whatever_was_asked_for() -> None:
    lines = lines_of(
        {"ts": NOON, "method": "GET", "status": 200},
        "junk",
        {"ts": "-", "status": 200},
        {"ts": NOON, "msg": "hello"},
        "",
        {"ts": NOON, "status": 0, "method": "GET"},
    )
    log_format = inferred(lines)
    for columns in (["timestamp"], ["status"], ["host"], sorted(SCHEMA)):
        parsed = log_format.parse(lines, columns)
        assert parsed.rows is not None
        assert parsed.rows.to_list() == [0, 5]
        assert parsed.rejects.rows() == [
            (1, "not JSON"),
            (2, "no time in 'ts'"),
            (3, "neither a request nor a status"),
            (4, "not JSON"),
        ]


def test_only_what_was_asked_for_is_read() -> None:
    lines = lines_of(NGINX, {**NGINX, "http_host": {"not": "text"}})
    parsed = inferred(lines).parse(lines, ["status", "timestamp", "stage"])
    assert sorted(parsed.records.columns) == ["status", "timestamp"]


def test_explain_points_at_the_place() -> None:
    log_format = inferred(lines_of(NGINX))
    assert log_format.explain('{"a":x}').position == 5
    line = '{"a":1}'
    stop = log_format.explain(line)
    assert (stop.position, "time_iso8601" in stop.expected) == (len(line), True)
    assert log_format.explain("[" * 100_000).position == 0


KEYS = ["ts", "status", "path", "method", "request_time", "upstream_response_time", "host", "x"]
VALUES = st.none() | st.booleans() | st.integers() | any_text(max_size=8) | st.just(NOON)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES | st.dictionaries(any_text(), VALUES))


@pytest.mark.slow
@given(st.lists(OBJECTS.map(json.dumps).map(str.encode) | st.binary(max_size=20), max_size=10))
def test_any_lines_are_records_or_rejects(parts: list[bytes]) -> None:
    example = {"ts": NOON, "status": 1, "path": "/", "request_time": 0.1}
    log_format = inferred(lines_of({**example, "status": 200, "upstream_response_time": "0.1"}))
    lines = EventLines(b"\n".join(parts))
    columns = sorted(log_format.columns)
    parsed = log_format.parse(lines, columns)
    rows = range(lines.count) if parsed.rows is None else parsed.rows.to_list()
    rejected = parsed.rejects["row"].to_list()
    assert parsed.records.height == len(rows)
    assert sorted([*rows, *rejected]) == list(range(lines.count))
    assert rejected == sorted(rejected)
    assert parsed.rejects["reason"].null_count() == 0


@given(st.lists(OBJECTS.map(json.dumps) | any_text(max_size=20), max_size=10))
def test_any_head_can_be_looked_at(head: list[str]) -> None:
    found = JsonLinesFormat.infer(pl.Series(head, dtype=pl.String))
    if found is not None:
        assert found.columns <= set(SCHEMA) | {"query"}
        assert "timestamp" in found.columns


class TestSamples:
    def test_alp(self, samples: Path) -> None:
        lines = EventLines((samples / "nginx/tkuchiki-alp/json_access.log").read_bytes())
        parsed = inferred(lines).parse(lines, sorted(SCHEMA))
        assert parsed.records.height == lines.count == 14
        first = parsed.records.row(0, named=True)
        assert first["timestamp"] == datetime(2015, 9, 5, 20, 58, 5, tzinfo=UTC)
        assert (first["method"], first["path"], first["status"]) == ("POST", "/foo/bar", 200)
        assert (first["duration_ms"], first["response_bytes"]) == (57.0, 12)
        # Three lines have `-`, one of them beside a key that the others lack.
        assert parsed.records["duration_ms"].null_count() == 2

    def test_upsun_is_an_envelope_and_no_access_log(self, samples: Path) -> None:
        name = "nginx/crowdsecurity-hub/base-upsun-httplog-logs/base-upsun-httplog-logs.log"
        assert JsonLinesFormat.infer(EventLines((samples / name).read_bytes()).series) is None


@pytest.mark.parametrize(
    ("key", "moment"),
    [
        ("gateway_time", lambda i: f"2026-11-21T10:00:{i:02}Z"),
        ("gatewayTs", lambda i: 1795255200 + i),
        ("whatever", lambda i: f"2026-11-21 10:00:{i:02}"),
        ("seenAt", lambda i: 1795255200000 + 1000 * i),
    ],
)
def test_one_field_alone_that_looks_like_a_time_is_it(
    key: str, moment: Callable[[int], object]
) -> None:
    request = {"method": "GET", "path": "/v1/users", "status": 200, "serial": 1234567890123}
    lines = lines_of(*({**request, "serial": 77 + i, key: moment(i)} for i in range(6)))
    log_format = inferred(lines)
    (doubt,) = log_format.doubts
    assert f"`{key}`" in doubt
    assert "--column timestamp=" in doubt
    times = log_format.parse(lines, ["timestamp"]).records["timestamp"].to_list()
    assert times == [TEN + timedelta(seconds=i) for i in range(6)]


def test_of_several_fields_that_look_like_a_time_none_is_taken() -> None:
    request = {"method": "GET", "path": "/v1/users", "status": 200}
    moments = {"first_time": NOON, "second_time": NOON}
    assert JsonLinesFormat.infer(lines_of(request | moments).series) is None


def test_headers_are_lists_in_go() -> None:
    headers = {"User-Agent": ["curl/8.1"], "X-Request-Id": ["752178adb17130b2"], "Referer": []}
    trace = {"Traceparent": ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]}
    request = {"method": "GET", "path": "/", "headers": headers | trace}
    (found,) = records({"time": NOON, "req": request, "status": 200})
    assert found["user_agent"] == "curl/8.1"
    assert found["request_id"] == "752178adb17130b2"
    assert found["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "referer" not in found


@pytest.mark.parametrize(
    ("total", "behind"),
    [
        ("totalLatencyMs", "targetLatencyMs"),
        ("total_ms", "backend_ms"),
        ("dur", "upstream_elapsed"),
        ("elapsedMilliseconds", "serviceTime"),
    ],
)
def test_names_of_durations(total: str, behind: str) -> None:
    request = {"time": NOON, "method": "GET", "path": "/", "status": 200}
    found = records(*({**request, total: ms, behind: ms - 3} for ms in (705, 121, 1333, 48)))
    assert [r["duration_ms"] for r in found] == [705.0, 121.0, 1333.0, 48.0]
    assert [r["upstream_duration_ms"] for r in found] == [702.0, 118.0, 1330.0, 45.0]


def test_names_of_sizes() -> None:
    request = {"time": NOON, "method": "GET", "path": "/", "status": 200}
    for asked, answered in (("reqLen", "respLen"), ("bytesRecv", "bytesTransferred")):
        (found,) = records({**request, asked: 310, answered: 5120})
        assert (found["request_bytes"], found["response_bytes"]) == (310, 5120)
