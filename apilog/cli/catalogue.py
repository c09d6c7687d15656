"""The commands that print what apilog knows: `formats`, `schema`, `metrics`.

Each is a list of flat rows of texts, made from the values that the program runs on.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from apilog.cli import streams
from apilog.outputs import OUTPUTS, OutputOptions
from apilog.outputs.escape import terminal_text
from apilog.units import MISSING
from apilog.version import __version__

Row = dict[str, str | None]


class ListFormat(StrEnum):
    """How a list is drawn."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    MD = "md"


FormatOption = Annotated[ListFormat, typer.Option("--format", "-f", help="How to draw the list.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


def formats(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The one format to list.", show_default=False),
    ] = None,
    template: Annotated[
        bool,
        typer.Option(
            "--template", help="Print what to put into the gateway NAME to log everything."
        ),
    ] = False,
    format: FormatOption = ListFormat.TABLE,
    output: OutputOption = None,
    force: ForceOption = False,
) -> None:
    """List the log formats that apilog reads, or print a gateway's template."""
    from apilog.formats.registry import FORMATS, known, template_of

    if template:
        with streams.open_output(output, force=force) as stream:
            stream.write(template_of(name).encode())
        return
    rows: list[Row] = [
        {
            "format": info.name,
            "gateway": info.gateway,
            "title": info.title,
            "columns": _in_order(info.columns),
            "url": info.url,
        }
        for info in ([known(name)] if name else FORMATS.values())
    ]
    _write("formats", rows, format, output, force)


def schema(
    format: FormatOption = ListFormat.TABLE,
    output: OutputOption = None,
    force: ForceOption = False,
) -> None:
    """List the columns of a record, with OpenTelemetry's names."""
    from apilog.schema import COLUMNS

    rows: list[Row] = [
        {
            "column": column.name,
            "type": column.type_name,
            "otel": column.otel or None,
            "meaning": column.meaning,
        }
        for column in COLUMNS
    ]
    _write("schema", rows, format, output, force)


def metrics(
    format: FormatOption = ListFormat.TABLE,
    output: OutputOption = None,
    force: ForceOption = False,
) -> None:
    """List the metrics and what each means."""
    from apilog.metrics import METRICS

    rows: list[Row] = [
        {
            "metric": metric.name,
            "column": metric.column,
            "unit": metric.unit.value,
            "better": metric.better or None,
            "definition": metric.definition,
        }
        for metric in METRICS.values()
    ]
    _write("metrics", rows, format, output, force)


def _in_order(columns: Collection[str] | None) -> str | None:
    """The columns in the schema's order; none for a format that takes any keys."""
    from apilog.schema import SCHEMA

    return None if columns is None else " ".join(name for name in SCHEMA if name in columns)


def _write(
    name: str, rows: Sequence[Row], format: ListFormat, output: Path | None, force: bool
) -> None:
    if format is not ListFormat.TABLE:
        _write_data(name, rows, format, output, force)
    elif output is None and sys.stdout is not None and sys.stdout.isatty():
        _print_table(rows)
    else:
        with streams.open_output(output, force=force) as stream:
            stream.write(_aligned(rows).encode())


def _write_data(
    name: str, rows: Sequence[Row], format: ListFormat, output: Path | None, force: bool
) -> None:
    """Draw the rows as the one table of a report that read nothing."""
    import polars as pl

    from apilog.model import InputSummary, Report

    report = Report(
        version=__version__,
        command=name,
        since=None,
        until=None,
        input=InputSummary(lines=0, records=0, rejects=0, skipped=0, files=()),
        tables={name: pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))},
    )
    with streams.open_output(output, force=force) as stream:
        OUTPUTS[format].write(report, stream, OutputOptions(table=name))


def _print_table(rows: Sequence[Row]) -> None:
    """For a person: cells wrapped to the terminal's width."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    first, *others = rows[0]
    table.add_column(first, style="cyan", no_wrap=True)
    for name in others:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(terminal_text(cell or MISSING)) for cell in row.values()))
    Console().print(table)


def _aligned(rows: Sequence[Row]) -> str:
    """For a pipe: a line a row, whatever its width."""
    cells = [
        list(rows[0]),
        *([terminal_text(cell or MISSING) for cell in r.values()] for r in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in cells
    )
