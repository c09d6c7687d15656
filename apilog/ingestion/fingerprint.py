"""Inputs known by their content: the hash of their beginning, and of the end of what was read.

Names, times and inodes play no part: a file is the continuation of what is known if its bytes
up to there are.
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
"""So many first bytes, with their times, no two logs have in common."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a stream is known by after some of its bytes were read."""

    head_hash: str
    head_length: int
    offset: int
    """Bytes read."""
    tail_hash: str

    @classmethod
    def from_content(cls, head: bytes, offset: int, tail: bytes) -> Fingerprint:
        """Of a stream with these first and last bytes up to the offset, which is not 0."""
        length = _round_length(min(len(head), offset))
        return cls(hash_bytes(head[:length]), length, offset, hash_bytes(tail))


def compressed_fingerprint(head: bytes, tail: bytes, size: int) -> str:
    """What a compressed file is known by as it is stored.

    As for lines, first and last bytes tell; the last ones of most kinds hold a checksum, too.
    """
    return hash_bytes(b"%d " % size + hash_bytes(head).encode() + hash_bytes(tail).encode())


@dataclass(slots=True, eq=False)
class KnownEntry:
    """A known input, and what this run has found of it."""

    known: InputCheckpoint
    stored: InputCheckpoint | None
    """As it stands in the store; None while it doesn't."""
    claimed: bool = False
    """Whether a source of this run is just that, no more and no less."""
    failed: bool = False
    """Whether it turned out not to be readable."""


class FingerprintIndex:
    """All known inputs, to be found by their content."""

    def __init__(self, inputs: Iterable[InputCheckpoint]) -> None:
        self._entries: defaultdict[tuple[int, str], list[KnownEntry]] = defaultdict(list)
        self._lengths: set[int] = set()
        self._packed: dict[str, KnownEntry] = {}
        for known in inputs:
            self.add(KnownEntry(known, known))

    def add(self, entry: KnownEntry) -> None:
        """Have an input known from now on."""
        known = entry.known
        self._entries[known.head_length, known.head_hash].append(entry)
        self._lengths.add(known.head_length)
        self._packed |= dict.fromkeys(known.packed, entry)

    def remove(self, entry: KnownEntry) -> None:
        """Forget an input that turned out not to be readable."""
        entry.failed = True
        self._entries[entry.known.head_length, entry.known.head_hash].remove(entry)

    def find_compressed(self, packed_as: str) -> KnownEntry | None:
        """The input that such a compressed file holds, no more and no less."""
        entry = self._packed.get(packed_as)
        return entry if entry and not entry.failed else None

    def find_candidates(self, head: bytes) -> list[KnownEntry]:
        """The inputs that begin like this, those read furthest first."""
        found: list[KnownEntry] = []
        hashed, done = sha256(), 0
        for length in sorted(self._lengths):
            if length > len(head):
                break
            hashed.update(head[done:length])
            done = length
            found += self._entries.get((length, hashed.hexdigest()), ())
        return sorted(found, key=lambda entry: entry.known.offset, reverse=True)


@dataclass(frozen=True, slots=True)
class FingerprintMatch:
    """What a stream is of all that is known."""

    continues: KnownEntry | None
    """The input that it goes on from, or is just as long as."""
    copies: KnownEntry | None
    """A longer input of which it is a copy that holds less."""


def match_candidates(
    candidates: Iterable[KnownEntry], tail_at: Callable[[int], bytes | None]
) -> FingerprintMatch:
    """What a stream is of the inputs that begin like it, those read furthest first.

    `tail_at` gives what stands before an offset, up to 4 KiB; None if the stream ends before. Then
    enough of a beginning has to be the same, at least half of what is known of it: when a log is
    copied and truncated, more may have been taken of it than its copy got.
    """
    longer: KnownEntry | None = None
    for entry in candidates:
        tail = tail_at(entry.known.offset)
        if tail is None and entry.known.head_length >= _COPY_BYTES:
            longer = longer or entry
        if tail is not None and hash_bytes(tail) == entry.known.tail_hash:
            return FingerprintMatch(entry, longer)
    return FingerprintMatch(None, longer)


def hash_bytes(data: bytes) -> str:
    """The hash of some bytes, as a store keeps it."""
    return sha256(data).hexdigest()


def _round_length(length: int) -> int:
    """A power of two: among any number of known files are few lengths to compare."""
    return min(HEAD_BYTES, 1 << (length.bit_length() - 1))
