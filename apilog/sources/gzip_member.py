"""One member of a gzip file, decompressed by ISA-L with header and checksum verified.

ISA-L's own reading of headers fails where a header with more than one optional field, or with a
checksum of its own, comes in several pieces; hence the header is read here.
"""

from __future__ import annotations

import zlib
from functools import partial

from isal import igzip_lib

MAX_HEADER_BYTES = 1 << 17
"""More than the longest extra field, and a long name and comment."""

_FIXED_HEADER = 10
_DEFLATE = 8
_CHECKSUM, _EXTRA, _NAME, _COMMENT, _RESERVED = 2, 4, 8, 16, 0xE0

_new_inflater = partial(igzip_lib.IgzipDecompressor, flag=igzip_lib.DECOMP_GZIP_NO_HDR_VER)


class GzipMember:
    """A decompressor with the interface of those in the standard library."""

    def __init__(self) -> None:
        self._header: bytes | None = b""
        self._inflater = _new_inflater()

    @property
    def eof(self) -> bool:
        """Whether the member is complete and its checksum right."""
        return self._header is None and bool(self._inflater.eof)

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out without more input."""
        return self._header is not None or self._inflater.needs_input

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end of the member."""
        return self._inflater.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """The next bytes, `max_length` at most. Raises ValueError or IsalError."""
        if self._header is not None:
            self._header += data
            length = header_length(self._header)
            if length is None:
                return b""
            data, self._header = self._header[length:], None
        return self._inflater.decompress(data, max_length)


def header_length(head: bytes) -> int | None:
    """The length of the gzip header that these bytes start with; None if they end within it.

    Raises ValueError if they are no gzip header.
    """
    if len(head) < _FIXED_HEADER:
        return None
    flags = head[3]
    if head[2] != _DEFLATE or flags & _RESERVED:
        raise ValueError("not a gzip header")
    end = _optional_fields_end(head, flags)
    if end is None or end > len(head):
        if len(head) > MAX_HEADER_BYTES:
            raise ValueError("the gzip header does not end")
        return None
    return end


def _optional_fields_end(head: bytes, flags: int) -> int | None:
    end = _FIXED_HEADER
    if flags & _EXTRA:
        end += 2 + int.from_bytes(head[end : end + 2], "little")
    for text in (_NAME, _COMMENT):
        if flags & text:
            end = head.find(b"\0", end) + 1
            if not end:
                return None
    if flags & _CHECKSUM:
        stated = int.from_bytes(head[end : end + 2], "little")
        if end + 2 <= len(head) and stated != zlib.crc32(head[:end]) & 0xFFFF:
            raise ValueError("the checksum of the gzip header is wrong")
        end += 2
    return end
