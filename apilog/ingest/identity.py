"""Inputs known by their content: the hash of their beginning, and of the end of what was read.

Names, times and inodes play no part: a file is the continuation of what is known if its bytes
up to there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from apilog.store import KnownInput

HEAD_BYTES = 64 << 10
TAIL_BYTES = 4 << 10
_COPY_BYTES = 4 << 10
"""So many first bytes, with their times, no two logs have in common."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a stream is known by after some of its bytes were read."""

    head_hash: str
    head_length: int
    offset: int
    """Bytes read."""
    tail_hash: str

    @classmethod
    def of(cls, head: bytes, offset: int, tail: bytes) -> Identity:
        """Of a stream with these first and last bytes up to the offset, which is not 0."""
        length = _rounded(min(len(head), offset))
        return cls(digest(head[:length]), length, offset, digest(tail))


def packed_as(head: bytes, tail: bytes, size: int) -> str:
    """What a compressed file is known by as it is stored.

    As for lines, first and last bytes tell; the last ones of most kinds hold a checksum, too.
    """
    return digest(b"%d " % size + digest(head).encode() + digest(tail).encode())


@dataclass(slots=True, eq=False)
class Entry:
    """A known input, and what this run has found of it."""

    known: KnownInput
    stored: KnownInput | None
    """As it stands in the store; None while it doesn't."""
    claimed: bool = False
    """Whether a source of this run is just that, no more and no less."""
    failed: bool = False
    """Whether it turned out not to be readable."""


class Index:
    """All known inputs, to be found by their content."""

    def __init__(self, inputs: Iterable[KnownInput]) -> None:
        self._entries: defaultdict[tuple[int, str], list[Entry]] = defaultdict(list)
        self._lengths: set[int] = set()
        self._packed: dict[str, Entry] = {}
        for known in inputs:
            self.add(Entry(known, known))

    def add(self, entry: Entry) -> None:
        """Have an input known from now on."""
        known = entry.known
        self._entries[known.head_length, known.head_hash].append(entry)
        self._lengths.add(known.head_length)
        self._packed |= dict.fromkeys(known.packed, entry)

    def remove(self, entry: Entry) -> None:
        """Forget an input that turned out not to be readable."""
        entry.failed = True
        self._entries[entry.known.head_length, entry.known.head_hash].remove(entry)

    def packed(self, packed_as: str) -> Entry | None:
        """The input that such a compressed file holds, no more and no less."""
        entry = self._packed.get(packed_as)
        return entry if entry and not entry.failed else None

    def candidates(self, head: bytes) -> list[Entry]:
        """The inputs that begin like this, those read furthest first."""
        found: list[Entry] = []
        hashed, done = sha256(), 0
        for length in sorted(self._lengths):
            if length > len(head):
                break
            hashed.update(head[done:length])
            done = length
            found += self._entries.get((length, hashed.hexdigest()), ())
        return sorted(found, key=lambda entry: entry.known.offset, reverse=True)


@dataclass(frozen=True, slots=True)
class Found:
    """What a stream is of all that is known."""

    continues: Entry | None
    """The input that it goes on from, or is just as long as."""
    copies: Entry | None
    """A longer input of which it is a copy that holds less."""


def compared(candidates: Iterable[Entry], tail_at: Callable[[int], bytes | None]) -> Found:
    """What a stream is of the inputs that begin like it, those read furthest first.

    `tail_at` gives what stands before an offset, up to 4 KiB; None if the stream ends before. Then
    enough of a beginning has to be the same, at least half of what is known of it: when a log is
    copied and truncated, more may have been taken of it than its copy got.
    """
    longer: Entry | None = None
    for entry in candidates:
        tail = tail_at(entry.known.offset)
        if tail is None and entry.known.head_length >= _COPY_BYTES:
            longer = longer or entry
        if tail is not None and digest(tail) == entry.known.tail_hash:
            return Found(entry, longer)
    return Found(None, longer)


def digest(data: bytes) -> str:
    """The hash of some bytes, as a store keeps it."""
    return sha256(data).hexdigest()


def _rounded(length: int) -> int:
    """A power of two: among any number of known files are few lengths to compare."""
    return min(HEAD_BYTES, 1 << (length.bit_length() - 1))
