"""JSON: the whole report with exact values, one row per line.

The keys are a contract with programs that read them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any, BinaryIO

from apilog.render.data.cell_values import iso_timestamp
from apilog.render.data.ndjson import row_lines
from apilog.render.output import OutputOptions, choose_table
from apilog.render.text.escape import escape_json
from apilog.report_model import PREVIOUS, Report
from apilog.version import __version__

SCHEMA_VERSION = 1
"""Goes up when a key changes or goes; that there are more does not change it."""

_COUNTS = ("lines", "records", "rejects", "skipped")
FILE_KEYS = ("path", "format", *_COUNTS, "error", "doubts")


def describe_document(command: str) -> dict[str, str | int]:
    """Return what every document says of itself, in its key `apilog`."""
    return {"version": __version__, "command": command, "schema_version": SCHEMA_VERSION}


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write every table, or only the chosen one."""
    for part in _document_parts(report, options.table):
        stream.write(part.encode())


def _document_parts(report: Report, table: str | None) -> Iterator[str]:
    tables = report.tables if table is None else {table: choose_table(report, table)[1]}
    about = describe_document(report.command)
    filters: dict[str, Any] = {
        **asdict(report.filters),
        "since": _iso_or_none(report, report.filters.since),
        "until": _iso_or_none(report, report.filters.until),
    }
    if not report.filters.metrics:
        del filters["metrics"]
    window: dict[str, str | int | None] = {
        "since": _iso_or_none(report, report.since),
        "until": _iso_or_none(report, report.until),
    }
    if report.strays:
        window["strays"] = report.strays
    yield f'{{\n"apilog": {_compact_json(about)},\n"filters": {_compact_json(filters)},\n'
    yield f'"window": {_compact_json(window)},\n'
    has_previous = report.command == "report" and "overview" in tables
    shown = {*tables, *([PREVIOUS] if has_previous else [])}
    estimates = [asdict(found) for found in report.estimates if found.table in shown]
    if estimates:
        yield f'"estimates": {_compact_json(estimates)},\n'
    if report.layout:
        layout = {"title": report.title, "tables": [asdict(table) for table in report.layout]}
        yield f'"report": {_compact_json(layout)},\n'
    if has_previous:
        yield f'"previous": {_previous_text(report)},\n'
    if report.state is not None:
        yield f'"state": {_compact_json(report.state)},\n'
    yield '"input": '
    counts = {key: getattr(report.input, key) for key in _COUNTS}
    files = [{key: getattr(file, key) for key in FILE_KEYS} for file in report.input.files]
    yield _compact_json(counts)[:-1] + ',"files":['
    yield ",".join(f"\n  {_compact_json(file)}" for file in files)
    yield "\n]}" if files else "]}"
    yield ',\n"tables": {'
    for i, (name, frame) in enumerate(tables.items()):
        yield f"{',' if i else ''}\n  {_compact_json(name)}: ["
        separator = "\n    "
        for part in row_lines(frame, report.timezone):
            yield separator + part.removesuffix("\n").replace("\n", ",\n    ")
            separator = ",\n    "
        yield "\n  ]" if frame.height else "]"
    yield "\n}\n}\n" if tables else "}\n}\n"


def _previous_text(report: Report) -> str:
    """Return the window before with its overview, or null where the sources don't tell it."""
    earlier = report.previous
    if earlier is None:
        return "null"
    window = {
        "since": iso_timestamp(earlier.since, report.timezone),
        "until": iso_timestamp(earlier.until, report.timezone),
    }
    (overview,) = row_lines(earlier.overview, report.timezone)
    return f'{{"window":{_compact_json(window)},"overview":{overview.strip()}}}'


def _compact_json(value: object) -> str:
    return escape_json(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _iso_or_none(report: Report, moment: datetime | None) -> str | None:
    return None if moment is None else iso_timestamp(moment, report.timezone)
