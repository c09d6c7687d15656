"""The local engine: chunks of all inputs on a pool of threads, results in order.

Polars releases the interpreter's lock, so that threads are enough. At most `workers`
batches are in flight at a time: memory does not grow with the input.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from threading import current_thread
from typing import Generic, Protocol, TypeVar

import polars as pl

from apilog.engines.chunk import REJECTS, Piece, PieceAccount, Wanted, read_pieces
from apilog.engines.edges import with_whole_events
from apilog.engines.inputs import FileAccount
from apilog.engines.reading import Unrecognised, reading_of
from apilog.engines.stored import FORMAT, StoredPart, Within, parts_of, records_in, stores_among
from apilog.formats.choice import Choice
from apilog.formats.detect import detect
from apilog.formats.reading import Reading
from apilog.sources import CHUNK_BYTES, Chunk, Source, SourceError, find_sources, open_chunks

T = TypeVar("T")

_THREADS = "apilog"
_BATCH_BYTES = 1 << 20
_BATCH_PIECES = 256
"""Small files are read together, up to so many bytes and files."""


class Progress(Protocol):
    """Told how far the reading is."""

    def total(self, size: int | None) -> None:
        """All bytes there are to read; None if some input can't tell."""

    def advance(self, size: int) -> None:
        """So many bytes more were read."""


class NoProgress:
    """Progress that nobody watches."""

    def total(self, size: int | None) -> None:
        """See `Progress.total`."""

    def advance(self, size: int) -> None:
        """See `Progress.advance`."""


