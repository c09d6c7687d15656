"""OpenTelemetry's batches become an event a line, however a stream is laid out and read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from apilog.sources.byte_streams import BlockStream
from apilog.transport.otlp import is_otlp, read_otlp

Object = dict[str, Any]


def batch_of_spans(*names: str, middle: str = "scopeSpans") -> Object:
    spans = [{"name": name, "kind": 2, "attributes": []} for name in names]
    return {"resourceSpans": [{"resource": {}, middle: [{"spans": spans}]}]}


def lines_of(data: bytes, step: int = 1 << 20) -> list[Any]:
    def blocks() -> Iterator[bytes]:
        yield from (data[at : at + step] for at in range(0, len(data), step))

    stream = read_otlp(BlockStream(blocks()))
    out = b""
    while block := stream.read(1 << 16):
        out += block
    assert not out or out.endswith(b"\n")
    return [json.loads(line) for line in out.splitlines()]


LAYOUTS: Mapping[str, Callable[[list[Object]], str]] = {
    "a line each": lambda batches: "\n".join(map(json.dumps, batches)),
    "glued": lambda batches: "".join(map(json.dumps, batches)),
    "an array": json.dumps,
    "pretty": lambda batches: "\n".join(json.dumps(batch, indent=2) for batch in batches),
    "with blank lines": lambda batches: "\r\n\r\n".join(map(json.dumps, batches)) + "\r\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("step", [1, 7, 4096])
def test_events_come_in_their_order_whatever_the_layout(layout: str, step: int) -> None:
    batches = [batch_of_spans("a", "b"), batch_of_spans(), batch_of_spans("ü {", '"}]')]
    data = LAYOUTS[layout](batches).encode()
    assert is_otlp(data)
    # A batch of nothing stays, so that it is counted.
    told = [line.get("name", "a batch") for line in lines_of(data, step)]
    assert told == ["a", "b", "a batch", "ü {", '"}]']


def test_what_is_cut_or_no_batch_stays_as_it_is() -> None:
    whole = json.dumps(batch_of_spans("a")).encode()
    stream = read_otlp(BlockStream(iter([whole + b"\nno json\n" + whole[:40] + b"\n" + whole])))
    text = b""
    while block := stream.read(1 << 16):
        text += block
    first, text_line, cut, last = text.splitlines()
    assert [json.loads(line)["name"] for line in (first, last)] == ["a", "a"]
    assert (text_line, cut) == (b"no json", whole[:40])


@pytest.mark.parametrize(
    "batch",
    [
        {"resourceSpans": [1]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [3]}]}]}]},
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [None]}]}]},
        {"resourceMetrics": [{"scopeMetrics": []}]},
    ],
)
def test_batches_that_are_laid_out_otherwise_are_passed_on(batch: Object) -> None:
    assert lines_of(json.dumps(batch).encode()) == [batch]


def value(kind: str, inner: object) -> Object:
    return {"key": "k", "value": {kind: inner}}


@pytest.mark.parametrize(
    ("attribute", "told"),
    [
        (value("stringValue", "x"), "x"),
        (value("intValue", "42"), "42"),
        (value("intValue", 42), 42),
        (value("boolValue", True), True),
        (value("arrayValue", {"values": [{"stringValue": "a"}, {"intValue": "1"}]}), ["a", "1"]),
        (value("kvlistValue", {"values": [value("doubleValue", 0.5)]}), {"k": 0.5}),
        ({"key": "k"}, None),
    ],
)
def test_values_are_those_of_the_protocol(attribute: Object, told: object) -> None:
    batch = batch_of_spans("a")
    batch["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = [attribute]
    (line,) = lines_of(json.dumps(batch).encode())
    assert line["attributes"] == {"k": told}


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            {"timeUnixNano": "7", "body": {"stringValue": "GET / 200\n"}},
            {"timestamp": "7", "line": "GET / 200"},
        ),
        (
            {"timeUnixNano": "0", "observedTimeUnixNano": "8", "body": {"stringValue": "x"}},
            {"timestamp": "8", "line": "x"},
        ),
        (
            {
                "timeUnixNano": "7",
                "body": {"kvlistValue": {"values": [value("intValue", "200")]}},
                "attributes": [{"key": "path", "value": {"stringValue": "/a"}}],
            },
            {"timestamp": "7", "path": "/a", "k": "200"},
        ),
        (
            {
                "timeUnixNano": "7",
                "traceId": "ab",
                "body": {"stringValue": "handled"},
                "attributes": [{"key": "http.route", "value": {"stringValue": "/a"}}],
            },
            {
                "timeUnixNano": "7",
                "traceId": "ab",
                "attributes": {"http.route": "/a"},
                "resource": {},
            },
        ),
    ],
)
def test_log_records_are_lines_or_objects(record: Object, told: Object) -> None:
    batch = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    assert lines_of(json.dumps(batch).encode()) == [told]


def test_libraries_that_were_scopes_once_are_read() -> None:
    batch = batch_of_spans("a", middle="instrumentationLibrarySpans")
    assert [line["name"] for line in lines_of(json.dumps(batch).encode())] == ["a"]
