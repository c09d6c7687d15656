"""A bucket, the URLs of its objects, and the few requests that apilog makes of it.

All requests raise OSError. Listing knows folders as a disk does: a prefix ends at a slash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from apilog.errors import InputError
from apilog.storage.cloud.connection import (
    connect_bucket,
    import_obstore,
    run_interruptible,
    translate_refusals,
)

if TYPE_CHECKING:
    from apilog.storage.cloud.connection import Connection


_BUCKET_NAME = re.compile(r"\$?[A-Za-z0-9][A-Za-z0-9._-]*")
# Control characters, and bytes that are no UTF-8.
_IMPOSSIBLE_CHARACTER = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ObjectUrl:
    """A place in object storage: an object, or all that begin with its key and a slash."""

    scheme: str
    bucket: str
    """In Azure: the container."""
    key: str
    """Without slashes at its ends; empty for the whole bucket."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place that a URL names; InputError if it names no bucket or can't be a name.

        >>> ObjectUrl.parse("s3://logs/2026/access.log")
        ObjectUrl(scheme='s3', bucket='logs', key='2026/access.log')
        """
        scheme, _, rest = text.partition("://")
        bucket, _, key = rest.partition("/")
        if not _BUCKET_NAME.fullmatch(bucket):
            hint = f"write {scheme}://BUCKET/KEY, as in {scheme}://logs/2026/access.log"
            raise InputError(f"{text} names no bucket", hint)
        key = key.strip("/")
        if key and not all(_is_possible_part(part) for part in key.split("/")):
            hint = "keys with empty parts, `.`, `..` or control characters can't be read"
            raise InputError(f"{text}: not a possible key", hint)
        return cls(scheme.lower(), bucket, key)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}".removesuffix("/")

    def with_key(self, key: str) -> ObjectUrl:
        """Another place in the same bucket."""
        return ObjectUrl(self.scheme, self.bucket, key)


def _is_possible_part(part: str) -> bool:
    return part not in ("", ".", "..") and not _IMPOSSIBLE_CHARACTER.search(part)


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
class ObjectBlock:
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

    def list_below(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object in a folder, at any depth, in order of their keys."""
        pages = self._request(prefix, lambda api, there: iter(api.list(there, prefix or None)))
        while page := self._request(prefix, lambda *_: next(pages, None)):
            yield from map(_object_info, page)

    def list_level(self, prefix: str) -> tuple[list[str], list[ObjectInfo]]:
        """The folders and objects directly in a folder, by their whole keys."""
        found = self._request(
            prefix, lambda api, there: api.list_with_delimiter(there, prefix or None)
        )
        return list(found["common_prefixes"]), list(map(_object_info, found["objects"]))

    def find_info(self, key: str) -> ObjectInfo | None:
        """An object, without what it holds; None if it isn't there."""
        with suppress(FileNotFoundError):
            return _object_info(self._request(key, lambda api, there: api.head(there, key)))
        return None

    def read(self, key: str, start: int, end: int, version: str | None = None) -> ObjectBlock:
        """The bytes from `start` up to `end` or the end of the object, at least one.

        Raises StorageError if the object has another version than the given one.
        """
        options: Any = {"range": (start, end)} | ({"if_match": version} if version else {})

        def read(api: ModuleType, there: Connection) -> ObjectBlock:
            found = api.get(there, key, options=options)
            return ObjectBlock(bytes(found.bytes()), found.meta["size"], found.meta["e_tag"])

        return self._request(key, read)

    def read_all(self, key: str) -> bytes:
        """All of an object."""
        return self._request(key, lambda api, there: bytes(api.get(there, key).bytes()))

    def write(self, key: str, data: bytes, *, is_new: bool = False) -> None:
        """Make an object, whole or not at all.

        With `is_new` it raises FileExistsError, and changes nothing, if there is one.
        """
        how: Any = {"mode": "create" if is_new else "overwrite", "use_multipart": False}
        self._request(key, lambda api, there: api.put(there, key, data, **how))

    def copy_object(self, source: str, target: str) -> None:
        """Make an object of the same content, within the storage."""
        self._request(source, lambda api, there: api.copy(there, source, target))

    def delete_objects(self, keys: Sequence[str]) -> None:
        """Remove objects, if they are there."""
        # Only S3 removes many in one request without minding those that aren't there.
        for some in [keys] if self.scheme == "s3" and keys else [[key] for key in keys]:
            with suppress(FileNotFoundError):
                self._request(some[0], partial(_delete_keys, some))

    def _request(self, key: str, request: Callable[[ModuleType, Connection], T]) -> T:
        """The answer to a request that obstore makes of the bucket, for an object or folder."""
        api, there = import_obstore(), connect_bucket(self.scheme, self.name)
        with translate_refusals(f"{self.scheme}://{self.name}/{key}", self.name):
            return run_interruptible(lambda: request(api, there))


def _delete_keys(keys: Sequence[str], api: ModuleType, there: Connection) -> None:
    api.delete(there, keys)


def _object_info(found: Any) -> ObjectInfo:
    return ObjectInfo(found["path"], found["size"], found["last_modified"])
