"""A run on a cluster: inputs cut into tasks, their results merged or handed on in order.

It has the interface of a local run. Tasks are submitted in the order of the inputs; a state is
merged as soon as its neighbours are there, so that workers hold few of them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import uuid4

import polars as pl

from apilog.engine.cluster.connection import check_cluster_is_installed, connect
from apilog.engine.cluster.shipped_sources import as_workers_see, explain_to_client, refuse_pipes
from apilog.engine.cluster.submission import ClusterSubmission, TaskFuture
from apilog.engine.cluster.task_shares import TaskShares, cost_of, is_named_compressed
from apilog.engine.cluster.tasks import (
    ClusterJob,
    InputPart,
    TaskResult,
    merge_results,
    plan_split,
    read_stored,
    read_stretch,
    read_whole,
)
from apilog.engine.local import NoProgress
from apilog.engine.parse_chunks import REJECTS_SCHEMA, ChunkResult, FileAccount, ReadSpec
from apilog.engine.store_parts import (
    STORE_FORMAT,
    count_records,
    describe_untimed,
    find_logs,
    separate_stores,
    split_into_parts,
)
from apilog.formats.file_plan import FormatChoice, explain_unread
from apilog.options import Progress
from apilog.sources import LogSource, SourceError
from apilog.storage import is_url
from apilog.time import ALL_TIME, TimeWindow
from apilog.transport.opening import CHUNK_BYTES

T = TypeVar("T")

_LEAST_STRETCH = 32 << 20
_MOST_STRETCH = 256 << 20
"""What one task reads is worth so many bytes of plain lines."""
_MOST_FILES = 500
"""More files than this are not read by one task."""
_ARITY = 8
"""How many results are merged into one."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One task to submit, but for the job."""

    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    name: str
    """The inputs as users see them."""
    split: LogSource | None = None
    """The file of which a plan has to be known first."""
    is_long: bool = False
    """Whether it takes longer than others and can't be cut, so that it had better begin early."""


