"""Compressed streams: the first bytes identify the codec, decompression runs in bounded steps.

Never more than a fixed amount is decompressed at once, whatever the input claims.
"""

from __future__ import annotations

import bz2
import lzma
import re
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

from isal import igzip_lib

from apilog.sources.byte_streams import ByteStream, PeekableStream, StreamDamage, UndecodableBytes
from apilog.sources.source import SourceError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_HEADER_BYTES = 1 << 17
"""More than the longest extra field, and a long name and comment."""

_FIXED_HEADER = 10
_DEFLATE = 8
_CHECKSUM, _EXTRA, _NAME, _COMMENT, _RESERVED = 2, 4, 8, 16, 0xE0

_new_inflater = partial(igzip_lib.IgzipDecompressor, flag=igzip_lib.DECOMP_GZIP_NO_HDR_VER)


class GzipMember:
    """A decompressor of one gzip member, with the interface of those in the standard library."""

    # ISA-L (https://github.com/intel/isa-l) inflates about twice as fast as zlib. Its own reading
    # of headers fails where a header with more than one optional field, or with a checksum of its
    # own, comes in several pieces; hence the header is read here, and only that.

    def __init__(self) -> None:
        self._header: bytes | None = b""
        self._inflater = _new_inflater()

    @property
    def eof(self) -> bool:
        """Return whether the member is complete and its checksum right."""
        return self._header is None and bool(self._inflater.eof)

    @property
    def needs_input(self) -> bool:
        """Return whether nothing more comes out without more input."""
        return self._header is not None or self._inflater.needs_input

    @property
    def unused_data(self) -> bytes:
        """Return what was given beyond the end of the member."""
        return self._inflater.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """Return the next bytes, `max_length` at most. Raises ValueError or IsalError."""
        if self._header is not None:
            self._header += data
            length = gzip_header_length(self._header)
            if length is None:
                return b""
            data, self._header = self._header[length:], None
        return self._inflater.decompress(data, max_length)


def gzip_header_length(head: bytes) -> int | None:
    """Return the length of the gzip header at the start; None if the bytes end within it.

    Raises ValueError if they are no gzip header, see https://www.rfc-editor.org/rfc/rfc1952.
    """
    if len(head) < _FIXED_HEADER:
        return None
    flags = head[3]
    if head[2] != _DEFLATE or flags & _RESERVED:
        raise ValueError("not a gzip header")
    end = _FIXED_HEADER
    if flags & _EXTRA:
        end += 2 + int.from_bytes(head[end : end + 2], "little")
    for field in (_NAME, _COMMENT):
        if flags & field and end >= 0:
            zero = head.find(b"\0", end)
            end = zero + 1 if zero >= 0 else -1
    if flags & _CHECKSUM and end >= 0:
        stated = int.from_bytes(head[end : end + 2], "little")
        if end + 2 <= len(head) and stated != zlib.crc32(head[:end]) & 0xFFFF:
            raise ValueError("the checksum of the gzip header is wrong")
        end += 2
    if 0 <= end <= len(head):
        return end
    if len(head) > MAX_HEADER_BYTES:
        raise ValueError("the gzip header does not end")
    return None


MAX_LAYERS = 2
"""How often a stream may be compressed again."""
MAX_STEP_BYTES = 1 << 20
"""The most that is decompressed at once."""
XZ_MEMORY_BYTES = 1 << 28
"""The most an xz stream may ask for: four times what `xz -9` needs."""

MAGIC_BYTES = 10
"""How many bytes tell the codec."""
_ARCHIVES = {
    b"PK\x03\x04": ("a ZIP archive", "unzip -p FILE | apilog report -"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "7z x -so FILE | apilog report -"),
    b"\x04\x22\x4d\x18": ("compressed with lz4", "lz4 -dc FILE | apilog report -"),
    b"\x1f\x9d": ("compressed with compress", "zcat FILE | apilog report -"),
    b"LZIP\x01": ("compressed with lzip", "lzip -dc FILE | apilog report -"),
}
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
_DECODE_ERRORS: tuple[type[Exception], ...] = (
    cast("type[Exception]", igzip_lib.IsalError),
    lzma.LZMAError,
    zstd.ZstdError,
    OSError,
    EOFError,
    ValueError,
)


