"""How files are parsed, found for small ones together where they are pieces of one log.

A folder of objects that a gateway writes every few minutes has many files of few lines. What is
found for one of them holds for the others, and what few lines leave open is told by those of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol, TypeVar

from apilog.engine.first_chunks import with_later_lines
from apilog.formats.file_plan import (
    FileSample,
    FormatChoice,
    UnrecognisedFormat,
    plan_file,
)
from apilog.formats.parse_plan import ParsePlan
from apilog.formats.piece_plan import plan_pieces
from apilog.sources import LogSource
from apilog.sources.log_names import name_log

_SMALL_BYTES = 64 << 10
"""Up to which size a file is small."""
_MOST_BYTES = 1 << 20
_MOST_FILES = 128
"""How many are planned together. Nothing of it depends on the machine: nor does what is found."""


class SampledFile(Protocol):
    """A file and what decides how it is parsed."""

    @property
    def path(self) -> str:
        """The file as users see it."""

    @property
    def sample(self) -> FileSample | None:
        """None where nothing has to be decided."""


F = TypeVar("F", bound=SampledFile)


def group_small_files(files: Iterable[F]) -> Iterator[list[F]]:
    """Yield the files in their order: small pieces of one log together, any other one alone.

    After a file that stands alone the next one is asked for only when that one was taken.
    """
    group: list[F] = []
    log, size = "", 0
    for file in files:
        sample = file.sample
        if sample is None or not sample.is_whole or len(sample.first) > _SMALL_BYTES:
            if group:
                yield group
                group, size = [], 0
            yield [file]
            continue
        name = name_log(file.path)
        size += len(sample.first)
        if group and (name != log or size > _MOST_BYTES or len(group) == _MOST_FILES):
            yield group
            group, size = [], len(sample.first)
        group.append(file)
        log = name
    if group:
        yield group


def plan_files(
    files: Sequence[tuple[LogSource, FileSample]], choice: FormatChoice | None
) -> list[ParsePlan | UnrecognisedFormat]:
    """Return how to parse each file of a group, or the error of one that no format reads."""
    shared = plan_pieces([sample for _, sample in files], choice)
    return [
        plan or _plan_alone(source, sample, choice)
        for (source, sample), plan in zip(files, shared, strict=True)
    ]


def _plan_alone(
    source: LogSource, sample: FileSample, choice: FormatChoice | None
) -> ParsePlan | UnrecognisedFormat:
    try:
        return plan_file(source.path, with_later_lines(sample, source), choice)
    except UnrecognisedFormat as error:
        return error


@dataclass(frozen=True, slots=True)
class FuturePlan:
    """How a file of a group is parsed, as soon as that is known."""

    planning: Future[list[ParsePlan | UnrecognisedFormat]]
    """What is found for the group."""
    position: int = 0
    """Which file of the group it is."""

    @classmethod
    def known(cls, plan: ParsePlan) -> FuturePlan:
        """Return one that is known already."""
        planning: Future[list[ParsePlan | UnrecognisedFormat]] = Future()
        planning.set_result([plan])
        return cls(planning)

    def is_known(self) -> bool:
        return self.planning.done()

    def outcome(self) -> ParsePlan | UnrecognisedFormat:
        """Wait for it and return it, or the error of a file that no format reads."""
        return self.planning.result()[self.position]

    def pairs_lines(self) -> bool:
        """Whether two lines of the file may tell of one request."""
        outcome = self.outcome()
        return isinstance(outcome, ParsePlan) and outcome.pairs_lines
