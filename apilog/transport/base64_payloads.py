"""Lines of base64, or of records that hold base64, as what they hold.

A payload may be wrapped over lines. A line that holds nothing readable is passed on as it is.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator

from apilog.sources.byte_streams import ByteStream, StreamDamage
from apilog.sources.compression import decompress_stream
from apilog.transport.stream_shape import continues_base64, find_carried_base64, is_base64_payload

MAX_PAYLOAD_BYTES = 16 << 20
"""The longest line that is decoded; Kinesis allows 10 MiB before base64."""

_STEP_BYTES = 1 << 20


class PayloadStream:
    """The decoded payloads, each ended by a newline."""

    def __init__(self, reader: ByteStream) -> None:
        self._blocks = _decode_payloads(reader)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """The next bytes."""
        while not self._rest:
            try:
                self._rest = next(self._blocks)
            except StopIteration:
                return b""
        block, self._rest = self._rest[:size], self._rest[size:]
        return block


def _decode_payloads(reader: ByteStream) -> Iterator[bytes]:
    for line, ended in _join_wrapped_lines(_read_lines(reader)):
        last = b""
        for block in _decode_line(line):
            yield block
            last = block[-1:]
        if ended and last != b"\n":
            yield b"\n"


def _read_lines(reader: ByteStream) -> Iterator[tuple[bytes, bool]]:
    """Each line, those that are too long in parts, and whether it ends there."""
    held = b""
    try:
        while block := reader.read(_STEP_BYTES):
            *lines, held = (held + block).split(b"\n")
            for line in lines:
                yield line, True
            if len(held) > MAX_PAYLOAD_BYTES:
                yield held, False
                held = b""
    except StreamDamage:
        yield held, False
        raise
    if held:
        yield held, False


def _join_wrapped_lines(lines: Iterator[tuple[bytes, bool]]) -> Iterator[tuple[bytes, bool]]:
    """The lines, those that one payload is wrapped over together as one."""
    parts: list[bytes] = []
    try:
        for line, ended in lines:
            bare = line.strip()
            if parts and _continues_payload(bare, parts):
                parts.append(bare)
                if ended and not _ends_payload(bare, parts):
                    continue
                yield b"".join(parts), ended
                parts = []
                continue
            if parts:
                yield b"".join(parts), True
                parts = []
            if ended and is_base64_payload(bare) and not _ends_payload(bare, [bare]):
                parts = [bare]
            else:
                yield line, ended
    except StreamDamage:
        yield b"".join(parts), False
        raise
    if parts:
        yield b"".join(parts), True


def _continues_payload(line: bytes, parts: list[bytes]) -> bool:
    return len(line) <= len(parts[0]) and continues_base64(line) and not is_base64_payload(line)


def _ends_payload(line: bytes, parts: list[bytes]) -> bool:
    """Whether no more than this line is of the payload: others are as long as the first."""
    is_short = len(line) < len(parts[0]) or line.endswith(b"=")
    return is_short or len(parts) * len(parts[0]) > MAX_PAYLOAD_BYTES


def _decode_line(line: bytes) -> Iterator[bytes]:
    """What a line holds, in steps; then the line itself if not all of it could be read."""
    bare = line.strip()
    base64 = (
        bare
        if is_base64_payload(bare)
        else find_carried_base64(bare)
        if bare.startswith(b"{")
        else None
    )
    if base64 is None:
        yield line
        return
    reader = decompress_stream(_BytesStream(_decode_base64(base64)), _STEP_BYTES)
    try:
        while block := reader.read(_STEP_BYTES):
            yield block
    except StreamDamage:
        yield b"\n" + line


def _decode_base64(base64: bytes) -> bytes:
    """What base64 stands for, as far as it goes."""
    digits = base64.partition(b"=")[0]
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return b64decode(digits + b"=" * (-len(digits) % 4))


class _BytesStream:
    """Bytes as a stream."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        block, self._data = self._data[:size], self._data[size:]
        return block
