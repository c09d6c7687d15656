"""OpenTelemetry's protocol in JSON: batches of spans and of log records become an event a line.

The Collector's file exporter writes a batch a line, bodies of OTLP over HTTP are batches one behind
the other, in any layout. Of what a batch holds each becomes one line, in its order:

- a span: an object with its own fields, its attributes and those of its resource by their names;
- a log record with attributes of HTTP: the same;
- a log record whose body is a text: that text with its time, as log tools write it;
- any other log record: its attributes, and the fields of its body.

What is no batch of these is passed on as it is. See
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding and
https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from apilog.sources.byte_streams import BlockStream, ByteStream, StreamDamage
from apilog.transport.json_scan import ScanEnd, scan_object, to_one_line

_STEP_BYTES = 256 << 10
_MAX_BATCH_BYTES = 64 << 20
"""Batches that are longer are passed on in pieces: exporters send a few MiB at once."""
_BATCH = re.compile(rb'[\s\[]*+\{\s*+"resource(?:Logs|Spans|Metrics)"\s*+:\s*+\[')
_BETWEEN = re.compile(rb"[\s,\[\]]*+")

_Attributes = Mapping[str, Any]
_HTTP_ATTRIBUTES = frozenset(
    {
        *("http.request.method", "http.response.status_code", "http.method", "http.status_code"),
        *("http.route", "url.path", "http.target"),
    }
)
"""https://opentelemetry.io/docs/specs/semconv/http/http-spans/, and the names before 1.23."""
_SPAN_FIELDS = (
    *("traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"),
)


def is_otlp(head: bytes) -> bool:
    """Return whether a stream that begins like this holds batches of OpenTelemetry's protocol."""
    return _BATCH.match(head) is not None


def read_otlp(stream: ByteStream) -> BlockStream:
    """Return what the batches hold, a line each."""
    return BlockStream(_convert(stream))


def _convert(stream: ByteStream) -> Iterator[bytes]:
    held = b""
    wanted = _STEP_BYTES
    damage: StreamDamage | None = None
    ended = False
    while not ended:
        try:
            block = stream.read(wanted)
        except StreamDamage as error:
            damage, block = error, b""
        held += block
        ended = not block
        lines, taken = _take_batches(held, final=ended or len(held) > _MAX_BATCH_BYTES)
        # What ends in mid-batch is a line without its newline: the rest of it may be yet to come.
        is_torn = bool(ended and lines and held.endswith(lines[-1]))
        held = held[taken:]
        # A batch that is not whole yet is scanned anew: twice as much is added each time.
        wanted = max(_STEP_BYTES, len(held))
        if lines:
            yield b"\n".join(lines) + (b"" if is_torn else b"\n")
    if damage is not None:
        raise damage


def _take_batches(data: bytes, *, final: bool) -> tuple[list[bytes], int]:
    """Return the lines of the batches that are whole, and how many bytes they took.

    If these are all the bytes there are, what is not whole becomes a line as it is.
    """
    lines: list[bytes] = []
    at = 0
    while True:
        at = _end_of(_BETWEEN, data, at)
        if at >= len(data):
            return lines, at
        if data[at : at + 1] == b"{":
            stop, end = scan_object(data, at)
            if stop is ScanEnd.END:
                lines += _lines_of(data[at:end])
                at = end
                continue
            if stop is ScanEnd.OPEN and not final:
                return lines, at
        newline = data.find(b"\n", at)
        if newline < 0 and not final:
            return lines, at
        end = len(data) if newline < 0 else newline
        lines.append(data[at:end])
        at = end


def _end_of(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    match = pattern.match(data, at)
    return match.end() if match else at


def _lines_of(text: bytes) -> list[bytes]:
    """Return the events of one batch; the batch itself on one line if it holds none."""
    try:
        batch = json.loads(text)
    except (ValueError, RecursionError):
        return [to_one_line(text)]
    try:
        objects = [*_events_of(batch)]
    except (AttributeError, TypeError, RecursionError):  # not laid out as the protocol says
        objects = []
    if not objects:
        return [to_one_line(text)]
    return [json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") for value in objects]


def _events_of(batch: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    kinds: tuple[tuple[str, str, str, Callable[..., Mapping[str, Any]]], ...] = (
        ("resourceSpans", "scopeSpans", "spans", _span_event),
        # Before 1.0 scopes were libraries.
        ("resourceSpans", "instrumentationLibrarySpans", "spans", _span_event),
        ("resourceLogs", "scopeLogs", "logRecords", _log_event),
        ("resourceLogs", "instrumentationLibraryLogs", "logs", _log_event),
    )
    for outer, middle, inner, make in kinds:
        for of_resource in batch.get(outer) or ():
            resource = _attributes_of(of_resource.get("resource") or {})
            for of_scope in of_resource.get(middle) or ():
                for item in of_scope.get(inner) or ():
                    yield make(item, resource)


def _span_event(span: Mapping[str, Any], resource: _Attributes) -> Mapping[str, Any]:
    event = {name: span[name] for name in _SPAN_FIELDS if span.get(name) not in (None, "")}
    event["attributes"] = _attributes_of(span)
    event["resource"] = resource
    return event


def _log_event(record: Mapping[str, Any], resource: _Attributes) -> Mapping[str, Any]:
    attributes = _attributes_of(record)
    body = _value_of(record.get("body") or {})
    time = next(
        (
            t
            for key in ("timeUnixNano", "observedTimeUnixNano")
            if (t := record.get(key)) and t != "0"
        ),
        None,
    )
    if not _HTTP_ATTRIBUTES.isdisjoint(attributes):
        ids = {key: record[key] for key in ("traceId", "spanId") if record.get(key)}
        return {"timeUnixNano": time, **ids, "attributes": attributes, "resource": resource}
    if isinstance(body, str) and body.strip():
        return {"timestamp": time, "line": body.rstrip("\r\n")}
    fields = body if isinstance(body, dict) else {}
    return {**({"timestamp": time} if time else {}), **attributes, **fields}


def _attributes_of(owner: Mapping[str, Any]) -> dict[str, Any]:
    return {
        str(pair.get("key")): _value_of(pair.get("value") or {})
        for pair in owner.get("attributes") or ()
    }


def _value_of(value: Mapping[str, Any]) -> Any:
    """Return an AnyValue as JSON has it."""
    for kind, inner in value.items():
        if kind == "arrayValue":
            return [_value_of(one or {}) for one in (inner or {}).get("values") or ()]
        if kind == "kvlistValue":
            pairs = (inner or {}).get("values") or ()
            return {str(pair.get("key")): _value_of(pair.get("value") or {}) for pair in pairs}
        return inner
    return None
