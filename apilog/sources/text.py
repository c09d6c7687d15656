"""Byte order marks: UTF-16 becomes UTF-8, and the mark itself is dropped.

Without a mark a stream is passed on byte by byte as it is.
"""

from __future__ import annotations

import codecs

from apilog.sources.readers import Reader, peek

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def as_utf8(reader: Reader) -> Reader:
    """The stream without its byte order mark, in UTF-8 if the mark says UTF-16."""
    head, whole = peek(reader, len(codecs.BOM_UTF8))
    if head == codecs.BOM_UTF8:
        return reader
    if head.startswith(_UTF16_MARKS):
        return _FromUtf16(whole)
    return whole


def is_utf16(head: bytes) -> bool:
    """Whether a stream that starts like this becomes other bytes than its own."""
    return head.startswith(_UTF16_MARKS)


class _FromUtf16:
    """UTF-16 as UTF-8; what is no UTF-16 becomes U+FFFD."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        self._ended = False

    def read(self, size: int) -> bytes:
        while not self._ended:
            block = self._reader.read(max(size // 2, 1))
            self._ended = not block
            if text := self._decoder.decode(block, final=self._ended):
                return text.encode()
        return b""
