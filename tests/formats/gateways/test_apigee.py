"""Apigee: one record in every shape, and faults apart from errors of the target."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.formats.contract import Format, ParsedRecords, Refusal
from apilog.formats.gateways import apigee, delimited, keyed
from apilog.formats.gateways.apigee import LOGGED_VARIABLES
from apilog.formats.gateways.apigee.router import ROUTER_FORMATS
from apilog.schema import SCHEMA
from apilog.transport.json_envelopes import CLOUD_LOGGING
from apilog.values.event_lines import EventLines
from tests.any_text import any_text
from tests.examples import about
from tests.formats.gateways.apigee_shapes import LACKING, REQUESTS, SHAPES, policy_message, rendered

REPOSITORY = Path(__file__).resolve().parents[3]
TEN = datetime(2026, 11, 21, 10, tzinfo=UTC)
TEN_MS = 1795255200000
COLUMNS = (*SCHEMA, "query")


def format_of(texts: pl.Series, *, is_timed: bool = False) -> Format:
    found = keyed.infer_keyed(
        apigee.ANALYTICS, texts, is_timed=is_timed
    ) or delimited.infer_delimited(apigee.ANALYTICS, texts)
    assert found is not None
    return found


def parsed(lines: list[str]) -> tuple[Format, ParsedRecords]:
    texts = pl.Series(lines)
    if not CLOUD_LOGGING.detect(texts):
        return (log_format := format_of(texts)), log_format.parse(
            EventLines.from_series(texts), COLUMNS
        )
    inside, times = CLOUD_LOGGING.unwrap(texts), CLOUD_LOGGING.times
    assert times is not None
    events = EventLines.from_series(
        inside.texts["text"], lambda: times(texts).gather(inside.texts["row"])
    )
    log_format = format_of(events.series, is_timed=True)
    return log_format, log_format.parse(events, COLUMNS)


def rows(result: ParsedRecords) -> list[dict[str, object]]:
    return [{k: v for k, v in row.items() if v is not None} for row in result.records.to_dicts()]


def record(**values: object) -> dict[str, object]:
    """Return the record of one object with these keys, and with Apigee's fingerprint."""
    line = json.dumps({"apiproxy": "orders", "client_received_start_timestamp": TEN_MS} | values)
    (row,) = rows(parsed([line])[1])
    return row


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_request_is_the_same_record_in_every_shape(shape: str) -> None:
    log_format, result = parsed(SHAPES[shape](REQUESTS))
    lacking = LACKING.get(shape, set())
    every = {name for request in REQUESTS for name in request.record}
    assert every - lacking <= log_format.columns
    found = [{k: v for k, v in row.items() if k != "query"} for row in rows(result)]
    assert found == [
        {k: v for k, v in request.record.items() if k not in lacking} for request in REQUESTS
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_secret_is_in_any_record(shape: str) -> None:
    _, result = parsed(SHAPES[shape](REQUESTS))
    assert not re.search("secret|t0ken", str(rows(result)))


@pytest.mark.parametrize("nothing", ["(not set)", "NULL", "null", "", "-", None])
def test_what_stands_for_nothing_is_null(nothing: str | None) -> None:
    every = {
        name
        for sources in apigee.ANALYTICS.column_sources.values()
        for s in sources
        for name in s.names
    }
    given = {"apiproxy", "clientreceivedstarttimestamp", "responsestatuscode"}
    unset = dict.fromkeys(every - given, nothing)
    assert record(**unset, response_status_code=200) == {
        "timestamp": TEN,
        "api": "orders",
        "status": 200,
    }


@pytest.mark.parametrize(
    "time",
    [
        TEN_MS // 1000,
        TEN_MS,
        TEN_MS * 1000,
        str(TEN_MS),
        str(TEN_MS * 1000),
        "2026-11-21 10:00",
        "2026-11-21 10:00:00",
        "2026-11-21 10:00:00.000000 UTC",
        "2026-11-21T10:00:00.000Z",
        "Sat, 21 Nov 2026 10:00:00 UTC",
    ],
)
def test_times_are_told_by_their_size_or_their_text(time: object) -> None:
    found = record(client_received_start_timestamp=time, response_status_code=200)
    assert found["timestamp"] == TEN


@pytest.mark.parametrize("time", ["(not set)", "0", "", "soon"])
def test_a_record_without_a_time_is_a_reject(time: str) -> None:
    line = {"apiproxy": "a", "status": 200, "client_received_start_timestamp": TEN_MS}
    untimed = {**line, "client_received_start_timestamp": time}
    _, result = parsed([json.dumps(line), json.dumps(untimed)])
    assert result.rejects.rows() == [(1, "no time that can be understood")]


def test_other_record_types_are_rejects() -> None:
    line = {"recordType": "APIAnalytics", "apiproxy": "a", "response_status_code": 200}
    timed = line | {"client_received_start_timestamp": TEN_MS}
    _, result = parsed([json.dumps(timed), json.dumps({**timed, "recordType": "APIMonitoring"})])
    assert result.records.height == 1
    assert result.rejects.rows() == [(1, "a record of something else than apigee")]


class TestWhoAndWhat:
    def test_consumer_is_the_app_then_the_client_then_the_developer(self) -> None:
        known: dict[str, object] = {
            "developer_app": "mobile",
            "client_id": "k1",
            "developer": "shop@@@7f3a",
            "response_status_code": 200,
        }
        for name in ("developer_app", "client_id", "developer"):
            assert record(**known)["consumer"] == known[name]
            known[name] = "(not set)"
        assert "consumer" not in record(**known)

    def test_an_app_that_has_the_products_name_is_the_mistake_of_googles_template(self) -> None:
        found = record(developerApp="gold", apiProduct="gold", clientId="k1", status="200")
        assert (found["consumer"], found["plan"]) == ("k1", "gold")
        unknown = record(developerApp="gold", apiProduct="gold", developerId="d", status="200")
        assert unknown["consumer"] == "d"

    def test_the_endpoint_is_not_the_proxy(self) -> None:
        assert "api" not in record(apiproxy="(not set)", proxy="default", status=404)

    def test_path_without_host_and_query(self) -> None:
        assert record(request_uri="https://api.example.com/v1/a?key=1&page=2") == {
            "timestamp": TEN,
            "api": "orders",
            "path": "/v1/a",
            "query": "key=***&page=2",
        }
        joined = record(**{"proxy.basepath": "/v1/", "proxy.pathsuffix": "/a?x=1"})
        assert joined["path"] == "/v1/a"
        assert record(**{"proxy.basepath": "/v1", "proxy.pathsuffix": ""})["path"] == "/v1"

    def test_a_route_that_is_named(self) -> None:
        assert record(route="/v1/orders/{id}", status=200)["route"] == "/v1/orders/{id}"

    def test_the_flow_that_logs_is_no_operation(self) -> None:
        assert "operation" not in record(**{"current.flow.name": "PostClientFlow", "status": 200})

    def test_addresses(self) -> None:
        found = record(x_forwarded_for_ip="203.0.113.7, 10.0.0.1", client_ip="", status=200)
        assert found["client_ip"] == "203.0.113.7"

    @pytest.mark.parametrize(
        "header",
        [
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "4bf92f3577b34da6a3ce929d0e0e4736/1;o=1",
        ],
    )
    def test_trace_ids(self, header: str) -> None:
        found = record(traceparent=header, status=200)
        assert found["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({"cache_hit": 1}, "HIT"),
            ({"cache_hit": "true"}, "HIT"),
            ({"cache_hit": "false"}, "MISS"),
            ({"cache_hit": 0, "ax_cache_executed": 1}, "MISS"),
            ({"cache_hit": 0, "ax_cache_executed": 0}, None),
            ({"cache_hit": 0}, None),
        ],
    )
    def test_cache_status(self, values: Mapping[str, object], expected: str | None) -> None:
        assert record(**values, status=200).get("cache_status") == expected


