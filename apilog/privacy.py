"""Personal data made less telling: addresses truncated, consumers replaced by keyed hashes.

Both are idempotent: what they gave stays as it is. Each distinct text is worked on once.
"""

from __future__ import annotations

import hmac
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl

from apilog.errors import UsageError

HASH_PREFIX = "hmac:"
"""The beginning of every hashed consumer."""

_HEX_DIGITS = 32
_HASHED_PATTERN = rf"^{HASH_PREFIX}[0-9a-f]{{{_HEX_DIGITS}}}$"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4_PATTERN = rf"^((?:{_OCTET}\.){{3}}){_OCTET}$"
# https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2 and
# https://www.rfc-editor.org/rfc/rfc3056#section-2
_MAPPED_IPV4 = bytes(10) + b"\xff\xff"
_SIX_TO_FOUR = b"\x20\x02"


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """The changes made to records before anything else sees them."""

    anonymize_ip: bool = False
    key: bytes | None = None
    """The key of consumers' hashes; None means that consumers stay."""

    @classmethod
    def from_options(cls, *, anonymize_ip: bool, hash_consumers: str | None) -> Self:
        """Return what the options ask for; raises UsageError for a key that can't be read."""
        key = None if hash_consumers is None else read_key(hash_consumers)
        return cls(anonymize_ip=anonymize_ip, key=key)

    def __bool__(self) -> bool:
        return self.anonymize_ip or self.key is not None

    def apply(self, records: pl.DataFrame) -> pl.DataFrame:
        """Return the records with `client_ip` and `consumer`, if there, changed to String."""
        changes = self.column_changes().items()
        return records.with_columns(c(records[n]) for n, c in changes if n in records.columns)

    def apply_lazily(self, records: pl.LazyFrame) -> pl.LazyFrame:
        """Return a frame that does the same when it is read; it has both columns."""
        # Saying that it is elementwise lets Polars push filters and projections below it.
        return records.with_columns(
            pl.col(name).map_batches(change, return_dtype=pl.String, is_elementwise=True)
            for name, change in self.column_changes().items()
        )

    def column_changes(self) -> dict[str, Callable[[pl.Series], pl.Series]]:
        """Return the function that changes each column, by its name."""
        changes: dict[str, Callable[[pl.Series], pl.Series]] = {}
        if self.anonymize_ip:
            changes["client_ip"] = truncate_addresses
        if self.key is not None:
            key = self.key
            changes["consumer"] = lambda consumers: hash_consumers(consumers, key)
        return changes


AS_LOGGED = Privacy()
"""No changes."""


def read_key(text: str) -> bytes:
    """Return the key that an option's text means: `env:NAME`, `@FILE`, or the key itself.

    A file's last line end is no part of it. Raises UsageError for an empty key, and for a
    variable or file that isn't there.

    >>> read_key("a long secret")
    b'a long secret'
    """
    hint = "give env:NAME for a variable, @FILE for a file, or the key itself"
    if text.startswith("env:"):
        name = text.removeprefix("env:")
        if name not in os.environ:
            raise UsageError(f"--hash-consumers: there is no environment variable {name!r}", hint)
        key = os.environb[name.encode()] if os.supports_bytes_environ else os.environ[name].encode()
    elif text.startswith("@"):
        path = Path(text[1:])
        try:
            key = path.read_bytes().removesuffix(b"\n").removesuffix(b"\r")
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(f"--hash-consumers: can't read {path}: {reason}", hint) from error
    else:
        key = text.encode("utf-8", "surrogateescape")
    if not key:
        raise UsageError("the key of --hash-consumers is empty", hint)
    return key


def hash_consumers(consumers: pl.Series, key: bytes) -> pl.Series:
    """Return each consumer as `hmac:` and the first 128 bits of its HMAC-SHA256, hexadecimal.

    The same id and key give the same text everywhere. Nulls stay null, and what was hashed
    before stays as it is. Without the key nobody can try ids out.

    >>> hash_consumers(pl.Series(["acme", None, "acme"]), b"key").to_list()[1:]
    [None, 'hmac:2a0c2d9f96b5b1a7675b436bb43ee0c0']
    """

    def hash_texts(texts: pl.Series) -> pl.Series:
        # Polars has no HMAC; a chunk has far fewer consumers than lines.
        hashes = [
            HASH_PREFIX + hmac.digest(key, text.encode(), "sha256").hex()[:_HEX_DIGITS]
            for text in texts.to_list()
        ]
        hashed = pl.Series(hashes, dtype=pl.String)
        return texts.zip_with(texts.str.contains(_HASHED_PATTERN), hashed)

    return _over_distinct(consumers, hash_texts)


def truncate_addresses(addresses: pl.Series) -> pl.Series:
    """Return addresses without their host: IPv4 as its /24, IPv6 as its /48.

    An IPv4 address inside of an IPv6 one (mapped, 6to4) is truncated as one. What is no address
    becomes null.

    >>> truncate_addresses(pl.Series(["203.0.113.77", "2001:db8:1:2::3"])).to_list()
    ['203.0.113.0', '2001:db8:1::']
    """

    def truncate_texts(texts: pl.Series) -> pl.Series:
        ipv4 = texts.str.extract(_IPV4_PATTERN) + "0"
        rest = ipv4.is_null().arg_true()
        if not len(rest):
            return ipv4
        others = [_truncate_ipv6(text) for text in texts.gather(rest).to_list()]
        return ipv4.scatter(rest, pl.Series(others, dtype=pl.String))

    return _over_distinct(addresses, truncate_texts)


def _over_distinct(values: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return the column with `change` applied to its distinct texts, of which there are few."""
    # Categories of the column's own have codes from 0 on without gaps.
    if not isinstance(values.dtype, pl.Categorical):
        values = values.cast(pl.Categorical(pl.Categories.random()))
    codes = values.to_physical()
    highest = codes.max()
    if not isinstance(highest, int):
        return values.cast(pl.String)
    distinct = pl.int_range(highest + 1, dtype=pl.UInt32, eager=True)
    texts = distinct.cat.to(values.dtype).cast(pl.String)
    return change(texts).gather(codes).alias(values.name)


def _truncate_ipv6(text: str) -> str | None:
    try:
        # A zone such as %eth0 is the host's own.
        packed = socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
    except (OSError, ValueError):
        return None
    if packed.startswith(_MAPPED_IPV4):
        return f"::ffff:{packed[12]}.{packed[13]}.{packed[14]}.0"
    kept = 5 if packed.startswith(_SIX_TO_FOUR) else 6
    return socket.inet_ntop(socket.AF_INET6, packed[:kept] + bytes(16 - kept))