class Input(Protocol):
    """What a run reads; `Source` for an input from its beginning to its end."""

    @property
    def path(self) -> str:
        """As users see it."""

    @property
    def size(self) -> int | None:
        """Bytes on disk still to be read; None if that is not known."""

    @property
    def head(self) -> bytes:
        """Lines before those of the first chunk, which tell how it is to be read."""

    def chunks(self, chunk_bytes: int) -> Iterable[Chunk]:
        """Its lines; `head` is asked for after the first of them. Raises SourceError."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """A source from its beginning to its end."""

    source: Source
    head: bytes = b""

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def size(self) -> int | None:
        return self.source.size

    def chunks(self, chunk_bytes: int) -> Iterable[Chunk]:
        return open_chunks(self.source, chunk_bytes=chunk_bytes)


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """What the work made of some records."""

    value: T
    rejects: pl.DataFrame
    """Columns of `chunk.REJECTS`."""


class Run(Generic[T]):
    """One pass over all inputs; `files` is complete when `results` is at its end."""

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str]],
        wanted: Wanted,
        work: Callable[[pl.DataFrame], T],
        *,
        choice: Choice | None = None,
        progress: Progress | None = None,
        workers: int | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        within: Within = (None, None),
        inputs: Sequence[Input] = (),
    ) -> None:
        """Stores are read first, `inputs` after all sources.

        `within` spares reading what a store holds outside of it; of logs everything is read.
        Raises InputError for a store that can't be opened.
        """
        self._stores, logs = stores_among(sources)
        found, problems = find_sources(logs)
        self._inputs: list[Input] = [*map(_Whole, found), *inputs]
        self._within = within
        self._wanted = wanted
        self._work = work
        self._choice = choice
        self._detector = None if choice else detect
        self._progress = progress or NoProgress()
        # One more than there are processors: what one waits for, another one uses.
        self._workers = workers or (os.cpu_count() or 1) + 1
        self._chunk_bytes = chunk_bytes
        self.files: list[FileAccount] = [FileAccount(p.path, error=p) for p in problems]
        self.errors: list[SourceError] = list(problems)
        """Of the files, in the order in which they came up."""

    def results(self) -> Generator[Result[T]]:
        """Read all; what the work made of the records, in the order of the lines.

        What the work raises ends it. Closing it ends the threads.
        """
        stored = [part for store in self._stores for part in parts_of(store, self._within)]
        sizes = [*(part.size for part in stored), *(source.size for source in self._inputs)]
        self._progress.total(None if None in sizes else sum(s for s in sizes if s))
        waiting: deque[_Batch[T]] = deque()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix=_THREADS)
        try:
            for batch in self._batches(stored, pool):
                waiting.append(batch)
                while waiting and (len(waiting) >= self._workers or waiting[0].made.done()):
                    yield from self._finished(waiting.popleft())
            while waiting:
                yield from self._finished(waiting.popleft())
        finally:
            # The garbage collector may close this on any thread; none can wait for itself.
            is_own = current_thread().name.startswith(_THREADS)
            pool.shutdown(wait=not is_own, cancel_futures=True)

    def _batches(
        self, stored: Sequence[StoredPart], pool: ThreadPoolExecutor
    ) -> Iterator[_Batch[T]]:
        yield from self._stored_batches(stored, pool)
        for parts in _batched(self._parts(pool), self._batch_pieces()):
            told = [(part.account, part.size) for part in parts]
            yield _Batch(told, pool.submit(self._read, parts))

    def _stored_batches(
        self, stored: Sequence[StoredPart], pool: ThreadPoolExecutor
    ) -> Iterator[_Batch[T]]:
        for store in self._stores:
            account = FileAccount(str(store.folder), formats={FORMAT: None})
            self.files.append(account)
            parts = [part for part in stored if part.store is store]
            # Those outside of the window need no reading to be counted.
            account.records = records_in(store.files()) - sum(part.records for part in parts)
            for part in parts:
                yield _Batch([(account, part.size)], pool.submit(self._read_stored, part))

    def _read_stored(self, part: StoredPart) -> list[_Made[T]]:
        try:
            records = part.read(self._within, self._wanted)
        except SourceError as error:
            return [_Made([error], None)]
        account = PieceAccount(records=part.records, rejects=0, skipped=0, formats=())
        return [_Made([account], Result(self._work(records), pl.DataFrame(schema=REJECTS)))]

    def _batch_pieces(self) -> int:
        """So many small files are read together, few enough that all workers have some."""
        return max(1, min(len(self._inputs) // (4 * self._workers), _BATCH_PIECES))

    def _parts(self, pool: ThreadPoolExecutor) -> Iterator[_Part]:
        for source in self._inputs:
            account = FileAccount(source.path)
            self.files.append(account)
            try:
                yield from self._parts_of(source, account, pool)
            except SourceError as error:
                self._fail(account, error)

    def _parts_of(
        self, source: Input, account: FileAccount, pool: ThreadPoolExecutor
    ) -> Iterator[_Part]:
        # The pool is first in, first out: whoever waits for the reading has it under way.
        reading: Future[Reading] | None = None
        position = 0
        for chunk in with_whole_events(source.chunks(self._chunk_bytes)):
            if account.error:
                return  # its format is unknown: the rest of it would be too
            if reading is None:
                lines = source.head + chunk.data
                reading = pool.submit(reading_of, source.path, lines, self._choice)
            yield _Part(Piece(source.path, chunk), account, reading, chunk.position - position)
            position = chunk.position

    def _read(self, parts: Sequence[_Part]) -> list[_Made[T]]:
        return [
            made
            for how, alike in groupby(parts, _how)
            for made in self._read_alike(how, [part.piece for part in alike])
        ]

    def _read_alike(
        self, how: Reading | Unrecognised, pieces: Sequence[Piece]
    ) -> Iterator[_Made[T]]:
        if isinstance(how, Unrecognised):
            yield _Made([how] * len(pieces), None)
            return
        for read in read_pieces(pieces, how, self._wanted, self._detector):
            yield _Made(read.accounts, Result(self._work(read.records), read.rejects))

    def _finished(self, batch: _Batch[T]) -> Iterator[Result[T]]:
        told = iter(batch.told)
        for made in batch.made.result():
            for what, (account, size) in zip(made.accounts, told, strict=False):
                if isinstance(what, SourceError):
                    self._fail(account, what)
                else:
                    account.add(what)
                self._progress.advance(size)
            if made.result:
                yield made.result

    def _fail(self, account: FileAccount, error: SourceError) -> None:
        account.fail(error)
        self.errors.append(error)


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece on its way."""

    piece: Piece
    account: FileAccount
    reading: Future[Reading]
    size: int
    """Bytes on disk that it took."""


@dataclass(frozen=True, slots=True)
class _Made(Generic[T]):
    """What pieces that are read alike gave; no result if they can't be read."""

    accounts: Sequence[PieceAccount | SourceError]
    result: Result[T] | None


@dataclass(frozen=True, slots=True)
class _Batch(Generic[T]):
    told: Sequence[tuple[FileAccount, int]]
    """Of each part, who is told what became of it; not the part, whose chunk is large."""
    made: Future[list[_Made[T]]]


def _batched(parts: Iterable[_Part], most: int) -> Iterator[list[_Part]]:
    """Parts that are worth one task; at most so many, and more than one only if small."""
    batch: list[_Part] = []
    size = 0
    for part in parts:
        size += len(part.piece.chunk.data)
        if batch and (size > _BATCH_BYTES or len(batch) == most):
            yield batch
            batch, size = [], len(part.piece.chunk.data)
        batch.append(part)
    if batch:
        yield batch


def _how(part: _Part) -> Reading | Unrecognised:
    try:
        return part.reading.result()
    except Unrecognised as error:
        return error
