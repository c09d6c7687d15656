"""The local engine: chunks of all inputs on a pool of threads, results in order.

At most `workers` tasks are in flight at a time: memory does not grow with the input.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from threading import current_thread
from typing import Any, Generic, Protocol, TypeVar

import polars as pl

from apilog.engine.file_plans import FuturePlan, group_small_files, plan_files
from apilog.engine.file_ranges import FileRange
from apilog.engine.first_chunks import FirstChunks
from apilog.engine.parse_chunks import (
    REJECTS_SCHEMA,
    ChunkAccount,
    ChunkResult,
    FileAccount,
    FileChunk,
    ReadSpec,
    parse_chunks,
)
from apilog.engine.store_parts import (
    STORE_FORMAT,
    StoredPart,
    count_records,
    describe_untimed,
    find_logs,
    separate_stores,
    split_into_parts,
)
from apilog.formats.contract import PAIR_BYTES, PAIR_LINES
from apilog.formats.file_plan import (
    FormatChoice,
    UnrecognisedFormat,
    explain_unread,
    plan_detector,
)
from apilog.formats.parse_plan import ParsePlan
from apilog.options import Progress
from apilog.sources import LineChunk, LogSource, SourceError
from apilog.text.counting import count_byte
from apilog.time import ALL_TIME, TimeWindow
from apilog.transport.opening import CHUNK_BYTES, open_chunks
from apilog.transport.split_events import with_whole_events

T = TypeVar("T")
R = TypeVar("R")

# Threads are enough: Polars releases the interpreter's lock while it works
# (https://docs.pola.rs/user-guide/misc/multiprocessing/), and nothing has to be copied to them.
_THREADS = "apilog"
_TASK_BYTES = 1 << 20
_MOST_CHUNKS = 256
"""Small files are read together, up to these limits."""


class _CallersThread(Executor):
    """Runs tasks at once, on the thread that gives them.

    For so little as one small log a thread would be started and wait, and what it has compiled
    would be gone with it.
    """

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Return the result of the task, or the error of its source; raises any other at once."""
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except SourceError as error:
            future.set_exception(error)
        return future


class NoProgress:
    """Progress that nobody watches."""

    def total(self, size: int | None) -> None:
        """See `Progress.total`."""

    def advance(self, size: int) -> None:
        """See `Progress.advance`."""


class RunInput(Protocol):
    """What a run reads that is not a source from its beginning to its end."""

    source: LogSource

    @property
    def path(self) -> str:
        """The input as users see it."""

    @property
    def size(self) -> int | None:
        """How many bytes on disk are to be read; None if that is not known."""

    @property
    def records_before(self) -> int:
        """The number of records that earlier runs have read of it; known with the first chunk."""

    def read_head(self) -> bytes:
        """Return lines before those of the first chunk, which tell how it is to be parsed.

        It is called when that chunk was given, and before the next is asked for.
        """

    def read_lines_before(self) -> bytes:
        """Return some lines right before the first chunk, in which requests may have begun.

        It is called when that chunk was given.
        """

    def chunks(self, chunk_bytes: int) -> Iterable[LineChunk]:
        """Yield its lines; raises SourceError."""


_Task = tuple[list[tuple[FileAccount, int]], Future[list[ChunkResult[T] | SourceError]]]
"""The accounts of some chunks and the bytes on disk they took, in their order, and what becomes of
them; an error stands for one chunk. Not the chunks: their lines are most of the memory."""


