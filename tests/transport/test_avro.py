"""Avro files: bodies of captured events, and fields of other records, come out as lines."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.sources.byte_streams import StreamDamage
from apilog.transport.framing import changes_framing, frame_stream
from tests.transport.conftest import Portions

Frame = Callable[..., bytes]
SYNC = bytes(range(16))
PROPERTIES = {"type": "map", "values": ["long", "double", "string", "bytes", "null"]}
CAPTURE: dict[str, Any] = {
    "type": "record",
    "name": "EventData",
    "fields": [
        {"name": "SequenceNumber", "type": "long"},
        {"name": "Offset", "type": "string"},
        {"name": "EnqueuedTimeUtc", "type": "string"},
        {"name": "Properties", "type": PROPERTIES},
        {"name": "Body", "type": ["null", "bytes"]},
    ],
}


def long(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return long(len(data)) + data


def captured(number: int, body: str) -> bytes:
    properties = long(1) + text("k") + long(2) + text("v") + long(0)
    record = long(number) + text("8") + text("11/21/2026") + properties
    return record + long(1) + text(body)


def file_of(schema: Any, blocks: list[list[bytes]], codec: str = "null") -> bytes:
    metadata = text("avro.schema") + text(json.dumps(schema)) + text("avro.codec") + text(codec)
    out = b"Obj\x01" + long(2) + metadata + long(0) + SYNC
    for records in blocks:
        data = b"".join(records)
        if codec == "deflate":
            data = zlib.compress(data)[2:-4]
        out += long(len(records)) + long(len(data)) + data + SYNC
    return out


ONE_LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))


@given(
    bodies=st.lists(st.lists(ONE_LINE, max_size=3)),
    codec=st.sampled_from(["null", "deflate"]),
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=3),
)
def test_bodies_of_captured_events_are_lines(
    frame: Frame, bodies: list[list[str]], codec: str, sizes: list[int]
) -> None:
    lines = [[f"x{body}" for body in block] for block in bodies]
    blocks = [[captured(n, line) for n, line in enumerate(block)] for block in lines]
    framed = frame(file_of(CAPTURE, blocks, codec), sizes=sizes)
    assert framed.decode().split("\n") == [*(line for block in lines for line in block), ""]


def test_records_within_bodies_are_taken_apart(frame: Frame) -> None:
    body = json.dumps({"records": [{"category": "GatewayLogs", "n": n} for n in range(3)]})
    framed = frame(file_of(CAPTURE, [[captured(0, body), captured(1, body)]]))
    assert [json.loads(line)["n"] for line in framed.split(b"\n") if line] == [0, 1, 2] * 2
    assert changes_framing(file_of(CAPTURE, [])[:100])


def test_fields_of_other_records_are_json(frame: Frame) -> None:
    schema = {
        "type": "record",
        "name": "Row",
        "fields": [
            {"name": "a", "type": ["null", "int"]},
            {"name": "b", "type": {"type": "array", "items": "string"}},
            {"name": "c", "type": {"type": "enum", "name": "E", "symbols": ["X", "Y"]}},
            {"name": "d", "type": {"type": "fixed", "name": "F", "size": 2}},
            {"name": "e", "type": ["null", "Row"]},
            {"name": "f", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "g", "type": "boolean"},
        ],
    }
    inner = long(0) + long(0) + long(0) + b"zz" + long(0) + long(-7) + b"\x00"
    row = long(1) + long(5) + long(1) + text("ü") + long(0) + long(1) + b"ab"
    row += long(1) + inner + long(1) + b"\x01"
    framed = frame(file_of(schema, [[row]]))
    nested: dict[str, object] = {
        "a": None,
        "b": [],
        "c": "X",
        "d": "zz",
        "e": None,
        "f": -7,
        "g": False,
    }
    expected = {"a": 5, "b": ["ü"], "c": "Y", "d": "ab", "e": nested, "f": 1, "g": True}
    assert json.loads(framed) == expected


@pytest.mark.parametrize("codec", ["snappy", "x"])
def test_a_codec_that_is_not_read_is_named(frame: Frame, codec: str) -> None:
    with pytest.raises(StreamDamage, match=codec):
        frame(file_of(CAPTURE, [[captured(0, "a")]], codec))


@given(data=st.data())
def test_damage_is_said_after_what_came_before(frame: Frame, data: st.DataObject) -> None:
    whole = file_of(CAPTURE, [[captured(n, f"line {n}")] for n in range(3)])
    at = data.draw(st.integers(5, len(whole) - 1))
    damaged = whole[:at] + data.draw(st.binary(max_size=6))
    if data.draw(st.booleans()):
        damaged += whole[at + 1 :]
    stream, blocks = frame_stream(Portions(damaged, [64]), 1 << 20), []
    try:
        while block := stream.read(64):
            blocks.append(block)
    except StreamDamage:
        pass
    framed = b"".join(blocks)
    last = whole.find(b"line 0") + 6 + len(SYNC)
    assert at < last or framed.startswith(b"line 0")
