"""URLs of objects: `s3://bucket/key`, `gs://bucket/key`, `az://container/key`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from apilog.errors import InputError

_BUCKET = re.compile(r"\$?[A-Za-z0-9][A-Za-z0-9._-]*")
# Control characters, and bytes that are no UTF-8.
_IMPOSSIBLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


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
        if not _BUCKET.fullmatch(bucket):
            hint = f"write {scheme}://BUCKET/KEY, as in {scheme}://logs/2026/access.log"
            raise InputError(f"{text} names no bucket", hint)
        key = key.strip("/")
        if key and not all(_is_possible(part) for part in key.split("/")):
            hint = "keys with empty parts, `.`, `..` or control characters can't be read"
            raise InputError(f"{text}: not a possible key", hint)
        return cls(scheme.lower(), bucket, key)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}".removesuffix("/")

    def of(self, key: str) -> ObjectUrl:
        """Another place in the same bucket."""
        return ObjectUrl(self.scheme, self.bucket, key)


def _is_possible(part: str) -> bool:
    return part not in ("", ".", "..") and not _IMPOSSIBLE.search(part)