class ClusterRun(Generic[T]):
    """One pass over all inputs; `accounts` is complete when the results are there."""

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str]],
        spec: ReadSpec,
        work: Callable[[pl.DataFrame], T],
        *,
        scheduler: str | None = None,
        choice: FormatChoice | None = None,
        progress: Progress | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        window: TimeWindow = ALL_TIME,
        exclude: Sequence[str] = (),
    ) -> None:
        """Find the inputs, as a local run does.

        Raises InputError for a store that can't be opened, UsageError if Dask is missing and for
        standard input and pipes, which no worker has.
        """
        check_cluster_is_installed()
        self._scheduler = scheduler
        self._stores, logs = separate_stores(sources)
        self._files, problems = find_logs(logs, exclude)
        refuse_pipes(self._files)
        self._spec, self._work, self._choice, self._window = spec, work, choice, window
        self._progress = progress or NoProgress()
        self._chunk_bytes = chunk_bytes
        self.accounts: list[FileAccount] = [FileAccount(p.path, error=p) for p in problems]
        self.errors: list[SourceError] = list(problems)
        """The errors of the files, in their order."""
        self._plan_of: tuple[LogSource, TaskFuture] | None = None
        """The file that is being cut, and the future of its plan."""
        self._lines_before: dict[int, int] = {}
        """How many lines of an input are known, by its number."""

    @property
    def stored_spans(self) -> tuple[tuple[datetime, datetime], ...]:
        """See `LocalRun.stored_spans`."""
        files = (file for store in self._stores for file in store.record_files())
        return tuple((file.first, file.last) for file in files if file.first and file.last)

    def results(self) -> Generator[ChunkResult[T]]:
        """Yield what the work made of each chunk, in the order of the lines; few are held."""
        submission = ClusterSubmission(connect(self._scheduler), self._job(None), self._progress)
        in_flight: deque[TaskFuture] = deque()
        most = 2 * submission.threads + 1
        try:
            for task in self._tasks(submission.threads):
                in_flight.append(self._submit(submission, task))
                if len(in_flight) >= most:
                    yield from self._take(submission.wait(in_flight.popleft()))
            while in_flight:
                yield from self._take(submission.wait(in_flight.popleft()))
        finally:
            self._plan_of = None
            submission.close()
        self._judge_inputs()

    def merged(self, merge: Callable[[Sequence[T]], T]) -> list[T]:
        """Return the value of everything, merged on the workers; none if nothing was read."""
        submission = ClusterSubmission(connect(self._scheduler), self._job(merge), self._progress)
        # A number in base 8: at each place so many results that nothing is merged with yet.
        places: list[list[TaskFuture]] = [[]]
        try:
            for task in self._tasks(submission.threads):
                places[0].append(self._submit(submission, task))
                place = 0
                while len(places[place]) == _ARITY:
                    if place + 1 == len(places):
                        places.append([])
                    places[place + 1].append(submission.submit_merge(merge_results, places[place]))
                    places[place] = []
                    place += 1
            left = [future for place in reversed(places) for future in place]
            del places
            result: TaskResult[T] = TaskResult([], [])
            if left:
                last = submission.submit_merge(merge_results, left)
                del left
                result = submission.wait(last)
        finally:
            self._plan_of = None
            submission.close()
        for part in result.parts:
            self._count_part(part)
        self._judge_inputs()
        return result.values

    def _job(self, merge: Callable[[Sequence[T]], T] | None) -> ClusterJob[T]:
        return ClusterJob(
            spec=self._spec,
            work=self._work,
            merge=merge,
            choice=self._choice,
            window=self._window,
            chunk_bytes=self._chunk_bytes,
            topic=f"apilog-{uuid4()}",
        )

    def _tasks(self, threads: int) -> Iterator[_Task]:
        """Yield the tasks that read all inputs, in their order, and open their accounts."""
        total = sum(file.size or 0 for file in self._files)
        stored = [(store, [*split_into_parts(store, self._window)]) for store in self._stores]
        self._progress.total(total + sum(part.size for _, own in stored for part in own))
        for store, own in stored:
            number = self._open_account(FileAccount(str(store.folder)))
            self.accounts[number].formats[STORE_FORMAT] = None
            self.accounts[number].doubts |= describe_untimed(store, self._window)
            # Files outside of the window need no reading to be counted.
            self.accounts[number].records = count_records(store.record_files()) - sum(
                part.records for part in own
            )
            shown = str(store.folder)
            place = shown if is_url(shown) else os.path.abspath(shown)
            for part in own:
                yield _Task(read_stored, (number, place, part.files), shown)
        yield from self._read_files(threads)

    def _read_files(self, threads: int) -> Iterator[_Task]:
        """Yield the tasks that read the logs."""
        costs = [cost_of(file) for file in self._files]
        shares = TaskShares(sum(costs), threads, _LEAST_STRETCH, _MOST_STRETCH)
        together: list[tuple[int, LogSource]] = []
        share, cost = shares.next, 0
        for file, own in zip(self._files, costs, strict=True):
            number = self._open_account(FileAccount(file.path, is_searched=file.is_searched))
            shipped = as_workers_see(file)
            may_cut = (file.size or 0) > share + share // 2 and self._may_split(file)
            if together and (may_cut or cost + own > share or len(together) == _MOST_FILES):
                yield _read_together(together, is_long=cost > 2 * share)
                together, cost, share = [], 0, shares.next
            if may_cut:
                yield from _cut(number, shipped, shares.cut(0, file.size or 0))
                shares.take(own - (file.size or 0))
                share = shares.next
                continue
            together.append((number, shipped))
            cost += own
            shares.take(own)
        if together:
            yield _read_together(together, is_long=cost > 2 * share)

    def _may_split(self, file: LogSource) -> bool:
        """Return whether stretches are worth trying: workers look at the file itself."""
        # A stretch does not know the number of its first line.
        return not is_named_compressed(file) and "line_number" not in self._spec.needed_columns

    def _submit(self, submission: ClusterSubmission, task: _Task) -> TaskFuture:
        arguments = [*task.arguments]
        if task.split:
            # How a file is parsed is found once, by a worker.
            if self._plan_of is None or self._plan_of[0] != task.split:
                plan = submission.submit(plan_split, [task.split], task.split.path)
                self._plan_of = task.split, plan
            arguments.append(self._plan_of[1])
        return submission.submit(task.call, arguments, task.name, is_long=task.is_long)

    def _open_account(self, account: FileAccount) -> int:
        account.is_ended = True
        self.accounts.append(account)
        return len(self.accounts) - 1

    def _take(self, result: TaskResult[T]) -> Iterator[ChunkResult[T]]:
        rejects = [frame for part in result.parts for frame in self._count_part(part)]
        empty = pl.DataFrame(schema=REJECTS_SCHEMA)
        for i, value in enumerate(result.values):
            found = pl.concat(rejects) if rejects and i == 0 else empty
            yield ChunkResult(value=value, rejects=found, accounts=())

    def _count_part(self, part: InputPart) -> Iterator[pl.DataFrame]:
        """Count a part; yield its rejects with the numbers that their lines have in the file."""
        account = self.accounts[part.number]
        if part.account.error:
            part.account.error = explain_to_client(part.account.error, account.path)
        account.add_part(part.account)
        before = self._lines_before.get(part.number, 0)
        self._lines_before[part.number] = before + part.lines
        return iter([f.with_columns(pl.col("line_number") + before) for f in part.rejects])

    def _judge_inputs(self) -> None:
        """Note the failure of inputs of which no line is a record, and collect all errors."""
        for account in self.accounts:
            lines = account.first_rejects
            if account.is_unreadable and lines is not None:
                account.fail(explain_unread(account.path, lines, self._choice))
        known = {id(error) for error in self.errors}
        self.errors += [
            account.error
            for account in self.accounts
            if account.error and id(account.error) not in known and not account.is_foreign
        ]


def _read_together(sources: Sequence[tuple[int, LogSource]], *, is_long: bool) -> _Task:
    names = [source.path for _, source in sources]
    more = f" and {len(names) - 1:,} more files" if len(names) > 1 else ""
    return _Task(read_whole, (tuple(sources),), names[0] + more, is_long=is_long)


def _cut(number: int, source: LogSource, ranges: Sequence[tuple[int, int]]) -> Iterator[_Task]:
    """Yield the tasks that read stretches of a file."""
    for start, end in ranges:
        is_last = end == ranges[-1][1]
        # Whatever is written behind it meanwhile is the end's.
        stop, shown = (None, "its end") if is_last else (end, f"{end:,}")
        name = f"{source.path}, bytes {start:,} to {shown}"
        yield _Task(read_stretch, (number, source, start, stop), name, split=source)