class LocalRun(Generic[T]):
    """One pass over all inputs; `accounts` is complete when `results` is at its end."""

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str]],
        spec: ReadSpec,
        work: Callable[[pl.DataFrame], T],
        *,
        choice: FormatChoice | None = None,
        progress: Progress | None = None,
        workers: int | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        window: TimeWindow = ALL_TIME,
        exclude: Sequence[str] = (),
        inputs: Sequence[LogSource | RunInput] = (),
    ) -> None:
        """Find the inputs: stores are read first, `inputs` after all sources.

        `exclude` are globs for files of folders that are left out.

        `window` spares reading what a store holds outside of it; of logs everything is read.
        Raises InputError for a store that can't be opened.
        """
        self._stores, logs = separate_stores(sources)
        files, problems = find_logs(logs, exclude)
        self._inputs: list[LogSource | RunInput] = [*files, *inputs]
        self._window = window
        self._spec = spec
        self._work = work
        self._choice = choice
        self._detector = plan_detector(choice)
        self._progress = progress or NoProgress()
        # One more than there are processors: what one waits for, another one uses.
        self._workers = workers or (os.cpu_count() or 1) + 1
        self._chunk_bytes = chunk_bytes
        self.accounts: list[FileAccount] = [FileAccount(p.path, error=p) for p in problems]
        self.errors: list[SourceError] = list(problems)
        """The errors of the files, in the order in which they came up."""

    @property
    def stored_spans(self) -> tuple[tuple[datetime, datetime], ...]:
        """When the first and the last record of each file of the stores was, read or not."""
        files = (file for store in self._stores for file in store.record_files())
        return tuple((file.first, file.last) for file in files if file.first and file.last)

    def results(self) -> Generator[ChunkResult[T]]:
        """Read all inputs; yield what the work made of the records, in the order of the lines.

        What the work raises ends it. Closing it ends the threads.
        """
        parts = [part for store in self._stores for part in split_into_parts(store, self._window)]
        sizes = [*(part.size for part in parts), *(source.size for source in self._inputs)]
        self._progress.total(None if None in sizes else sum(s for s in sizes if s))
        # Tasks are submitted only as fast as results are taken, so that memory does not grow with
        # the input; a result that is there is handed on before more is read.
        in_flight: deque[_Task[T]] = deque()
        pool = self._make_pool(sizes)
        try:
            for task in self._submit_tasks(parts, pool):
                in_flight.append(task)
                while in_flight and (len(in_flight) >= self._workers or in_flight[0][1].done()):
                    yield from self._collect_results(in_flight.popleft())
            while in_flight:
                yield from self._collect_results(in_flight.popleft())
        finally:
            # The garbage collector may close this on any thread; none can wait for itself.
            is_own = current_thread().name.startswith(_THREADS)
            pool.shutdown(wait=not is_own, cancel_futures=True)

    def _make_pool(self, sizes: Sequence[int | None]) -> Executor:
        """Return what runs the tasks of inputs of these sizes on disk; None: it is not known."""
        known = [size for size in sizes if size is not None]
        most = min(_TASK_BYTES, self._chunk_bytes)
        is_little = len(known) == len(sizes) <= self._workers and sum(known) <= most
        if is_little:
            return _CallersThread()
        return ThreadPoolExecutor(self._workers, thread_name_prefix=_THREADS)

    def _submit_tasks(self, parts: Sequence[StoredPart], pool: Executor) -> Iterator[_Task[T]]:
        for store in self._stores:
            account = FileAccount(str(store.folder), formats={STORE_FORMAT: None})
            account.doubts |= describe_untimed(store, self._window)
            self.accounts.append(account)
            own = [part for part in parts if part.store is store]
            # Files outside of the window need no reading to be counted.
            total = count_records(store.record_files())
            account.records = total - sum(part.records for part in own)
            for part in own:
                yield [(account, part.size)], pool.submit(self._read_stored, part)
        # Small files are read together, but so few that all workers have some.
        share = len(self._inputs) // (4 * self._workers) if self._workers > 1 else _MOST_CHUNKS
        most = max(1, min(share, _MOST_CHUNKS))
        for chunks in _group_small_chunks(self._read_chunks(pool), most):
            accounts = [(chunk.account, chunk.stored_bytes) for chunk in chunks]
            yield accounts, pool.submit(self._parse_chunks, chunks)

    def _read_stored(self, part: StoredPart) -> list[ChunkResult[T] | SourceError]:
        try:
            records = part.read(self._window, self._spec)
        except SourceError as error:
            return [error]
        account = ChunkAccount(records=part.records, rejects=0, skipped=0, formats=())
        rejects = pl.DataFrame(schema=REJECTS_SCHEMA)
        return [ChunkResult(value=self._work(records), rejects=rejects, accounts=(account,))]

    def _read_chunks(self, pool: Executor) -> Iterator[FileChunk]:
        """Yield the chunks of all inputs, their plans under way on the pool."""
        for group in group_small_files(self._open_inputs()):
            # The pool is first in, first out: a task that waits for a plan has it under way.
            for opened, plan in zip(group, self._submit_plans(group, pool), strict=True):
                yield from self._read_input(opened, plan)

    def _open_inputs(self) -> Iterator[_OpenedInput]:
        """Open the inputs one by one, each when it is asked for."""
        for source in self._inputs:
            log = source if isinstance(source, LogSource) else source.source
            account = FileAccount(source.path, is_searched=log.is_searched)
            account.is_part = isinstance(source, FileRange)
            self.accounts.append(account)
            try:
                opened = _OpenedInput(source, account, self._chunk_bytes)
            except SourceError as error:
                self._end_input(account, error)
                continue
            if not isinstance(source, LogSource):
                account.records_before = source.records_before
            yield opened

    def _submit_plans(
        self, group: Sequence[_OpenedInput], pool: Executor
    ) -> Sequence[FuturePlan | None]:
        """Have it found how the inputs of a group are to be parsed; None for one without lines."""
        samples = [(opened.log, opened.sample) for opened in group if opened.sample]
        if not samples:
            source = group[0].source
            return [FuturePlan.known(source.plan) if isinstance(source, FileRange) else None]
        planning = pool.submit(plan_files, samples, self._choice)
        return [FuturePlan(planning, position) for position in range(len(group))]

    def _read_input(self, opened: _OpenedInput, plan: FuturePlan | None) -> Iterator[FileChunk]:
        """Yield the chunks of one input."""
        account = opened.account
        position, before = 0, opened.lines_before
        try:
            for chunk in opened.chunks:
                if account.error and not isinstance(opened.source, LogSource):
                    # Its format is unknown: that of the rest would be, too. What nobody asked for
                    # by its name isn't read to its end in every run.
                    if account.is_searched:
                        break
                    account.rejects += chunk.lines + len(chunk.oversize)
                    continue
                account.unparsed_chunks += 1
                stored_bytes = chunk.position - position
                yield FileChunk(account, chunk, plan, stored_bytes, _last_lines(before))
                position = chunk.position
                if plan and plan.is_known() and not plan.pairs_lines():
                    before = b""
                else:
                    before = (before + chunk.data)[-PAIR_BYTES:]
        except SourceError as error:
            self._end_input(account, error)
        else:
            self._end_input(account)

    def _end_input(self, account: FileAccount, error: SourceError | None = None) -> None:
        """Note that there are no more chunks of an input."""
        if error:
            self._note_failure(account, error)
        account.is_ended = True
        self._judge_input(account)

    def _parse_chunks(self, chunks: Sequence[FileChunk]) -> list[ChunkResult[T] | SourceError]:
        results: list[ChunkResult[T] | SourceError] = []
        for plan, group in groupby(chunks, _plan_of):
            alike = list(group)
            if isinstance(plan, UnrecognisedFormat):
                results += self._refuse_chunks(alike, plan)
                continue
            detector = None if plan.saw_all else self._detector
            for parsed in parse_chunks(alike, plan, self._spec, detector):
                value = self._work(parsed.value)
                rejects, accounts = parsed.rejects, parsed.accounts
                results.append(ChunkResult(value=value, rejects=rejects, accounts=accounts))
        return results

    def _refuse_chunks(
        self, chunks: Sequence[FileChunk], error: UnrecognisedFormat
    ) -> Iterator[ChunkResult[T]]:
        """Yield the account of the lines of a file that no format reads, and none of its records.

        Nobody asked for the files of a folder one by one: their lines are those of another log.
        """
        is_searched = chunks[0].account.is_searched
        for chunk in chunks:
            lines = chunk.chunk.lines + len(chunk.chunk.oversize)
            if is_searched:
                chunk.chunk = replace(chunk.chunk, data=b"", lines=0, oversize=())
            for parsed in parse_chunks([chunk], ParsePlan(()), self._spec, None):
                (account,) = parsed.accounts
                skipped = lines if is_searched else account.skipped
                account = replace(account, skipped=skipped, error=error)
                value, rejects = self._work(parsed.value), parsed.rejects
                yield ChunkResult(value=value, rejects=rejects, accounts=(account,))

    def _collect_results(self, task: _Task[T]) -> Iterator[ChunkResult[T]]:
        accounts, future = task
        file_accounts = iter(accounts)
        for result in future.result():
            outcomes: Sequence[ChunkAccount | SourceError] = (
                (result,) if isinstance(result, SourceError) else result.accounts
            )
            for outcome, (account, stored_bytes) in zip(outcomes, file_accounts, strict=False):
                if isinstance(outcome, SourceError):
                    self._note_failure(account, outcome)
                else:
                    account.add(outcome)
                    if outcome.error and not account.error:
                        self._note_failure(account, outcome.error)
                    if outcome.rejects and not isinstance(result, SourceError):
                        account.keep_first_rejects(result.rejects)
                account.unparsed_chunks -= 1
                self._judge_input(account)
                self._progress.advance(stored_bytes)
            if not isinstance(result, SourceError):
                yield result

    def _judge_input(self, account: FileAccount) -> None:
        """Note the failure of an input of which all lines are known and none is a record."""
        lines = account.first_rejects
        if account.is_unreadable and lines is not None:
            self._note_failure(account, explain_unread(account.path, lines, self._choice))

    def _note_failure(self, account: FileAccount, error: SourceError) -> None:
        account.fail(error)
        if not account.is_foreign:
            self.errors.append(error)


