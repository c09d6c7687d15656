"""From sources to a store: read what is not known, write, commit, and again.

A commit holds the records of a stretch together with the checkpoints of their inputs: neither is
ever in the store without the other. That is what makes a run idempotent.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from time import monotonic
from typing import Protocol

import polars as pl

from apilog.engine.engines import uses_cluster
from apilog.engine.known_routes import declared_routes
from apilog.engine.local import LocalRun, NoProgress
from apilog.engine.parse_chunks import FileAccount, ReadSpec, summarise_inputs
from apilog.engine.source_pass import describe_doubts, make_read_spec
from apilog.engine.store_parts import find_logs, refuse_stores
from apilog.formats.file_plan import FormatChoice, parse_choice
from apilog.ingestion.fingerprint import FingerprintIndex
from apilog.ingestion.ingest_input import IngestInput, InputState
from apilog.ingestion.line_aligned import CommitBudget
from apilog.ingestion.stored_routes import learn_stored_routes
from apilog.options import IngestOptions, Progress, Source
from apilog.report_model import FileInput, InputSummary
from apilog.routes import NO_TEMPLATES
from apilog.schema import SCHEMA
from apilog.sources import DamagedSource, LogSource, MissingSource, SourceError
from apilog.sources.source import display_path
from apilog.storage import Folder, FolderLike
from apilog.store import InputCheckpoint, Store, StoreWriter
from apilog.text.units import format_bytes, format_count, format_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """The numbers of one run, and its inputs."""

    input: InputSummary
    """The account of every input: the lines that this run has read of it."""
    new: int
    """The inputs that were read from their beginning."""
    continued: int
    known: int
    """The inputs of which nothing was left to read."""
    failed: int
    seconds: float
    bytes_in: int
    """The bytes of the lines, decompressed."""
    bytes_out: int
    """The bytes of the files that were added to the store."""
    notes: tuple[str, ...]

    @property
    def errors(self) -> tuple[FileInput, ...]:
        """Return the inputs that could not be read, or not to their end."""
        return tuple(file for file in self.input.files if file.error)

    def format_lines(self) -> tuple[str, ...]:
        read = self.input
        files = {"new": self.new, "continued": self.continued, "already known": self.known}
        counts = ", ".join(f"{format_count(count)} {name}" for name, count in files.items())
        foreign = sum(file.is_foreign for file in self.errors)
        for count, name in ((foreign, "left out"), (self.failed - foreign, "failed")):
            counts += f", {format_count(count)} {name}" if count > 0 else ""
        sizes = f"{format_bytes(self.bytes_in)} in, {format_bytes(self.bytes_out)} out"
        kinds = {"records": read.records, "rejects": read.rejects, "skipped": read.skipped}
        lines = " + ".join(f"{format_count(count)} {name}" for name, count in kinds.items())
        return (
            f"files: {counts}",
            f"lines: {format_count(read.lines)} = {lines}",
            f"{sizes}, {format_duration(self.seconds * 1000)}",
        )


def ingest(
    sources: Sequence[Source],
    store: FolderLike,
    options: IngestOptions | None = None,
) -> IngestSummary:
    """Add the lines of sources to a store that are not in it yet.

    An input that can't be read has its `error` in the result; the others are taken. Raises
    InputError or OutputError for a store that can't be written.
    """
    started = monotonic()
    options = options or IngestOptions()
    # What can't be understood is said before the store is made.
    spec = make_read_spec(options, frozenset(SCHEMA))
    # Files keep routes as looks give them: what is known is kept beside them.
    known, spec = spec.templates, replace(spec, templates=NO_TEMPLATES)
    choice = parse_choice(options)
    on_cluster = uses_cluster(options)
    with StoreWriter(store) as writer:
        before = writer.store.manifest
        files, problems = find_inputs(sources, writer.folder, options.exclude)
        if on_cluster:
            # Imported where it is used: few have Dask.
            from apilog.ingestion.cluster_ingest import read_inputs_on_cluster

            outcome = read_inputs_on_cluster(files, writer, options, spec, choice)
        else:
            outcome = read_inputs(files, writer, options, spec, choice)
        writer.commit()
        added = set(writer.store.manifest.files) - set(before.files)
        declared = declared_routes(options)
        writer.templates = learn_stored_routes(writer.store, added, known, declared)
        writer.commit()
    failed = [FileAccount(problem.path, error=problem) for problem in problems]
    account = summarise_inputs([*failed, *outcome.accounts])
    return IngestSummary(
        input=account,
        new=outcome.states.count(InputState.NEW),
        continued=outcome.states.count(InputState.CONTINUED),
        known=outcome.states.count(InputState.KNOWN),
        failed=outcome.states.count(InputState.FAILED) + len(failed),
        seconds=monotonic() - started,
        bytes_in=outcome.bytes_read,
        bytes_out=sum(file.size for file in added),
        notes=(*outcome.notes, *describe_doubts(account)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOutcome:
    """What became of some inputs, in their order."""

    accounts: tuple[FileAccount, ...]
    states: tuple[InputState, ...]
    bytes_read: int
    notes: tuple[str, ...]


def find_inputs(
    sources: Sequence[Source], store: Folder, exclude: Sequence[str]
) -> tuple[list[LogSource], list[SourceError]]:
    """Return the logs among the sources that lie outside of the store, and what is none."""
    logs, stores = refuse_stores(sources)
    files, problems = find_logs(logs, exclude)
    # A file that a folder listed, and that has gone since, was rotated: it has another name by
    # now, under which this run or the next one reads it.
    named = {display_path(os.fsdecode(log)) for log in logs}
    missing = [p for p in problems if not isinstance(p, MissingSource) or p.path in named]
    # Resolving links for each of many files costs more than all else that a run over known
    # files does: it is done once per folder.
    is_own: dict[str, bool] = {}
    outside = []
    for source in files:
        file = source.file
        place = file if os.path.islink(file) else os.path.dirname(file)
        if place not in is_own:
            is_own[place] = store.contains_location(file)
        if not is_own[place]:
            outside.append(source)
    return outside, [*stores, *missing]


class IngestTarget(Protocol):
    """Takes what is read: a store's writer, or a part of one."""

    store: Store
    """The state that inputs are compared with."""

    def add_records(self, frame: pl.DataFrame) -> None:
        """See `StoreWriter.add_records`."""

    def add_rejects(self, frame: pl.DataFrame) -> None:
        """See `StoreWriter.add_rejects`."""

    def save_checkpoint(
        self, checkpoint: InputCheckpoint, replaces: InputCheckpoint | None = None
    ) -> None:
        """See `StoreWriter.save_checkpoint`."""

    def commit(self) -> object:
        """Have what was added last, if the target is one that commits."""


