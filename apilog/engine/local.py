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

from apilog.engine.parse_chunks import (
    REJECTS_SCHEMA,
    ChunkAccount,
    FileAccount,
    FileChunk,
    ReadSpec,
    parse_chunks,
)
from apilog.engine.store_parts import (
    STORE_FORMAT,
    StoredPart,
    Within,
    count_records,
    find_logs,
    separate_stores,
    split_into_parts,
)
from apilog.formats.detect import detect_plan
from apilog.formats.file_plan import FormatChoice, UnrecognisedFormat, plan_file
from apilog.formats.parse_plan import ParsePlan
from apilog.sources import LineChunk, LogSource, SourceError
from apilog.transport.opening import CHUNK_BYTES, open_chunks
from apilog.transport.split_events import with_whole_events

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


class RunInput(Protocol):
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

    def chunks(self, chunk_bytes: int) -> Iterable[LineChunk]:
        """Its lines; `head` is asked for after the first of them. Raises SourceError."""


@dataclass(frozen=True, slots=True)
class _WholeSource:
    """A source from its beginning to its end."""

    source: LogSource
    head: bytes = b""

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def size(self) -> int | None:
        return self.source.size

    def chunks(self, chunk_bytes: int) -> Iterable[LineChunk]:
        return open_chunks(self.source, chunk_bytes=chunk_bytes)


@dataclass(frozen=True, slots=True)
class ChunkResult(Generic[T]):
    """What the work made of some records."""

    value: T
    rejects: pl.DataFrame
    """Columns of `chunk.REJECTS`."""


