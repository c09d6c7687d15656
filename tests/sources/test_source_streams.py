"""Standard input, pipes, and the memory that hostile inputs may take."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apilog.sources import find_sources
from apilog.transport.opening import open_chunks

Read = Callable[..., Any]

COPY = """
import sys
from apilog.sources import DamagedSource, find_sources
from apilog.transport.opening import open_chunks
(source,), problems = find_sources(["-", "-"])
try:
    for chunk in open_chunks(source):
        sys.stdout.buffer.write(b"%d %d\\n" % (chunk.first_line, chunk.position) + chunk.data)
except DamagedSource as damage:
    sys.stdout.write(damage.reason)
"""
MEASURE = """
import resource, sys
from apilog.sources import find_sources
from apilog.transport.opening import open_chunks
sources, problems = find_sources(sys.argv[1:])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
lines = sum(c.lines + len(c.oversize) for source in sources for c in open_chunks(source))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(lines, (peak - before) * (1 if sys.platform == "darwin" else 1024))
"""


def python(code: str, *argv: str | Path, stdin: bytes = b"") -> bytes:
    """What a process of its own prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, argv)], input=stdin, capture_output=True, check=True
    )
    assert ran.stderr == b""
    return ran.stdout


def test_standard_input_is_read_once() -> None:
    assert python(COPY, stdin=b"one\r\ntwo") == b"1 8\none\ntwo\n"


def test_standard_input_may_be_compressed(compress: Callable[[bytes], bytes]) -> None:
    assert python(COPY, stdin=compress(b"one\ntwo\n")).endswith(b"\none\ntwo\n")


@pytest.mark.slow
def test_standard_input_may_be_empty() -> None:
    assert python(COPY) == b""


def test_damage_on_standard_input_comes_after_the_lines() -> None:
    packed = gzip.compress(b"".join(b"line %d\n" % n for n in range(100_000)))
    text = python(COPY, stdin=packed[: len(packed) // 2]).decode()
    assert text.splitlines()[:3] == [f"1 {len(packed) // 2}", "line 0", "line 1"]
    assert text.endswith("cut off")


@pytest.mark.slow
def test_damage_on_standard_input_costs_few_lines() -> None:
    packed = bytearray(gzip.compress(b"".join(b"line %d\n" % n for n in range(100_000))))
    packed[-8] ^= 1
    lines = python(COPY, stdin=bytes(packed)).splitlines()
    assert len(lines) > 99_000
    assert b"checksum" in lines[-1]


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_no_standard_input_at_all_is_an_error() -> None:
    command = ["sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, COPY]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert "there is no standard input" in ran.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that can't be read at its start")
def test_a_failing_disk_is_damage(read_all: Read) -> None:
    got = read_all("/proc/self/mem")
    assert got.chunks == []
    assert "reading stopped at byte 0: Input/output error" in str(got.error)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_read_in_the_portions_it_comes(tmp_path: Path, read_all: Read) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb", buffering=0) as stream:
            for part in (b"\x1f", b"ne\n", b"tw", b"o\nthree\n"):
                stream.write(part)

    writer = threading.Thread(target=write)
    writer.start()
    got = read_all(pipe)
    writer.join()
    assert got.data == b"\x1fne\ntwo\nthree\n"
    (source,), _ = find_sources([pipe])
    assert source.size is None


def test_a_reader_that_stops_early_closes_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"line\n" * 1000)
    (source,), _ = find_sources([tmp_path / "a.log"])
    chunks = open_chunks(source, chunk_bytes=10)
    next(chunks)
    chunks.close()  # an open file would be a ResourceWarning, which is an error here


@pytest.fixture
def peak(tmp_path: Path) -> Callable[[Path], tuple[int, int]]:
    """Lines of a file, and the memory that reading it took on top, in bytes."""
    pytest.importorskip("resource", reason="memory can't be measured here")

    def peak(path: Path) -> tuple[int, int]:
        lines, memory = python(MEASURE, path).split()
        return int(lines), int(memory)

    return peak


@pytest.mark.slow
@pytest.mark.parametrize("end", [pytest.param(b"", marks=pytest.mark.slow), b"\nlast\n"])
def test_an_endless_line_takes_little_memory(
    tmp_path: Path, peak: Callable[[Path], tuple[int, int]], end: bytes
) -> None:
    path = tmp_path / "sparse.log"
    with path.open("wb") as file:
        file.truncate(160 << 20)
        file.seek(0, os.SEEK_END)
        file.write(end)
    lines, memory = peak(path)
    assert lines == (2 if end else 1)
    assert memory < 100 << 20


EVENT = json.dumps({"requestId": "0" * 400, "path": "/{id}", "identity": {"ip": "10.0.0.1"}})
JSON_STREAMS = {
    "glued": ("", EVENT, ""),
    "array": ("[", EVENT + ",", EVENT + "]"),
    "pretty": ("", EVENT.replace(", ", ",\n    "), ""),
    "container": ('{"organization": "o", "records": [', EVENT + ", ", EVENT + "]}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("layout", JSON_STREAMS)
def test_json_without_lines_takes_little_memory(
    tmp_path: Path, peak: Callable[[Path], tuple[int, int]], layout: str
) -> None:
    before, event, after = JSON_STREAMS[layout]
    repeats, size = 1 << 11, 120 << 20 if layout == "glued" else 50 << 20
    members = size // (repeats * len(event))
    middle = gzip.compress((event * repeats).encode()) * members
    packed = gzip.compress(before.encode()) + middle + gzip.compress(after.encode())
    (tmp_path / "events.json.gz").write_bytes(packed)
    lines, memory = peak(tmp_path / "events.json.gz")
    assert lines == repeats * members + bool(after)
    assert memory < 80 << 20


@pytest.mark.slow
def test_a_payload_of_base64_takes_little_memory(
    tmp_path: Path, peak: Callable[[Path], tuple[int, int]]
) -> None:
    bomb = base64.b64encode(gzip.compress(bytes(1 << 27)))
    (tmp_path / "a").write_bytes(bomb)
    lines, memory = peak(tmp_path / "a")
    assert lines == 1
    assert memory < 100 << 20


@pytest.mark.slow
@pytest.mark.parametrize("layers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_compressed_gigabyte_takes_little_memory(
    tmp_path: Path,
    peak: Callable[[Path], tuple[int, int]],
    compressors: dict[str, Callable[[bytes], bytes]],
    layers: int,
) -> None:
    member = gzip.compress(bytes(1 << 25), 1)
    packed = member * 32
    for _ in range(layers - 1):
        packed = compressors["zstd"](packed)
    (tmp_path / "bomb").write_bytes(packed)
    assert len(packed) < 6 << 20
    lines, memory = peak(tmp_path / "bomb")
    assert lines == 1
    assert memory < 100 << 20


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("bzip2", marks=pytest.mark.slow), "xz", "zstd"])
def test_other_bombs_take_little_memory(
    tmp_path: Path,
    peak: Callable[[Path], tuple[int, int]],
    compressors: dict[str, Callable[[bytes], bytes]],
    name: str,
) -> None:
    (tmp_path / "bomb").write_bytes(compressors[name](bytes(1 << 25)) * 5)
    lines, memory = peak(tmp_path / "bomb")
    assert lines == 1
    assert memory < 100 << 20


@pytest.mark.slow
def test_members_of_a_few_bytes_take_little_memory(
    tmp_path: Path, peak: Callable[[Path], tuple[int, int]]
) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(b"ab") * 100_000)
    lines, memory = peak(tmp_path / "a")
    assert lines == 1
    assert memory < 10 << 20
