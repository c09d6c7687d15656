"""What workers do of an ingest: how inputs begin, reading some of them, and staging files.

Nothing here knows of the client, and nothing here changes a store: files are staged, and what is
known of inputs goes back with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from importlib import import_module

import polars as pl

from apilog.engine.cluster.shipped_sources import with_prefetching
from apilog.engine.cluster.tasks import naming_failures
from apilog.engine.parse_chunks import ReadSpec
from apilog.errors import InputError, UsageError
from apilog.formats.file_plan import FormatChoice
from apilog.ingestion.ingest_run import IngestOutcome, read_inputs
from apilog.options import IngestOptions
from apilog.sources import DamagedSource, LogSource, SourceError
from apilog.storage import folder_at
from apilog.store import DataFile, InputCheckpoint, Store
from apilog.store.writer import WriteBuffer
from apilog.transport.opening import open_chunks

_BEGINNING_BYTES = 4 << 10
_LINE_BYTES = 256
_MOST_LINES = 8
"""How many lines tell how an input begins: headers of one software are all alike."""

Beginning = tuple[bytes, ...]
"""A hash of the first line, of the first two, and so on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestJob:
    """What all tasks of an ingest have in common."""

    place: str
    """The folder or URL of the store."""
    generation: int
    """The state of the store that inputs are compared with."""
    options: IngestOptions
    spec: ReadSpec
    choice: FormatChoice | None
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


def read_beginnings(sources: Sequence[LogSource], _: IngestJob) -> list[Beginning | SourceError]:
    """Return what tells how inputs begin; for one that can't be opened its error."""
    with naming_failures([source.path for source in sources]):
        return [_read_beginning(source) for source in with_prefetching(sources)]


def _read_beginning(source: LogSource) -> Beginning | SourceError:
    try:
        with closing(open_chunks(source, chunk_bytes=_BEGINNING_BYTES)) as chunks:
            chunk = next((chunk for chunk in chunks if chunk.data), None)
    except DamagedSource:
        chunk = None
    except SourceError as error:
        return error
    lines = chunk.data[:_BEGINNING_BYTES].splitlines(keepends=True) if chunk else [b""]
    if len(lines) > 1 and (chunk is None or chunk.last_line_open or lines[-1][-1:] != b"\n"):
        del lines[-1]
    hashed = blake2b(digest_size=8)
    beginning: list[bytes] = []
    for line in lines[:_MOST_LINES]:
        hashed.update(line[:_LINE_BYTES])
        beginning.append(hashed.digest())
    return tuple(beginning)


def ingest_part(sources: Sequence[LogSource], job: IngestJob) -> IngestPart:
    """Read what is new in some inputs, and stage the files that it makes."""
    target = PartTarget(job)
    rejects: list[pl.DataFrame] = []
    options = replace(
        job.options,
        progress=TopicProgress(job.topic),
        rejects=rejects.append if job.keeps_rejects else None,
    )
    with naming_failures([source.path for source in sources]):
        read = with_prefetching(sources)
        outcome = read_inputs(read, target, options, job.spec, job.choice, workers=1)
        target.commit()
    return IngestPart(outcome, target.buffer.files, target.checkpoints, rejects)


def open_store(job: IngestJob) -> Store:
    """Open the store of a run, in the state that its client has found it in."""
    try:
        store = Store.open(job.place)
    except InputError as error:
        raise InputError(
            f"{error} (on a worker)",
            "it is there for the client: put the store on a mount that all workers share, or into "
            "object storage",
        ) from error
    if store.manifest.generation != job.generation:
        raise UsageError(
            f"{job.place} was written by another process meanwhile",
            "run it again: nothing is lost or doubled",
        )
    return store


class PartTarget:
    """Stages files in a store's folder that its one writer, the client, may commit."""

    def __init__(self, job: IngestJob) -> None:
        self.store = open_store(job)
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
class TopicProgress:
    """Progress that is told to the client."""

    topic: str

    def total(self, size: int | None) -> None:
        """Leave the total to the client, who knows all inputs."""

    def advance(self, size: int) -> None:
        import_module("distributed").get_worker().log_event(self.topic, size)