class TestStatuses:
    """`targetResponseCode` of Google's template holds what the client got in an error flow."""

    @pytest.mark.parametrize(
        ("proxy", "target", "fault", "received", "expected"),
        [
            ("200", "200", "", "1", (200, 200, None)),
            ("404", "404", "", "1", (404, 404, None)),
            ("200", "200", "", "", (200, None, None)),
            ("", "401", "InvalidApiKey", "", (401, None, "InvalidApiKey")),
            ("", "504", "GatewayTimeout", "", (504, None, "GatewayTimeout")),
            ("503", "503", "ErrorResponseCode", "1", (503, 503, "ErrorResponseCode")),
            ("200", "500", "ScriptExecutionFailed", "1", (500, 200, "ScriptExecutionFailed")),
            ("500", "200", "ScriptExecutionFailed", "1", (500, 200, "ScriptExecutionFailed")),
            ("500", "500", "RaiseFault", "1", (500, None, "RaiseFault")),
            ("", "", "", "", (None, None, None)),
        ],
        ids=[
            "success",
            "an error of the target that is passed on",
            "from the cache",
            "refused by a policy",
            "no answer of the target",
            "an error of the target that raises a fault",
            "a fault after the target's success",
            "the same, names put right",
            "a fault that may be anyone's",
            "nothing",
        ],
    )
    def test_googles_keys(
        self,
        proxy: str,
        target: str,
        fault: str,
        received: str,
        expected: tuple[int | None, int | None, str | None],
    ) -> None:
        found = record(
            verb="GET",
            proxyResponseCode=proxy,
            targetResponseCode=target,
            faultName=fault,
            targetResponseReceived=received and str(TEN_MS),
        )
        names = ("status", "upstream_status", "error_type")
        assert tuple(found.get(name) for name in names) == expected

    def test_flags_of_analytics_name_the_failure_where_nothing_else_does(self) -> None:
        failed = record(response_status_code=500, policy_error=1, target_error=0)
        assert failed["error_type"] == "policy_error"
        failed = record(response_status_code=502, policy_error=0, target_error="1")
        assert failed["error_type"] == "target_error"
        assert "error_type" not in record(response_status_code=200, policy_error=0)

    def test_a_target_that_was_not_called_took_no_time(self) -> None:
        found = record(status=200, target_response_time=0, target_response_code="NULL")
        assert "upstream_duration_ms" not in found
        found = record(status=200, target_response_time=0, target_response_code=200)
        assert found["upstream_duration_ms"] == 0.0

    def test_a_span_that_never_ended_is_null(self) -> None:
        found = record(verb="GET", proxyRequestReceived=str(TEN_MS), proxyResponseSent="0")
        assert "duration_ms" not in found


