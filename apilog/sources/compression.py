"""Compressed streams: told by their first bytes, decompressed in bounded steps.

Never more than a fixed amount is decompressed at once, whatever the input claims.
"""

from __future__ import annotations

import bz2
import lzma
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from isal import igzip_lib

from apilog.sources.gzip_member import GzipMember
from apilog.sources.readers import Reader, StreamDamage, Undecodable, peek

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_LAYERS = 2
"""How often a stream may be compressed over."""
MAX_STEP_BYTES = 1 << 20
"""The most that is decompressed at once."""
XZ_MEMORY_BYTES = 1 << 28
"""The most an xz stream may ask for: four times what `xz -9` needs."""

MAGIC_BYTES = 10
"""How much tells the kind of compression."""
_ARCHIVES = {
    b"PK\x03\x04": ("a ZIP archive", "unzip -p FILE | apilog report -"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "7z x -so FILE | apilog report -"),
    b"\x04\x22\x4d\x18": ("compressed with lz4", "lz4 -dc FILE | apilog report -"),
    b"\x1f\x9d": ("compressed with compress", "zcat FILE | apilog report -"),
    b"LZIP\x01": ("compressed with lzip", "lzip -dc FILE | apilog report -"),
}
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
_ERRORS: tuple[type[Exception], ...] = (
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
class Compression:
    """One kind of compression."""

    name: str
    magics: tuple[bytes, ...]
    new: Callable[[], Decompressor]

    def starts(self, head: bytes) -> bool:
        """Whether a member of this kind starts with these bytes."""
        return head.startswith(self.magics)


COMPRESSIONS = (
    Compression(name="gzip", magics=(b"\x1f\x8b",), new=GzipMember),
    Compression(
        name="bzip2",
        magics=tuple(
            b"BZh%d%b" % (level, block)
            for level in range(1, 10)
            for block in (bytes.fromhex("314159265359"), bytes.fromhex("177245385090"))
        ),
        new=bz2.BZ2Decompressor,
    ),
    Compression(
        name="xz",
        magics=(b"\xfd7zXZ\0",),
        new=lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES),
    ),
    Compression(
        name="zstd",
        magics=(
            b"\x28\xb5\x2f\xfd",
            *(bytes([0x50 + number]) + b"\x2a\x4d\x18" for number in range(16)),
        ),
        new=zstd.ZstdDecompressor,
    ),
)


_MAGIC = re.compile(b"|".join(re.escape(m) for kind in COMPRESSIONS for m in kind.magics))
"""What any of them starts with; most streams start with none."""


def is_compressed(head: bytes) -> bool:
    """Whether a stream that starts like this is compressed."""
    return _MAGIC.match(head) is not None


def _kind_of(head: bytes) -> Compression | None:
    if not is_compressed(head):
        return None
    return next(kind for kind in COMPRESSIONS if kind.starts(head))


def decompressed(reader: Reader, step: int) -> Reader:
    """The stream without its compression, up to two layers of it; a plain one as it is.

    `step` is how many compressed bytes are taken at once: at most so many are lost before damage.
    """
    for _ in range(MAX_LAYERS):
        head, reader = peek(reader, MAGIC_BYTES)
        kind = _kind_of(head)
        if kind is None:
            break
        reader = _Decompressing(kind, reader, step)
    return reader


def foreign(reader: Reader) -> tuple[tuple[str, str] | None, Reader]:
    """What kind of archive a stream is, and a command that reads it; and the whole stream again.

    None for a stream that may be a log.
    """
    head, reader = peek(reader, _TAR_OFFSET + len(_TAR_MAGIC))
    if head[_TAR_OFFSET:] == _TAR_MAGIC:
        return ("a tar archive", "tar -xOf FILE | apilog report -"), reader
    found = (what for magic, what in _ARCHIVES.items() if head.startswith(magic))
    return next(found, None), reader


class _Decompressing:
    """All members of a compressed stream, one after the other."""

    def __init__(self, kind: Compression, reader: Reader, step: int) -> None:
        self._kind = kind
        self._reader = reader
        self._step = step
        self._member: Decompressor | None = kind.new()
        self._rest = b""

    def read(self, size: int) -> bytes:
        while self._member is not None or self._begin_member():
            if block := self._decompress(min(size, MAX_STEP_BYTES)):
                return block
        return b""

    def _decompress(self, size: int) -> bytes:
        member, given = self._member, b""
        assert member is not None
        if member.needs_input:
            given, self._rest = self._rest or self._reader.read(self._step), b""
            if not given:
                raise StreamDamage(f"the {self._kind.name} data ends too early: it was cut off")
        try:
            block = member.decompress(given, size)
        except _ERRORS as error:
            raise Undecodable(f"the {self._kind.name} data is damaged: {error}") from error
        if member.eof:
            self._rest = member.unused_data
            self._member = None
        return block

    def _begin_member(self) -> bool:
        """Start the next member, if there is one; zeros after a member are padding."""
        rest = self._rest.lstrip(b"\0")
        while len(rest) < MAGIC_BYTES and (block := self._reader.read(self._step)):
            rest = (rest + block).lstrip(b"\0")
        self._rest = rest
        if self._kind.starts(rest):
            self._member = self._kind.new()
        elif rest:
            name = self._kind.name
            raise StreamDamage(f"what follows the {name} data is not {name} data and was left out")
        return bool(rest)
