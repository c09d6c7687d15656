"""Decoding followed lines into records, with an account of every line.

Formats and envelopes are detected in the first lines of a file, as in a report, and an event that
is split over several lines waits for its last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.engine.parse_chunks import FileAccount, FileChunk, ReadSpec, parse_chunks
from apilog.formats.file_plan import (
    FileSample,
    FormatChoice,
    UnrecognisedFormat,
    explain_unread,
    plan_detector,
    plan_file,
)
from apilog.formats.parse_plan import ParsePlan, try_plan
from apilog.sources import LineChunk
from apilog.transport.split_events import join_chunks, split_unfinished
from apilog.values.event_lines import EventLines
from apilog.watch.follow import Arrival
from apilog.watch.frame import NoteSink
from apilog.watch.tail import FileTail, PipeTail

_LONGEST_EVENT_BYTES = 1 << 20
"""Longer unfinished events are decoded as they are instead of waiting."""
_NO_PLAN = ParsePlan(())
_MOST_PLANS = 1_000
"""Files whose plan is kept for the file that takes their name after a rotation."""

GrowingStream = FileTail | PipeTail


@dataclass(slots=True)
class DecodedCounts:
    """What became of the lines: each is a record, a reject or skipped."""

    records: int = 0
    rejects: int = 0
    skipped: int = 0


class Decoder:
    """Turns the arrivals of a follower into records."""

    def __init__(
        self,
        spec: ReadSpec,
        choice: FormatChoice | None,
        note: NoteSink,
        *,
        notes_problems: bool = True,
    ) -> None:
        self._spec = spec
        self._choice = choice
        self._detector = plan_detector(choice)
        self._note = note
        self._notes_problems = notes_problems
        self._plans: dict[GrowingStream, ParsePlan] = {}
        self._plans_by_path: dict[str, ParsePlan] = {}
        self._noted_paths: set[str] = set()
        self._noted_doubts: set[str] = set()
        self._unfinished: dict[GrowingStream, LineChunk] = {}
        self.counts = DecodedCounts()
        self.problems: dict[str, UnrecognisedFormat] = {}
        """Why files have lines and not one record, by path."""

    def decode(self, arrivals: Sequence[Arrival]) -> Iterator[pl.DataFrame]:
        """Yield the records of these lines; those of one file stay in order."""
        # Many files arrive a few lines at a time, and parsing has a fixed cost per call, so that
        # the chunks of equal plans are parsed together.
        groups: list[tuple[ParsePlan, list[FileChunk]]] = []
        for arrival in arrivals:
            stream = arrival.stream
            for lines in self._whole_events(arrival):
                plan = self._plans.get(stream) or self._find_plan(stream, lines)
                chunk = FileChunk(FileAccount(stream.path), lines)
                for known, chunks in groups:
                    if known == plan:
                        chunks.append(chunk)
                        break
                else:
                    groups.append((plan, [chunk]))
            if arrival.is_last:
                self._plans.pop(stream, None)
        for plan, chunks in groups:
            paths = iter([chunk.account.path for chunk in chunks])
            for parsed in parse_chunks(chunks, plan, self._spec, self._detector):
                for account, path in zip(parsed.accounts, paths, strict=False):
                    if account.records:
                        self.problems.pop(path, None)
                    self.counts.records += account.records
                    self.counts.rejects += account.rejects
                    self.counts.skipped += account.skipped
                yield parsed.value

    def _whole_events(self, arrival: Arrival) -> Iterator[LineChunk]:
        """Yield chunks of whole events; the unfinished one at the end waits for the next chunk."""
        for chunk in arrival.chunks:
            unfinished = self._unfinished.pop(arrival.stream, None)
            if unfinished and not chunk.oversize:
                chunk = join_chunks(unfinished, chunk)
            elif unfinished:
                yield unfinished
            whole, rest = split_unfinished(chunk)
            if whole.lines or whole.oversize:
                yield whole
            if rest and len(rest.data) > _LONGEST_EVENT_BYTES:
                yield rest
            elif rest:
                self._unfinished[arrival.stream] = rest
        if arrival.is_last and (unfinished := self._unfinished.pop(arrival.stream, None)):
            yield unfinished

    def _find_plan(self, stream: GrowingStream, chunk: LineChunk) -> ParsePlan:
        """Return the plan of a stream; if none is found, its next lines are tried again."""
        try:
            sample = FileSample(first=stream.first_lines() + chunk.data)
            plan = plan_file(stream.path, sample, self._choice)
        except UnrecognisedFormat as error:
            if stream.path in self._plans_by_path:
                return self._plans_by_path[stream.path]
            self._note_problem(error)
            return _NO_PLAN
        if plan.name:
            if self._choice and not self._choice.is_open:
                useful, unread = try_plan(EventLines(sample.head), plan)
                if unread is not None and not useful.name:
                    self._note_problem(explain_unread(stream.path, unread.series, self._choice))
            for doubt in plan.doubts:
                if doubt not in self._noted_doubts:
                    self._noted_doubts.add(doubt)
                    self._note(f"{stream.path}: {doubt}")
            self._plans[stream] = self._plans_by_path[stream.path] = plan
            if len(self._plans_by_path) > _MOST_PLANS:
                del self._plans_by_path[next(iter(self._plans_by_path))]
        return plan

    def _note_problem(self, error: UnrecognisedFormat) -> None:
        self.problems[error.path] = error
        if self._notes_problems and error.path not in self._noted_paths:
            self._noted_paths.add(error.path)
            self._note(f"{error}; {error.hint}" if error.hint else str(error))


def record_times(path: str, head: bytes, lines: bytes, choice: FormatChoice | None) -> pl.Series:
    """Return the times of the records in whole lines of a file that begins with `head`."""
    try:
        plan = plan_file(path, FileSample(first=head + lines), choice)
    except UnrecognisedFormat:
        return pl.Series(dtype=pl.Datetime("us", "UTC"))
    chunk = LineChunk(data=lines, first_line=1, lines=lines.count(b"\n"), position=0)
    spec = ReadSpec(columns=frozenset())
    parsed = parse_chunks([FileChunk(FileAccount(path), chunk)], plan, spec, None)
    return pl.concat([one.value["timestamp"] for one in parsed]).drop_nulls()
