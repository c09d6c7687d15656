"""Chunks hold whole lines, whatever their size, and every line has its right number."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.sources import LogSource, SourceError, find_sources
from apilog.transport.opening import open_chunks, read_head

Read = Callable[..., Any]

LINES = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"", b"\r", b"a\r", b"\r\r", b"\0", b"\xff\xfe", b"x" * 40, b"y" * 90]),
    ).map(lambda line: line.replace(b"\n", b"")),
    max_size=30,
)


def expected(data: bytes, limit: int) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """Lines and heads of lines that are too long, by their numbers, the obvious way."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    numbered = dict(enumerate(lines, 1))
    return (
        {n: line.removesuffix(b"\r") for n, line in numbered.items() if len(line) <= limit},
        {n: line[: min(limit, 200)] for n, line in numbered.items() if len(line) > limit},
    )


@given(
    lines=LINES,
    ends=st.sampled_from([b"\n", b"\r\n"]),
    last=st.sampled_from([b"", b"open", b"open\r", b"z" * 70]),
    chunk_bytes=st.integers(1, 400),
    limit=st.integers(10, 100),
)
def test_any_chunk_size_gives_the_same_numbered_lines(
    read_all: Read,
    scratch: Path,
    lines: list[bytes],
    ends: bytes,
    last: bytes,
    chunk_bytes: int,
    limit: int,
) -> None:
    data = ends.join([b"first", *lines, last])
    scratch.write_bytes(data)
    got = read_all(scratch, chunk_bytes=chunk_bytes, max_line_bytes=limit)
    assert (got.numbered, got.oversize) == expected(data, limit)
    assert got.error is None
    assert [c.last_line_open for c in got.chunks[:-1]] == [False] * (len(got.chunks) - 1)
    assert got.chunks[-1].last_line_open == (not data.endswith(b"\n"))


@given(lines=LINES, chunk_bytes=st.integers(1, 300))
def test_chunks_count_their_lines_and_end_in_newlines(
    read_all: Read, scratch: Path, lines: list[bytes], chunk_bytes: int
) -> None:
    scratch.write_bytes(b"\n".join([b"first", *lines]))
    for chunk in read_all(scratch, chunk_bytes=chunk_bytes, max_line_bytes=50).chunks:
        assert chunk.data.count(b"\n") == chunk.lines
        assert chunk.data.endswith(b"\n") or not chunk.data
        assert chunk.data or chunk.oversize
        assert all(line.line_number < chunk.first_line for line in chunk.oversize)
        assert len(chunk.data) <= chunk_bytes + 50 + 1


@pytest.mark.parametrize(("line_bytes", "growth"), [(40, 1), (511, 2), (5_000, 3)])
def test_chunks_of_long_lines_are_larger(
    tmp_path: Path, read_all: Read, line_bytes: int, growth: int
) -> None:
    log = tmp_path / "long.log"
    log.write_bytes((b"x" * line_bytes + b"\n") * (400_000 // line_bytes))
    first, *behind, _ = (c.data for c in read_all(log, chunk_bytes=20_000).chunks)
    assert 20_000 - line_bytes <= len(first) <= 20_000
    assert all(abs(len(data) - growth * 20_000) <= 2 * line_bytes for data in behind)
    assert len(behind) >= 4


def test_an_empty_file_has_no_chunks(tmp_path: Path, read_all: Read) -> None:
    (tmp_path / "empty.log").touch()
    assert read_all(tmp_path / "empty.log").chunks == []


def test_a_missing_last_newline_is_added_and_told(tmp_path: Path, read_all: Read) -> None:
    (tmp_path / "a.log").write_bytes(b"one\ntwo")
    (chunk,) = read_all(tmp_path / "a.log").chunks
    assert (chunk.data, chunk.lines, chunk.last_line_open) == (b"one\ntwo\n", 2, True)


def test_carriage_returns_inside_lines_stay(tmp_path: Path, read_all: Read) -> None:
    (tmp_path / "a.log").write_bytes(b"a\rb\r\n\rc\n\r\n")
    assert read_all(tmp_path / "a.log").data == b"a\rb\n\rc\n\n"


def test_bytes_that_are_no_text_are_passed_on(tmp_path: Path, read_all: Read) -> None:
    (tmp_path / "a.log").write_bytes(b"\0\xff\xfe\x80\n\x1f\n")
    assert read_all(tmp_path / "a.log").data == b"\0\xff\xfe\x80\n\x1f\n"


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 1000])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_byte_order_marks(tmp_path: Path, read_all: Read, encoding: str, chunk_bytes: int) -> None:
    text = "GET /käse €\r\nPOST /🧀\nlast"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "a.log").write_bytes((mark + text).encode(encoding))
    got = read_all(tmp_path / "a.log", chunk_bytes=chunk_bytes)
    assert got.data.decode() == text.replace("\r\n", "\n") + "\n"
    assert got.chunks[-1].last_line_open


