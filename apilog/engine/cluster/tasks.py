"""What runs on workers: reading some inputs to one result, and merging results.

Nothing here knows of the client; what a task needs comes with it. An input that can't be read is
a part of the result, as it is in a local run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import polars as pl

from apilog.aggregate import add_to_batch
from apilog.engine.cluster.shipped_sources import with_prefetching
from apilog.engine.file_ranges import FileRange
from apilog.engine.first_chunks import FirstChunks, with_later_lines
from apilog.engine.local import LocalRun, RunInput
from apilog.engine.parse_chunks import FileAccount, ReadSpec
from apilog.engine.store_parts import StoredPart
from apilog.errors import ApilogError
from apilog.formats.file_plan import FormatChoice, plan_file
from apilog.formats.parse_plan import ParsePlan
from apilog.sources import LogSource, SourceError
from apilog.storage import folder_at
from apilog.store import DataFile, Store
from apilog.store.manifest import StoreManifest
from apilog.time import TimeWindow
from apilog.transport.opening import find_plain_lines, open_chunks

T = TypeVar("T")


class TaskError(ApilogError):
    """A task failed in a way that reading an input never should; the message names its inputs."""

    def __reduce__(self) -> tuple[type[TaskError], tuple[str, str]]:
        return type(self), (str(self), self.hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterJob(Generic[T]):
    """What all tasks of a run have in common."""

    spec: ReadSpec
    work: Callable[[pl.DataFrame], T]
    merge: Callable[[Sequence[T]], T] | None
    """Makes one value of several; None to have the values of all chunks."""
    choice: FormatChoice | None
    window: TimeWindow
    chunk_bytes: int
    topic: str
    """Where progress is told, see `distributed.Client.subscribe_topic`."""


@dataclass(slots=True)
class InputPart:
    """What became of an input, or of a stretch of it."""

    number: int
    """Which of the run's inputs it is."""
    account: FileAccount
    lines: int = 0
    """How many lines a stretch has."""
    rejects: list[pl.DataFrame] = field(default_factory=list)
    """Their line numbers count from the beginning of the stretch."""


@dataclass(slots=True)
class TaskResult(Generic[T]):
    """What one task made of its inputs, or several tasks of theirs, in the order of the inputs."""

    values: list[T]
    parts: list[InputPart]


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How a file is parsed, if it can be read in stretches; None if it is to be read whole."""

    plan: ParsePlan | None
    version: str | None = None
    """The version of the object that it is the plan of."""


def plan_split(source: LogSource, job: ClusterJob[Any]) -> SplitPlan:
    """Return whether a file is plain lines that stand for themselves, and how they are parsed.

    What can't be read is found out again by the task that reads the whole file.
    """
    try:
        plain = find_plain_lines(source)
        if plain is None:
            return SplitPlan(None)
        with closing(open_chunks(source, chunk_bytes=job.chunk_bytes)) as chunks:
            sample = FirstChunks(chunks).make_sample()
        plan = plan_file(source.path, with_later_lines(sample, source), job.choice)
    except SourceError:
        return SplitPlan(None)
    # An event over several lines may lie on both sides of any cut.
    return SplitPlan(None if plan.joins_lines else plan, plain.version)


def read_stretch(
    number: int,
    source: LogSource,
    start: int,
    stop: int | None,
    split: SplitPlan,
    job: ClusterJob[T],
) -> TaskResult[T]:
    """Read the lines that begin between two bytes of a file; the first task reads one whole
    that can't be read in stretches."""
    if split.plan is None:
        return read_whole([(number, source)] if start == 0 else [], job)
    return _read([(number, FileRange(source, start, stop, split.plan, split.version))], job)


def read_whole(sources: Sequence[tuple[int, LogSource]], job: ClusterJob[T]) -> TaskResult[T]:
    """Read some inputs from their beginning to their end."""
    numbers = [number for number, _ in sources]
    readers = with_prefetching([source for _, source in sources])
    return _read([*zip(numbers, readers, strict=True)], job)


def read_stored(
    number: int, place: str, files: tuple[DataFile, ...], job: ClusterJob[T]
) -> TaskResult[T]:
    """Read some files of the store in a folder or at a URL."""
    store = Store(
        folder_at(place), StoreManifest(generation=0, created=datetime.now(UTC), files=files)
    )
    part = StoredPart(store, files)
    account = FileAccount(place)
    try:
        records = part.read(job.window, job.spec)
    except SourceError as error:
        account.fail(error)
        return TaskResult([], [InputPart(number, account)])
    account.records = part.records
    _tell_progress(job, part.size)
    return TaskResult([job.work(records)], [InputPart(number, account)])


def merge_results(results: Sequence[TaskResult[T]], job: ClusterJob[T]) -> TaskResult[T]:
    """Return one result for several, in their order."""
    values = [value for result in results for value in result.values]
    if job.merge and len(values) > 1:
        values = [job.merge(values)]
    return TaskResult(values, [part for result in results for part in result.parts])


def _read(inputs: Sequence[tuple[int, LogSource | FileRange]], job: ClusterJob[T]) -> TaskResult[T]:
    readers: list[LogSource | RunInput] = [reader for _, reader in inputs]
    run = LocalRun(
        (),
        job.spec,
        job.work,
        choice=job.choice,
        workers=1,
        chunk_bytes=job.chunk_bytes,
        window=job.window,
        inputs=readers,
    )
    values: list[T] = []
    rejects: dict[str, list[pl.DataFrame]] = {}
    with (
        naming_failures([_describe(reader) for _, reader in inputs]),
        closing(run.results()) as results,
    ):
        for result in results:
            if job.merge:
                values = add_to_batch(values, result.value, job.merge)
            else:
                values.append(result.value)
            for (path,), frame in result.rejects.group_by("source", maintain_order=True):
                rejects.setdefault(str(path), []).append(frame)
    if job.merge and len(values) > 1:
        values = [job.merge(values)]
    _tell_progress(job, sum(reader.size or 0 for _, reader in inputs))
    keeps_rejects = job.merge is None
    parts = [
        InputPart(
            number,
            account,
            reader.lines if isinstance(reader, FileRange) else 0,
            rejects.get(account.path, []) if keeps_rejects else [],
        )
        for (number, reader), account in zip(inputs, run.accounts, strict=True)
    ]
    return TaskResult(values, parts)


def _describe(reader: LogSource | FileRange) -> str:
    return reader.path if isinstance(reader, LogSource) else reader.describe()


@contextmanager
def naming_failures(names: Sequence[str]) -> Iterator[None]:
    """Have what fails in the block, and should never, name the inputs that it was about."""
    try:
        yield
    except ApilogError:
        raise
    except Exception as error:
        more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
        shown = f"{', '.join(names[:3])}{more}"
        raise TaskError(f"{shown}: {type(error).__name__}: {error}") from error


def _tell_progress(job: ClusterJob[Any], size: int) -> None:
    from distributed import get_worker

    get_worker().log_event(job.topic, size)
