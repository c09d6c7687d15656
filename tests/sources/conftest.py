"""Reading a source to its end, and writing every kind of compressed file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from apilog.sources import DamagedSource, LineChunk, find_sources
from apilog.transport.opening import open_chunks

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContent:
    """All that a source gave."""

    chunks: list[LineChunk]
    error: DamagedSource | None

    @property
    def data(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def numbered(self) -> dict[int, bytes]:
        """Each line of data by its number."""
        return {
            chunk.first_line + index: line
            for chunk in self.chunks
            for index, line in enumerate(chunk.data.split(b"\n")[:-1])
        }

    @property
    def oversize(self) -> dict[int, bytes]:
        """The head of each line that was too long, by its number."""
        return {line.line_number: line.head for c in self.chunks for line in c.oversize}


@pytest.fixture(scope="session")
def read_all() -> Callable[..., SourceContent]:
    """Read a file to its end: `read_all(path, chunk_bytes=100)`."""

    def read_all(path: str | Path, **limits: int) -> SourceContent:
        (source,), problems = find_sources([path])
        assert not problems
        chunks: list[LineChunk] = []
        try:
            for chunk in open_chunks(source, **limits):
                chunks.append(chunk)  # noqa: PERF402 - what came before the damage counts
        except DamagedSource as damage:
            return SourceContent(chunks=chunks, error=damage)
        return SourceContent(chunks=chunks, error=None)

    return read_all


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that a property test may overwrite again and again."""
    return tmp_path_factory.mktemp("scratch") / "access.log"


@pytest.fixture(params=COMPRESSORS)
def compress(request: pytest.FixtureRequest) -> Callable[[bytes], bytes]:
    """Each way to compress."""
    return COMPRESSORS[request.param]


@pytest.fixture(scope="session")
def compressors() -> dict[str, Callable[[bytes], bytes]]:
    """Every way to compress, by name."""
    return COMPRESSORS
