"""The commands that print what apilog knows: `formats`, `schema`, `metrics`, `man`.

The first three are lists of flat rows of texts, made from the values that the program runs on.
"""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import streams
from apilog.cli.completion import complete_column, complete_metric
from apilog.cli.options import Choices, ConfigFile, Force, OutputFile
from apilog.cli.streams import is_terminal
from apilog.errors import UsageError
from apilog.json_schema import DOCUMENTS, document_schema
from apilog.render import OUTPUTS, OutputOptions
from apilog.text import did_you_mean
from apilog.version import __version__

if TYPE_CHECKING:
    from apilog.report_model import Report

CatalogueRow = dict[str, str | None]


ListFormat = Annotated[
    str,
    typer.Option(
        "--format",
        "-f",
        help="How to draw the list. Default: as the name of --output says, else table.",
    ),
    Choices([o.name for o in OUTPUTS.values() if not o.is_binary]),
]


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
    format: ListFormat = "table",
    output: OutputFile = None,
    force: Force = False,
    config: ConfigFile = None,
) -> None:
    """List the log formats that apilog reads, the configuration's first; or print a template."""
    from apilog.config import load_config
    from apilog.formats.registry import FORMAT_INFOS, FormatInfo, find_format, gateway_template
    from apilog.schema import SCHEMA

    if template:
        with streams.open_output(output, force=force) as stream:
            stream.write(gateway_template(name).encode())
        return
    own = {
        name: FormatInfo(
            name,
            described.gateway,
            f"your own: lines of {described.lines}",
            frozenset(mapping.column for mapping in described.columns) or None,
            "",
        )
        for name, described in load_config(config).formats.items()
    }
    if name:
        chosen = [own.get(name) or find_format(name)]
    else:
        chosen = [*own.values(), *FORMAT_INFOS.values()]
    rows: list[CatalogueRow] = [
        {
            "format": info.name,
            "gateway": info.gateway,
            "title": info.title,
            "columns": None
            if info.columns is None
            else " ".join(column for column in SCHEMA if column in info.columns),
            "url": info.url or None,
        }
        for info in chosen
    ]
    if format == "table" and output is None and is_terminal() and name is None:
        # What a line of a terminal has no room for: `apilog formats NAME` tells it.
        rows = [{key: row[key] for key in ("format", "gateway", "title")} for row in rows]
    write_list("formats", rows, format, output, force, prose="title")


def schema(
    column: Annotated[
        str | None,
        typer.Argument(
            metavar="[COLUMN]",
            help="The one column to list.",
            show_default=False,
            autocompletion=complete_column,
        ),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option("--json", help="Print the JSON Schema of this document instead."),
        Choices(DOCUMENTS),
    ] = None,
    format: ListFormat = "table",
    output: OutputFile = None,
    force: Force = False,
) -> None:
    """List the columns of a record, with OpenTelemetry's names; or print a JSON Schema.

    The schemas are of what commands write with -f json (export: its report.json; alerts: check
    --alerts), of the file of a baseline and of the notice that alerts send.
    """
    from apilog.metrics import find_metric
    from apilog.schema import COLUMNS

    if column is not None and json is not None:
        raise UsageError("--json prints a whole document", "leave out the column or --json")
    if json is not None:
        with streams.open_output(output, force=force) as stream:
            text = dumps(document_schema(json), ensure_ascii=False, indent=2)
            stream.write(f"{text}\n".encode())
        return
    rows: list[CatalogueRow] = [
        {
            "column": each.name,
            "type": each.type_name,
            "otel": each.otel or None,
            "meaning": each.meaning,
        }
        for each in COLUMNS
    ]
    if column is not None:
        hint = ""
        if column in DOCUMENTS:
            hint = f"`apilog schema --json {column}` prints the schema of that document"
        elif find_metric(column):
            hint = f"it is a metric: `apilog metrics {column}`"
        rows = _choose_row(rows, "column", column, hint)
    write_list("schema", rows, format, output, force, prose="meaning")


def metrics(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="The one metric to list, or its column.",
            show_default=False,
            autocompletion=complete_metric,
        ),
    ] = None,
    format: ListFormat = "table",
    output: OutputFile = None,
    force: Force = False,
    config: ConfigFile = None,
) -> None:
    """List the metrics and what each means, those of the configuration among them."""
    from apilog.config import load_config
    from apilog.metrics import METRICS, SPECIFIED_METRICS, find_metric
    from apilog.own_metrics import own_definitions
    from apilog.schema import SCHEMA

    own = own_definitions(load_config(config).metrics).named
    rows: list[CatalogueRow] = [
        {
            "metric": metric.name,
            "column": metric.column,
            "unit": metric.unit.value,
            "better": metric.better or None,
            "definition": metric.definition,
        }
        for metric in METRICS.values()
    ]
    rows += [
        {"metric": name, "column": name, "unit": "count", "better": "lower", "definition": meaning}
        for name, meaning in SPECIFIED_METRICS.items()
    ]
    rows += [
        {
            "metric": metric.name,
            "column": metric.column,
            "unit": metric.unit.value,
            "better": metric.better or None,
            "definition": metric.definition,
        }
        for metric in own
    ]
    if name is not None:
        named = {row["column"]: row["metric"] for row in rows}
        wanted = named.get(name) or find_metric(name) or name
        hint = f"it is a column: `apilog schema {name}`" if name in SCHEMA else ""
        rows = _choose_row(rows, "metric", wanted, hint)
    write_list("metrics", rows, format, output, force, prose="definition")


def man(context: typer.Context, output: OutputFile = None, force: Force = False) -> None:
    """Print the manual page, for man(1)."""
    from apilog.cli.man_page import man_page

    with streams.open_output(output, force=force) as stream:
        stream.write(man_page(context.find_root()).encode())


def _choose_row(rows: Sequence[CatalogueRow], key: str, name: str, hint: str) -> list[CatalogueRow]:
    """Return the one row of that name; raises UsageError with the hint, or the nearest names."""
    chosen = [row for row in rows if row[key] == name]
    if not chosen:
        known = [text for row in rows if (text := row[key])]
        hint = hint or did_you_mean(name, known, f"the command alone lists every {key}")
        raise UsageError(f"there is no {key} {name!r}", hint)
    return chosen


def write_list(
    name: str,
    rows: Sequence[CatalogueRow],
    format: str,
    output: Path | None,
    force: bool,
    *,
    prose: str,
) -> None:
    """Write a list of rows of texts as a command's only table; `prose` is its widest column."""
    with streams.open_output(output, force=force) as stream:
        if format != "table":
            OUTPUTS[format].write(_list_report(name, rows), stream, OutputOptions(table=name))
            return
        from apilog.render.terminal.listing import listing_for_pipe, listing_for_terminal

        if output is None and is_terminal():
            color = streams.color(to_terminal=True)
            options = OutputOptions(width=streams.width(), color=color)
            stream.write(listing_for_terminal(rows, prose, options))
        else:
            stream.write(listing_for_pipe(rows))


def _list_report(name: str, rows: Sequence[CatalogueRow]) -> Report:
    """Return the rows as the one table of a report that read nothing."""
    import polars as pl

    from apilog.report_model import InputSummary, Report

    return Report(
        version=__version__,
        command=name,
        since=None,
        until=None,
        input=InputSummary(lines=0, records=0, rejects=0, skipped=0, files=()),
        tables={name: pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))},
    )
