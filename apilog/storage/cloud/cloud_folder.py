"""A prefix of a bucket as a folder."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from apilog.storage.cloud.bucket import Bucket, ObjectUrl
from apilog.storage.cloud.connection import scan_options
from apilog.storage.folder import FileInfo, StorageError, explain_write_errors, unfinished_name

_COPIES = 8
"""How many copies are made at a time: there is one for each day that a log spans."""

_TRIES = 5
_CONDITION_HINT = "keep stores on a disk, or on a server that knows If-None-Match"


class NoFolderLock:
    """The lock of object storage, which has none: the writer that adds a file first has won."""

    def release(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class CloudFolder:
    """A prefix of a bucket: see `Folder`."""

    url: ObjectUrl
    is_guarded: bool = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Return the folder at a URL; InputError if it names no bucket."""
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
        return bool(self.list_entries())

    def list_entries(self, below: str = "") -> list[str]:
        folders, objects = self._bucket.list_level(self._key_of(below))
        keys = [*folders, *(info.key for info in objects)]
        return [key.rpartition("/")[2] for key in keys]

    def list_files(self, below: str = "") -> Iterator[str]:
        for info in self._bucket.list_below(self._key_of(below)):
            yield self._name_of(info.key)

    def list_file_infos(self, below: str = "") -> Mapping[str, FileInfo]:
        return dict(self._iter_infos(self._key_of(below)))

    def iter_file_infos(self) -> Iterator[tuple[str, FileInfo]]:
        return self._iter_infos(self._key_of(""))

    def path(self, name: str) -> str:
        return str(self.url.with_key(self._key_of(name)))

    def contains_location(self, location: str) -> bool:
        return location.startswith(f"{self.url}/")

    def read_file(self, name: str) -> bytes:
        return self._bucket.read_all(self._key_of(name))

    def put_file(self, name: str, data: bytes) -> None:
        with explain_write_errors(self.path(name)):
            self._bucket.write(self._key_of(name), data)

    def stage_file(self, name: str, data: bytes) -> None:
        self.put_file(unfinished_name(name), data)

    def publish_files(self, names: Iterable[str]) -> None:
        def publish(name: str) -> None:
            with explain_write_errors(self.path(name)):
                self._bucket.copy_object(self._key_of(unfinished_name(name)), self._key_of(name))

        published = list(names)
        with ThreadPoolExecutor(_COPIES, "apilog-copy") as pool:
            # The list asks for all results, so that the first error is raised.
            list(pool.map(publish, published))
        self.remove_files(map(unfinished_name, published))

    def prepare_add(self, name: str, data: bytes) -> Callable[[], None]:
        def add() -> None:
            with explain_write_errors(self.path(name)):
                for _ in range(_TRIES):
                    if self._try_add(name, data):
                        return
                    # A server may refuse all of several requests at the same moment (S3 says 409),
                    # so there may be no file now. And a request that was sent again, because its
                    # answer was lost, is refused for the file that it has made itself.
                    with suppress(FileNotFoundError):
                        if self.read_file(name) == data:
                            return
                        break
                else:
                    raise StorageError("other writers got in the way several times", "run it again")
            raise FileExistsError(errno.EEXIST, "there is one already", self.path(name))

        return add

    def check_add_refused(self, name: str, data: bytes) -> None:
        with explain_write_errors(self.path(name)):
            if self._try_add(name, data):
                self._bucket.delete_objects([self._key_of(name)])
                raise StorageError(
                    "the storage ignores the condition of a conditional write", _CONDITION_HINT
                )

    def remove_files(self, names: Iterable[str]) -> None:
        with explain_write_errors(str(self)):
            self._bucket.delete_objects([self._key_of(name) for name in names])

    def acquire_lock(self, name: str) -> NoFolderLock:
        return NoFolderLock()

    def _try_add(self, name: str, data: bytes) -> bool:
        try:
            self._bucket.write(self._key_of(name), data, is_new=True)
        except FileExistsError:
            return False
        return True

    def _iter_infos(self, key: str) -> Iterator[tuple[str, FileInfo]]:
        for info in self._bucket.list_below(key):
            yield self._name_of(info.key), FileInfo(info.size, info.written, info.version)

    @property
    def _bucket(self) -> Bucket:
        return Bucket(self.url.scheme, self.url.bucket)

    def _key_of(self, name: str) -> str:
        return f"{self.url.key}/{name}".strip("/")

    def _name_of(self, key: str) -> str:
        return key.removeprefix(self.url.key).lstrip("/")
