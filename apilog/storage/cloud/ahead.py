"""The first bytes of many objects, fetched before their turn: most of reading a small object is
waiting for its answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Lock

from apilog.storage.cloud.bucket import Block, Bucket
from apilog.storage.cloud.url import ObjectUrl

FIRST_BYTES = 64 << 10
"""What is fetched of an object: what tells an input by its content."""

_OBJECTS = 16
"""So many are on their way or waiting for their turn: 1 MiB."""


class Ahead:
    """Objects that are going to be read, in their order.

    A copy in another process knows of none, and fetches each when it is asked for.
    """

    def __init__(self, urls: Iterable[str] = ()) -> None:
        self._left = iter(list(urls))
        self._waiting: dict[str, Future[Block]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._lock = Lock()

    def first(self, url: str) -> Block:
        """The beginning of an object that is not empty; raises OSError."""
        with self._lock:
            self._fetch_some()
            found = self._waiting.pop(url, None)
            self._fetch_some()
        return found.result() if found else _first(url)

    def _fetch_some(self) -> None:
        for url in islice(self._left, _OBJECTS - len(self._waiting)):
            self._pool = self._pool or ThreadPoolExecutor(
                _OBJECTS, thread_name_prefix="apilog-ahead"
            )
            self._waiting[url] = self._pool.submit(_first, url)

    def __reduce__(self) -> tuple[type[Ahead], tuple[()]]:
        return Ahead, ()


def _first(url: str) -> Block:
    place = ObjectUrl.parse(url)
    return Bucket(place.scheme, place.bucket).read(place.key, 0, FIRST_BYTES)
