"""Reading a source to its end, and writing every kind of compressed file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from apilog.sources import DamagedSource, LineChunk, find_sources
from apilog.transport.framing import frame_stream
from apilog.transport.json_splitter import JsonSplitter
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
class Everything:
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
def read_all() -> Callable[..., Everything]:
    """Read a file to its end: `read_all(path, chunk_bytes=100)`."""

    def read_all(path: str | Path, **limits: int) -> Everything:
        (source,), problems = find_sources([path])
        assert not problems
        chunks: list[LineChunk] = []
        try:
            for chunk in open_chunks(source, **limits):
                chunks.append(chunk)  # noqa: PERF402 - what came before the damage counts
        except DamagedSource as damage:
            return Everything(chunks=chunks, error=damage)
        return Everything(chunks=chunks, error=None)

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


class Portions:
    """A stream that gives bytes in portions of these sizes, over and over."""

    def __init__(self, data: bytes, sizes: Sequence[int]) -> None:
        self._data = data
        self._sizes = list(sizes)

    def read(self, size: int) -> bytes:
        self._sizes.append(self._sizes.pop(0))
        size = min(size, self._sizes[-1])
        block, self._data = self._data[:size], self._data[size:]
        return block


@pytest.fixture(scope="session")
def frame() -> Callable[..., bytes]:
    """All that a stream gives once it is framed: `frame(text, sizes=[1, 100])`."""

    def frame(
        text: bytes | str, *, sizes: Sequence[int] = (1 << 20,), limit: int = 1 << 20
    ) -> bytes:
        data = text.encode("utf-8", "replace") if isinstance(text, str) else text
        stream = frame_stream(Portions(data, sizes), limit)
        blocks = []
        while block := stream.read(sizes[0]):
            blocks.append(block)
        return b"".join(blocks)

    return frame


@pytest.fixture(scope="session")
def split() -> Callable[..., bytes]:
    """All that a JSON stream gives that is taken apart in windows: `split(text, 100)`."""

    def split(text: bytes | str, window: int, *, limit: int = 1 << 20) -> bytes:
        data = text.encode("utf-8", "replace") if isinstance(text, str) else text
        splitter, left, out = JsonSplitter(limit, unwrap=True), b"", []
        for start in range(0, len(data) + window, window):
            left += data[start : start + window]
            lines, taken = splitter.split_window(left, final=start >= len(data))
            left = left[taken:]
            out += lines
        assert not left
        return b"".join(out)

    return split
