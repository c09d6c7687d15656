"""Following all watched files: find them, survive their rotation, read them in turns.

Each line is given once, and the lines of one file stay in order:

- renamed: what is still written to the old file is read before the new one is begun;
- copied and truncated: what was not read before is read from the copy;
- a copy of a followed file and a compressed file are not new files.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from apilog.engine.store_parts import find_logs
from apilog.sources import LineChunk, SourceError
from apilog.sources.compression import is_compressed
from apilog.sources.find import are_siblings
from apilog.sources.source import LogSource, open_error
from apilog.watch.tail import KNOWN_BYTES, FileTail, InodeIdentity, PipeTail, inode_identity

LOOK_SECONDS = 1.0
"""How often files are looked for."""
LINGER_SECONDS = 60.0
"""How long a file that was rotated away is still read after its last line."""
ROUND_BYTES = 32 << 20
"""So much is given at once."""
_PROOF_BYTES = 256
"""So many first bytes tell a copy, if there are no more."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Lines that have come."""

    stream: FileTail | PipeTail
    chunks: list[LineChunk]
    is_last: bool = False
    """Whether nothing more comes of this stream."""


@dataclass(slots=True)
class _RotatedTail:
    """A file that has lost its name to another one."""

    tail: FileTail
    since: float


class Follower:
    """The files that SOURCES stand for, now and later."""

    def __init__(
        self,
        sources: Sequence[str],
        begin: Callable[[str], int],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`begin` tells at which byte to begin a file that is there at the start."""
        self._sources = sources
        self._begin = begin
        self._now = now
        self._tails: dict[str, FileTail] = {}
        self._pipes: dict[str, PipeTail] = {}
        self._rotated: list[_RotatedTail] = []
        self._past: deque[tuple[str, bytes]] = deque(maxlen=64)
        """Files that were truncated or closed, and how they began."""
        self._ignored: dict[InodeIdentity, bytes] = {}
        """Files that are there and not followed, and how they begin."""
        self._looked = -LOOK_SECONDS
        self._is_new = True
        self.is_behind = False
        """Whether there is more to be read at once."""
        self.problems: list[SourceError] = []
        """What kept sources from being found when they were last looked for."""

    @property
    def has_sources(self) -> bool:
        """Whether there is a file or pipe to read."""
        return bool(self._tails or self._pipes)

    @property
    def has_pipes(self) -> bool:
        """Whether a source is standard input or a named pipe."""
        return bool(self._pipes)

    @property
    def has_ended(self) -> bool:
        """Whether nothing can come any more: all sources are pipes that were closed."""
        may_grow = self._tails or self._rotated or self.problems
        return self.has_pipes and not may_grow and all(p.has_ended for p in self._pipes.values())

    def poll(self) -> list[Arrival]:
        """The lines that have come since, some tens of MiB at most."""
        if self._now() - self._looked >= LOOK_SECONDS:
            self._find_files()
        self.is_behind = False
        arrivals: list[Arrival] = []
        for arrival in self._read_streams():
            arrivals.append(arrival)
            if sum(len(c.data) for a in arrivals for c in a.chunks) >= ROUND_BYTES:
                self.is_behind = True
                break
        return [a for a in arrivals if a.chunks or a.is_last]

    def close(self) -> list[Arrival]:
        """Let go of all files; what stands without a newline at their ends."""
        streams: list[FileTail | PipeTail] = [one.tail for one in self._rotated]
        streams += [*self._tails.values(), *self._pipes.values()]
        rest = [Arrival(stream, stream.finish(), is_last=True) for stream in streams]
        for stream in streams:
            stream.close()
        return [arrival for arrival in rest if arrival.chunks]

    def _read_streams(self) -> Iterator[Arrival]:
        yield from self._read_rotated()
        if self.is_behind:
            return  # the files after them wait, so that lines come in order
        for file in list(self._tails):
            # Who was read goes to the end of the queue.
            tail = self._tails[file] = self._tails.pop(file)
            if tail.is_truncated:
                yield from self._restart_truncated(tail)
            yield self._read_tail(self._tails[file])
        for pipe in self._pipes.values():
            ended = pipe.has_ended
            chunks, more = pipe.read()
            self.is_behind |= more
            yield Arrival(pipe, chunks, is_last=pipe.has_ended and not ended)

    def _read_rotated(self) -> Iterator[Arrival]:
        for one in list(self._rotated):
            arrival = self._read_tail(one.tail)
            if arrival.chunks:
                one.since = self._now()
                yield arrival
            elif self._is_finished(one):
                self._rotated.remove(one)
                self._past.append((one.tail.file, one.tail.head))
                self._ignored[one.tail.identity] = one.tail.head
                yield Arrival(one.tail, one.tail.finish(), is_last=True)
                one.tail.close()

    def _read_tail(self, tail: FileTail) -> Arrival:
        chunks, more = tail.read()
        self.is_behind |= more
        return Arrival(tail, chunks)

    def _is_finished(self, one: _RotatedTail) -> bool:
        """Whether nobody can be writing to the file any more."""
        followed = one.tail.file in self._tails or one.tail.is_deleted
        return followed and self._now() - one.since >= LINGER_SECONDS

    def _restart_truncated(self, tail: FileTail) -> Iterator[Arrival]:
        """Begin a file anew, after what its copy has of the time before."""
        self._tails[tail.file] = FileTail(tail.file)
        self._past.append((tail.file, tail.head))
        if any(tail.move_to(copy) for copy in _rotated_siblings(tail.file)):
            self._rotated.append(_RotatedTail(tail, self._now()))
            yield self._read_tail(tail)
        else:
            yield Arrival(tail, tail.finish(), is_last=True)
            tail.close()

    def _find_files(self) -> None:
        """Find the files anew."""
        self._looked = self._now()
        found, self.problems = find_logs(self._sources)
        there: set[InodeIdentity] = set()
        for source in found:
            try:
                if source.size is None:
                    self._open_pipe(source.file)
                else:
                    there.add(self._follow_source(source))
            except OSError as error:
                self.problems.append(open_error(source.file, error))
        # An inode of what is gone may be that of another file next time.
        self._ignored = {i: head for i, head in self._ignored.items() if i in there}
        for file in {*self._tails} - {source.file for source in found}:
            if self._tails[file].is_deleted:
                self._release(file)
        self._is_new = False

    def _open_pipe(self, file: str) -> None:
        if file not in self._pipes:
            self._pipes[file] = PipeTail(file)

    def _follow_source(self, source: LogSource) -> InodeIdentity:
        """Follow a file that was found, unless it is followed already or not to be."""
        identity = inode_identity(os.stat(source.file))
        known = self._tails.get(source.file)
        if known and known.identity == identity:
            return identity
        if renamed := self._tail_with_identity(identity):
            self._handle_rename(renamed, source.file)
        elif known or self._should_follow(source, identity):
            begin = self._begin(source.file) if self._is_new else 0
            tail = FileTail(source.file, begin)
            self._release(source.file)
            self._tails[source.file] = tail
        return identity

    def _tail_with_identity(self, identity: InodeIdentity) -> FileTail | None:
        tails = [*self._tails.values(), *(one.tail for one in self._rotated)]
        return next((tail for tail in tails if tail.identity == identity), None)

    def _handle_rename(self, tail: FileTail, file: str) -> None:
        """The file has another name that is watched too; who had that name leaves."""
        if any(one.tail is tail for one in self._rotated):
            if file == tail.file:  # it has its name back
                self._rotated = [one for one in self._rotated if one.tail is not tail]
                self._release(file)
                self._tails[file] = tail
            return
        self._release(file)
        self._release(tail.file)

    def _release(self, file: str) -> None:
        if tail := self._tails.pop(file, None):
            self._rotated.append(_RotatedTail(tail, self._now()))

    def _should_follow(self, source: LogSource, identity: InodeIdentity) -> bool:
        """Whether a file is plain text, and no copy of one that is or was followed."""
        with open(source.file, "rb", buffering=0) as stream:
            head = stream.read(KNOWN_BYTES)
        ignored = self._ignored.get(identity)
        if ignored is not None and head.startswith(ignored):
            return False
        if is_compressed(head):
            if source.file in self._sources:
                hint = "`apilog report` reads it"
                self.problems.append(SourceError(source.path, "is compressed", hint))
            return False
        if self._is_new:
            return True
        if head and self._is_copy(source.file, head):
            self._ignored[identity] = head
            return False
        return bool(head)

    def _is_copy(self, file: str, head: bytes) -> bool:
        """Whether a file that begins like this is a copy of one that is or was followed."""
        tails = [*self._tails.values(), *(one.tail for one in self._rotated)]
        known = [*((tail.file, tail.head) for tail in tails), *self._past]
        return any(
            _begins_alike(head, other, are_related=are_siblings(file, of)) for of, other in known
        )


def _begins_alike(head: bytes, other: bytes, *, are_related: bool) -> bool:
    """Whether a file that begins like this is a copy of the other, complete or not.

    If names don't say that they are related, a few first bytes in common are no proof: they may
    be the header of both.
    """
    common = min(len(head), len(other))
    if not common or head[:common] != other[:common]:
        return False
    return are_related or common >= _PROOF_BYTES


def _rotated_siblings(file: str) -> list[str]:
    """The files beside it that a rotation may have made of it, the newest first."""
    folder = os.path.dirname(file)
    entries = [e.path for e in os.scandir(folder or os.curdir) if e.is_file()]
    paths = [path if folder else os.path.basename(path) for path in entries]
    siblings = [path for path in paths if path != file and are_siblings(path, file)]
    return sorted(siblings, key=lambda path: os.stat(path).st_mtime, reverse=True)
