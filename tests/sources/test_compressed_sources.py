"""Compression is seen by content, and damage costs nothing of what came before it."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.sources import LogSource, SourceError, find_sources
from apilog.sources.decompressed import DecompressedSource
from apilog.transport.opening import open_chunks

Read = Callable[..., Any]
Compress = Callable[[bytes], bytes]

NAMES = ["gzip", "bzip2", "xz", "zstd"]
MAGIC_BYTES = 10
TEXT = b"".join(
    b'10.0.0.%d "GET /orders/%d" %d\n' % (n % 256, Random(n).getrandbits(40), 200 + n % 5)
    for n in range(2000)
)
SKIPPABLE = b"\x50\x2a\x4d\x18" + struct.pack("<I", 5) + b"hello"


def test_the_content_tells_the_compression_not_the_name(
    tmp_path: Path, read_all: Read, compress: Compress
) -> None:
    (tmp_path / "access.log").write_bytes(compress(TEXT))
    (tmp_path / "plain.log.gz").write_bytes(TEXT)
    assert read_all(tmp_path / "access.log").data == TEXT
    assert read_all(tmp_path / "plain.log.gz").data == TEXT


@pytest.mark.parametrize("chunk_bytes", [1000, 1 << 20])
def test_members_one_after_the_other_are_one_text(
    tmp_path: Path, read_all: Read, compress: Compress, chunk_bytes: int
) -> None:
    parts = (TEXT[:777], b"", TEXT[777:778], TEXT[778:])
    (tmp_path / "a").write_bytes(b"".join(map(compress, parts)))
    got = read_all(tmp_path / "a", chunk_bytes=chunk_bytes)
    assert (got.data, got.error) == (TEXT, None)


def test_very_many_small_members(tmp_path: Path, read_all: Read, compress: Compress) -> None:
    (tmp_path / "a").write_bytes(b"".join(compress(b"line %d\n" % n) for n in range(300)))
    assert read_all(tmp_path / "a").data == b"".join(b"line %d\n" % n for n in range(300))


def test_nothing_compressed_is_an_empty_source(
    tmp_path: Path, read_all: Read, compress: Compress
) -> None:
    (tmp_path / "a").write_bytes(compress(b""))
    got = read_all(tmp_path / "a")
    assert (got.chunks, got.error) == ([], None)


def test_padding_with_zeros_is_no_damage(
    tmp_path: Path, read_all: Read, compress: Compress
) -> None:
    padded = compress(TEXT[:500]) + bytes(100_000) + compress(TEXT[500:]) + bytes(512)
    (tmp_path / "a").write_bytes(padded)
    got = read_all(tmp_path / "a")
    assert (got.data, got.error) == (TEXT, None)


@pytest.mark.parametrize("garbage", [b"x", b"\x1f\x8c and more of it", b"\0\0no longer zeros"])
def test_garbage_at_the_end_is_told_and_left_out(
    tmp_path: Path, read_all: Read, compress: Compress, garbage: bytes
) -> None:
    (tmp_path / "a").write_bytes(compress(TEXT) + garbage)
    got = read_all(tmp_path / "a")
    assert got.data == TEXT
    assert "left out" in got.error.reason


def test_skippable_frames_of_zstd(
    tmp_path: Path, read_all: Read, compressors: dict[str, Compress]
) -> None:
    zstd = compressors["zstd"]
    parts = (SKIPPABLE, zstd(TEXT[:99]), SKIPPABLE, SKIPPABLE, zstd(TEXT[99:]), SKIPPABLE)
    (tmp_path / "a").write_bytes(b"".join(parts))
    got = read_all(tmp_path / "a")
    assert (got.data, got.error) == (TEXT, None)


@pytest.mark.parametrize("inner", NAMES)
def test_two_layers_are_taken_off(
    tmp_path: Path,
    read_all: Read,
    compress: Compress,
    inner: str,
    compressors: dict[str, Compress],
) -> None:
    (tmp_path / "a").write_bytes(compress(compressors[inner](TEXT)))
    assert read_all(tmp_path / "a", chunk_bytes=1000).data == TEXT


def test_a_third_layer_is_left_on(tmp_path: Path, read_all: Read) -> None:
    once = gzip.compress(b"text\n")
    (tmp_path / "a").write_bytes(gzip.compress(gzip.compress(once)))
    assert read_all(tmp_path / "a").data.startswith(b"\x1f\x8b")


def test_utf16_inside_compression(tmp_path: Path, read_all: Read, compress: Compress) -> None:
    (tmp_path / "a").write_bytes(compress("GET /ä\r\n".encode("utf-16")))
    assert read_all(tmp_path / "a").data == "GET /ä\n".encode()


@given(
    name=st.sampled_from(NAMES),
    part=st.floats(0, 1),
    chunk_bytes=st.sampled_from([500, 20_000, 1 << 20]),
    members=st.integers(1, 3),
)
def test_cut_anywhere_what_is_left_is_a_prefix_and_the_cut_is_told(
    read_all: Read,
    scratch: Path,
    compressors: dict[str, Compress],
    name: str,
    part: float,
    chunk_bytes: int,
    members: int,
) -> None:
    size = len(TEXT) // members + 1
    packed = [compressors[name](TEXT[at : at + size]) for at in range(0, len(TEXT), size)]
    whole = b"".join(packed)
    cut = MAGIC_BYTES + int(part * (len(whole) - MAGIC_BYTES))
    scratch.write_bytes(whole[:cut])
    got = read_all(scratch, chunk_bytes=chunk_bytes)
    assert TEXT.startswith(got.data.removesuffix(b"\n"))
    ends = {sum(map(len, packed[: n + 1])) for n in range(members)}
    assert (got.error is None) == (cut in ends)
    if got.error:
        assert "cut off" in got.error.reason


@given(
    name=st.sampled_from(NAMES),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=3),
    chunk_bytes=st.sampled_from([500, 1 << 20]),
)
def test_flipped_bytes_raise_nothing_else_and_are_noticed(
    read_all: Read,
    scratch: Path,
    compressors: dict[str, Compress],
    name: str,
    flips: list[tuple[float, int]],
    chunk_bytes: int,
) -> None:
    text = TEXT[: TEXT.index(b"\n", 20_000) + 1]
    packed = bytearray(compressors[name](text))
    for part, mask in flips:
        packed[min(int(part * len(packed)), len(packed) - 1)] ^= mask
    scratch.write_bytes(packed)
    got = read_all(scratch, chunk_bytes=chunk_bytes)
    is_still_compressed = not bytes(packed).startswith(got.data[:10].removesuffix(b"\n"))
    if is_still_compressed and got.data != text:
        assert got.error is not None


@given(data=st.binary(max_size=300), name=st.sampled_from([*NAMES, "plain"]))
def test_no_bytes_whatever_raise_anything_else(
    read_all: Read, scratch: Path, compressors: dict[str, Compress], data: bytes, name: str
) -> None:
    head = b"" if name == "plain" else compressors[name](b"")[:12]
    scratch.write_bytes(head + data)
    with suppress(SourceError):
        read_all(scratch)


def test_a_wrong_checksum_costs_no_line(
    tmp_path: Path, read_all: Read, compressors: dict[str, Compress]
) -> None:
    packed = bytearray(compressors["gzip"](TEXT))
    packed[-5] ^= 1
    (tmp_path / "a").write_bytes(packed)
    got = read_all(tmp_path / "a")
    assert got.data == TEXT
    assert "checksum" in got.error.reason


@pytest.mark.parametrize("name", ["gzip", "xz", "zstd"])
def test_every_line_before_the_damage_is_given(
    tmp_path: Path, read_all: Read, compressors: dict[str, Compress], name: str
) -> None:
    # Text that hardly compresses, so that half the bytes are half the lines.
    text = b"".join(b"%x\n" % Random(n).getrandbits(800) for n in range(3000))
    packed = bytearray(compressors[name](text))
    middle = len(packed) // 2
    packed[middle : middle + 300] = b"\xff" * 300
    (tmp_path / "a").write_bytes(packed)
    got = read_all(tmp_path / "a", chunk_bytes=50_000)
    block = 131_072 if name == "zstd" else 500  # zstd gives whole blocks only
    same = os.path.commonprefix([got.data, text])  # noqa: RUF071 - bytes are meant
    assert len(same) > len(text) // 2 - block
    assert "near byte" in got.error.reason
    positions = [c.position for c in got.chunks]
    assert positions == sorted(positions)


def gzip_header(flags: int) -> bytes:
    """A header with the optional fields that the flags announce."""
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(5) + b"\x03"
    header += struct.pack("<H", 300) + b"\0" * 300 if flags & 4 else b""
    header += b"access.log\0" if flags & 8 else b""
    header += b"a comment\0" if flags & 16 else b""
    return header + (struct.pack("<H", zlib.crc32(header) & 0xFFFF) if flags & 2 else b"")


@pytest.mark.parametrize("flags", range(32))
def test_gzip_headers_with_any_optional_fields(tmp_path: Path, read_all: Read, flags: int) -> None:
    body = gzip.compress(TEXT)[10:]
    # Members of odd length, so that headers fall across the steps of reading.
    packed = gzip_header(flags) + body
    (tmp_path / "a").write_bytes(packed * 8)
    got = read_all(tmp_path / "a")
    assert (got.data, got.error) == (TEXT * 8, None)


@pytest.mark.parametrize(
    "header",
    [
        gzip_header(2)[:-1] + b"?",
        gzip_header(0x20),
        b"\x1f\x8b\x07" + bytes(7),
        gzip_header(8)[:-1] + b"n" * 200_000,
    ],
    ids=["wrong checksum", "reserved flag", "unknown method", "endless name"],
)
def test_broken_gzip_headers_are_damage(tmp_path: Path, read_all: Read, header: bytes) -> None:
    (tmp_path / "a").write_bytes(header + gzip.compress(TEXT)[10:])
    got = read_all(tmp_path / "a")
    assert got.chunks == []
    assert "gzip" in got.error.reason


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"PK\x03\x04", "ZIP"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"\x1f\x9d\x90", "compress"),
        (b"LZIP\x01", "lzip"),
        (b"access.log".ljust(257, b"\0") + b"ustar", "tar"),
    ],
)
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_archives_are_refused_with_the_way_out(
    tmp_path: Path, head: bytes, what: str, packed: Compress
) -> None:
    (tmp_path / "a").write_bytes(packed(head + b"more\n" * 100))
    (source,), _ = find_sources([tmp_path / "a"])
    with pytest.raises(SourceError, match=what) as caught:
        next(open_chunks(source))
    assert "apilog report -" in caught.value.hint


def test_what_a_file_begins_with_after_it_was_opened_is_not_read_as_plain(tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    path.touch()
    source = LogSource.from_path(str(path), 0)
    stored = DecompressedSource(source)
    path.write_bytes(gzip.compress(b"a line\n" * 100))
    stored.seek(0)
    assert stored.read(100) == b""
    stored.close()