def read_inputs(
    files: Sequence[LogSource],
    target: IngestTarget,
    options: IngestOptions,
    spec: ReadSpec,
    choice: FormatChoice | None,
    *,
    workers: int | None = None,
) -> IngestOutcome:
    """Add what is new in the inputs to a target, and return what became of them.

    `spec` and `choice` are what the options say of records and of formats.
    """
    run = _IngestRun(files, target, options, spec, choice, workers)
    run.read_inputs()
    return run.outcome()


class _IngestRun:
    """One run over some inputs."""

    def __init__(
        self,
        files: Sequence[LogSource],
        writer: IngestTarget,
        options: IngestOptions,
        spec: ReadSpec,
        choice: FormatChoice | None,
        workers: int | None,
    ) -> None:
        index = FingerprintIndex(writer.store.manifest.inputs)
        self._writer = writer
        self._options = options
        self._spec, self._choice = spec, choice
        self._workers = workers
        progress = options.progress or NoProgress()
        self._progress = _StretchProgress(progress)
        self._budget = CommitBudget(0)
        self._held_rejects: dict[object, list[pl.DataFrame]] = {}
        """Rejects by the path of their input, of inputs that have no record yet."""
        others = frozenset(source.file for source in files)
        self._inputs = [
            IngestInput(source, index, self._budget, final=options.final, others=others)
            for source in files
        ]
        sizes = [source.size for source in self._inputs]
        progress.total(None if None in sizes else sum(size for size in sizes if size))

    def read_inputs(self) -> None:
        """Read all inputs, with a commit after each stretch."""
        pending = self._inputs
        try:
            while pending:
                self._budget.left = self._options.stretch_bytes
                run = LocalRun(
                    (),
                    self._spec,
                    cast_to_schema,
                    choice=self._choice,
                    progress=self._progress,
                    workers=self._workers,
                    chunk_bytes=self._options.chunk_bytes,
                    inputs=pending,
                )
                with closing(run.results()) as results:
                    for result in results:
                        self._writer.add_records(result.value)
                        if result.rejects.height:
                            self._take_rejects(result.rejects, run.accounts)
                for item, account in zip(pending, run.accounts, strict=True):
                    self._store_held_rejects(account)
                    item.record_stretch(account, self._writer)
                pending = [item for item in pending if not item.is_finished]
                if not pending:
                    for item in self._inputs:
                        item.forget_superseded(self._writer)
                self._writer.commit()
        finally:
            for item in self._inputs:
                item.close()

    def _take_rejects(self, rejects: pl.DataFrame, accounts: Sequence[FileAccount]) -> None:
        """Store rejects, but for those of inputs that have no record yet.

        Such an input may turn out to be no access log, of which nothing may be left behind.
        """
        if self._options.rejects:
            self._options.rejects(rejects)
        doubtful = {a.path for a in accounts if not (a.records or a.records_before)}
        for (path,), held in rejects.partition_by("source", as_dict=True).items():
            if path in doubtful:
                self._held_rejects.setdefault(path, []).append(held)
        rest = rejects.filter(~pl.col("source").is_in(list(doubtful)))
        if rest.height:
            self._store_rejects(rest, accounts)

    def _store_held_rejects(self, account: FileAccount) -> None:
        """Store what was held back of an input, unless it could not be read at all."""
        held = self._held_rejects.pop(account.path, [])
        if held and (account.error is None or isinstance(account.error, DamagedSource)):
            self._store_rejects(pl.concat(held), [account])

    def _store_rejects(self, rejects: pl.DataFrame, accounts: Sequence[FileAccount]) -> None:
        self._writer.add_rejects(format_rejects(rejects, accounts, self._spec))

    def outcome(self) -> IngestOutcome:
        """Return what became of the inputs."""
        return IngestOutcome(
            accounts=tuple(item.account for item in self._inputs),
            states=tuple(item.state for item in self._inputs),
            bytes_read=sum(item.bytes_read for item in self._inputs),
            notes=tuple(item.note for item in self._inputs if item.note),
        )


@dataclass(frozen=True, slots=True)
class _StretchProgress:
    """Progress of one of several stretches, whose total was set at the start."""

    whole: Progress

    def total(self, size: int | None) -> None:
        """Ignore the total of a stretch."""

    def advance(self, size: int) -> None:
        self.whole.advance(size)


def format_rejects(
    rejects: pl.DataFrame, accounts: Sequence[FileAccount], spec: ReadSpec
) -> pl.DataFrame:
    """Return rejects as a store takes them, with the formats of their inputs."""
    paths = set(rejects["source"].unique())
    formats = {a.path: " + ".join(a.formats) or None for a in accounts if a.path in paths}
    format_names = pl.col("source").replace_strict(formats, return_dtype=pl.String)
    stored = rejects.with_columns(format_names.alias("format"))
    # Nobody can tell what to hide in a line that no format reads.
    return stored.drop("line") if spec.privacy else stored


def cast_to_schema(records: pl.DataFrame) -> pl.DataFrame:
    """Cast records to the types of the schema, as a store takes them."""
    return records.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
