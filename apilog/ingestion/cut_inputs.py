"""A large input of plain lines, cut into ranges that workers read at the same time.

Before it is cut, it is compared with all that is known, as in one process; afterwards its parts
are put together as if one process had read it. If one part fails, or the file is another one by
then, nothing of it is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import accumulate

import polars as pl

from apilog.engine.cluster.tasks import naming_failures
from apilog.engine.file_ranges import FileRange, count_newlines
from apilog.engine.first_chunks import FirstChunks
from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import FileAccount
from apilog.formats.file_plan import FormatChoice, explain_unread, plan_file
from apilog.formats.parse_plan import ParsePlan
from apilog.ingestion.cluster_tasks import (
    IngestJob,
    IngestPart,
    PartTarget,
    TopicProgress,
    open_store,
)
from apilog.ingestion.fingerprint import Fingerprint, FingerprintIndex
from apilog.ingestion.ingest_input import InputState
from apilog.ingestion.ingest_run import IngestOutcome, cast_to_schema, format_rejects
from apilog.ingestion.line_aligned import CommitBudget
from apilog.ingestion.opened_input import OpenedInput
from apilog.sources import LogSource, MissingSource, SourceError
from apilog.sources.decompressed import DecompressedSource
from apilog.store import DataFile, InputCheckpoint
from apilog.transport.opening import find_plain_lines, read_later_lines
from apilog.transport.split_events import with_whole_events


@dataclass(frozen=True, slots=True, kw_only=True)
class CutInput:
    """An input that can be cut: what is new in it, and how it is parsed."""

    source: LogSource
    plan: ParsePlan
    start: int
    """The byte from which on nothing is known."""
    fingerprint: Fingerprint
    """That of all that is taken, at whose offset it ends."""
    base: InputCheckpoint | None
    """The checkpoint that it goes on from."""
    beginning: bytes
    """The first bytes of a file; empty for an object, which has a version."""
    version: str | None
    is_complete: bool
    """Whether nothing at its end waits for what may still be written."""

    def make_ranges(
        self, bounds: Sequence[tuple[int, int]], newlines: Sequence[int]
    ) -> list[FileRange]:
        """Return the ranges between these bytes, with the numbers of their lines.

        `newlines` are how many `count_windows` have.
        """
        counts = [newlines[0] + 1, *newlines[1:]]
        known = self.base.lines if self.base else 0
        return [
            FileRange(
                self.source,
                start,
                stop,
                self.plan,
                self.version,
                lines=count,
                lines_before=before,
                ends_exactly=stop == self.fingerprint.offset,
            )
            for (start, stop), count, before in zip(
                bounds, counts, accumulate(counts, initial=known), strict=False
            )
        ]

    def is_unchanged(self) -> bool:
        """Return whether a file still begins as it did."""
        if not self.beginning:
            return True
        with closing(DecompressedSource(self.source)) as stored:
            return stored.stored_head(len(self.beginning)) == self.beginning


def count_windows(bounds: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return between which bytes there is a newline for each line of these ranges.

    A line begins behind a newline; only the first one of all begins with the first range.
    """
    first = bounds[0][0]
    return [(max(start - 1, first), stop - 1) for start, stop in bounds]


@dataclass(slots=True)
class RangePart:
    """What one task has made of a range."""

    account: FileAccount
    lines: int = 0
    files: list[DataFile] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    is_replaced: bool = False
    """Whether the file is no longer the one that was cut."""


def open_to_cut(source: LogSource, job: IngestJob) -> CutInput | None:
    """Compare an input with what is known; None if one task has to read it.

    What can't be read is found out again by that task.
    """
    try:
        with naming_failures([source.path]):
            return _open_to_cut(source, job)
    except SourceError:
        return None


def _open_to_cut(source: LogSource, job: IngestJob) -> CutInput | None:
    plain = find_plain_lines(source)
    if plain is None or source.size is None:
        return None
    index = FingerprintIndex(open_store(job).manifest.inputs)
    budget = CommitBudget(source.size)
    with closing(OpenedInput(source, index, budget, final=job.options.final)) as opened:
        start = opened.starts_at
        if start is None:
            return None
        plan = _find_plan(source, opened, job)
        end = opened.find_end(source.size, start)
        # An event over several lines may lie on both sides of any cut.
        if plan.joins_lines or end is None:
            return None
        return CutInput(
            source=source,
            plan=plan,
            start=start,
            fingerprint=end,
            base=opened.base.checkpoint if opened.base else None,
            beginning=b"" if source.is_object else opened.beginning,
            version=plain.version,
            is_complete=opened.is_complete,
        )


