"""The first and last bytes of many objects, fetched before their turn.

Most of reading a small object, and of finding out that a large one is known, is waiting.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from threading import Lock

from apilog.storage.cloud.bucket import Block, Bucket
from apilog.storage.cloud.url import ObjectUrl

FIRST_BYTES = 64 << 10
"""Of the beginning: what tells an input by its content."""
LAST_BYTES = 4 << 10
"""Of the end: what tells whether an input is known up to there."""

_OBJECTS = 16
"""So many are on their way or waiting for their turn: about 1 MiB."""


@dataclass(frozen=True, slots=True)
class Edges:
    """What is known of an object before it is read."""

    first: Block
    last: bytes = b""
    """Empty where it was not fetched, or is within the first bytes."""


class Ahead:
    """Objects that are going to be read, in their order.

    A copy in another process knows of none, and fetches each when it is asked for.
    """

    def __init__(self, urls: Iterable[str] = ()) -> None:
        several = list(urls)
        self._left = iter(several if len(several) > 1 else ())
        self._waiting: dict[str, Future[Edges]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._lock = Lock()

    def edges(self, url: str) -> Edges:
        """The beginning of an object that is not empty, perhaps its end; raises OSError."""
        with self._lock:
            self._fetch_some()
            found = self._waiting.pop(url, None)
            self._fetch_some()
        return found.result() if found else _edges(url)

    def _fetch_some(self) -> None:
        for url in islice(self._left, _OBJECTS - len(self._waiting)):
            self._pool = self._pool or ThreadPoolExecutor(_OBJECTS, "apilog-ahead")
            self._waiting[url] = self._pool.submit(_edges, url, with_last=True)

    def __reduce__(self) -> tuple[type[Ahead], tuple[()]]:
        return Ahead, ()


def _edges(url: str, *, with_last: bool = False) -> Edges:
    place = ObjectUrl.parse(url)
    bucket = Bucket(place.scheme, place.bucket)
    first = bucket.read(place.key, 0, FIRST_BYTES)
    start = max(len(first.data), first.size - LAST_BYTES)
    if not with_last or start == first.size:
        return Edges(first)
    return Edges(first, bucket.read(place.key, start, first.size, first.version).data)
