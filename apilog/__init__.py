"""apilog: API gateway logs as records, reports and checks.

`scan` gives the records of log files as a Polars LazyFrame, `report` the finished report.

>>> import apilog
>>> frame = apilog.scan("sample_logs/*.log")
>>> frame.collect_schema().names()[:3]
['timestamp', 'gateway', 'api']

Sources are files, directories, globs, stores made by `apilog ingest`, URLs of object storage, `-`
for standard input, or a list of these. Options are the fields of the dataclass that each function
names. Errors that a user can act on are an `ApilogError`; options that can't be understood raise
`UsageError` before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from os import PathLike
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from apilog.errors import ApilogError, InputError, OutputError, UsageError
from apilog.options import ReadOptions, ReportOptions, ScanOptions, Source
from apilog.version import __version__

if TYPE_CHECKING:
    import polars as pl

    from apilog.report_model import Report

__all__ = [
    "ApilogError",
    "InputError",
    "OutputError",
    "ReadOptions",
    "ReportOptions",
    "ScanOptions",
    "UsageError",
    "__version__",
    "report",
    "scan",
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
    """Give a function the fields of its options as parameters."""

    def decorate(
        function: Callable[[list[Source], _Options], _Result],
    ) -> Callable[Concatenate[Sources, _Fields], _Result]:
        @wraps(function)
        def call(sources: Sources, /, *args: _Fields.args, **fields: _Fields.kwargs) -> _Result:
            listed = [sources] if isinstance(sources, (str, PathLike)) else list(sources)
            return function(listed, options(*args, **fields))

        return call

    return decorate


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
    from apilog.reports import build_report

    return build_report(sources, options).if_read()
