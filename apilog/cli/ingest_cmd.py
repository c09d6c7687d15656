"""`apilog ingest`: add logs to a store, say what was added, give the exit code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import typer

import apilog
from apilog.cli import streams
from apilog.cli.lifecycle import RunFlags, note_skipped, refuse_rejects, report_files
from apilog.cli.options import Force
from apilog.cli.streams import ExitCode
from apilog.errors import UsageError
from apilog.options import IngestOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestFlags(IngestOptions):
    """How lines become records of a store."""

    final: Annotated[
        bool,
        typer.Option("--final", help="Take a last line without a newline: nothing comes after it."),
    ] = False


def ingest(
    read: IngestFlags,
    run: RunFlags,
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
    retry_rejects: Annotated[
        bool,
        typer.Option("--retry-rejects", help="Read the store's rejected lines again."),
    ] = False,
    force: Force = False,
) -> None:
    """Add what is new in access logs to a store of Parquet files; safe to run again.

    Inputs are known by their content: what was read before is not read again, even under another
    name. Sources that can't be read are named on stderr and the others ingested, with exit code 2.
    """
    from apilog.ingestion import retry_rejects as read_rejects_again

    if store is None:
        raise UsageError("missing option '--store'", "give the folder or URL of the store")
    if not sources and not retry_rejects:
        raise UsageError("missing argument 'SOURCES...'", "give log files, or --retry-rejects")
    if retry_rejects:
        outcome = read_rejects_again(store, read)
        if not run.quiet:
            streams.show(outcome.format_text())
    if sources:
        with run.open_hooks(force=force) as hooks:
            summary = apilog.ingest(sources, store=store, **replace(read, **hooks).as_arguments())
        failed = report_files(summary.errors, strict=run.strict, quiet=run.quiet)
        if run.strict and summary.input.rejects:
            refuse_rejects(summary.input.rejects, "the store")
            failed = True
        if not run.quiet:
            note_skipped(summary.input.files)
            for text in summary.notes:
                streams.note(text)
            streams.show("\n".join(summary.format_lines()))
        raise typer.Exit(ExitCode.ERROR if failed else ExitCode.OK)
