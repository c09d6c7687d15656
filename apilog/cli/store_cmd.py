"""`apilog store …`: what a store holds, whether it is intact, and its upkeep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import streams
from apilog.cli.completion import complete_column, split_names
from apilog.cli.options import TEXT_OR_JSON, HashConsumers
from apilog.cli.streams import ExitCode
from apilog.errors import UsageError
from apilog.text.units import MISSING, format_bytes, format_count, format_counted, parse_duration

if TYPE_CHECKING:
    from apilog.store import AnonymizeSummary, PruneSummary

StoreFolder = Annotated[
    str,
    typer.Argument(metavar="DIR|URL", help="The folder or URL of the store.", show_default=False),
]

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only tell what would be done; nothing is changed.")
]


def info(
    folder: StoreFolder,
    format: Annotated[
        str, typer.Option("--format", "-f", help="How to draw it."), TEXT_OR_JSON
    ] = "table",
) -> None:
    """Tell what a store holds: records, rejects, days, files, size."""
    from apilog.render.data.json import describe_document
    from apilog.render.text.escape import escape_terminal
    from apilog.store import Store

    facts = Store.open(folder).collect_facts()
    if format == "json":
        text = json.dumps({"apilog": describe_document("store info"), **facts}, indent=1)
    else:
        width = max(map(len, facts))
        text = "\n".join(
            f"{n:{width}}  {escape_terminal(_format_fact(n, v))}" for n, v in facts.items()
        )
    _print_line(text)


def verify(folder: StoreFolder) -> None:
    """Read a store again, compare it with its manifest, and name damaged files."""
    from apilog.storage import folder_at
    from apilog.store import verify as check

    store = folder_at(folder)
    found = check(store)
    for damage in found.damaged:
        hint = f"restore it from a backup: it held {format_count(damage.rows)} rows"
        streams.error(f"{store.path(damage.name)} {damage.problem}", hint)
    for name in found.strangers:
        streams.note(f"{store.path(name)} is no part of the store")
    if found.damaged:
        raise typer.Exit(ExitCode.ERROR)
    _print_line(
        f"intact: {format_counted(found.files, 'file')}, {format_counted(found.rows, 'row')}"
    )


def compact(folder: StoreFolder, dry_run: DryRun = False) -> None:
    """Merge the small files of each day of a store."""
    from apilog.store import compact as merge
    from apilog.store import plan_compact

    if dry_run or streams.is_watched():
        before, after = plan_compact(folder)
        counts = f"{format_counted(before, 'file')} into {format_count(after)}"
        if dry_run:
            _print_line(f"would merge {counts}; nothing is changed")
            return
        streams.note(f"merging {counts}")
    done = merge(folder)
    _print_line(
        f"{format_counted(done.files_before, 'file')}, {format_bytes(done.size_before)} → "
        f"{format_counted(done.files_after, 'file')}, {format_bytes(done.size_after)}"
    )


def prune(
    folder: StoreFolder,
    keep: Annotated[
        str,
        typer.Option(metavar="AGE", help="Keep the days of this time, such as 400d or 8w."),
    ],
    dry_run: DryRun = False,
) -> None:
    """Remove the days of a store that are older than an age."""
    from apilog.store import plan_prune
    from apilog.store import prune as remove

    age = parse_duration(keep)
    if dry_run:
        planned = _describe_pruned(plan_prune(folder, age))
        _print_line(f"would remove {planned}; nothing is changed")
        return
    if streams.is_watched():
        streams.note(f"removing {_describe_pruned(plan_prune(folder, age))}")
    _print_line(f"removed {_describe_pruned(remove(folder, age))}")


def anonymize(
    folder: StoreFolder,
    ip: Annotated[
        bool, typer.Option("--ip", help="Truncate client addresses: IPv4 to /24, IPv6 to /48.")
    ] = False,
    hash_consumers: HashConsumers = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            autocompletion=complete_column,
            help="Empty this column, such as user_agent; repeatable.",
        ),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Only days that ended longer ago, such as 30d."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Truncate addresses, hash consumers and empty columns of the records in a store.

    They are rewritten for good; the lines of rejects, which hold who knows what, are removed.
    Safe to run again: only what is not done yet is rewritten.
    """
    from apilog.engine.where import unknown_column_error
    from apilog.privacy import Privacy
    from apilog.schema import SCHEMA
    from apilog.store import anonymize as rewrite
    from apilog.store import plan_anonymize

    columns = split_names(drop)
    privacy = Privacy.from_options(anonymize_ip=ip, hash_consumers=hash_consumers)
    if not privacy and not columns:
        raise UsageError("nothing to anonymize", "give --ip, --hash-consumers KEY or --drop COLUMN")
    for name in columns:
        if name not in SCHEMA:
            raise unknown_column_error(name, f"--drop {name!r}")
        if name in ("timestamp", "gateway"):
            raise UsageError(f"--drop {name}: every record needs it", "drop other columns")
    age = parse_duration(before) if before is not None else None
    if dry_run or streams.is_watched():
        planned = plan_anonymize(folder, privacy, drop=columns, before=age)
        if dry_run:
            what = _describe_rewritten(planned, "take")
            _print_line(f"would rewrite {what}; nothing is changed")
            return
        streams.note(f"rewriting {_describe_rewritten(planned, 'taking')}")
    done = rewrite(folder, privacy, drop=columns, before=age)
    _print_line(f"rewrote {_describe_rewritten(done, 'took')}")


def _describe_pruned(gone: PruneSummary) -> str:
    return (
        f"{format_counted(gone.records, 'record')} and {format_counted(gone.rejects, 'reject')}: "
        f"{format_counted(gone.files, 'file')}, {format_bytes(gone.size)}"
    )


def _describe_rewritten(done: AnonymizeSummary, take: str) -> str:
    return (
        f"{format_counted(done.records, 'record')}, and {take} the lines of "
        f"{format_counted(done.rejects, 'reject')}: {format_counted(done.files, 'file')}"
    )


def _format_fact(name: str, value: str | int | None) -> str:
    if isinstance(value, int):
        return format_bytes(value) if name == "size" else format_count(value)
    return value or MISSING


def _print_line(text: str) -> None:
    with streams.open_output(None) as stream:
        stream.write(f"{text}\n".encode())
