"""apilog: API gateway logs as records, reports and checks.

Each function does what the command of its name does; `scan` gives the records of log files as a
Polars LazyFrame.

>>> import apilog
>>> frame = apilog.scan("sample_logs/*.log")
>>> frame.collect_schema().names()[:3]
['timestamp', 'gateway', 'api']

Sources are files, directories, globs, stores made by `ingest`, URLs of object storage, `-` for
standard input, or a list of these. The other parameters of a function are the fields of its class
of options, such as `ReportOptions`, where they are documented.

Errors that a user can act on are an `ApilogError`. Options that can't be understood raise
`UsageError` before anything is read. An input that can't be read has its `error` in the account of
the inputs; a report on nothing but such inputs raises `InputError`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from os import PathLike
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

from apilog.errors import ApilogError, InputError, OutputError, UsageError
from apilog.options import (
    CheckOptions,
    ColumnMapping,
    CompareOptions,
    ExportArguments,
    FormatOptions,
    IngestArguments,
    MetricOptions,
    OpenApiOptions,
    OwnFormat,
    ReadOptions,
    ReportOptions,
    ScanOptions,
    Source,
    SuccessOptions,
)
from apilog.version import __version__

if TYPE_CHECKING:
    import polars as pl

    from apilog.checks.baseline_file import BaselineResult
    from apilog.checks.check import CheckResult
    from apilog.checks.compare import ComparisonResult
    from apilog.exports import ExportSummary
    from apilog.ingestion import IngestSummary
    from apilog.report_model import DetectionResult, Report
    from apilog.reports.skeleton import OpenApiResult
    from apilog.store import Store

__all__ = [
    "ApilogError",
    "CheckOptions",
    "ColumnMapping",
    "CompareOptions",
    "ExportArguments",
    "FormatOptions",
    "IngestArguments",
    "InputError",
    "MetricOptions",
    "OpenApiOptions",
    "OutputError",
    "OwnFormat",
    "ReadOptions",
    "ReportOptions",
    "ScanOptions",
    "SuccessOptions",
    "UsageError",
    "__version__",
    "baseline",
    "check",
    "compare",
    "detect",
    "export",
    "ingest",
    "open_store",
    "openapi",
    "report",
    "scan",
    "success",
]

Sources = Source | Sequence[Source]

_Fields = ParamSpec("_Fields")
_Options = TypeVar("_Options")
_Result = TypeVar("_Result")


def _takes_fields_of(
    options: Callable[_Fields, _Options],
) -> Callable[
    [Callable[[list[Source], _Options], _Result]],
    Callable[Concatenate[Sources, _Fields], _Result],
]:
    """Give a function on sources the fields of its options as parameters."""

    def decorate(
        function: Callable[[list[Source], _Options], _Result],
    ) -> Callable[Concatenate[Sources, _Fields], _Result]:
        @wraps(function)
        def call(sources: Sources, *args: _Fields.args, **fields: _Fields.kwargs) -> _Result:
            return function(_list_sources(sources), options(*args, **fields))

        _show_fields(call, options)
        return cast("Callable[Concatenate[Sources, _Fields], _Result]", call)

    return decorate


def _show_fields(call: Callable[..., object], options: Callable[..., object]) -> None:
    """Have `help` show the fields instead of the options that the function itself takes."""
    signature = inspect.signature(call)
    sources = signature.parameters["sources"].replace(annotation="Sources")
    parameters = [sources, *inspect.signature(options).parameters.values()]
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]


def _list_sources(sources: Sources) -> list[Source]:
    return [sources] if isinstance(sources, (str, PathLike)) else list(sources)


@_takes_fields_of(ScanOptions)
def scan(sources: list[Source], options: ScanOptions) -> pl.LazyFrame:
    """Return the records of log files and stores, one row a request, as a Polars LazyFrame.

    Columns are those of `apilog schema`; only the ones a query uses are read, and filters are
    applied while reading. Rows come in the order of the lines, those of stores first. Lines that
    no format reads are left out, or raise `InputError` with `strict`. A source that can't be read
    raises `InputError` when the frame is collected; of a damaged one everything before the damage
    is there. A store is read as it is when this is called. Standard input can be collected once.

    >>> import apilog
    >>> import polars as pl
    >>> frame = apilog.scan("sample_logs/api.log").filter(pl.col("status") >= 500)
    >>> frame.select(pl.len()).collect().item()
    38
    """
    from apilog.engine.scan import scan_sources

    return scan_sources(sources, options, strict=options.strict)[0]


@_takes_fields_of(ReportOptions)
def report(sources: list[Source], options: ReportOptions) -> Report:
    """Return the usage, error, latency and endpoint report on log files and stores.

    `report.tables` maps names (`overview`, `traffic`, `endpoints`, …) to Polars frames; ratios
    are 0 to 1, latencies milliseconds, times UTC, missing values null. What could not be read
    stands in `report.input`; if that is every source, `InputError` is raised.

    >>> import apilog
    >>> report = apilog.report("sample_logs/api.log", where="status >= 500", tables=["overview"])
    >>> report.tables["overview"]["requests"].item()
    38
    """
    from apilog.reports import build_own_report, build_report

    build = build_report if options.report is None else build_own_report
    return build(sources, options).if_read()


@_takes_fields_of(CheckOptions)
def check(sources: list[Source], options: CheckOptions) -> CheckResult:
    """Hold thresholds against log files and stores, and where they are about them, accounts.

    `state` of the result is a `CheckState`: pass, fail or inconclusive. The report has the tables
    `checks` with the verdicts, `worst`, and with a baseline `changed`.

    >>> import apilog
    >>> result = apilog.check("sample_logs/api.log", thresholds=["error_rate < 1%"])
    >>> result.state.value, result.report.tables["checks"]["limit"].to_list()
    ('fail', [0.01])
    """
    from apilog.developer_success.success_checks import check_all

    result = check_all(sources, options)
    result.report.if_read()
    return result


@_takes_fields_of(MetricOptions)
def baseline(sources: list[Source], options: MetricOptions) -> BaselineResult:
    """Return what `check` compares later requests with: counts by endpoint, status and latency.

    `text` of the result is the content of a file for `baseline=` of `check`.

    >>> import apilog
    >>> result = apilog.baseline("sample_logs/api.log")
    >>> result.baseline.total
    1500
    """
    from apilog.checks.baseline_file import make_baseline

    result = make_baseline(sources, options)
    result.report.if_read()
    return result


@_takes_fields_of(CompareOptions)
def compare(sources: list[Source], options: CompareOptions) -> ComparisonResult:
    """Compare two sources, or with `split` two values of a column, metric by metric.

    The table `comparison` of the report has a row for all requests and one for each endpoint;
    `changed` has the endpoints that only one side has.

    >>> import apilog
    >>> result = apilog.compare("sample_logs/api.log", split="method=GET,POST")
    >>> result.report.tables["comparison"].filter(metric="error_rate")["verdict"][0]
    'no difference shown'
    """
    from apilog.checks.compare import compare_sources

    result = compare_sources(sources, options)
    result.report.if_read()
    return result


@_takes_fields_of(OpenApiOptions)
def openapi(sources: list[Source], options: OpenApiOptions) -> OpenApiResult:
    """Return an OpenAPI 3.1 document of what is called, without any values of parameters.

    `document` of the result is plain dictionaries and lists, `text` and `json` are what a file
    holds. The sources are read twice.

    >>> import apilog
    >>> result = apilog.openapi("sample_logs/api.log")
    >>> sorted(result.document["paths"])[0]
    '/healthz'
    """
    from apilog.reports.skeleton import make_skeleton

    return make_skeleton(sources, options)


@_takes_fields_of(SuccessOptions)
def success(sources: list[Source], options: SuccessOptions) -> Report:
    """Return the report on whether developers succeed: accounts joined with their calls.

    >>> import apilog
    >>> report = apilog.success(
    ...     "sample_logs/success/gateway.log.gz", accounts="sample_logs/success/accounts.csv"
    ... )
    >>> list(report.tables)[:3]
    ['funnel', 'onboarding', 'onboarding_histogram']
    """
    from apilog.developer_success import build_success_report

    return build_success_report(sources, options).if_read()


@_takes_fields_of(IngestArguments)
def ingest(sources: list[Source], options: IngestArguments) -> IngestSummary:
    """Add the lines of log files that are new to a store, which is made if it is missing.

    Inputs are known by their content, so that
    another run reads nothing twice. An input that can't be read is in `errors` of the result.

    >>> import apilog, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = apilog.ingest("sample_logs/api.log", store=folder, final=True)
    ...     again = apilog.ingest("sample_logs/api.log", store=folder, final=True)
    >>> first.input.records, again.input.records
    (1500, 0)
    """
    from apilog.ingestion import ingest as ingest_sources

    return ingest_sources(sources, options.store, options)


@_takes_fields_of(ExportArguments)
def export(sources: list[Source], options: ExportArguments) -> ExportSummary:
    """Bring a folder of reports, one for each day or other period, up to date with the sources.

    Only periods that changed are written, and each
    appears whole or not at all. An input that can't be read has its `error` in `report.input`.

    >>> import apilog, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     apilog.export("sample_logs/api.log", to=folder).new
    ['2026-11-20']
    """
    from apilog.exports import export as export_sources

    return export_sources(sources, options.to, options)


@_takes_fields_of(FormatOptions)
def detect(sources: list[Source], options: FormatOptions) -> DetectionResult:
    """Tell the format of each file, and which columns its lines lack.

    >>> import apilog
    >>> [(file.path, file.format) for file in apilog.detect("sample_logs/combined.log").files]
    [('sample_logs/combined.log', 'combined')]
    """
    from apilog.reports.inspect_logs import inspect_logs

    return inspect_logs(sources, options)


def open_store(place: Source) -> Store:
    """Return the store in a folder or at a URL, as it is now; `InputError` for what is none.

    >>> import apilog, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = apilog.ingest("sample_logs/api.log", store=folder, final=True)
    ...     sum(file.rows for file in apilog.open_store(folder).record_files())
    1500
    """
    from apilog.store import Store

    return Store.open(place)
