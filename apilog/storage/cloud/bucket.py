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

T = TypeVar("T")

_BUCKET_NAME = re.compile(r"\$?[A-Za-z0-9][A-Za-z0-9._-]*")
_PAGE = 1000
"""Objects that a server lists at once."""
# Control characters, and bytes that are no UTF-8.
_IMPOSSIBLE_CHARACTER = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ObjectUrl:
    """A place in object storage: an object, or all objects below its key and a slash."""

    scheme: str
    bucket: str
    """The bucket, in Azure the container."""
    key: str
    """The key, without slashes at its ends; empty for the whole bucket."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URL; InputError if it names no bucket or if its key is impossible.

        >>> ObjectUrl.parse("s3://logs/2026/access.log")
        ObjectUrl(scheme='s3', bucket='logs', key='2026/access.log')
        """
        scheme, _, rest = text.partition("://")
        bucket, _, key = rest.partition("/")
        if not _BUCKET_NAME.fullmatch(bucket):
            hint = f"write {scheme}://BUCKET/KEY, as in {scheme}://logs/2026/access.log"
            raise InputError(f"{text} names no bucket", hint)
        key = key.strip("/")
        if key and any(
            part in ("", ".", "..") or _IMPOSSIBLE_CHARACTER.search(part) for part in key.split("/")
        ):
            hint = "keys with empty parts, `.`, `..` or control characters can't be read"
            raise InputError(f"{text}: not a possible key", hint)
        return cls(scheme.lower(), bucket, key)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}".removesuffix("/")

    def with_key(self, key: str) -> ObjectUrl:
        return ObjectUrl(self.scheme, self.bucket, key)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as a listing describes it: its bytes, and when the server wrote it."""

    key: str
    size: int
    written: datetime
    version: str = ""
    """The ETag, which changes with the content; empty where the server tells none."""


@dataclass(frozen=True, slots=True)
class ObjectBlock:
    """A part of an object, whose whole size in bytes it knows."""

    data: bytes
    size: int
    version: str | None
    """The ETag, which changes with the content: a later range is of the same version or fails."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, or in Azure a container."""

    scheme: str
    name: str

    def list_below(self, prefix: str) -> Iterator[ObjectInfo]:
        """List every object in a folder, at any depth, in order of their keys."""
        pages = self._request(
            prefix,
            lambda api, client: iter(api.list(client, prefix or None, chunk_size=_PAGE)),
        )
        while page := self._request(prefix, lambda *_: next(pages, None)):
            yield from map(_object_info, page)

    def list_level(self, prefix: str) -> tuple[list[str], list[ObjectInfo]]:
        """List the folders and objects directly in a folder, by their whole keys."""
        level = self._request(
            prefix, lambda api, client: api.list_with_delimiter(client, prefix or None)
        )
        return list(level["common_prefixes"]), list(map(_object_info, level["objects"]))

    def find_info(self, key: str) -> ObjectInfo | None:
        """Return the description of an object; None if it isn't there."""
        with suppress(FileNotFoundError):
            return _object_info(self._request(key, lambda api, client: api.head(client, key)))
        return None

    def read(self, key: str, start: int, end: int, version: str | None = None) -> ObjectBlock:
        """Read from `start` up to `end` or the end of the object, at least one byte.

        Raises StorageError if the object has another version than the given one.
        """
        options: Any = {"range": (start, end)} | ({"if_match": version} if version else {})

        def read(api: ModuleType, client: Connection) -> ObjectBlock:
            answer = api.get(client, key, options=options)
            return ObjectBlock(bytes(answer.bytes()), answer.meta["size"], answer.meta["e_tag"])

        return self._request(key, read)

    def read_all(self, key: str) -> bytes:
        return self._request(key, lambda api, client: bytes(api.get(client, key).bytes()))

    def write(self, key: str, data: bytes, *, is_new: bool = False) -> None:
        """Make an object, whole or not at all.

        With `is_new` it raises FileExistsError, and changes nothing, if there is one.
        """
        # "create" sends If-None-Match: *, which the server checks and acts on in one step:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        mode = "create" if is_new else "overwrite"
        self._request(
            key, lambda api, client: api.put(client, key, data, mode=mode, use_multipart=False)
        )

    def copy_object(self, source: str, target: str) -> None:
        self._request(source, lambda api, client: api.copy(client, source, target))

    def delete_objects(self, keys: Sequence[str]) -> None:
        """Remove objects, if they are there."""
        # Only S3 removes many in one request without minding those that aren't there.
        for batch in [keys] if self.scheme == "s3" and keys else [[key] for key in keys]:
            with suppress(FileNotFoundError):
                self._request(batch[0], partial(_delete_keys, batch))

    def _request(self, key: str, request: Callable[[ModuleType, Connection], T]) -> T:
        """Make a request about an object or folder, and return its answer."""
        api, client = import_obstore(), connect_bucket(self.scheme, self.name)
        with translate_refusals(f"{self.scheme}://{self.name}/{key}", self.name):
            return run_interruptible(lambda: request(api, client))


def _delete_keys(keys: Sequence[str], api: ModuleType, client: Connection) -> None:
    api.delete(client, keys)


def _object_info(entry: Any) -> ObjectInfo:
    return ObjectInfo(
        entry["path"], entry["size"], entry["last_modified"], entry.get("e_tag") or ""
    )
