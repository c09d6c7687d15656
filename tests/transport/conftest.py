"""Framing a stream, and taking a JSON stream apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from apilog.transport.framing import frame_stream
from apilog.transport.json_splitter import JsonSplitter
from tests.sources.conftest import read_all

__all__ = ["read_all"]


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
