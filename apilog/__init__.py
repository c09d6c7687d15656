"""apilog: API gateway logs as records, reports and checks.

`scan` gives the records of log files as a Polars LazyFrame, `report` the finished report.

>>> import apilog
>>> frame = apilog.scan("sample_logs/*.log")
>>> frame.collect_schema().names()[:3]
['timestamp', 'gateway', 'api']
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from apilog.errors import ApilogError, InputError, OutputError, UsageError
from apilog.version import __version__

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from apilog.report_model import Report

    Sources = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

__all__ = [
    "ApilogError",
    "InputError",
    "OutputError",
    "UsageError",
    "__version__",
    "report",
    "scan",
]


def scan(
    sources: Sources,
    log_format: str | None = None,
    *,
    nginx_conf: str | os.PathLike[str] | None = None,
    routes: Sequence[str] = (),
    keep_query: bool = False,
    anonymize_ip: bool = False,
    hash_consumers: str | None = None,
    strict: bool = False,
) -> pl.LazyFrame:
    """The records of log files and stores, one row a request, as a Polars LazyFrame.

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

    Args:
        sources: Files, directories, globs, stores made by `apilog ingest`, URLs of object
            storage, or `-` for standard input.
        log_format: A name from `apilog formats` or an nginx `log_format` string; detected
            for each file by default.
        nginx_conf: An nginx.conf whose log formats are used instead.
        routes: Templates such as `/v1/users/{name}` that come before the built-in ones.
        keep_query: Keep the query string in `path`, the values of known secrets masked.
        anonymize_ip: Truncate client addresses, IPv4 to /24 and IPv6 to /48.
        hash_consumers: Replace consumers by hashes with this key, or that of `env:NAME` or
            `@FILE`.
        strict: Raise on the first line that no format reads, and on damaged input.
    """
    from apilog.engine.scan import scan_sources as scan_sources
    from apilog.formats.file_plan import choose_format
    from apilog.privacy import Privacy
    from apilog.routes import parse_rules

    frame, _ = scan_sources(
        _list_sources(sources),
        choice=choose_format(log_format, nginx_conf),
        rules=parse_rules(routes),
        keep_query=keep_query,
        privacy=Privacy.from_options(anonymize_ip=anonymize_ip, hash_consumers=hash_consumers),
        strict=strict,
    )
    return frame


def report(
    sources: Sources,
    log_format: str | None = None,
    *,
    nginx_conf: str | os.PathLike[str] | None = None,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    where: str | None = None,
    by: Sequence[str] = (),
    bucket: str | None = None,
    top: int | None = None,
    tz: str = "UTC",
    routes: Sequence[str] = (),
    max_routes: int = 1000,
    keep_query: bool = False,
    anonymize_ip: bool = False,
    hash_consumers: str | None = None,
    tables: Sequence[str] | None = None,
) -> Report:
    """The usage, error, latency and endpoint report on log files and stores.

    `report.tables` maps names (`overview`, `traffic`, `endpoints`, …) to Polars frames; ratios
    are 0 to 1, latencies milliseconds, times UTC, missing values null. What could not be read
    stands in `report.input`; if that is every source, `InputError` is raised. Options are those
    of the command `apilog report`; one that can't be understood raises `UsageError` before
    anything is read.

    >>> import apilog
    >>> report = apilog.report("sample_logs/api.log", where="status >= 500", tables=["overview"])
    >>> report.tables["overview"]["requests"].item()
    38

    Args:
        sources: Files, directories, globs, stores made by `apilog ingest`, URLs of object
            storage, or `-` for standard input.
        log_format: A name from `apilog formats` or an nginx `log_format` string; detected
            for each file by default.
        nginx_conf: An nginx.conf whose log formats are used instead.
        since: Leave out what is older: a datetime (without a zone it is in `tz`), ISO 8601,
            an age such as `24h`, `yesterday`.
        until: Leave out this instant and what is newer.
        where: A condition in SQL on the columns of `apilog schema`.
        by: Columns that replace the keys of the table `endpoints`.
        bucket: Step of the table `traffic`, such as `5m`; fitting by default.
        top: Rows of each table over dimensions, the others summed up in `(other)`.
        tz: Time zone of days and buckets.
        routes: Templates such as `/v1/users/{name}` that come before the built-in ones.
        max_routes: Routes kept; the less busy ones fold into `(other)`.
        keep_query: Keep the query string in `path`, the values of known secrets masked.
        anonymize_ip: Truncate client addresses, IPv4 to /24 and IPv6 to /48.
        hash_consumers: Replace consumers by hashes with this key, or that of `env:NAME` or
            `@FILE`.
        tables: Names of the tables to compute; all by default.
    """
    from apilog.privacy import Privacy
    from apilog.reports import ReportOptions, build_report, read_nothing

    built = build_report(
        _list_sources(sources),
        ReportOptions(
            log_format=log_format,
            nginx_conf=nginx_conf,
            since=since,
            until=until,
            where=where,
            by=by,
            bucket=bucket,
            top=top,
            tz=tz,
            routes=routes,
            max_routes=max_routes,
            keep_query=keep_query,
            privacy=Privacy.from_options(anonymize_ip=anonymize_ip, hash_consumers=hash_consumers),
            tables=tables,
        ),
    )
    if read_nothing(built):
        file = built.input.files[0]
        raise InputError(f"{file.path}: {file.error}", file.hint)
    return built


def _list_sources(sources: Sources) -> list[str | os.PathLike[str]]:
    return [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