def _last_lines(data: bytes) -> bytes:
    """Return the last whole lines among these bytes, as many as a pair may lie apart."""
    start = data.find(b"\n") + 1 if len(data) >= PAIR_BYTES else 0
    lines = count_byte(data[start:], ord("\n"))
    for _ in range(lines - PAIR_LINES):
        start = data.find(b"\n", start) + 1
    return data[start:]


def _group_small_chunks(chunks: Iterable[FileChunk], most: int) -> Iterator[list[FileChunk]]:
    """Yield chunks that are worth one task: `most` at most, and more than one only if small."""
    group: list[FileChunk] = []
    size = 0
    for chunk in chunks:
        size += len(chunk.chunk.data)
        if group and (size > _TASK_BYTES or len(group) == most):
            yield group
            group, size = [], len(chunk.chunk.data)
        group.append(chunk)
    if group:
        yield group


def _plan_of(chunk: FileChunk) -> ParsePlan | UnrecognisedFormat:
    assert chunk.plan is not None
    return chunk.plan.outcome()


class _OpenedInput:
    """An input whose first chunks are there."""

    def __init__(
        self, source: LogSource | RunInput, account: FileAccount, chunk_bytes: int
    ) -> None:
        """Read the first chunks; raises SourceError."""
        self.source = source
        self.account = account
        self.lines_before = b""
        """Some lines right before the first chunk."""
        chunks = (
            open_chunks(source, chunk_bytes=chunk_bytes)
            if isinstance(source, LogSource)
            else source.chunks(chunk_bytes)
        )
        self.chunks = FirstChunks(with_whole_events(chunks), self._read_before)
        is_planned = isinstance(source, FileRange) or not self.chunks
        self.sample = None if is_planned else self.chunks.make_sample()
        """What decides how it is parsed; None if that is known, or if it has no lines."""

    def _read_before(self) -> bytes:
        """Note the lines before the first chunk, and return those that tell the format."""
        if isinstance(self.source, LogSource):
            return b""
        self.lines_before = self.source.read_lines_before()
        return self.source.read_head()

    @property
    def path(self) -> str:
        """The input as users see it."""
        return self.source.path

    @property
    def log(self) -> LogSource:
        """What is opened."""
        return self.source if isinstance(self.source, LogSource) else self.source.source
