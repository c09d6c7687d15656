"""A finished report: plain typed tables, drawn by any output.

Nothing here knows how it is drawn. Ratios are 0 to 1, times UTC, missing values null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

import polars as pl

from apilog.errors import ApilogError, InputError, UnreadSourcesError


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInput:
    """The account of one input."""

    path: str
    format: str | None
    """The formats found, joined by ` + `; null where none was."""
    lines: int
    records: int
    rejects: int
    skipped: int
    error: str | None = None
    """Why it could not be read, or not to its end."""
    hint: str = ""
    """What to do about the error."""
    is_damaged: bool = False
    """Whether everything before the damage was read, so that the report stands."""
    is_foreign: bool = False
    """Whether it is of no known format and was found in a folder: not everything there is a log."""
    doubts: tuple[str, ...] = ()
    """What was guessed and may be read in another way, one sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSummary:
    """The account of all inputs. `lines` is always `records + rejects + skipped`."""

    lines: int
    records: int
    rejects: int
    skipped: int
    files: tuple[FileInput, ...]

    @classmethod
    def of_files(cls, files: Iterable[FileInput]) -> Self:
        """Return the sums over these inputs."""
        inputs = tuple(files)
        return cls(
            lines=sum(file.lines for file in inputs),
            records=sum(file.records for file in inputs),
            rejects=sum(file.rejects for file in inputs),
            skipped=sum(file.skipped for file in inputs),
            files=inputs,
        )

    @property
    def failed_files(self) -> tuple[FileInput, ...]:
        """The inputs that could not be read at all, and should have been."""
        return tuple(f for f in self.files if f.error and not (f.is_damaged or f.is_foreign))

    @property
    def is_unread(self) -> bool:
        """Whether there were inputs and not one of them could be opened and understood."""
        return bool(self.files) and all(f.error and not f.is_damaged for f in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilters:
    """What was asked for: which requests, grouped by what, in which zone."""

    where: str | None = None
    since: datetime | None = None
    """The limit that was given, as an instant."""
    until: datetime | None = None
    by: tuple[str, ...] = ()
    tz: str = "UTC"
    config: str | None = None
    """The file of settings that hold, if there is one."""
    metrics: tuple[str, ...] = ()
    """Metrics that were asked for beside those of every report."""

    @property
    def leave_out(self) -> bool:
        """Whether they may leave requests out."""
        return not (self.where is None and self.since is None and self.until is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterCube:
    """Sums of requests by some keys."""

    keys: tuple[str, ...]
    rows: pl.DataFrame
    """The keys, `is_unfound` for routes that nobody found, and a column for each accumulator."""
    histograms: dict[str, pl.DataFrame]
    """For each column of durations: `row`, the latency bucket, and how many are in it; none
    where there was no room for them."""
    step: str | None
    """The step of `timestamp`; None if that is no key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterMetric:
    """A metric that is a quotient of two columns of cubes, or one of them."""

    column: str
    """The column of the report's tables that it is."""
    above: str
    below: str
    """Empty where the metric is the sum itself."""
    scale: int
    """What the lower sum is multiplied by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSums:
    """The sums by which a reader can filter the report, and what its tables are bound by."""

    cubes: tuple[FilterCube, ...]
    step: str
    starts: pl.Series
    """Every bucket of time, by its start."""
    ends: pl.Series
    timezone: str
    max_routes: int
    known_routes: frozenset[str]
    max_rows: int
    own: tuple[FilterMetric, ...] = ()
    """Metrics that are not built in, and that the cubes tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedColumn:
    """A column of a table in which large counts of distinct values are estimates."""

    table: str
    column: str
    relative_error: float
    """The standard error of an estimate, as a part of it."""


PREVIOUS = "previous"
"""What outputs call the window before, among the tables, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierWindow:
    """As much time right before the window of a report, which the sources tell of, too."""

    since: datetime
    until: datetime
    overview: pl.DataFrame
    """The table of that name about this time: one row."""
    estimates: tuple[EstimatedColumn, ...] = ()
    """The columns in which values are estimates, of the table `PREVIOUS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMetric:
    """What an output has to know of a metric that is not built in."""

    name: str
    column: str
    """The column that holds it."""
    unit: str
    definition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """How a table of a report of one's own is shown."""

    name: str
    title: str = ""
    chart: str = ""
    """`bar`, `line`, or nothing."""
    measure: str = ""
    """The column that bars are of: the one that the rows are sorted by, or the first metric."""
    top: int | None = None
    """The rows that it keeps, if that was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a report says."""

    version: str
    command: str
    since: datetime | None
    """Start of the window: the limit given, else the first record."""
    until: datetime | None
    """End of the window: the limit given, else the last record."""
    input: InputSummary
    tables: dict[str, pl.DataFrame]
    """Maps table names to frames; columns are dimensions and metric columns, in order."""
    title: str = ""
    """What a report of one's own is called; empty for the others."""
    layout: tuple[TableLayout, ...] = ()
    """The tables of a report of one's own, in their order."""
    metrics: tuple[ReportMetric, ...] = ()
    """The metrics that are not built in."""
    bucket: str | None = None
    """Step of the traffic table, such as `5m`."""
    timezone: str = "UTC"
    """The zone in which timestamps are to be shown."""
    filters: ReportFilters = ReportFilters()
    strays: int = 0
    """Requests at times that the window leaves out, as they are far from all others."""
    estimates: tuple[EstimatedColumn, ...] = ()
    """The columns in which large counts of distinct values are estimates."""
    previous: EarlierWindow | None = None
    """The window before; None where nobody asked for a window, or the sources don't hold it."""
    notes: tuple[str, ...] = ()
    """Remarks for the reader, one sentence each."""
    pictured: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """Further tables, of which a page shows nothing but the charts."""
    sums: FilterSums | None = None
    """Sums by which a page filters; only of a report that was asked for them."""
    state: CheckState | None = None
    """What all thresholds together come to; only of a check."""

    def if_read(self) -> Self:
        """Return the report; raises UnreadSourcesError if not one input could be read."""
        if self.input.is_unread:
            raise UnreadSourcesError(
                [InputError(f"{file.path}: {file.error}", file.hint) for file in self.input.files]
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingColumn:
    """A column that a log does not fill, and the gateway's setting that would fill it."""

    column: str
    directive: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFormat:
    """How lines are read, as `[formats.NAME]` of the configuration says it."""

    name: str
    lines: str
    pattern: str | None
    gateway: str | None
    columns: Mapping[str, Mapping[str, str]]
    """Column to its key, and where it has one its unit, format or zone."""
    remarks: Mapping[str, tuple[str, ...]]
    """Columns that are made of several keys, or in a way of their own, and these keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedFile:
    """How one file would be read, judged by its head."""

    path: str
    format: str | None
    """The formats found, joined by ` + `; null for a file of nothing but skipped lines."""
    gateways: tuple[str, ...]
    lines: int
    """The lines of the head: records + rejects + skipped."""
    records: int
    rejects: int
    skipped: int
    log_format: str | None
    """The nginx log_format string behind the first format, if it has one."""
    columns: tuple[str, ...]
    """Columns that the lines fill."""
    lacks: tuple[MissingColumn, ...]
    suggestion: str | None
    """A directive that logs everything, or null where nothing is lacking."""
    reject: str | None
    """The first line of the head that could not be read."""
    doubts: tuple[str, ...] = ()
    """What was guessed and may be read in another way, one sentence each."""
    formats: tuple[FoundFormat, ...] = ()
    """What reads the lines in the same way, to be corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionResult:
    """How files are read, judged by their heads."""

    files: tuple[DetectedFile, ...]
    errors: tuple[ApilogError, ...]
    """Why the other files can't be read."""
    foreign: tuple[ApilogError, ...] = ()
    """Those of the errors that are about files of a folder: not everything there is a log."""


class CheckState(StrEnum):
    """What a check comes to; the column `state` of the table `checks` holds its text."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"

    @classmethod
    def overall(cls, states: Iterable[CheckState]) -> CheckState:
        """Return the state of several checks: inconclusive only if none could be decided."""
        present = set(states)
        return next((state for state in (cls.FAIL, cls.PASS) if state in present), cls.INCONCLUSIVE)


class DifferenceVerdict(StrEnum):
    """What a compared metric comes to; the column `verdict` of `comparison` holds its text."""

    WORSE = "worse"
    BETTER = "better"
    DIFFERENT = "different"
    """It differs, and the metric has no better direction."""
    UNPROVEN = "no difference shown"
    """Chance alone may make the difference."""
    INCONCLUSIVE = "inconclusive"

    @property
    def check_state(self) -> CheckState:
        """The verdict as a check: only what got worse fails."""
        match self:
            case DifferenceVerdict.WORSE:
                return CheckState.FAIL
            case DifferenceVerdict.INCONCLUSIVE:
                return CheckState.INCONCLUSIVE
            case _:
                return CheckState.PASS
