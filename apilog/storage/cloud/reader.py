"""An object as a stream, read in ranges: from any byte on, with bounded memory.

All ranges are of one version of the object; if it is replaced meanwhile, reading fails.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from apilog.storage.cloud.ahead import Ahead, Edges
from apilog.storage.cloud.bucket import Block, Bucket
from apilog.storage.cloud.url import ObjectUrl

_JUMP_BYTES = 64 << 10
"""Of the first request after a jump."""
_LARGEST_BYTES = 8 << 20
"""Of a request; at most two such ranges are held."""
_AHEAD_BYTES = 1 << 20
"""From this size of ranges on, the next one is fetched while one is being read."""


class ObjectReader:
    """The bytes of an object."""

    def __init__(self, url: str, size: int, ahead: Ahead) -> None:
        """Fetch the beginning, given the size that was seen last; OSError if that fails.

        `ahead` may have done it already.
        """
        place = ObjectUrl.parse(url)
        self._bucket, self._key = Bucket(place.scheme, place.bucket), place.key
        self._pool: ThreadPoolExecutor | None = None
        self._ahead: tuple[range, Future[Block]] | None = None
        self._position = 0
        self._step = _JUMP_BYTES
        # There is no range of an empty object.
        edges = ahead.edges(url) if size else Edges(Block(b"", 0, None))
        self._size, self._version = edges.first.size, edges.first.version
        self._head = self._block = _Held(0, edges.first.data)
        self._end = _Held(self._size - len(edges.last), edges.last)

    def read(self, size: int) -> bytes:
        """The next bytes, `size` at most; empty only at the end. Raises OSError."""
        if self._position >= self._size:
            return b""
        for held in (self._head, self._block, self._end):
            if data := held.at(self._position, size):
                break
        else:
            self._fetch()
            data = self._block.at(self._position, size)
        self._position += len(data)
        return data

    def seek(self, position: int) -> int:
        """Go on at this byte."""
        self._position = position
        return position

    def close(self) -> None:
        """Let go of all that is held."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._head = self._block = self._end = _Held(0, b"")
        self._ahead = None

    def _fetch(self) -> None:
        """Take the range from the position on, and have the one behind it fetched."""
        follows = self._position == self._block.end
        self._step = min(2 * self._step, _LARGEST_BYTES) if follows else _JUMP_BYTES
        ahead, self._ahead = self._ahead, None
        if ahead and self._position == ahead[0].start:
            found = ahead[1].result()
        else:
            found = self._get(self._range(self._position))
        self._block = _Held(self._position, found.data)
        wanted = self._range(self._block.end)
        if wanted and self._step >= _AHEAD_BYTES:
            self._pool = self._pool or ThreadPoolExecutor(1, "apilog-ahead")
            self._ahead = wanted, self._pool.submit(self._get, wanted)

    def _range(self, start: int) -> range:
        return range(start, min(start + self._step, self._size))

    def _get(self, wanted: range) -> Block:
        return self._bucket.read(self._key, wanted.start, wanted.stop, self._version)


class _Held:
    """Some bytes of the object, and where they stand in it."""

    def __init__(self, start: int, data: bytes) -> None:
        self._start = start
        self._data = memoryview(data)
        self.end = start + len(data)

    def at(self, position: int, size: int) -> bytes:
        """Up to `size` bytes from a position on; empty if that lies elsewhere."""
        if not self._start <= position < self.end:
            return b""
        start = position - self._start
        return bytes(self._data[start : start + size])