def test_broken_utf16_is_replaced(tmp_path: Path, read_all: Read) -> None:
    (tmp_path / "a.log").write_bytes(b"\xff\xfea\0\n\0\x00\xd8b\0\n\0c")
    assert read_all(tmp_path / "a.log").data.decode() == "a\n\ufffdb\n\ufffd\n"


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_only_a_byte_order_mark_is_an_empty_file(
    tmp_path: Path, read_all: Read, mark: bytes
) -> None:
    (tmp_path / "a.log").write_bytes(mark)
    assert read_all(tmp_path / "a.log").chunks == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_over_the_limit_is_counted_with_its_head(
    tmp_path: Path, read_all: Read, place: int
) -> None:
    long = b"GET /" + b"A" * (1 << 20)
    lines = [b"one", b"two"]
    lines.insert(place, long)
    (tmp_path / "a.log").write_bytes(b"\n".join(lines))
    got = read_all(tmp_path / "a.log")
    assert got.oversize == {place + 1: long[:200]}
    assert got.numbered == {n: line for n, line in enumerate(lines, 1) if line is not long}
    assert got.chunks[-1].last_line_open


def test_a_line_of_exactly_the_limit_is_data(tmp_path: Path, read_all: Read) -> None:
    (tmp_path / "a.log").write_bytes(b"x" * (1 << 20) + b"\n" + b"y" * ((1 << 20) + 1) + b"\nz\n")
    got = read_all(tmp_path / "a.log")
    assert list(got.numbered) == [1, 3]
    assert list(got.oversize) == [2]


def test_nothing_but_oversize_lines_comes_in_bounded_portions(
    tmp_path: Path, read_all: Read
) -> None:
    (tmp_path / "a.log").write_bytes(b"too long\n" * 2500)
    got = read_all(tmp_path / "a.log", max_line_bytes=4)
    assert list(got.oversize) == list(range(1, 2501))
    assert [len(chunk.oversize) for chunk in got.chunks] == [1000, 1000, 500]


def test_position_rises_to_the_size_on_disk(
    tmp_path: Path, read_all: Read, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(compress(os.urandom(300_000).hex().encode() + b"\n"))
    positions = [c.position for c in read_all(path, chunk_bytes=50_000).chunks]
    assert positions == sorted(positions)
    assert positions[-1] == path.stat().st_size


def test_a_file_cut_short_while_it_is_read_just_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"line\n" * 1_000_000)
    (source,), _ = find_sources([path])
    with closing(open_chunks(source, chunk_bytes=1000)) as chunks:
        first = next(chunks)
        os.truncate(path, 0)
        text = first.data + b"".join(c.data for c in chunks)
    assert len(text) < 100_000
    assert text.startswith(b"line\n" * 200)


def test_a_file_that_grows_while_it_is_read_gives_the_new_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"line\n" * 400)
    (source,), _ = find_sources([path])
    chunks = open_chunks(source, chunk_bytes=1000)
    first = next(chunks)
    with path.open("ab") as log:
        log.write(b"new\n")
    assert first.data + b"".join(c.data for c in chunks) == b"line\n" * 400 + b"new\n"


def test_a_file_that_vanished_is_an_error_with_its_name(tmp_path: Path) -> None:
    source = LogSource.from_path(str(tmp_path / "gone.log"), 5)
    with pytest.raises(SourceError, match=r"gone\.log: no such file") as caught:
        next(open_chunks(source))
    assert caught.value.hint


def test_a_directory_in_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a directory"):
        next(open_chunks(LogSource.from_path(str(tmp_path), 5)))


def test_the_head_is_whole_lines_of_about_that_size(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(compress(b"0123456\r\n" * 10_000))
    (source,), _ = find_sources([path])
    assert read_head(source, 4500) == b"0123456\n" * 500


def test_the_head_of_a_damaged_file_is_what_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"\x1f\x8b\x08\x00")
    (source,), _ = find_sources([path])
    assert read_head(source) == b""