OTHERS = {
    "aws": {
        "requestId": "a",
        "ip": "203.0.113.7",
        "requestTime": "21/Nov/2026:10:00:00 +0000",
        "httpMethod": "GET",
        "resourcePath": "/a",
        "status": "200",
    },
    "azure": {
        "time": "2026-11-21T10:00:00Z",
        "category": "GatewayLogs",
        "properties": {"apiId": "a", "operationId": "b", "method": "GET", "responseCode": 200},
    },
    "nginx": {"time": "2026-11-21T10:00:00Z", "method": "GET", "uri": "/a", "env": "prod"},
}


class TestMarkers:
    def test_samples_are_read(self) -> None:
        for sample in apigee.ANALYTICS.samples:
            assert parsed([sample])[1].rejects.is_empty()

    @pytest.mark.parametrize("line", OTHERS.values(), ids=OTHERS.keys())
    def test_other_gateways_are_not_apigee(self, line: Mapping[str, object]) -> None:
        assert keyed.infer_keyed(apigee.ANALYTICS, pl.Series([json.dumps(line)])) is None

    def test_sample_logs_of_others_are_not_apigee(self) -> None:
        for log in sorted((REPOSITORY / "sample_logs").glob("*.log")):
            if log.name.startswith("apigee"):
                continue
            head = EventLines(log.read_bytes()).series
            assert keyed.infer_keyed(apigee.ANALYTICS, head) is None, log.name
            assert delimited.infer_delimited(apigee.ANALYTICS, head) is None, log.name
            assert not any(f.strict_expression.matches(head).any() for f in ROUTER_FORMATS), (
                log.name
            )


