"""Lines of base64 as what they hold: what Kinesis hands out, a payload a line.

A line that holds nothing readable is passed on as it is.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator

from apilog.sources.compression import decompressed
from apilog.sources.framing.head import is_payload
from apilog.sources.readers import Reader, StreamDamage

MAX_PAYLOAD_BYTES = 16 << 20
"""The longest line that is decoded; Kinesis allows 10 MiB before base64."""

_STEP_BYTES = 1 << 20


class Payloads:
    """The decoded payloads, each ended by a newline."""

    def __init__(self, reader: Reader) -> None:
        self._blocks = _decoded(reader)
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


def _decoded(reader: Reader) -> Iterator[bytes]:
    for line, ended in _lines(reader):
        yield from _payload(line)
        if ended:
            yield b"\n"


def _lines(reader: Reader) -> Iterator[tuple[bytes, bool]]:
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


def _payload(line: bytes) -> Iterator[bytes]:
    """What a line holds, in steps; then the line itself if not all of it could be read."""
    bare = line.strip()
    if not is_payload(bare):
        yield line
        return
    reader = decompressed(_Bytes(b64decode(bare + b"=" * (-len(bare) % 4))), _STEP_BYTES)
    try:
        while block := reader.read(_STEP_BYTES):
            yield block
    except StreamDamage:
        yield b"\n" + line


class _Bytes:
    """Bytes as a stream."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        block, self._data = self._data[:size], self._data[size:]
        return block