def _find_plan(source: LogSource, opened: OpenedInput, job: IngestJob) -> ParsePlan:
    """Return how an opened input is parsed, as a run that reads all of it would find it."""
    chunks = with_whole_events(opened.chunks(job.options.chunk_bytes))
    sample = FirstChunks(chunks, opened.first_lines if opened.base else bytes).make_sample()
    later = b"" if sample.is_whole else read_later_lines(source)
    return plan_file(source.path, replace(sample, later=later), job.choice)


def count_lines(source: LogSource, start: int, stop: int, _: IngestJob) -> int | None:
    """Return how many newlines are between two bytes; None for what can't be read."""
    try:
        with naming_failures([source.path]):
            return count_newlines(source, start, stop)
    except SourceError:
        return None


def ingest_range(piece: FileRange, cut: CutInput, job: IngestJob) -> RangePart:
    """Read one range, whose lines were counted, and stage the files that it makes."""
    counted, piece = piece.lines, replace(piece, lines=0)
    rejects: list[pl.DataFrame] = []
    with naming_failures([piece.describe()]):
        target = PartTarget(job)
        run = LocalRun(
            (),
            job.spec,
            cast_to_schema,
            choice=job.choice,
            progress=TopicProgress(job.topic),
            workers=1,
            chunk_bytes=job.options.chunk_bytes,
            inputs=[piece],
        )
        with closing(run.results()) as results:
            for result in results:
                target.add_records(result.value)
                if result.rejects.height:
                    target.add_rejects(format_rejects(result.rejects, run.accounts, job.spec))
                    if job.keeps_rejects:
                        rejects.append(result.rejects)
        target.commit()
        (account,) = run.accounts
        part = RangePart(account, piece.lines, target.buffer.files, rejects)
        if account.error is None:
            # A log that was truncated or rotated meanwhile shows by its beginning, or by having
            # other lines than were counted.
            part.is_replaced = piece.lines != counted or not cut.is_unchanged()
    return part


def join_parts(
    cut: CutInput, parts: Sequence[RangePart], choice: FormatChoice | None
) -> IngestPart:
    """Return the parts of an input as what one task would have made of all of it."""
    source, base = cut.source, cut.base
    account = FileAccount(source.path, is_searched=source.is_searched, is_ended=True)
    account.records_before = base.records if base else 0
    for part in parts:
        account.add_part(part.account)
    rejects = [frame for part in parts for frame in part.rejects]
    if account.is_unreadable and account.first_rejects is not None:
        account.fail(explain_unread(source.path, account.first_rejects, choice))
    if isinstance(account.error, MissingSource) or any(part.is_replaced for part in parts):
        return _leave_out(FileAccount(source.path), InputState.GONE, rejects)
    if account.error:
        failed = FileAccount(source.path, is_searched=source.is_searched, error=account.error)
        if not account.records:
            failed.rejects, failed.skipped = account.rejects, account.skipped
        return _leave_out(failed, InputState.FAILED, rejects)
    checkpoint = _make_checkpoint(cut, account, sum(part.lines for part in parts))
    outcome = IngestOutcome(
        accounts=(account,),
        states=(InputState.CONTINUED if base else InputState.NEW,),
        bytes_read=checkpoint.offset - cut.start,
        notes=(),
    )
    files = [file for part in parts for file in part.files]
    return IngestPart(outcome, files, [(checkpoint, base)], rejects)


def _leave_out(account: FileAccount, state: InputState, rejects: list[pl.DataFrame]) -> IngestPart:
    """Return what becomes of an input of which nothing is taken."""
    note = (
        f"{account.path} was moved or replaced while it was read: what it has become is taken by "
        "the next run"
    )
    notes = (note,) if state is InputState.GONE else ()
    outcome = IngestOutcome(accounts=(account,), states=(state,), bytes_read=0, notes=notes)
    return IngestPart(outcome, rejects=rejects)


def _make_checkpoint(cut: CutInput, account: FileAccount, lines: int) -> InputCheckpoint:
    """Return how far an input was read, as a run that reads all of it would note it."""
    reached, base = cut.fingerprint, cut.base
    return InputCheckpoint(
        head_hash=reached.head_hash,
        head_length=reached.head_length,
        offset=reached.offset,
        tail_hash=reached.tail_hash,
        path=account.path,
        complete=cut.is_complete,
        lines=lines + (base.lines if base else 0),
        records=account.records + (base.records if base else 0),
        rejects=account.rejects + (base.rejects if base else 0),
        skipped=account.skipped + (base.skipped if base else 0),
        format=" + ".join(account.formats) or (base.format if base else None),
    )
