"""`apilog ingest`: parse, ingest, tell, exit code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

import apilog
from apilog.cli import options, streams
from apilog.cli.streams import ExitCode
from apilog.errors import UsageError

if TYPE_CHECKING:
    from apilog.ingestion import IngestSummary
    from apilog.options import IngestOptions


def ingest(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCES]...",
            help="Log files, directories, globs, s3:// gs:// az:// URLs, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|URL",
            help="The store: a folder or s3:// gs:// az:// URL, made if it is missing. Required.",
        ),
    ] = None,
    final: Annotated[
        bool,
        typer.Option("--final", help="Take a last line without a newline: nothing comes after it."),
    ] = False,
    retry_rejects: Annotated[
        bool,
        typer.Option("--retry-rejects", help="Read the store's rejected lines again."),
    ] = False,
    log_format: options.LogFormat = None,
    nginx_conf: options.NginxConf = None,
    route: options.Route = None,
    keep_query: options.KeepQuery = False,
    anonymize_ip: options.AnonymizeIp = False,
    hash_consumers: options.HashConsumers = None,
    rejects: options.Rejects = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Add what is new in access logs to a store of Parquet files; safe to run again.

    Inputs are known by their content: what was read before is not read again, whatever its
    name is now. Sources that can't be read are told on stderr and the others ingested, with
    exit code 2.
    """
    from apilog.cli.lifecycle import read_hooks
    from apilog.options import IngestOptions

    folder = _check_arguments(sources, store, retry_rejects=retry_rejects)
    asked = IngestOptions(
        log_format=log_format,
        nginx_conf=nginx_conf,
        routes=route or (),
        keep_query=keep_query,
        anonymize_ip=anonymize_ip,
        hash_consumers=hash_consumers,
        final=final,
    )
    if retry_rejects:
        _retry_rejects(folder, asked, quiet=quiet)
    if sources:
        with read_hooks(rejects, force=force, shown=not (quiet or no_progress)) as hooks:
            done = apilog.ingest(sources, store=folder, **replace(asked, **hooks).as_arguments())
        raise typer.Exit(_report_ingest(done, quiet=quiet))


def _check_arguments(sources: list[str] | None, store: str | None, *, retry_rejects: bool) -> str:
    if store is None:
        raise UsageError("missing option '--store'", "give the folder or URL of the store")
    if not sources and not retry_rejects:
        raise UsageError("missing argument 'SOURCES...'", "give log files, or --retry-rejects")
    return store


def _retry_rejects(store: str, asked: IngestOptions, *, quiet: bool) -> None:
    from apilog.ingestion import retry_rejects

    told = retry_rejects(store, asked).format_text()
    if not quiet:
        streams.show(told)


def _report_ingest(done: IngestSummary, *, quiet: bool) -> ExitCode:
    for file in done.errors:
        if not file.is_damaged:
            streams.error(f"{file.path}: {file.error}", file.hint)
        elif not quiet:
            streams.note(f"{file.path}: {file.error}; what stands before the damage was read")
    if not quiet:
        for text in done.notes:
            streams.note(text)
        streams.show("\n".join(done.format_lines()))
    failed = any(not file.is_damaged for file in done.errors)
    return ExitCode.ERROR if failed else ExitCode.OK
