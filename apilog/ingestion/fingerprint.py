"""Fingerprints: inputs are known by their content, not by names, times or inodes.

A fingerprint is the hash of the beginning of a stream, and of the end of what was read of it. A
file is the continuation of a known input if its bytes up to there are the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from apilog.store import InputCheckpoint

HEAD_BYTES = 64 << 10
TAIL_BYTES = 4 << 10
_COPY_BYTES = 4 << 10
"""No two logs have this many first bytes in common, since these hold times."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The content of a stream up to the byte that was reached, which is the offset."""

    head_hash: str
    head_length: int
    offset: int
    tail_hash: str

    @classmethod
    def from_content(cls, head: bytes, offset: int, tail: bytes) -> Fingerprint:
        """Make the fingerprint of a stream with these first and last bytes up to the offset.

        The offset is not 0.
        """
        # Lengths are powers of two, so that only a few have to be hashed to look a stream up,
        # however many inputs are known.
        longest = min(len(head), offset)
        length = min(HEAD_BYTES, 1 << (longest.bit_length() - 1))
        return cls(hash_bytes(head[:length]), length, offset, hash_bytes(tail))


def compressed_fingerprint(head: bytes, tail: bytes, size: int) -> str:
    """Return the fingerprint of a compressed file as it is stored.

    Its first and last bytes and its size make it, as with lines. In most kinds of compressed files
    the last bytes hold a checksum of the content, too.
    """
    return hash_bytes(b"%d " % size + hash_bytes(head).encode() + hash_bytes(tail).encode())


def hash_bytes(data: bytes) -> str:
    """Return the hash of some bytes, as a store keeps it."""
    return sha256(data).hexdigest()


@dataclass(slots=True, eq=False)
class KnownEntry:
    """A known input, and what this run has found out about it."""

    checkpoint: InputCheckpoint
    stored: InputCheckpoint | None
    """The checkpoint in the store; None while there is none."""
    claimed_by: str | None = None
    """The path of the first source of this run that holds just this content."""
    failed: bool = False
    """Whether it turned out to be unreadable."""


class FingerprintIndex:
    """All known inputs, to be looked up by their content."""

    def __init__(self, checkpoints: Iterable[InputCheckpoint]) -> None:
        self._entries: defaultdict[tuple[int, str], list[KnownEntry]] = defaultdict(list)
        self._lengths: set[int] = set()
        self._compressed: dict[str, KnownEntry] = {}
        for checkpoint in checkpoints:
            self.add_entry(KnownEntry(checkpoint, checkpoint))

    def add_entry(self, entry: KnownEntry) -> None:
        """Make an input known from now on."""
        checkpoint = entry.checkpoint
        self._entries[checkpoint.head_length, checkpoint.head_hash].append(entry)
        self._lengths.add(checkpoint.head_length)
        self._compressed |= dict.fromkeys(checkpoint.packed, entry)

    def remove_entry(self, entry: KnownEntry) -> None:
        """Forget an input that turned out to be unreadable."""
        entry.failed = True
        checkpoint = entry.checkpoint
        self._entries[checkpoint.head_length, checkpoint.head_hash].remove(entry)

    def find_compressed(self, fingerprint: str) -> KnownEntry | None:
        """Return the input that a compressed file holds, no more and no less."""
        entry = self._compressed.get(fingerprint)
        return entry if entry and not entry.failed else None

    def find_candidates(self, head: bytes) -> list[KnownEntry]:
        """Return the inputs that begin like this, those read furthest first."""
        candidates: list[KnownEntry] = []
        hashed, done = sha256(), 0
        for length in sorted(self._lengths):
            if length > len(head):
                break
            hashed.update(head[done:length])
            done = length
            candidates += self._entries.get((length, hashed.hexdigest()), ())
        return sorted(candidates, key=lambda entry: entry.checkpoint.offset, reverse=True)


@dataclass(frozen=True, slots=True)
class FingerprintMatch:
    """The known inputs that a stream has to do with."""

    continues: KnownEntry | None
    """The input that it goes on from, or is just as long as."""
    copies: KnownEntry | None
    """A longer input of which it is a shorter copy."""


def match_candidates(
    candidates: Iterable[KnownEntry], tail_at: Callable[[int], bytes | None]
) -> FingerprintMatch:
    """Compare a stream with the inputs that begin like it, those read furthest first.

    `tail_at` returns up to 4 KiB before an offset, or None if the stream ends before.
    """
    longer: KnownEntry | None = None
    for entry in candidates:
        tail = tail_at(entry.checkpoint.offset)
        # A stream that ends before is a copy of a longer input if enough of the beginning is the
        # same. `copytruncate` makes such copies: a run may have read lines of the log that were
        # written after its copy was made and before it was truncated.
        if tail is None and entry.checkpoint.head_length >= _COPY_BYTES:
            longer = longer or entry
        if tail is not None and hash_bytes(tail) == entry.checkpoint.tail_hash:
            return FingerprintMatch(entry, longer)
    return FingerprintMatch(None, longer)
