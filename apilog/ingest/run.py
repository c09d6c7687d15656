"""From sources to a store: read what is not known, write, commit, and again.

A commit names the records of a stretch together with the inputs they came from: neither is
ever in the store without the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from time import monotonic

import polars as pl

from apilog.engines.chunk import Wanted
from apilog.engines.inputs import FileAccount, summary
from apilog.engines.local import NoProgress, Progress, Run
from apilog.engines.stored import logs_among
from apilog.ingest.identity import Index
from apilog.ingest.inputs import LogInput, State
from apilog.ingest.options import IngestOptions
from apilog.ingest.summary import Ingested
from apilog.ingest.whole import Allowance
from apilog.schema import SCHEMA
from apilog.sources import MissingSource, Source, find_sources
from apilog.sources.source import shown
from apilog.storage import Folder, Place
from apilog.store import Manifest, Writer

RejectSink = Callable[[pl.DataFrame], None]
"""Takes rejects as they are found; columns source, line_number, line, reason."""


def ingest(
    sources: Sequence[str | os.PathLike[str]],
    store: Place,
    options: IngestOptions | None = None,
    *,
    progress: Progress | None = None,
    rejects: RejectSink | None = None,
) -> Ingested:
    """Add to a store what the sources hold that is not in it yet.

    An input that can't be read has its `error` in the result; the others are taken. Raises
    InputError or OutputError for a store that can't be written.
    """
    started = monotonic()
    with Writer(store) as writer:
        before = writer.store.manifest
        work = _Work(sources, writer, options or IngestOptions(), progress or NoProgress(), rejects)
        work.run()
        return work.done(monotonic() - started, _added(before, writer.store.manifest))


class _Work:
    """One run."""

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str]],
        writer: Writer,
        options: IngestOptions,
        progress: Progress,
        rejects: RejectSink | None,
    ) -> None:
        logs, stores = logs_among(sources)
        found, not_found = find_sources(logs)
        # What was only listed, and has gone since, has rotated: it has another name by now.
        named = {shown(os.fsdecode(log)) for log in logs}
        gone = [p for p in not_found if isinstance(p, MissingSource) and p.path not in named]
        self._problems = [*stores, *(p for p in not_found if p not in gone)]
        index = Index(writer.store.manifest.inputs)
        self._writer = writer
        self._options = options
        self._progress = _Advances(progress)
        self._rejects = rejects
        self._allowance = Allowance(0)
        found = _outside(writer.folder, found)
        others = frozenset(source.file for source in found)
        self._inputs = [
            LogInput(source, index, self._allowance, final=options.final, others=others)
            for source in found
        ]
        sizes = [source.size for source in self._inputs]
        progress.total(None if None in sizes else sum(size for size in sizes if size))

    def run(self) -> None:
        """Read all, with a commit after each stretch."""
        pending = self._inputs
        try:
            while pending:
                self._stretch(pending)
                pending = [item for item in pending if item.state is State.UNREAD]
                if not pending:
                    for item in self._inputs:
                        item.forget(self._writer)
                self._writer.commit()
        finally:
            for item in self._inputs:
                item.close()

    def _stretch(self, inputs: Sequence[LogInput]) -> None:
        self._allowance.left = self._options.stretch_bytes
        run = Run(
            (),
            Wanted(columns=frozenset(SCHEMA), privacy=self._options.privacy),
            as_records,
            choice=self._options.choice,
            progress=self._progress,
            chunk_bytes=self._options.chunk_bytes,
            inputs=inputs,
        )
        with closing(run.results()) as results:
            for result in results:
                self._writer.add_records(result.value)
                self._reject(result.rejects, run.files)
        for item, account in zip(inputs, run.files, strict=True):
            item.settle(account, self._writer)

    def _reject(self, rejects: pl.DataFrame, accounts: Sequence[FileAccount]) -> None:
        if not rejects.height:
            return
        paths = set(rejects["source"].unique())
        formats = {a.path: " + ".join(a.formats) or None for a in accounts if a.path in paths}
        named = pl.col("source").replace_strict(formats, return_dtype=pl.String)
        stored = rejects.with_columns(named.alias("format"))
        # A line that could not be read holds who knows what.
        self._writer.add_rejects(stored.drop("line") if self._options.privacy else stored)
        if self._rejects:
            self._rejects(rejects)

    def done(self, seconds: float, bytes_out: int) -> Ingested:
        """What it came to."""
        failed = [FileAccount(problem.path, error=problem) for problem in self._problems]
        states = [item.state for item in self._inputs]
        return Ingested(
            input=summary([*failed, *(item.account for item in self._inputs)]),
            new=states.count(State.NEW),
            continued=states.count(State.CONTINUED),
            known=states.count(State.KNOWN),
            failed=states.count(State.FAILED) + len(failed),
            seconds=seconds,
            bytes_in=sum(item.bytes_read for item in self._inputs),
            bytes_out=bytes_out,
            notes=tuple(note for item in self._inputs if (note := _note(item))),
        )


@dataclass(frozen=True, slots=True)
class _Advances:
    """Progress over several runs, whose total is told once."""

    whole: Progress

    def total(self, size: int | None) -> None:
        """Said already."""

    def advance(self, size: int) -> None:
        """So many bytes more were read."""
        self.whole.advance(size)


def _outside(folder: Folder, sources: Iterable[Source]) -> list[Source]:
    """The sources that are not the store's own files."""
    by_folder: dict[str, bool] = {}

    def is_own(file: str) -> bool:
        if os.path.islink(file):
            return folder.holds(file)
        above = os.path.dirname(file)
        if above not in by_folder:
            by_folder[above] = folder.holds(file)
        return by_folder[above]

    return [source for source in sources if not is_own(source.file)]


def as_records(records: pl.DataFrame) -> pl.DataFrame:
    """Records in the types of the schema, as a store takes them."""
    return records.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def _note(item: LogInput) -> str | None:
    if item.state is State.GONE:
        return f"{item.path} was {item.state.value}: what it has become is taken by the next run"
    if item.copy_of:
        return f"{item.path} holds nothing that {item.copy_of} doesn't: left out"
    if item.same_as is None:
        return None
    return f"{item.path} has the same content as {item.same_as}, which is known: left out"


def _added(before: Manifest, after: Manifest) -> int:
    return sum(file.size for file in set(after.files) - set(before.files))