class LocalRun(Generic[T]):
    """One pass over all inputs; `files` is complete when `results` is at its end."""

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str]],
        wanted: ReadSpec,
        work: Callable[[pl.DataFrame], T],
        *,
        choice: FormatChoice | None = None,
        progress: Progress | None = None,
        workers: int | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        within: Within = (None, None),
        inputs: Sequence[RunInput] = (),
    ) -> None:
        """Stores are read first, `inputs` after all sources.

        `within` spares reading what a store holds outside of it; of logs everything is read.
        Raises InputError for a store that can't be opened.
        """
        self._stores, logs = separate_stores(sources)
        found, problems = find_logs(logs)
        self._inputs: list[RunInput] = [*map(_WholeSource, found), *inputs]
        self._within = within
        self._wanted = wanted
        self._work = work
        self._choice = choice
        self._detector = None if choice else detect_plan
        self._progress = progress or NoProgress()
        # One more than there are processors: what one waits for, another one uses.
        self._workers = workers or (os.cpu_count() or 1) + 1
        self._chunk_bytes = chunk_bytes
        self.accounts: list[FileAccount] = [FileAccount(p.path, error=p) for p in problems]
        self.errors: list[SourceError] = list(problems)
        """Of the files, in the order in which they came up."""

    def results(self) -> Generator[ChunkResult[T]]:
        """Read all; what the work made of the records, in the order of the lines.

        What the work raises ends it. Closing it ends the threads.
        """
        stored = [part for store in self._stores for part in split_into_parts(store, self._within)]
        sizes = [*(part.size for part in stored), *(source.size for source in self._inputs)]
        self._progress.total(None if None in sizes else sum(s for s in sizes if s))
        waiting: deque[_ChunkTask[T]] = deque()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix=_THREADS)
        try:
            for batch in self._submit_tasks(stored, pool):
                waiting.append(batch)
                while waiting and (len(waiting) >= self._workers or waiting[0].made.done()):
                    yield from self._collect_results(waiting.popleft())
            while waiting:
                yield from self._collect_results(waiting.popleft())
        finally:
            # The garbage collector may close this on any thread; none can wait for itself.
            is_own = current_thread().name.startswith(_THREADS)
            pool.shutdown(wait=not is_own, cancel_futures=True)

    def _submit_tasks(
        self, stored: Sequence[StoredPart], pool: ThreadPoolExecutor
    ) -> Iterator[_ChunkTask[T]]:
        yield from self._submit_stored(stored, pool)
        for parts in _group_small_chunks(self._pending_chunks(pool), self._chunks_per_task()):
            told = [(part.account, part.size) for part in parts]
            yield _ChunkTask(told, pool.submit(self._run_task, parts))

    def _submit_stored(
        self, stored: Sequence[StoredPart], pool: ThreadPoolExecutor
    ) -> Iterator[_ChunkTask[T]]:
        for store in self._stores:
            account = FileAccount(str(store.folder), formats={STORE_FORMAT: None})
            self.accounts.append(account)
            parts = [part for part in stored if part.store is store]
            # Those outside of the window need no reading to be counted.
            account.records = count_records(store.record_files()) - sum(
                part.records for part in parts
            )
            for part in parts:
                yield _ChunkTask([(account, part.size)], pool.submit(self._read_stored_part, part))

    def _read_stored_part(self, part: StoredPart) -> list[_WorkResult[T]]:
        try:
            records = part.read(self._within, self._wanted)
        except SourceError as error:
            return [_WorkResult([error], None)]
        account = ChunkAccount(records=part.records, rejects=0, skipped=0, formats=())
        return [
            _WorkResult(
                [account], ChunkResult(self._work(records), pl.DataFrame(schema=REJECTS_SCHEMA))
            )
        ]

    def _chunks_per_task(self) -> int:
        """So many small files are read together, few enough that all workers have some."""
        return max(1, min(len(self._inputs) // (4 * self._workers), _BATCH_PIECES))

    def _pending_chunks(self, pool: ThreadPoolExecutor) -> Iterator[_PendingChunk]:
        for source in self._inputs:
            account = FileAccount(source.path)
            self.accounts.append(account)
            try:
                yield from self._pending_chunks_of(source, account, pool)
            except SourceError as error:
                self._note_failure(account, error)

    def _pending_chunks_of(
        self, source: RunInput, account: FileAccount, pool: ThreadPoolExecutor
    ) -> Iterator[_PendingChunk]:
        # The pool is first in, first out: whoever waits for the reading has it under way.
        reading: Future[ParsePlan] | None = None
        position = 0
        for chunk in with_whole_events(source.chunks(self._chunk_bytes)):
            if account.error:
                return  # its format is unknown: the rest of it would be too
            if reading is None:
                lines = source.head + chunk.data
                reading = pool.submit(plan_file, source.path, lines, self._choice)
            yield _PendingChunk(
                FileChunk(source.path, chunk), account, reading, chunk.position - position
            )
            position = chunk.position

    def _run_task(self, parts: Sequence[_PendingChunk]) -> list[_WorkResult[T]]:
        return [
            made
            for how, alike in groupby(parts, _plan_or_error)
            for made in self._parse_alike(how, [part.piece for part in alike])
        ]

    def _parse_alike(
        self, how: ParsePlan | UnrecognisedFormat, pieces: Sequence[FileChunk]
    ) -> Iterator[_WorkResult[T]]:
        if isinstance(how, UnrecognisedFormat):
            yield _WorkResult([how] * len(pieces), None)
            return
        for read in parse_chunks(pieces, how, self._wanted, self._detector):
            yield _WorkResult(read.accounts, ChunkResult(self._work(read.records), read.rejects))

    def _collect_results(self, batch: _ChunkTask[T]) -> Iterator[ChunkResult[T]]:
        told = iter(batch.told)
        for made in batch.made.result():
            for what, (account, size) in zip(made.accounts, told, strict=False):
                if isinstance(what, SourceError):
                    self._note_failure(account, what)
                else:
                    account.add(what)
                self._progress.advance(size)
            if made.result:
                yield made.result

    def _note_failure(self, account: FileAccount, error: SourceError) -> None:
        account.fail(error)
        self.errors.append(error)


@dataclass(frozen=True, slots=True)
class _PendingChunk:
    """A piece on its way."""

    piece: FileChunk
    account: FileAccount
    reading: Future[ParsePlan]
    size: int
    """Bytes on disk that it took."""


@dataclass(frozen=True, slots=True)
class _WorkResult(Generic[T]):
    """What pieces that are read alike gave; no result if they can't be read."""

    accounts: Sequence[ChunkAccount | SourceError]
    result: ChunkResult[T] | None


@dataclass(frozen=True, slots=True)
class _ChunkTask(Generic[T]):
    told: Sequence[tuple[FileAccount, int]]
    """Of each part, who is told what became of it; not the part, whose chunk is large."""
    made: Future[list[_WorkResult[T]]]


def _group_small_chunks(parts: Iterable[_PendingChunk], most: int) -> Iterator[list[_PendingChunk]]:
    """Parts that are worth one task; at most so many, and more than one only if small."""
    batch: list[_PendingChunk] = []
    size = 0
    for part in parts:
        size += len(part.piece.chunk.data)
        if batch and (size > _BATCH_BYTES or len(batch) == most):
            yield batch
            batch, size = [], len(part.piece.chunk.data)
        batch.append(part)
    if batch:
        yield batch


def _plan_or_error(part: _PendingChunk) -> ParsePlan | UnrecognisedFormat:
    try:
        return part.reading.result()
    except UnrecognisedFormat as error:
        return error