class TestRefusals:
    @pytest.mark.parametrize("refusal", apigee.ANALYTICS.refusals)
    def test_statistics_are_refused(self, refusal: Refusal) -> None:
        assert "totals" in refusal.message
        assert "--template" in refusal.hint
        assert pl.Series(refusal.samples).str.contains(refusal.pattern).all()
        requests = [line for render in SHAPES.values() for line in render(REQUESTS)]
        assert not pl.Series(requests).str.contains(refusal.pattern).any()

    @pytest.mark.parametrize("separator", [",", "\t"])
    def test_statistics_are_not_read_as_requests(self, separator: str) -> None:
        names = ["timestamp", "apiproxy", "response_status_code", "sum(message_count)"]
        values: list[object] = [TEN_MS, "orders", 200, 42]
        table = [separator.join(map(str, line)) for line in (names, values)]
        objects = [json.dumps(dict(zip(names, values, strict=True)))]
        for lines in (table, objects):
            texts = pl.Series(lines)
            log_format = keyed.infer_keyed(apigee.ANALYTICS, texts) or delimited.infer_delimited(
                apigee.ANALYTICS, texts
            )
            assert (
                log_format is None
                or not log_format.parse(EventLines.from_series(texts), COLUMNS).records.height
            )


class TestPolicy:
    def test_unresolved_variables_are_null(self) -> None:
        known = {"apiproxy.name": "orders", "client.received.start.timestamp": TEN_MS}
        known |= {"message.status.code": 404}
        message = json.loads(rendered(policy_message(), known))
        assert set(message) == set(LOGGED_VARIABLES)
        (row,) = rows(parsed([json.dumps(message)])[1])
        assert row == {"timestamp": TEN, "api": "orders", "status": 404}

    def test_no_value_can_break_the_message(self) -> None:
        escaped = re.findall(r"escapeJSON\(([\w.-]+)\)", policy_message())
        nasty = dict.fromkeys(escaped, '"},\n\\{')
        assert len(nasty) > 3
        assert set(json.loads(rendered(policy_message(), nasty))) == set(LOGGED_VARIABLES)

    def test_every_key_is_read(self) -> None:
        (log_format, _) = parsed([json.dumps(dict.fromkeys(LOGGED_VARIABLES, "1"))])
        assert isinstance(log_format, keyed.KeyedFormat)
        chosen = map(log_format._usable_sources, apigee.ANALYTICS.column_sources.values())
        names = {n for sources in chosen for s in sources for n in (*s.names, *s.optional_names)}
        paths = {log_format.locations[name][0] for name in names & log_format.locations.keys()}
        assert {(key,) for key in LOGGED_VARIABLES} - paths == {("organization",)}