class Decompressor(Protocol):
    """What the decompressors of one member, stream or frame have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One kind of compression: how it begins, and what undoes it."""

    name: str
    magics: tuple[bytes, ...]
    new_decompressor: Callable[[], Decompressor]


CODECS = (
    Codec(name="gzip", magics=(b"\x1f\x8b",), new_decompressor=GzipMember),
    Codec(
        name="bzip2",
        magics=tuple(
            b"BZh%d%b" % (level, block)
            for level in range(1, 10)
            for block in (bytes.fromhex("314159265359"), bytes.fromhex("177245385090"))
        ),
        new_decompressor=bz2.BZ2Decompressor,
    ),
    Codec(
        name="xz",
        magics=(b"\xfd7zXZ\0",),
        new_decompressor=lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES),
    ),
    Codec(
        name="zstd",
        magics=(
            b"\x28\xb5\x2f\xfd",
            # Skippable frames, https://www.rfc-editor.org/rfc/rfc8878#name-skippable-frames.
            *(bytes([0x50 + number]) + b"\x2a\x4d\x18" for number in range(16)),
        ),
        new_decompressor=zstd.ZstdDecompressor,
    ),
)


_ANY_MAGIC = re.compile(b"|".join(re.escape(m) for codec in CODECS for m in codec.magics))
"""What any of them starts with; most streams start with none of them."""


def is_compressed(head: bytes) -> bool:
    """Return whether a stream that starts like this is compressed."""
    return _ANY_MAGIC.match(head) is not None


def decompress_stream(stream: ByteStream, step: int) -> PeekableStream:
    """Return the stream without its compression, up to two layers of it; a plain one as it is.

    `step` is how many compressed bytes are taken at once: no more than these are lost before
    damage.
    """
    stream = PeekableStream.over(stream)
    for _ in range(MAX_LAYERS):
        head = stream.peek(MAGIC_BYTES)
        if not is_compressed(head):
            break
        codec = next(codec for codec in CODECS if head.startswith(codec.magics))
        stream = PeekableStream(_DecompressingStream(codec, stream, step))
    return stream


def refuse_archive(stream: ByteStream, path: str) -> PeekableStream:
    """Return the stream; raises SourceError if it is an archive that has to be unpacked first."""
    stream = PeekableStream.over(stream)
    head = stream.peek(_TAR_OFFSET + len(_TAR_MAGIC))
    archives = [a for magic, a in _ARCHIVES.items() if head.startswith(magic)]
    if head[_TAR_OFFSET:] == _TAR_MAGIC:
        archives = [("a tar archive", "tar -xOf FILE | apilog report -")]
    if archives:
        name, command = archives[0]
        raise SourceError(path, f"is {name}", f"unpack it first: `{command}`")
    return stream


class _DecompressingStream:
    """All members of a compressed stream, one after the other."""

    def __init__(self, codec: Codec, stream: ByteStream, step: int) -> None:
        self._codec = codec
        self._stream = stream
        self._step = step
        self._member: Decompressor | None = codec.new_decompressor()
        self._rest = b""

    def read(self, size: int) -> bytes:
        name = self._codec.name
        while (member := self._member or self._begin_member()) is not None:
            given = b""
            if member.needs_input:
                given, self._rest = self._rest or self._stream.read(self._step), b""
                if not given:
                    raise StreamDamage(f"the {name} data ends too early: it was cut off")
            try:
                block = member.decompress(given, min(size, MAX_STEP_BYTES))
            except _DECODE_ERRORS as error:
                raise UndecodableBytes(f"the {name} data is damaged: {error}") from error
            if member.eof:
                self._rest, self._member = member.unused_data, None
            if block:
                return block
        return b""

    def _begin_member(self) -> Decompressor | None:
        """Start the next member, if there is one; zeros after a member are padding."""
        # Logs are often compressed in pieces that are appended to each other: a valid file, of
        # which the usual one-call decompressors read the first piece only.
        rest = self._rest.lstrip(b"\0")
        while len(rest) < MAGIC_BYTES and (block := self._stream.read(self._step)):
            rest = (rest + block).lstrip(b"\0")
        self._rest = rest
        if rest.startswith(self._codec.magics):
            self._member = self._codec.new_decompressor()
        elif rest:
            name = self._codec.name
            raise StreamDamage(f"what follows the {name} data is not {name} data and was left out")
        return self._member
