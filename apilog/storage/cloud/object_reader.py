"""An object as a stream, read in ranges: from any byte on, with bounded memory.

All ranges are of one version of the object; if it is replaced meanwhile, reading fails. The first
and last bytes of many objects are fetched ahead, because most of reading a small one is waiting.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from threading import Lock

from apilog.storage.cloud.bucket import Bucket, ObjectBlock, ObjectUrl

FIRST_BYTES = 64 << 10
"""The length of the beginning, by which an input is known."""
LAST_BYTES = 4 << 10
"""The length of the end, which tells whether an input is known up to there."""

_OBJECTS_AHEAD = 16
"""How many objects are on their way or wait for their turn: about 1 MiB."""


@dataclass(frozen=True, slots=True)
class ObjectEdges:
    """The first and last bytes of an object."""

    first: ObjectBlock
    last: bytes = b""
    """The last bytes; empty if they were not fetched, or are within the first ones."""


class ObjectPrefetcher:
    """Fetches the edges of objects before they are read, in their order.

    A copy in another process knows of none, and fetches each when it is asked for.
    """

    def __init__(self, urls: Iterable[str] = ()) -> None:
        several = list(urls)
        self._left = iter(several if len(several) > 1 else ())
        self._waiting: dict[str, Future[ObjectEdges]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._lock = Lock()

    def take_edges(self, url: str) -> ObjectEdges:
        """Return the beginning of a non-empty object, perhaps its end; raises OSError."""
        with self._lock:
            self._fetch_some()
            future = self._waiting.pop(url, None)
            self._fetch_some()
        return future.result() if future else _fetch_edges(url)

    def _fetch_some(self) -> None:
        for url in islice(self._left, _OBJECTS_AHEAD - len(self._waiting)):
            self._pool = self._pool or ThreadPoolExecutor(_OBJECTS_AHEAD, "apilog-ahead")
            self._waiting[url] = self._pool.submit(_fetch_edges, url, with_last=True)

    def __reduce__(self) -> tuple[type[ObjectPrefetcher], tuple[()]]:
        return ObjectPrefetcher, ()


def _fetch_edges(url: str, *, with_last: bool = False) -> ObjectEdges:
    target = ObjectUrl.parse(url)
    bucket = Bucket(target.scheme, target.bucket)
    first = bucket.read(target.key, 0, FIRST_BYTES)
    start = max(len(first.data), first.size - LAST_BYTES)
    if not with_last or start == first.size:
        return ObjectEdges(first)
    return ObjectEdges(first, bucket.read(target.key, start, first.size, first.version).data)


_JUMP_BYTES = 64 << 10
"""The size of the first request after a jump."""
_LARGEST_BYTES = 8 << 20
"""The largest size of a request; at most two such ranges are held."""
_AHEAD_BYTES = 1 << 20
"""From this size of ranges on, the next one is fetched while one is being read."""


class ObjectReader:
    """A stream of the bytes of an object."""

    def __init__(self, url: str, size: int, ahead: ObjectPrefetcher) -> None:
        """Fetch the beginning, given the size that was seen last; OSError if that fails.

        `ahead` may have done it already.
        """
        target = ObjectUrl.parse(url)
        self._bucket, self._key = Bucket(target.scheme, target.bucket), target.key
        self._pool: ThreadPoolExecutor | None = None
        self._ahead: tuple[range, Future[ObjectBlock]] | None = None
        self._position = 0
        self._step = _JUMP_BYTES
        # There is no range of an empty object.
        edges = ahead.take_edges(url) if size else ObjectEdges(ObjectBlock(b"", 0, None))
        self._size, self._version = edges.first.size, edges.first.version
        self._head = self._block = _HeldRange(0, edges.first.data)
        self._end = _HeldRange(self._size - len(edges.last), edges.last)

    @property
    def version(self) -> str | None:
        """The version that is read, which changes with the content."""
        return self._version

    def read(self, size: int) -> bytes:
        """Return the next bytes, `size` at most; empty only at the end. Raises OSError."""
        if self._position >= self._size:
            return b""
        for held in (self._head, self._block, self._end):
            if data := held.bytes_at(self._position, size):
                break
        else:
            # Who reads on gets ranges that double; who jumps around pays for little each time.
            follows = self._position == self._block.end
            self._step = min(2 * self._step, _LARGEST_BYTES) if follows else _JUMP_BYTES
            ahead, self._ahead = self._ahead, None
            if ahead and self._position == ahead[0].start:
                block = ahead[1].result()
            else:
                block = self._read_range(self._range_from(self._position))
            self._block = _HeldRange(self._position, block.data)
            following = self._range_from(self._block.end)
            if following and self._step >= _AHEAD_BYTES:
                self._pool = self._pool or ThreadPoolExecutor(1, "apilog-ahead")
                self._ahead = following, self._pool.submit(self._read_range, following)
            data = self._block.bytes_at(self._position, size)
        self._position += len(data)
        return data

    def seek(self, position: int) -> int:
        self._position = position
        return position

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._head = self._block = self._end = _HeldRange(0, b"")
        self._ahead = None

    def _range_from(self, start: int) -> range:
        return range(start, min(start + self._step, self._size))

    def _read_range(self, span: range) -> ObjectBlock:
        return self._bucket.read(self._key, span.start, span.stop, self._version)


class _HeldRange:
    """A range of the object in memory."""

    def __init__(self, start: int, data: bytes) -> None:
        self._start = start
        self._data = memoryview(data)
        self.end = start + len(data)

    def bytes_at(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes from a position on; empty if that lies elsewhere."""
        if not self._start <= position < self.end:
            return b""
        start = position - self._start
        return bytes(self._data[start : start + size])
