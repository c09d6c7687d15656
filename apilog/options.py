"""Options of everything that reads logs, as plain values named as on the command line.

Nothing is understood here, so that creating options never fails: what can't be understood raises
`UsageError` before anything is read. Nothing heavy is imported either, for `import apilog` and
`apilog --help`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from apilog.time import PeriodLength, TimeLimit

if TYPE_CHECKING:
    import polars as pl

Source = str | os.PathLike[str]
"""A file, directory, glob, store, URL of object storage, or `-` for standard input."""


class Progress(Protocol):
    """Told how far the reading is."""

    def total(self, size: int | None) -> None:
        """Take the number of bytes there are to read; None if some input can't tell."""

    def advance(self, size: int) -> None:
        """Take the number of bytes that were read since the last call."""


@runtime_checkable
class ClusterProgress(Progress, Protocol):
    """Told of the cluster that reads, too."""

    def cluster(self, address: str, threads: int, dashboard: str) -> None:
        """Take the scheduler's address, how many tasks run at once, and the dashboard's URL."""


class RejectSink(Protocol):
    """Takes the lines that could not be read, as they are found."""

    def __call__(self, rejects: pl.DataFrame, /) -> None:
        """Take some; the columns are source, line_number, line and reason."""


_Options = TypeVar("_Options", bound="FormatOptions")


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Where a log has the value of a column."""

    column: str
    """A column of `apilog schema`."""
    key: str
    """A key (of nested objects the keys with dots between them, of a list `calls[0].status`),
    label, header, variable or group; an empty one leaves the column null. A time may stand in two:
    `date+clock`."""
    unit: str | None = None
    """Of a duration, or of a time since 1970: `ns`, `us`, `ms` or `s`."""
    format: str | None = None
    """How a time is written, in the terms of strftime."""
    tz: str | None = None
    """The zone of times that are written without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFormat:
    """A format that the user describes: `[formats.NAME]` of the configuration."""

    name: str
    lines: str
    """How lines are written: `json`, `logfmt`, `ltsv`, `csv`, `regex`, a language such as `nginx`,
    or the name of a format that it is a variant of."""
    pattern: str = ""
    """The expression, or the string of the language."""
    gateway: str | None = None
    """The value of the column `gateway`; empty for none, None for what the lines tell."""
    columns: tuple[ColumnMapping, ...] = ()


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """What format the lines are in."""

    log_format: str | None = None
    """A name from `apilog formats` or an nginx `log_format` string; detected for each file by
    default."""
    _: KW_ONLY
    nginx_conf: str | os.PathLike[str] | None = None
    """An nginx.conf whose log formats are used instead."""
    columns: Sequence[str | ColumnMapping] | Mapping[str, Any] = ()
    """Where columns are read from, such as `status=response.code`, `duration_ms=took:s`; or by
    column the key, or a mapping such as `{"key": "took", "unit": "s"}`."""
    client_ip: str | None = None
    """Whose address `client_ip` is: `remote-addr`, `x-forwarded-for`, another header, a key."""
    formats: Mapping[str, OwnFormat | Mapping[str, Any]] = field(default_factory=dict)
    """Formats by name, described as in `[formats.NAME]` of the configuration; detection tries them
    first."""
    exclude: Sequence[str] = ()
    """Globs for names or paths of files and folders that are left out where a folder or glob is
    searched."""
    config_file: str | None = field(default=None, compare=False)
    """The file that settings came from, for the report to name it; it is not read."""

    def as_arguments(self) -> dict[str, Any]:
        """Return the options by name, as the functions of `apilog` take them."""
        return {option.name: getattr(self, option.name) for option in fields(self)}

    def convert_to(self, kind: type[_Options], **changes: Any) -> _Options:
        """Return options of another kind: the fields that both have, and the changes."""
        names = {option.name for option in fields(kind)}
        common = {name: value for name, value in self.as_arguments().items() if name in names}
        return kind(**{**common, **changes})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions(FormatOptions):
    """How lines become records."""

    routes: Sequence[str] = ()
    """Templates such as `/v1/users/{name}` that come before the built-in ones."""
    routes_file: str | os.PathLike[str] | None = None
    """A file of further templates, one a line, which come after these; or a store or the file of a
    baseline, for the routes that it learned."""
    further_routes: Sequence[str] = ()
    """Templates that come last, as `[routes]` of the configuration has them."""
    openapi: Sequence[str] = ()
    """OpenAPI documents whose templates are the routes, and whose operations calls are held
    against; `nginx=FILE` or `api.example.com=FILE` for a gateway or host alone."""
    keep_query: bool = False
    """Keep the query string in `path`, the values of known secrets masked."""
    anonymize_ip: bool = False
    """Truncate client addresses, IPv4 to /24 and IPv6 to /48."""
    hash_consumers: str | None = None
    """Replace consumers by hashes with this key, or that of `env:NAME` or `@FILE`."""
    progress: Progress | None = field(default=None, compare=False, repr=False)
    """Told how far the reading is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions(RecordOptions):
    """How lines become records, and what does the work."""

    engine: str | None = None
    """What does the work: `local`, or `dask` for a cluster; `local` unless a scheduler is given."""
    scheduler: str | None = None
    """The address of Dask's scheduler, such as `tcp://host:8786`; without it the one that
    `DASK_SCHEDULER_ADDRESS` names, else a cluster on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions(EngineOptions):
    """How lines become records, and which of them are counted."""

    since: TimeLimit = None
    """Leave out what is older: a datetime (without a zone it is in `tz`), ISO 8601, an age such as
    `24h`, `yesterday`."""
    until: TimeLimit = None
    """Leave out this instant and what is newer."""
    tz: str = "UTC"
    """Time zone of days, buckets and instants without one."""
    where: str | None = None
    """A condition in SQL on the columns of `apilog schema`."""
    max_routes: int = 1000
    """Routes kept; the less busy ones fold into `(other)`."""
    rejects: RejectSink | None = field(default=None, compare=False, repr=False)
    """Takes the lines that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricOptions(ReadOptions):
    """How lines become records, and what is measured on them beside the built-in metrics."""

    apdex: str | None = None
    """The target time of the metric `apdex`, such as `500ms`."""
    own_metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Metrics by name, declared as in `[metrics.NAME]` or `[slo.NAME]` of the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions(EngineOptions):
    """Options of `scan`."""

    strict: bool = False
    """Raise on the first line that no format reads, and on damaged input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOptions(EngineOptions):
    """Options of a query."""

    since: TimeLimit = None
    """Leave out what is older: a datetime (without a zone it is in `tz`), ISO 8601, an age such as
    `24h`, `yesterday`."""
    until: TimeLimit = None
    """Leave out this instant and what is newer."""
    tz: str = "UTC"
    """Time zone in which times are shown, and of instants without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions(MetricOptions):
    """Options of the tables of a report."""

    by: Sequence[str] = ()
    """Columns that replace the keys of the table `endpoints`."""
    bucket: str | None = None
    """Step of the table `traffic`, such as `5m`; fitting by default."""
    top: int | None = None
    """Rows of each table over dimensions, the others summed up in `(other)`."""
    metrics: Sequence[str] = ()
    """Metrics that the tables have beside their own, of `apilog metrics`."""
    tables: Sequence[str] | None = None
    """Names of the tables to compute; all by default."""
    for_page: bool = False
    """Keep the sums by which the page of `-f html` filters, and no more rows than it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReportOptions(TableOptions):
    """Options of the tables of a report, which may be one of one's own."""

    report: str | None = None
    """The name of the report of one's own to make; the usual one by default."""
    reports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Reports by name, declared as in `[reports.NAME]` of the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions(OwnReportOptions):
    """Options of a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApiOptions(ReadOptions):
    """Options of a document that is made from logs."""

    max_routes: int = 10_000
    """Routes kept; the less busy ones are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions(MetricOptions):
    """Options of a comparison."""

    split: str | None = None
    """`COLUMN=a,b`: the sides are two values of a column; else they are the two sources."""
    a: str | None = None
    """A stretch of time such as `2026-11-01..2026-11-07` or `yesterday`: with `b`, the sides are
    these two times of all sources."""
    b: str | None = None
    """The other stretch of time."""
    metrics: Sequence[str] = ()
    """Metrics to compare; error rates and latencies by default."""
    min_requests: int = 100
    """Fewer requests on a side decide nothing."""
    confidence: float = 0.99
    """How sure a difference has to be, in either direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTerms:
    """What a plan of the accounts allows and costs."""

    quota: int | None = None
    """Calls per month."""
    price: float | None = None
    """Price per month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinOptions(ReadOptions):
    """How requests are joined with accounts."""

    accounts: str | None = None
    """A table of accounts: CSV, NDJSON or Parquet, or the URL of a database."""
    accounts_query: str | None = None
    """The SELECT that gives a database's accounts."""
    account_columns: Mapping[str, str] = field(default_factory=dict)
    """What columns are called in the table, where it is not what apilog calls them."""
    plans: Mapping[str, PlanTerms] = field(default_factory=dict)
    """The terms of each plan."""
    as_of: TimeLimit = None
    """Evaluate accounts as of this instant; now by default."""
    attribution: timedelta = timedelta(days=30)
    """How long after its end a trial may convert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions(JoinOptions):
    """Options of a check."""

    thresholds: Sequence[str] = ()
    """Such as `error_rate < 1%` or `latency_p95 <= baseline * 1.1 for each route`."""
    baseline: str | os.PathLike[str] | None = None
    """A file that `baseline` wrote, to compare with."""
    baseline_optional: bool = False
    """Pass comparisons, with a note, while that file does not exist."""
    update_baseline: bool = False
    """Where the check passes, replace that file by the baseline of what was checked."""
    baseline_since: TimeLimit = None
    """Compare with this time of the same sources."""
    baseline_until: TimeLimit = None
    """Its end, exclusive; where `since` begins by default."""
    min_requests: int = 100
    """Fewer requests decide nothing."""
    confidence: float = 0.99
    """How sure a value has to be beyond its limit before the threshold fails."""
    strict_limits: bool = False
    """Hold limits that are numbers against the value alone, whatever chance does."""
    min_accounts: int = 20
    """Fewer accounts decide nothing."""
    apdex: str | None = None
    """The target time of the metric `apdex`, such as `500ms`."""
    own_metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Metrics by name, declared as in `[metrics.NAME]` or `[slo.NAME]` of the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessOptions(JoinOptions):
    """Options of a success report."""

    goals: Mapping[str, str | float] = field(default_factory=dict)
    """Targets of success metrics, as `[success.goals]` has them."""
    activation_calls: int = 10
    """The number of successful calls that make an account an active one."""
    cohort: str = "week"
    """Retention of accounts that signed up in the same `week` or `month`."""
    control: str | None = None
    """The variant that others are compared with; the first by default."""
    min_accounts: int = 100
    """No winner is called with fewer accounts in a variant."""
    split: str | None = None
    """How large the variants were planned to be, such as `90:10`, the control first, or
    `control=90,new=10`; equally large by default."""
    by: Sequence[str] = ()
    """Columns of the accounts, or `gateway`, for each of whose values there are tables."""
    strict: bool = False
    """Raise if a row of the accounts can't be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions(OwnReportOptions):
    """Options of an export."""

    every: PeriodLength = PeriodLength.DAY
    """The length of a period; each has a folder."""
    format: str = "csv"
    """How each period is written: csv, ndjson, md, parquet or json."""
    raw: bool = False
    """Leave CSV cells as they are, formulas too."""
    closed_only: bool = False
    """Leave out periods that are not over yet."""
    keep: timedelta | None = None
    """Remove periods that ended longer ago, and don't write them."""
    force: bool = False
    """Take other options than before, and fewer requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions(EngineOptions):
    """Options of an ingest. With one on personal data, rejects are stored without their lines."""

    final: bool = False
    """Take a last line without a newline: nothing comes after it."""
    stretch_bytes: int = 256 << 20
    """The number of bytes that are read between two commits: a killed run loses at most these."""
    chunk_bytes: int = 8 << 20
    """The size of a chunk; a line becomes all columns here, so that it is small."""
    rejects: RejectSink | None = field(default=None, compare=False, repr=False)
    """Takes the lines that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportArguments(ExportOptions):
    """Where to export to, and how."""

    to: Source
    """The folder or URL to keep up to date; it is made if it is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestArguments(IngestOptions):
    """Where to ingest to, and how."""

    store: Source
    """The folder or URL of the store; it is made if it is missing."""
