"""The local engine: chunks of all inputs on a pool of threads, results in order.

Polars releases the interpreter's lock, so that threads are enough. At most a few chunks are
in flight at a time: memory does not grow with the input.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import polars as pl

from apilog.engines.chunk import (
    ChunkAccount,
    SourceReading,
    Unrecognised,
    Wanted,
    read_chunk,
)
from apilog.engines.inputs import FileAccount
from apilog.formats.choice import Choice
from apilog.sources import Chunk, DamagedSource, Source, SourceError, find_sources, open_chunks

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """What the work made of one chunk."""

    value: T
    rejects: pl.DataFrame
    """Columns of `chunk.REJECTS`."""


class Run(Generic[T]):
    """One pass over all inputs.

    Iterate over it for the results; `files` is complete when the iteration is.
    """

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str]],
        wanted: Wanted,
        work: Callable[[pl.DataFrame], T],
        *,
        choice: Choice | None = None,
        progress: Progress | None = None,
        workers: int | None = None,
    ) -> None:
        self._inputs, problems = find_sources(sources)
        self._wanted = wanted
        self._work = work
        self._choice = choice
        self._progress = progress or NoProgress()
        self._workers = workers or os.cpu_count() or 2
        self.files: list[FileAccount] = [
            FileAccount(p.path, error=p.reason, hint=p.hint) for p in problems
        ]

    def __iter__(self) -> Iterator[Result[T]]:
        sizes = [source.size for source in self._inputs]
        self._progress.total(None if None in sizes else sum(s for s in sizes if s))
        with ThreadPoolExecutor(self._workers, thread_name_prefix="apilog") as pool:
            waiting: deque[_Pending[T]] = deque()
            try:
                for pending in self._submitted(pool):
                    waiting.append(pending)
                    if len(waiting) > self._workers:
                        yield from self._finished(waiting.popleft())
                while waiting:
                    yield from self._finished(waiting.popleft())
            finally:
                for pending in waiting:
                    pending.future.cancel()

    def _submitted(self, pool: ThreadPoolExecutor) -> Iterator[_Pending[T]]:
        for source in self._inputs:
            account = FileAccount(source.path)
            self.files.append(account)
            reading = SourceReading(source.path, self._choice)
            position = 0
            try:
                for chunk in open_chunks(source):
                    if account.error:
                        break  # the file's format is unknown: the rest of it is too
                    yield _Pending(
                        account,
                        chunk.position - position,
                        pool.submit(self._done, chunk, source, reading),
                    )
                    position = chunk.position
            except SourceError as error:
                account.error = account.error or error.reason
                account.hint = error.hint
                account.is_damaged = isinstance(error, DamagedSource)

    def _done(
        self, chunk: Chunk, source: Source, reading: SourceReading
    ) -> tuple[ChunkAccount, T]:
        records, account = read_chunk(chunk, source.path, reading, self._wanted)
        return account, self._work(records)

    def _finished(self, pending: _Pending[T]) -> Iterator[Result[T]]:
        account = pending.account
        self._progress.advance(pending.size)
        try:
            chunk, value = pending.future.result()
        except Unrecognised as error:
            account.error = str(error).removeprefix(f"{account.path}: ")
            account.hint = error.hint
            return
        account.add(
            records=chunk.records,
            rejects=chunk.rejects.height,
            skipped=chunk.skipped,
            formats=chunk.formats,
        )
        yield Result(value, chunk.rejects)


@dataclass(frozen=True, slots=True)
class _Pending(Generic[T]):
    account: FileAccount
    size: int
    future: Future[tuple[ChunkAccount, T]]


__all__ = ["DamagedSource", "NoProgress", "Progress", "Result", "Run"]
