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
"""How often the sources are searched for files."""
LINGER_SECONDS = 60.0
"""How long a rotated file is still read after its last line."""
ROUND_BYTES = 32 << 20
"""How much one poll returns at most."""
_PROOF_BYTES = 256
"""How many equal first bytes prove a copy where the names are unrelated."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """New lines of one stream."""

    stream: FileTail | PipeTail
    chunks: list[LineChunk]
    is_last: bool = False
    """Whether nothing more comes from this stream."""


class Follower:
    """Follows the files that the sources stand for, now and later."""

    def __init__(
        self,
        sources: Sequence[str],
        find_start: Callable[[str], int],
        now: Callable[[], float] = time.monotonic,
        exclude: Sequence[str] = (),
    ) -> None:
        """Begin files that exist at the start at the offset that `find_start` returns.

        `exclude` are globs for files of folders that are not followed.
        """
        self._sources = sources
        self._exclude = exclude
        self._find_start = find_start
        self._now = now
        self._tails: dict[str, FileTail] = {}
        self._pipes: dict[str, PipeTail] = {}
        self._rotated: dict[FileTail, float] = {}
        """Files that have lost their name to another one, and when they were last written to."""
        self._past_heads: deque[tuple[str, bytes]] = deque(maxlen=64)
        """Names and first bytes of files that were truncated or closed."""
        self._ignored: dict[InodeIdentity, bytes] = {}
        """The first bytes of existing files that are not followed."""
        self._looked_at = -LOOK_SECONDS
        self._is_first_look = True
        self.is_behind = False
        """Whether there is more to read right away."""
        self.problems: list[SourceError] = []
        """What kept sources from being found in the last search."""

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
        """Return the lines that have come since the last poll, some tens of MiB at most."""
        if self._now() - self._looked_at >= LOOK_SECONDS:
            self._find_files()
        self.is_behind = False
        arrivals: list[Arrival] = []
        size = 0
        for arrival in self._read_streams():
            arrivals.append(arrival)
            size += sum(len(chunk.data) for chunk in arrival.chunks)
            if size >= ROUND_BYTES:
                self.is_behind = True
                break
        return [arrival for arrival in arrivals if arrival.chunks or arrival.is_last]

    def close(self) -> list[Arrival]:
        """Close all files; return the lines at their ends that have no newline."""
        streams: list[FileTail | PipeTail] = [*self._all_tails(), *self._pipes.values()]
        arrivals = [Arrival(stream, stream.finish(), is_last=True) for stream in streams]
        for stream in streams:
            stream.close()
        return [arrival for arrival in arrivals if arrival.chunks]

    def _all_tails(self) -> list[FileTail]:
        return [*self._rotated, *self._tails.values()]

    def _read_streams(self) -> Iterator[Arrival]:
        for tail, since in list(self._rotated.items()):
            arrival = self._read_tail(tail)
            if arrival.chunks:
                self._rotated[tail] = self._now()
                yield arrival
                continue
            # Workers go on writing to a renamed file until they are told to reopen their log.
            is_replaced = tail.file in self._tails or tail.is_deleted
            if is_replaced and self._now() - since >= LINGER_SECONDS:
                del self._rotated[tail]
                self._past_heads.append((tail.file, tail.head))
                self._ignored[tail.identity] = tail.head
                yield Arrival(tail, tail.finish(), is_last=True)
                tail.close()
        if self.is_behind:
            return  # the files that came after them wait, so that lines stay in order
        for file in list(self._tails):
            # A file that was read goes to the end of the queue, so that a busy one starves none.
            tail = self._tails[file] = self._tails.pop(file)
            if tail.is_truncated:
                self._tails[file] = FileTail(file)
                self._past_heads.append((file, tail.head))
                # The rest of the old content is in a copy under a related name: the newest first.
                folder = os.path.dirname(file)
                entries = [e.path for e in os.scandir(folder or os.curdir) if e.is_file()]
                paths = [path if folder else os.path.basename(path) for path in entries]
                copies = [path for path in paths if path != file and are_siblings(path, file)]
                copies.sort(key=lambda path: os.stat(path).st_mtime, reverse=True)
                if any(tail.move_to(copy) for copy in copies):
                    self._rotated[tail] = self._now()
                    yield self._read_tail(tail)
                else:
                    yield Arrival(tail, tail.finish(), is_last=True)
                    tail.close()
            yield self._read_tail(self._tails[file])
        for pipe in self._pipes.values():
            had_ended = pipe.has_ended
            chunks, has_more = pipe.read()
            self.is_behind |= has_more
            yield Arrival(pipe, chunks, is_last=pipe.has_ended and not had_ended)

    def _read_tail(self, tail: FileTail) -> Arrival:
        chunks, has_more = tail.read()
        self.is_behind |= has_more
        return Arrival(tail, chunks)

    def _find_files(self) -> None:
        """Search the sources again: follow new files, release those that are gone."""
        self._looked_at = self._now()
        sources, self.problems = find_logs(self._sources, self._exclude)
        identities: set[InodeIdentity] = set()
        for source in sources:
            try:
                if source.size is not None:
                    identities.add(self._follow_source(source))
                elif source.file not in self._pipes:
                    self._pipes[source.file] = PipeTail(source.file)
            except OSError as error:
                self.problems.append(open_error(source.file, error))
        # The inode number of a deleted file may be given to another file.
        self._ignored = {i: head for i, head in self._ignored.items() if i in identities}
        for file in {*self._tails} - {source.file for source in sources}:
            if self._tails[file].is_deleted:
                self._release(file)
        self._is_first_look = False

    def _follow_source(self, source: LogSource) -> InodeIdentity:
        """Follow a file that was found, unless it is already followed or must not be."""
        identity = inode_identity(os.stat(source.file))
        current = self._tails.get(source.file)
        if current and current.identity == identity:
            return identity
        if renamed := next((t for t in self._all_tails() if t.identity == identity), None):
            if renamed not in self._rotated:
                self._release(source.file)
                self._release(renamed.file)
            elif source.file == renamed.file:  # the file has got its old name back
                del self._rotated[renamed]
                self._release(source.file)
                self._tails[source.file] = renamed
        elif current or self._should_follow(source, identity):
            start = self._find_start(source.file) if self._is_first_look else 0
            tail = FileTail(source.file, start)
            self._release(source.file)
            self._tails[source.file] = tail
        return identity

    def _release(self, file: str) -> None:
        """Give up the name of a file, which is read on until it is quiet."""
        if tail := self._tails.pop(file, None):
            self._rotated[tail] = self._now()

    def _should_follow(self, source: LogSource, identity: InodeIdentity) -> bool:
        """Whether a file is plain text, and no copy of a file that is or was followed."""
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
        if self._is_first_look:
            return True
        for name, other in [*((t.file, t.head) for t in self._all_tails()), *self._past_heads]:
            common = min(len(head), len(other))
            # If the names are unrelated, a few equal bytes may be a header that both files have.
            is_proof = common >= _PROOF_BYTES or are_siblings(source.file, name)
            if common and head[:common] == other[:common] and is_proof:
                self._ignored[identity] = head
                return False
        return bool(head)
