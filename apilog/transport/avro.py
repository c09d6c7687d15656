"""Avro files as lines: what Event Hubs captures, and exports of tables.

Of a captured event the body is a line, which is what was sent to the hub; of any other record its
fields are, as JSON. See https://avro.apache.org/docs/current/specification/ and
https://learn.microsoft.com/azure/event-hubs/event-hubs-capture-overview
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from apilog.sources.byte_streams import BlockStream, ByteStream, StreamDamage
from apilog.sources.compression import decompress_stream

AVRO_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_MAX_BLOCK_BYTES = 64 << 20
_STEP_BYTES = 1 << 20
_MOST_NESTED = 20
_CAPTURED = {"Body", "SequenceNumber", "EnqueuedTimeUtc"}

_Decode = Callable[[bytes, int], tuple[Any, int]]


def read_avro(stream: ByteStream) -> BlockStream:
    """Return the records of a file, a line each."""
    return BlockStream(_lines_of(_AvroBytes(stream)))


class _AvroBytes:
    """A stream of which so many bytes are taken."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._held = b""

    def take(self, count: int) -> bytes:
        if count < 0 or count > _MAX_BLOCK_BYTES:
            raise StreamDamage("the Avro data is damaged: a block of no possible size")
        parts = [self._held]
        missing = count - len(self._held)
        while missing > 0:
            block = self._stream.read(max(missing, _STEP_BYTES))
            if not block:
                raise StreamDamage("the Avro data ends too early: it was cut off")
            parts.append(block)
            missing -= len(block)
        data = b"".join(parts)
        self._held = data[count:]
        return data[:count]

    def take_long(self) -> int:
        digits = bytearray()
        while not digits or digits[-1] & 0x80:
            digits += self.take(1)
        return _read_long(bytes(digits), 0)[0]

    @property
    def is_at_end(self) -> bool:
        if not self._held:
            self._held = self._stream.read(_STEP_BYTES)
        return not self._held


def _lines_of(data: _AvroBytes) -> Iterator[bytes]:
    """Yield the lines of a file, those of a block at once."""
    codec, decode, captured, sync = _read_header(data)
    while not data.is_at_end:
        count, size = data.take_long(), data.take_long()
        block = _decompress(codec, data.take(size))
        if data.take(_SYNC_BYTES) != sync:
            raise StreamDamage("the Avro data is damaged: a block does not end where it should")
        lines: list[bytes] = []
        at = 0
        try:
            for _ in range(count):
                record, at = decode(block, at)
                lines.append(_line_of(record, captured=captured))
        except (IndexError, struct.error, ValueError, RecursionError) as error:
            yield b"".join(lines)
            raise StreamDamage(f"the Avro data is damaged: {error}") from error
        yield b"".join(lines)


def _line_of(record: Any, *, captured: bool) -> bytes:
    if captured:
        body = record["Body"]
        text = body if isinstance(body, bytes) else str(body or "").encode()
    else:
        text = json.dumps(record, default=lambda value: value.decode("utf-8", "replace")).encode()
    return text if text.endswith(b"\n") else text + b"\n"


def _read_header(data: _AvroBytes) -> tuple[str, _Decode, bool, bytes]:
    """Return the codec, how records are decoded, whether they are captured events, and the mark."""
    data.take(len(AVRO_MAGIC))
    metadata: dict[str, bytes] = {}
    while count := data.take_long():
        if count < 0:
            data.take_long()
        for _ in range(abs(count)):
            key = data.take(data.take_long()).decode("utf-8", "replace")
            metadata[key] = data.take(data.take_long())
    try:
        schema = json.loads(metadata["avro.schema"])
        decode = _decoder(schema, {}, _MOST_NESTED)
        names = {member["name"] for member in schema["fields"]}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise StreamDamage("the Avro data has no schema of records that can be read") from error
    codec = metadata.get("avro.codec", b"null").decode("ascii", "replace")
    return codec, decode, names >= _CAPTURED, data.take(_SYNC_BYTES)


def _decompress(codec: str, block: bytes) -> bytes:
    match codec:
        case "null":
            return block
        case "deflate":
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                data = inflate.decompress(block, _MAX_BLOCK_BYTES)
            except zlib.error as error:
                raise StreamDamage(f"the Avro data is damaged: {error}") from error
        case "bzip2" | "xz" | "zstandard":
            stream = decompress_stream(_Whole(block), _STEP_BYTES)
            parts: list[bytes] = []
            while (part := stream.read(_STEP_BYTES)) and len(parts) <= _MAX_BLOCK_BYTES >> 20:
                parts.append(part)
            data = b"".join(parts)
        case _:
            raise StreamDamage(
                f"the Avro data is compressed with {codec}, which is not read: write it anew with "
                "deflate, or make JSON of it"
            )
    if len(data) >= _MAX_BLOCK_BYTES:
        raise StreamDamage("the Avro data has a block of over 64 MiB")
    return data


