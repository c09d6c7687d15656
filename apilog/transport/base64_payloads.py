"""Lines of base64, or of records that hold base64, as what they hold.

A payload may be wrapped over lines. A line that holds nothing readable is passed on as it is.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO

from apilog.sources.byte_streams import BlockStream, ByteStream, StreamDamage
from apilog.sources.compression import decompress_stream

MAX_PAYLOAD_BYTES = 16 << 20
"""The longest line that is decoded; Kinesis allows 10 MiB before base64."""

_STEP_BYTES = 1 << 20

_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]{16,}+={0,2}+")
_MORE_BASE64 = re.compile(rb"[A-Za-z0-9+/]++={0,2}+")
# https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html for `kinesis`,
# https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html for `recordId`,
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html for `awslogs`.
_CARRIED_BASE64 = re.compile(
    rb'"(?:awslogs|kinesis|recordId|SequenceNumber)"\s*+:[^\]}]*?"[dD]ata"\s*+:\s*+'
    rb'"((?:[A-Za-z0-9+/=]|\\/|\\[rn])++)'
)
_JSON_ESCAPE = re.compile(rb"\\(?:(/)|[rn])")
_TEXT = bytes({*range(0x20, 0x7F), *range(0x80, 0x100), *b"\t\r\n"})
_GZIP = b"\x1f\x8b\x08"
_JSON_START = re.compile(rb'\s*+(?:\[\s*+)?+\{\s*+"')


def is_base64_payload(line: bytes) -> bool:
    """Return whether a line is base64 of something compressed with gzip, or of JSON."""
    if not _BASE64_LINE.fullmatch(line):
        return False
    start = _decode_start(line)
    return start.startswith(_GZIP) or _JSON_START.match(start) is not None


def find_carried_base64(record: bytes, *, whole: bool = True) -> bytes | None:
    """Return the base64 that a record of Kinesis, Firehose or a subscription holds, if it does.

    `whole` says that these bytes go on to the end of the record.
    """
    match = _CARRIED_BASE64.search(record)
    if match is None or (whole and record[match.end() : match.end() + 1] != b'"'):
        return None
    base64 = _JSON_ESCAPE.sub(rb"\1", match[1])
    start = _decode_start(base64)
    is_readable = start.startswith(_GZIP) or not start.translate(None, _TEXT)
    return base64 if is_readable else None


def _decode_start(base64: bytes) -> bytes:
    return b64decode(base64[:32][: len(base64[:32]) // 4 * 4])


def read_payloads(stream: ByteStream) -> BlockStream:
    """Return the decoded payloads, each ended by a newline."""
    return BlockStream(_decode_payloads(stream))


def _decode_payloads(stream: ByteStream) -> Iterator[bytes]:
    for line, ended in _join_wrapped_lines(_read_lines(stream)):
        last = b""
        for block in _decode_line(line):
            yield block
            last = block[-1:]
        if ended and last != b"\n":
            yield b"\n"


def _read_lines(stream: ByteStream) -> Iterator[tuple[bytes, bool]]:
    """Yield each line, those that are too long in parts, and whether it ends there."""
    held = b""
    try:
        while block := stream.read(_STEP_BYTES):
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
    """Yield the lines, those that one payload is wrapped over together as one."""
    parts: list[bytes] = []
    try:
        for line, ended in lines:
            bare = line.strip()
            is_shorter = bool(parts) and len(bare) <= len(parts[0])
            if is_shorter and _MORE_BASE64.fullmatch(bare) and not is_base64_payload(bare):
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


def _ends_payload(line: bytes, parts: list[bytes]) -> bool:
    """Return whether this line is the last of its payload: others are as long as the first."""
    is_short = len(line) < len(parts[0]) or line.endswith(b"=")
    return is_short or len(parts) * len(parts[0]) > MAX_PAYLOAD_BYTES


def _decode_line(line: bytes) -> Iterator[bytes]:
    """Yield what a line holds, in steps; then the line itself if not all of it could be read."""
    bare = line.strip()
    base64 = bare if is_base64_payload(bare) else None
    if base64 is None and bare.startswith(b"{"):
        base64 = find_carried_base64(bare)
    if base64 is None:
        yield line
        return
    digits = base64.partition(b"=")[0]
    if len(digits) % 4 == 1:  # cut off: one digit alone is not a byte
        digits = digits[:-1]
    data = b64decode(digits + b"=" * (-len(digits) % 4))
    stream = decompress_stream(BytesIO(data), _STEP_BYTES)
    try:
        while block := stream.read(_STEP_BYTES):
            yield block
    except StreamDamage:
        yield b"\n" + line