class TestCloudLogging:
    def test_samples(self) -> None:
        for sample in CLOUD_LOGGING.samples:
            lines = pl.Series(sample.lines)
            assert CLOUD_LOGGING.detect(lines)
            assert CLOUD_LOGGING.unwrap(lines).texts["text"].to_list() == [*sample.texts]

    def test_the_entrys_time_counts_where_the_payload_has_none(self) -> None:
        own = {"environment": "prod", "organization": "o", "proxy": "orders", "verb": "GET"}
        payloads = [own, {**own, "client.received.start.timestamp": str(TEN_MS)}]
        entries = [
            {"insertId": "1", "timestamp": "2026-11-21T11:00:00.5Z", "jsonPayload": payload}
            for payload in payloads
        ]
        _, result = parsed([json.dumps(entry) for entry in entries])
        assert result.records["timestamp"].to_list() == [
            datetime(2026, 11, 21, 11, 0, 0, 500_000, tzinfo=UTC),
            TEN,
        ]

    def test_the_payloads_own_time_counts_whatever_it_is_called(self) -> None:
        entry = {"insertId": "1", "timestamp": "2026-11-21T11:00:00Z"}
        payload = {"apiproxy": "orders", "status": 200, "timestamp": str(TEN_MS)}
        _, result = parsed([json.dumps({**entry, "jsonPayload": payload})])
        assert result.records["timestamp"].to_list() == [TEN]

    def test_what_else_is_in_an_entry_says_nothing_of_the_request(self) -> None:
        entry = {
            "insertId": "1",
            "timestamp": "2026-11-21T11:00:00Z",
            "operation": {"id": "deploy", "producer": "x"},
            "resource": {"type": "api", "labels": {"method": "google.Update", "path": "/x"}},
            "httpRequest": {"requestMethod": "POST", "status": 500},
            "jsonPayload": {"apiproxy": "orders", "response": {"status": {"code": "200"}}},
        }
        (row,) = rows(parsed([json.dumps(entry)])[1])
        del row["timestamp"]
        assert row == {"api": "orders", "status": 200}

    def test_payloads_that_hold_a_line_are_an_envelope(self) -> None:
        line = '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'
        entry = {"insertId": "1", "timestamp": "2026-11-21T11:00:00Z"}
        wrapped = json.dumps({**entry, "jsonPayload": {"message": line}})
        assert CLOUD_LOGGING.detect(pl.Series([wrapped]))
        plain = json.dumps({**entry, "jsonPayload": {"message": "hello", "status": 200}})
        assert not CLOUD_LOGGING.detect(pl.Series([plain]))

    def test_objects_that_are_no_entries(self) -> None:
        for line in ('{"jsonPayload": {"a": 1}}', '{"insertId": "1"}', "text", "{"):
            assert not CLOUD_LOGGING.detect(pl.Series([line]))


class TestRouter:
    FULL, SHORT = ROUTER_FORMATS

    def row(self, log_format: Format, line: str) -> dict[str, object]:
        (row,) = rows(log_format.parse(EventLines(line.encode()), COLUMNS))
        return row

    def test_with_the_host(self) -> None:
        assert self.row(self.FULL, self.FULL.samples[0]) == {
            "timestamp": TEN,
            "api": "orders",
            "method": "GET",
            "path": "/v1/orders/42",
            "query": "page=2",
            "protocol": "HTTP/1.1",
            "host": "api.example.com",
            "user_agent": "curl/8.1 (x)",
            "status": 200,
            "duration_ms": 57.0,
            "upstream_duration_ms": 50.0,
            "request_bytes": 312,
            "response_bytes": 512,
            "client_ip": "203.0.113.7",
            "request_id": "router-1-93936-241022-1",
        }

    def test_without_the_host_and_refused_by_a_policy(self) -> None:
        found = self.row(self.SHORT, self.SHORT.samples[0])
        assert found["status"] == 401
        assert found["error_type"] == "steps.oauth.v2.InvalidApiKey"
        assert not {"upstream_status", "upstream_duration_ms", "host"} & set(found)

    def test_the_status_of_the_message_processor_is_not_the_targets(self) -> None:
        line = self.SHORT.samples[0].replace("401", "500")
        assert "upstream_status" not in self.row(self.SHORT, line)
        by_target = line.replace("steps.oauth.v2.InvalidApiKey", "a.flow.ErrorResponseCode")
        assert self.row(self.SHORT, by_target)["upstream_status"] == 500

    def test_what_follows_in_other_versions_is_not_read(self) -> None:
        for log_format in ROUTER_FORMATS:
            line = log_format.samples[0]
            assert self.row(log_format, f"{line}\t-\tmore") == self.row(log_format, line)

    def test_each_reads_its_own_samples_alone(self) -> None:
        for log_format in ROUTER_FORMATS:
            for other in ROUTER_FORMATS:
                matches = log_format.strict_expression.matches(pl.Series(other.samples))
                assert matches.all() == (log_format is other)

    def test_columns_that_are_not_asked_for(self) -> None:
        lines = EventLines(self.SHORT.samples[0].encode())
        assert self.SHORT.parse(lines, ["upstream_status"]).records.columns == ["upstream_status"]