class _Whole:
    """Bytes as a stream."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        block, self._data = self._data[:size], self._data[size:]
        return block


def _read_long(data: bytes, at: int) -> tuple[int, int]:
    shift = value = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = _read_long(data, at)
    if size < 0 or at + size > len(data):
        raise ValueError("a text that does not end")
    return data[at : at + size], at + size


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    text, at = _read_bytes(data, at)
    return text.decode("utf-8", "replace"), at


def _read_packed(layout: str) -> _Decode:
    size = struct.calcsize(layout)
    return lambda data, at: (struct.unpack_from(layout, data, at)[0], at + size)


_PRIMITIVES: dict[str, _Decode] = {
    "null": lambda _, at: (None, at),
    "boolean": lambda data, at: (bool(data[at]), at + 1),
    "int": _read_long,
    "long": _read_long,
    "float": _read_packed("<f"),
    "double": _read_packed("<d"),
    "bytes": _read_bytes,
    "string": _read_text,
}


def _decoder(schema: Any, named: dict[str, _Decode], levels: int) -> _Decode:
    """Return how a value of a schema is decoded; `named` are the types that it may refer to."""
    if not levels:
        raise ValueError("types that nest too deep")
    if isinstance(schema, str):
        found = _PRIMITIVES.get(schema) or named.get(schema.rpartition(".")[2])
        if found is None:
            raise ValueError(f"no type {schema}")
        return found
    if isinstance(schema, list):
        return _union([_decoder(branch, named, levels - 1) for branch in schema])
    match schema["type"]:
        case "record":
            return _record(schema, named, levels)
        case "array":
            return _blocks(_decoder(schema["items"], named, levels - 1), keyed=False)
        case "map":
            return _blocks(_decoder(schema["values"], named, levels - 1), keyed=True)
        case "enum":
            symbols = [str(symbol) for symbol in schema["symbols"]]
            return _name(schema, named, _enum(symbols))
        case "fixed":
            return _name(schema, named, _fixed(int(schema["size"])))
        case inner:
            return _decoder(inner, named, levels - 1)


def _name(schema: Any, named: dict[str, _Decode], decode: _Decode) -> _Decode:
    named[str(schema["name"]).rpartition(".")[2]] = decode
    return decode


def _union(branches: list[_Decode]) -> _Decode:
    def decode(data: bytes, at: int) -> tuple[Any, int]:
        index, at = _read_long(data, at)
        if index < 0:
            raise ValueError("no such branch")
        return branches[index](data, at)

    return decode


def _record(schema: Any, named: dict[str, _Decode], levels: int) -> _Decode:
    members: list[tuple[str, _Decode]] = []

    def decode(data: bytes, at: int) -> tuple[Any, int]:
        record = {}
        for name, decode_member in members:
            record[name], at = decode_member(data, at)
        return record, at

    _name(schema, named, decode)
    members.extend(
        (str(member["name"]), _decoder(member["type"], named, levels - 1))
        for member in schema["fields"]
    )
    return decode


def _blocks(decode_item: _Decode, *, keyed: bool) -> _Decode:
    """Return how an array or a map is decoded: blocks of items, the last of which has none."""

    def decode(data: bytes, at: int) -> tuple[Any, int]:
        items: list[Any] = []
        keys: list[str] = []
        while True:
            count, at = _read_long(data, at)
            if not count:
                return (dict(zip(keys, items, strict=True)) if keyed else items), at
            if count < 0:
                _, at = _read_long(data, at)
            for _ in range(abs(count)):
                if keyed:
                    key, at = _read_text(data, at)
                    keys.append(key)
                before = at
                item, at = decode_item(data, at)
                items.append(item)
                if at == before and len(items) > len(data):  # items of nothing have no end
                    raise ValueError("more items than bytes")

    return decode


def _enum(symbols: list[str]) -> _Decode:
    def decode(data: bytes, at: int) -> tuple[Any, int]:
        index, at = _read_long(data, at)
        if index < 0:
            raise ValueError("no such symbol")
        return symbols[index], at

    return decode


def _fixed(size: int) -> _Decode:
    return lambda data, at: (data[at : at + size], at + size)
