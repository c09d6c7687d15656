"""`apilog store …`: what a store holds, whether it is intact, and its upkeep."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from apilog.cli import streams
from apilog.cli.streams import ExitCode
from apilog.units import MISSING, format_bytes, format_count, parse_duration


class InfoFormat(StrEnum):
    """How the facts are drawn."""

    TABLE = "table"
    JSON = "json"


Folder = Annotated[
    str,
    typer.Argument(metavar="DIR|URL", help="The folder or URL of the store.", show_default=False),
]


def info(
    folder: Folder,
    format: Annotated[
        InfoFormat, typer.Option("--format", "-f", help="How to draw it.")
    ] = InfoFormat.TABLE,
) -> None:
    """Tell what a store holds: records, rejects, days, files, size."""
    from apilog.outputs.escape import terminal_text
    from apilog.store import Store

    facts = Store.open(folder).facts()
    if format is InfoFormat.JSON:
        text = json.dumps(facts, indent=1)
    else:
        width = max(map(len, facts))
        text = "\n".join(f"{n:{width}}  {terminal_text(_drawn(n, v))}" for n, v in facts.items())
    _print(text)


def verify(folder: Folder) -> None:
    """Read a store again, compare it with its manifest, and name damaged files."""
    from apilog.storage import folder_at
    from apilog.store import verify as check

    store = folder_at(folder)
    found = check(store)
    for damage in found.damaged:
        streams.error(f"{store.path(damage.name)} {damage.problem}", "restore it from a backup")
    for name in found.strangers:
        streams.note(f"{store.path(name)} is no part of the store")
    if found.damaged:
        raise typer.Exit(ExitCode.ERROR)
    _print(f"intact: {format_count(found.files)} files, {format_count(found.rows)} rows")


def compact(folder: Folder) -> None:
    """Merge the small files of each day of a store."""
    from apilog.store import compact as merge

    done = merge(folder)
    _print(
        f"{format_count(done.files_before)} files, {format_bytes(done.size_before)} → "
        f"{format_count(done.files_after)} files, {format_bytes(done.size_after)}"
    )


def prune(
    folder: Folder,
    keep: Annotated[
        str,
        typer.Option(metavar="AGE", help="Keep the days of this time, such as 400d or 8w."),
    ],
) -> None:
    """Remove the days of a store that are older than an age."""
    from apilog.store import prune as remove

    gone = remove(folder, parse_duration(keep))
    _print(
        f"removed {format_count(gone.records)} records and {format_count(gone.rejects)} rejects: "
        f"{format_count(gone.files)} files, {format_bytes(gone.size)}"
    )


def _drawn(name: str, value: str | int | None) -> str:
    if isinstance(value, int):
        return format_bytes(value) if name == "size" else format_count(value)
    return value or MISSING


def _print(text: str) -> None:
    with streams.open_output(None) as stream:
        stream.write(f"{text}\n".encode())
