"""A prefix of a bucket as a folder."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from apilog.storage.base import FileInfo
from apilog.storage.cloud.bucket import Bucket
from apilog.storage.cloud.connect import scan_options
from apilog.storage.cloud.url import ObjectUrl
from apilog.storage.errors import StorageError, explained
from apilog.storage.names import unfinished

_COPIES = 8
"""So many are made at a time: there is one for each day that a log spans."""

_TRIES = 5
_OLD = "keep stores on a disk, or on a server that knows If-None-Match"


class NoLock:
    """Object storage has no locks: who adds a file first is the one who has written."""

    def release(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class CloudFolder:
    """See `Folder`."""

    url: ObjectUrl
    is_guarded: bool = False

    @classmethod
    def at(cls, url: str) -> Self:
        """The folder at a URL; InputError if it is none."""
        return cls(ObjectUrl.parse(url))

    def __str__(self) -> str:
        return str(self.url)

    @property
    def location(self) -> str:
        return str(self.url)

    @property
    def scan_options(self) -> dict[str, str]:
        return scan_options(self.url.scheme)

    def exists(self) -> bool:
        return bool(self.entries())

    def entries(self, below: str = "") -> list[str]:
        folders, objects = self._bucket.level(self._key(below))
        keys = [*folders, *(found.key for found in objects)]
        return [key.rpartition("/")[2] for key in keys]

    def names(self, below: str = "") -> Iterator[str]:
        for found in self._bucket.below(self._key(below)):
            yield self._name(found.key)

    def infos(self, below: str = "") -> Mapping[str, FileInfo]:
        found = self._bucket.below(self._key(below))
        return {self._name(info.key): FileInfo(info.size, info.written) for info in found}

    def path(self, name: str) -> str:
        return str(self.url.of(self._key(name)))

    def holds(self, location: str) -> bool:
        return location.startswith(f"{self.url}/")

    def read(self, name: str) -> bytes:
        return self._bucket.read_all(self._key(name))

    def put(self, name: str, data: bytes) -> None:
        with explained(self.path(name)):
            self._bucket.write(self._key(name), data)

    def stage(self, name: str, data: bytes) -> None:
        self.put(unfinished(name), data)

    def publish(self, names: Iterable[str]) -> None:
        published = list(names)
        with ThreadPoolExecutor(_COPIES, "apilog-copy") as pool:
            # Asked for all results, so that the first error is raised.
            list(pool.map(self._publish, published))
        self.remove(map(unfinished, published))

    def adding(self, name: str, data: bytes) -> Callable[[], None]:
        return lambda: self._add(name, data)

    def check_adding(self, name: str, data: bytes) -> None:
        with explained(self.path(name)):
            if self._is_added(name, data):
                self._bucket.delete([self._key(name)])
                raise StorageError("the storage ignores the condition of a conditional write", _OLD)

    def remove(self, names: Iterable[str]) -> None:
        with explained(str(self)):
            self._bucket.delete([self._key(name) for name in names])

    def lock(self, name: str) -> NoLock:
        return NoLock()

    def _publish(self, name: str) -> None:
        with explained(self.path(name)):
            self._bucket.copy(self._key(unfinished(name)), self._key(name))

    def _add(self, name: str, data: bytes) -> None:
        with explained(self.path(name)):
            is_there = self._is_there(name, data)
        if not is_there:
            raise FileExistsError(errno.EEXIST, "there is one already", self.path(name))

    def _is_there(self, name: str, data: bytes) -> bool:
        """Whether a file that was to be added is there, and not another one."""
        for _ in range(_TRIES):
            if self._is_added(name, data):
                return True
            # Of requests at the same moment all may be refused. One that is sent again after its
            # answer was lost finds what it has made itself.
            with suppress(FileNotFoundError):
                return self.read(name) == data
        raise StorageError("other writers got in the way several times", "run it again")

    def _is_added(self, name: str, data: bytes) -> bool:
        try:
            self._bucket.write(self._key(name), data, is_new=True)
        except FileExistsError:
            return False
        return True

    @property
    def _bucket(self) -> Bucket:
        return Bucket(self.url.scheme, self.url.bucket)

    def _key(self, name: str) -> str:
        return f"{self.url.key}/{name}".strip("/")

    def _name(self, key: str) -> str:
        return key.removeprefix(self.url.key).lstrip("/")
