"""Ingest on a cluster: workers write the files of a store, the client commits all of them at once.

A task that runs twice, or whose client is gone, leaves files that no manifest names; the next
writer of the store removes them. So every line is in the store once, or not at all.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib import import_module
from uuid import uuid4

import polars as pl

from apilog.engine.cluster.connection import connect
from apilog.engine.cluster.shipped_sources import as_workers_see, refuse_pipes
from apilog.engine.cluster.submission import ClusterSubmission, TaskFuture
from apilog.engine.local import NoProgress
from apilog.errors import UsageError
from apilog.ingestion.ingest_run import IngestOutcome, read_inputs
from apilog.options import IngestOptions
from apilog.sources import DamagedSource, LogSource, SourceError
from apilog.storage import folder_at, is_url
from apilog.store import DataFile, InputCheckpoint, Store, StoreWriter
from apilog.store.writer import WriteBuffer
from apilog.transport.opening import open_chunks

_BEGINNING_BYTES = 256
"""Inputs that begin alike may be copies, or go on from each other: one task reads them."""
_MOST_BEGINNINGS = 500
_TASK_BYTES = 128 << 20
_TASKS_PER_THREAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestJob:
    """What all tasks of an ingest have in common."""

    place: str
    """The folder or URL of the store."""
    generation: int
    """The state of the store that inputs are compared with."""
    options: IngestOptions
    keeps_rejects: bool
    topic: str


@dataclass(slots=True)
class IngestPart:
    """What one task has made of some inputs: staged files, and what a manifest says of them."""

    outcome: IngestOutcome
    files: list[DataFile] = field(default_factory=list)
    checkpoints: list[tuple[InputCheckpoint, InputCheckpoint | None]] = field(default_factory=list)
    """Checkpoints to save, each with the one that it replaces."""
    rejects: list[pl.DataFrame] = field(default_factory=list)


def read_inputs_on_cluster(
    files: Sequence[LogSource], writer: StoreWriter, options: IngestOptions
) -> IngestOutcome:
    """Add what is new in the inputs to a store, whose next commit has all of it.

    Raises UsageError for what no worker can open, ClusterError for a cluster that fails.
    """
    refuse_pipes(files)
    place = str(writer.folder)
    job = IngestJob(
        place=place if is_url(place) else os.path.abspath(place),
        generation=writer.store.manifest.generation,
        options=replace(options, progress=None, rejects=None, config_file=None),
        keeps_rejects=options.rejects is not None,
        topic=f"apilog-{uuid4()}",
    )
    progress = options.progress or NoProgress()
    progress.total(sum(file.size or 0 for file in files))
    submission = ClusterSubmission(connect(options.scheduler), job, progress)
    parts: list[tuple[Sequence[int], IngestPart]] = []
    in_flight: deque[tuple[Sequence[int], TaskFuture]] = deque()
    try:
        for numbers in _group_alike(files, submission):
            group = [as_workers_see(files[number]) for number in numbers]
            future = submission.submit(ingest_part, [group], files[numbers[0]].path)
            in_flight.append((numbers, future))
        while in_flight:
            numbers, future = in_flight.popleft()
            part: IngestPart = submission.wait(future)
            writer.adopt_files(part.files)
            for checkpoint, replaces in part.checkpoints:
                writer.save_checkpoint(checkpoint, replaces)
            if options.rejects:
                for rejects in part.rejects:
                    options.rejects(rejects)
            parts.append((numbers, part))
    finally:
        submission.close()
    return _in_order(parts)


def _in_order(parts: Sequence[tuple[Sequence[int], IngestPart]]) -> IngestOutcome:
    """Return the outcomes of all parts together, by the numbers of their inputs."""
    each = sorted(
        (number, account, state)
        for numbers, part in parts
        for number, account, state in zip(
            numbers, part.outcome.accounts, part.outcome.states, strict=True
        )
    )
    return IngestOutcome(
        accounts=tuple(account for _, account, _ in each),
        states=tuple(state for _, _, state in each),
        bytes_read=sum(part.outcome.bytes_read for _, part in parts),
        notes=tuple(note for _, part in parts for note in part.outcome.notes),
    )


def _group_alike(
    files: Sequence[LogSource], submission: ClusterSubmission
) -> Iterator[Sequence[int]]:
    """Yield the numbers of inputs that one task reads: all that begin alike, and small ones."""
    shipped = [as_workers_see(file) for file in files]
    futures = [
        submission.submit(read_beginnings, [shipped[at : at + _MOST_BEGINNINGS]], "beginnings")
        for at in range(0, len(shipped), _MOST_BEGINNINGS)
    ]
    beginnings = [beginning for future in futures for beginning in submission.wait(future)]
    alike: dict[bytes, list[int]] = {}
    for number, beginning in enumerate(beginnings):
        alike.setdefault(beginning, []).append(number)
    total = sum(file.size or 0 for file in files)
    most = min(_TASK_BYTES, total // (_TASKS_PER_THREAD * submission.threads) + 1)
    group: list[int] = []
    size = 0
    for numbers in alike.values():
        own = sum(files[number].size or 0 for number in numbers)
        if group and (size + own > most or len(group) + len(numbers) > _MOST_BEGINNINGS):
            yield group
            group, size = [], 0
        group = [*group, *numbers]
        size += own
    if group:
        yield group


def read_beginnings(sources: Sequence[LogSource], _: IngestJob) -> list[bytes]:
    """Return what tells how inputs begin; for one that can't be read something of its own."""
    return [_read_beginning(source) for source in sources]


