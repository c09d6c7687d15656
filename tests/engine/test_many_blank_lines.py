"""Millions of blank lines, which compress to a few bytes: counted, at hardly any cost."""

from __future__ import annotations

import gzip
import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import apilog
from apilog.sources import line_chunks
from apilog.sources.line_chunks import LineChunk, cut_into_chunks
from tests.weblog import line

MEMORY = 1_500 << 20
"""Bytes of address space; most of it is reserved by libraries and never used."""


def cut(text: bytes, chunk_bytes: int = 1 << 20) -> list[LineChunk]:
    stream = io.BytesIO(text)
    return [*cut_into_chunks(stream, stream.tell, chunk_bytes=chunk_bytes, max_line_bytes=100)]


@given(st.lists(st.sampled_from([b"", b"x", b"y" * 90, b"z" * 101]), max_size=60))
def test_a_chunk_has_only_so_many_lines(lines: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_chunks, "MAX_LINES_PER_CHUNK", 5)
        chunks = cut(b"".join(text + b"\n" for text in lines))
    kept = {i: text for i, text in enumerate(lines, 1) if len(text) <= 100}
    found = {
        chunk.first_line + i: text
        for chunk in chunks
        for i, text in enumerate(chunk.data.split(b"\n")[:-1])
    }
    assert found == kept
    assert all(chunk.lines == chunk.data.count(b"\n") <= 5 for chunk in chunks)


@pytest.mark.slow
def test_blank_lines_among_others_are_skipped_and_numbered(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    blank = line_chunks.MAX_LINES_PER_CHUNK
    log.write_text(f"{line()}\n" + "\n" * (2 * blank) + f"{line(after=9)}\nno request\n")
    found = apilog.report([log], tables=["overview"])
    assert (found.input.lines, found.input.skipped) == (2 * blank + 3, 2 * blank)
    assert (found.input.records, found.input.rejects) == (2, 1)
    numbers = apilog.scan([log]).select("line_number").collect()["line_number"]
    assert numbers.to_list() == [1, 2 * blank + 2]


@pytest.mark.slow
def test_a_bomb_of_blank_lines_needs_little_memory(tmp_path: Path) -> None:
    log = tmp_path / "access.log.gz"
    log.write_bytes(gzip.compress(b"\n" * 24_000_000))
    found = subprocess.run(
        [sys.executable, "-m", "apilog", "report", log, "-f", "json"],
        capture_output=True,
        check=False,
        env={**os.environ, "POLARS_MAX_THREADS": "2"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    assert found.returncode == 0, found.stderr
    assert b'"skipped":24000000' in found.stdout
