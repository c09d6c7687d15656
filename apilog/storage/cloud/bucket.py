"""A bucket: the few requests that apilog makes of one. All raise OSError.

Listing knows folders as a disk does: a prefix ends at a slash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from apilog.storage.cloud.connect import connection
from apilog.storage.cloud.library import library
from apilog.storage.cloud.refusals import told
from apilog.storage.cloud.waiting import waited

if TYPE_CHECKING:
    from apilog.storage.cloud.connect import Connection

T = TypeVar("T")


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
        pages = self._asked(prefix, lambda api, there: iter(api.list(there, prefix or None)))
        while page := self._asked(prefix, lambda *_: next(pages, None)):
            yield from map(_info, page)

    def level(self, prefix: str) -> tuple[list[str], list[ObjectInfo]]:
        """The folders and objects directly in a folder, by their whole keys."""
        found = self._asked(
            prefix, lambda api, there: api.list_with_delimiter(there, prefix or None)
        )
        return list(found["common_prefixes"]), list(map(_info, found["objects"]))

    def info(self, key: str) -> ObjectInfo | None:
        """An object, without what it holds; None if it isn't there."""
        with suppress(FileNotFoundError):
            return _info(self._asked(key, lambda api, there: api.head(there, key)))
        return None

    def read(self, key: str, start: int, end: int, version: str | None = None) -> Block:
        """The bytes from `start` up to `end` or the end of the object, at least one.

        Raises StorageError if the object has another version than the given one.
        """
        options: Any = {"range": (start, end)} | ({"if_match": version} if version else {})

        def read(api: ModuleType, there: Connection) -> Block:
            found = api.get(there, key, options=options)
            return Block(bytes(found.bytes()), found.meta["size"], found.meta["e_tag"])

        return self._asked(key, read)

    def read_all(self, key: str) -> bytes:
        """All of an object."""
        return self._asked(key, lambda api, there: bytes(api.get(there, key).bytes()))

    def write(self, key: str, data: bytes, *, is_new: bool = False) -> None:
        """Make an object, whole or not at all.

        With `is_new` it raises FileExistsError, and changes nothing, if there is one.
        """
        how: Any = {"mode": "create" if is_new else "overwrite", "use_multipart": False}
        self._asked(key, lambda api, there: api.put(there, key, data, **how))

    def copy(self, source: str, target: str) -> None:
        """Make an object of the same content, within the storage."""
        self._asked(source, lambda api, there: api.copy(there, source, target))

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects, if they are there."""
        # Only S3 removes many in one request without minding those that aren't there.
        for some in [keys] if self.scheme == "s3" and keys else [[key] for key in keys]:
            with suppress(FileNotFoundError):
                self._asked(some[0], partial(_delete, some))

    def _asked(self, key: str, request: Callable[[ModuleType, Connection], T]) -> T:
        """The answer to a request that obstore makes of the bucket, for an object or folder."""
        api, there = library(), connection(self.scheme, self.name)
        with told(f"{self.scheme}://{self.name}/{key}", self.name):
            return waited(lambda: request(api, there))


def _delete(keys: Sequence[str], api: ModuleType, there: Connection) -> None:
    api.delete(there, keys)


def _info(found: Any) -> ObjectInfo:
    return ObjectInfo(found["path"], found["size"], found["last_modified"])