RUNTIME = SHAPES["runtime records"](REQUESTS)
MESSAGES = SHAPES["Google's message template"](REQUESTS)
FORMATS = [
    format_of(pl.Series(RUNTIME)),
    format_of(pl.Series(MESSAGES)),
    format_of(pl.Series(SHAPES["analytics with tabs"](REQUESTS))),
    *ROUTER_FORMATS,
]
good = st.sampled_from([*RUNTIME, *MESSAGES, *(f.samples[0] for f in ROUTER_FORMATS)])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | any_text(max_size=8)
keys = st.sampled_from([*json.loads(RUNTIME[0]), *json.loads(MESSAGES[0])])
objects = st.dictionaries(keys, scalars | st.lists(scalars, max_size=2), max_size=8).map(json.dumps)
noise = objects | good | good.map(lambda line: line[:-9]) | st.text('{}[]":,\t|-0x\r', max_size=20)


@pytest.mark.parametrize("log_format", FORMATS, ids=lambda f: type(f).__name__)
@settings(max_examples=about(10))
@given(parts=st.lists(noise.map(str.encode) | st.binary(max_size=12), max_size=8))
def test_any_lines_are_records_or_rejects(log_format: Format, parts: list[bytes]) -> None:
    lines = EventLines(b"\n".join(parts))
    result = log_format.parse(lines, COLUMNS)
    numbers = list(range(lines.count)) if result.rows is None else result.rows.to_list()
    assert result.records.height == len(numbers)
    assert sorted([*numbers, *result.rejects["row"]]) == list(range(lines.count))


@given(st.lists(noise | objects.map(lambda o: f'{{"jsonPayload":{o},"insertId":""}}'), max_size=6))
def test_any_head_can_be_looked_at(head: list[str]) -> None:
    texts = pl.Series(head, dtype=pl.String)
    for infer in (keyed.infer_keyed, delimited.infer_delimited):
        found = infer(apigee.ANALYTICS, texts)
        assert found is None or "timestamp" in found.columns
    inside = CLOUD_LOGGING.unwrap(texts)
    assert sorted([*inside.texts["row"], *inside.unmatched]) == list(range(len(head)))


class TestGooglesTemplates:
    """The templates in the folder of real logs, filled in and read."""

    def filled(self, path: Path) -> str:
        return rendered(path.read_text(), REQUESTS[0].variables)

    def test_the_shared_flow_for_logging(self, samples: Path) -> None:
        text = self.filled(samples / "apigee/apigee-devrel/logging-v1.template.json")
        (row,) = rows(parsed([json.dumps(json.loads(text))])[1])
        assert row == {
            k: v
            for k, v in {**REQUESTS[0].record, "consumer": "k1", "query": "token=***"}.items()
            if k not in LACKING["Google's message template"]
        }

    def test_the_body_of_a_call_to_cloud_logging(self, samples: Path) -> None:
        path = samples / "apigee/apigee-devrel/cloud-logging-entries-write.template.json"
        (entry,) = json.loads(self.filled(path))["entries"]
        line = json.dumps({"insertId": "1", "timestamp": "2026-11-21T11:00:00Z", **entry})
        (row,) = rows(parsed([line])[1])
        assert (row["consumer"], row["duration_ms"], row["timestamp"]) == ("k1", 57.0, TEN)

    def test_the_policy_for_cloud_logging(self, samples: Path) -> None:
        path = samples / "apigee/GoogleCloudPlatform-apigee-samples/ml-cloudlogging.template.json"
        message = re.search(r"\{\s*\".*\}", self.filled(path), re.DOTALL)
        assert message is not None
        payload = json.loads(message[0])
        entry = {"insertId": "1", "timestamp": "2026-11-21T11:00:00Z", "jsonPayload": payload}
        (row,) = rows(parsed([json.dumps(entry)])[1])
        assert row == {
            "timestamp": datetime(2026, 11, 21, 11, tzinfo=UTC),
            "api": "orders",
            "stage": "prod",
            "method": "GET",
            "status": 200,
        }
