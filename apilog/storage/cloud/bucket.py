"""A bucket: the few requests that apilog makes of one. All raise OSError.

Listing knows folders as a disk does: a prefix ends at a slash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from apilog.storage.cloud.connect import connection
from apilog.storage.cloud.library import library
from apilog.storage.cloud.refusals import told

if TYPE_CHECKING:
    from apilog.storage.cloud.connect import Connection


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a listing tells of an object."""

    key: str
    size: int
    """Bytes."""
    written: datetime
    """By the server's clock."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of an object."""

    data: bytes
    size: int
    """Of the whole object, in bytes."""
    version: str | None
    """Changes with the content."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, or in Azure a container."""

    scheme: str
    name: str

    def below(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object in a folder, at any depth, in order of their keys."""
        with self._told(prefix):
            for page in library().list(self._connection, prefix or None):
                yield from map(_info, page)

    def level(self, prefix: str) -> tuple[list[str], list[ObjectInfo]]:
        """The folders and objects directly in a folder, by their whole keys."""
        with self._told(prefix):
            found = library().list_with_delimiter(self._connection, prefix or None)
            return list(found["common_prefixes"]), list(map(_info, found["objects"]))

    def info(self, key: str) -> ObjectInfo | None:
        """An object, without what it holds; None if it isn't there."""
        with suppress(FileNotFoundError), self._told(key):
            return _info(library().head(self._connection, key))
        return None

    def read(self, key: str, start: int, end: int, version: str | None = None) -> Block:
        """The bytes from `start` up to `end` or the end of the object, at least one.

        Raises StorageError if the object has another version than the given one.
        """
        options: Any = {"range": (start, end)} | ({"if_match": version} if version else {})
        with self._told(key):
            found = library().get(self._connection, key, options=options)
            return Block(bytes(found.bytes()), found.meta["size"], found.meta["e_tag"])

    def read_all(self, key: str) -> bytes:
        """All of an object."""
        with self._told(key):
            return bytes(library().get(self._connection, key).bytes())

    def write(self, key: str, data: bytes, *, is_new: bool = False) -> None:
        """Make an object, whole or not at all.

        With `is_new` it raises FileExistsError, and changes nothing, if there is one.
        """
        mode = "create" if is_new else "overwrite"
        with self._told(key):
            library().put(self._connection, key, data, mode=mode, use_multipart=False)

    def copy(self, source: str, target: str) -> None:
        """Make an object of the same content, within the storage."""
        with self._told(source):
            library().copy(self._connection, source, target)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects, if they are there."""
        # Only S3 removes many in one request without minding those that aren't there.
        for some in [keys] if self.scheme == "s3" and keys else [[key] for key in keys]:
            with suppress(FileNotFoundError), self._told(some[0]):
                library().delete(self._connection, some)

    @property
    def _connection(self) -> Connection:
        return connection(self.scheme, self.name)

    def _told(self, key: str) -> AbstractContextManager[None]:
        return told(f"{self.scheme}://{self.name}/{key}", self.name)


def _info(found: Any) -> ObjectInfo:
    return ObjectInfo(found["path"], found["size"], found["last_modified"])
