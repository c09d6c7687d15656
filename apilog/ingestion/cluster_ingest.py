"""Ingest on a cluster: workers write the files of a store, the client commits all of them at once.

A task that runs twice, or whose client is gone, leaves files that no manifest names; the next
writer of the store removes them. So every line is in the store once, or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from apilog.engine.cluster.connection import connect
from apilog.engine.cluster.shipped_sources import as_workers_see, explain_to_client, refuse_pipes
from apilog.engine.cluster.submission import ClusterSubmission, TaskFuture
from apilog.engine.cluster.task_shares import TaskShares, cost_of, is_named_compressed
from apilog.engine.local import NoProgress
from apilog.engine.parse_chunks import FileAccount, ReadSpec
from apilog.formats.file_plan import FormatChoice
from apilog.ingestion.cluster_tasks import (
    Beginning,
    IngestJob,
    IngestPart,
    ingest_part,
    read_beginnings,
)
from apilog.ingestion.cut_inputs import (
    CutInput,
    count_lines,
    count_windows,
    ingest_range,
    join_parts,
    open_to_cut,
)
from apilog.ingestion.ingest_input import InputState
from apilog.ingestion.ingest_run import IngestOutcome
from apilog.options import IngestOptions
from apilog.sources import LogSource, MissingSource, SourceError
from apilog.storage import is_url
from apilog.store import StoreWriter

_MOST_FILES = 500
"""More inputs than this are not read by one task."""
_LEAST_STRETCH = 32 << 20
_MOST_STRETCH = 128 << 20
"""What one task reads is worth so many bytes of plain lines."""


@dataclass(slots=True)
class _Group:
    """Inputs that one task reads, or one that is cut."""

    numbers: Sequence[int]
    is_large: bool
    """Whether it may be worth cutting: one input, and not compressed."""
    is_long: bool = False
    """See `ClusterSubmission.submit`."""
    opened: TaskFuture = None
    """What tells whether the input can be cut."""
    cut: CutInput | None = None
    bounds: list[tuple[int, int]] = field(default_factory=list)
    counts: list[TaskFuture] = field(default_factory=list)
    tasks: list[TaskFuture] = field(default_factory=list)


def read_inputs_on_cluster(
    files: Sequence[LogSource],
    writer: StoreWriter,
    options: IngestOptions,
    spec: ReadSpec,
    choice: FormatChoice | None,
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
        spec=spec,
        choice=choice,
        keeps_rejects=options.rejects is not None,
        topic=f"apilog-{uuid4()}",
    )
    progress = options.progress or NoProgress()
    progress.total(sum(file.size or 0 for file in files))
    submission = ClusterSubmission(connect(options.scheduler), job, progress)
    parts: list[tuple[Sequence[int], IngestPart]] = []
    try:
        for numbers, part in _ClusterIngest(files, submission, choice).read_parts():
            for account in part.outcome.accounts:
                if account.error:
                    account.error = explain_to_client(account.error, account.path)
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


class _ClusterIngest:
    """The tasks that read some inputs, and what becomes of them."""

    def __init__(
        self,
        files: Sequence[LogSource],
        submission: ClusterSubmission,
        choice: FormatChoice | None,
    ) -> None:
        self._files, self._submission, self._choice = files, submission, choice
        self._shipped = [as_workers_see(file) for file in files]
        total = sum(map(cost_of, files))
        self._shares = TaskShares(total, submission.threads, _LEAST_STRETCH, _MOST_STRETCH)
        self._unseen: dict[int, SourceError] = {}
        """Files of this machine that workers don't find."""

    def read_parts(self) -> Iterator[tuple[Sequence[int], IngestPart]]:
        """Yield the numbers of inputs, in their order for each group, and what was made of them."""
        groups = [*self._group_alike()]
        for number, error in self._unseen.items():
            account = FileAccount(error.path, error=error)
            outcome = IngestOutcome(
                accounts=(account,), states=(InputState.FAILED,), bytes_read=0, notes=()
            )
            yield [number], IngestPart(outcome)
        # Large inputs come first, and the small ones while their lines are counted.
        large = [group for group in groups if group.is_large]
        for group in large:
            (number,) = group.numbers
            source = self._shipped[number]
            group.opened = self._submission.submit(open_to_cut, [source], source.path)
        for group in large:
            self._count_lines(group)
        for group in groups:
            if group.cut is None:
                group.tasks = [self._submit_whole(group)]
        for group in large:
            self._submit_ranges(group)
        for group in groups:
            results = [self._submission.wait(task) for task in group.tasks]
            group.tasks = []
            if group.cut:
                yield group.numbers, join_parts(group.cut, results, self._choice)
            else:
                yield group.numbers, results[0]

    def _count_lines(self, group: _Group) -> None:
        """Have the lines of an input counted: each has its number in the store."""
        group.cut = self._submission.wait(group.opened)
        group.opened = None
        if group.cut is None:
            return
        source = group.cut.source
        size, first, last = source.size or 0, group.cut.start, group.cut.fingerprint.offset
        group.bounds = self._shares.cut(first, last)
        self._shares.take(size - (last - first))  # what is known
        if not group.bounds:
            group.cut = None
            return
        group.counts = [
            self._submission.submit(count_lines, [source, start, stop], source.path)
            for start, stop in count_windows(group.bounds)
        ]

    def _submit_ranges(self, group: _Group) -> None:
        if group.cut is None:
            return
        counts = [self._submission.wait(count) for count in group.counts]
        group.counts = []
        if None in counts:
            group.cut = None
            group.tasks = [self._submit_whole(group)]
            return
        group.tasks = [
            self._submission.submit(ingest_range, [piece, group.cut], piece.describe())
            for piece in group.cut.make_ranges(group.bounds, counts)
        ]

    def _submit_whole(self, group: _Group) -> TaskFuture:
        first = self._files[group.numbers[0]].path
        count = len(group.numbers)
        more = f" and {count - 1:,} more files" if count > 1 else ""
        sources = [self._shipped[number] for number in group.numbers]
        return self._submission.submit(ingest_part, [sources], first + more, is_long=group.is_long)

    def _group_alike(self) -> Iterator[_Group]:
        """Yield the inputs that one task reads: all that begin alike, and small ones."""
        together: list[int] = []
        share, cost = self._shares.next, 0
        for numbers in group_beginnings(self._read_beginnings()):
            files = [self._files[number] for number in numbers]
            own = sum(map(cost_of, files))
            is_alone = len(files) == 1 and not is_named_compressed(files[0])
            if is_alone and (files[0].size or 0) > share + share // 2:
                yield _Group(numbers, is_large=True)
                continue
            if together and (cost + own > share or len(together) + len(numbers) > _MOST_FILES):
                yield _Group(together, is_large=False, is_long=cost > 2 * share)
                together, share, cost = [], self._shares.next, 0
            together += numbers
            cost += own
            self._shares.take(own)
        if together:
            yield _Group(together, is_large=False, is_long=cost > 2 * share)

    def _read_beginnings(self) -> dict[int, Beginning]:
        """Return how inputs begin, by their numbers, but for those that no worker sees."""
        futures = [
            self._submission.submit(
                read_beginnings, [self._shipped[at : at + _MOST_FILES]], "beginnings"
            )
            for at in range(0, len(self._shipped), _MOST_FILES)
        ]
        found = [beginning for future in futures for beginning in self._submission.wait(future)]
        beginnings: dict[int, Beginning] = {}
        for number, (source, beginning) in enumerate(zip(self._shipped, found, strict=True)):
            if not isinstance(beginning, SourceError):
                beginnings[number] = beginning
            elif isinstance(beginning, MissingSource) and os.path.exists(source.file):
                # It was not moved: it is seen from here.
                self._unseen[number] = beginning
            else:
                beginnings[number] = (source.file.encode("utf-8", "surrogateescape"),)
        return beginnings


def group_beginnings(beginnings: Mapping[int, Beginning]) -> list[list[int]]:
    """Return the numbers of inputs that begin alike as far as both go, in order of the first ones.

    Such inputs may be copies of each other, or go on from each other.
    """
    groups: list[list[int]] = []
    root: Beginning | None = None
    # In this order, all that begin with what one of them is follow that one.
    for number in sorted(beginnings, key=beginnings.__getitem__):
        beginning = beginnings[number]
        if root is None or beginning[: len(root)] != root:
            groups.append([])
            root = beginning
        groups[-1].append(number)
    return sorted(sorted(group) for group in groups)


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