def _read_beginning(source: LogSource) -> bytes:
    try:
        with closing(open_chunks(source, chunk_bytes=_BEGINNING_BYTES)) as chunks:
            head = next((chunk.data for chunk in chunks if chunk.data), b"")
    except DamagedSource:
        head = b""
    except SourceError:
        return source.file.encode("utf-8", "surrogateescape")
    # A file that is shorter may grow into one that is longer: only what both have decides.
    return sha256(head[:_BEGINNING_BYTES].partition(b"\n")[0]).digest()


def ingest_part(sources: Sequence[LogSource], job: IngestJob) -> IngestPart:
    """Read what is new in some inputs, and stage the files that it makes."""
    target = _PartTarget(job)
    rejects: list[pl.DataFrame] = []
    options = replace(
        job.options,
        progress=_TopicProgress(job.topic),
        rejects=rejects.append if job.keeps_rejects else None,
    )
    outcome = read_inputs(sources, target, options, workers=1)
    target.commit()
    return IngestPart(outcome, target.buffer.files, target.checkpoints, rejects)


class _PartTarget:
    """Stages files in a store's folder that its one writer, the client, may commit."""

    def __init__(self, job: IngestJob) -> None:
        self.store = Store.open(job.place)
        if self.store.manifest.generation != job.generation:
            raise UsageError(
                f"{job.place} was written by another process meanwhile",
                "run it again: nothing is lost or doubled",
            )
        self.buffer = WriteBuffer(folder_at(job.place), job.generation + 1)
        self.checkpoints: list[tuple[InputCheckpoint, InputCheckpoint | None]] = []

    def add_records(self, frame: pl.DataFrame) -> None:
        self.buffer.add_rows(frame, "records")

    def add_rejects(self, frame: pl.DataFrame) -> None:
        self.buffer.add_rows(frame, "rejects")

    def save_checkpoint(
        self, checkpoint: InputCheckpoint, replaces: InputCheckpoint | None = None
    ) -> None:
        self.checkpoints.append((checkpoint, replaces))

    def commit(self) -> None:
        self.buffer.flush()


@dataclass(frozen=True, slots=True)
class _TopicProgress:
    """Progress that is told to the client."""

    topic: str

    def total(self, size: int | None) -> None:
        """Leave the total to the client, who knows all inputs."""

    def advance(self, size: int) -> None:
        import_module("distributed").get_worker().log_event(self.topic, size)
