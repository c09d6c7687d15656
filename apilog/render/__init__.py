"""Outputs: every way to draw a report, by the name that `--format` gives it.

Modules are loaded when they draw, so that listing the outputs costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from apilog.render.output import DEFAULT_TABLE, DrawFunction, Output, OutputOptions

if TYPE_CHECKING:
    from pathlib import Path

    from apilog.report_model import Report

__all__ = [
    "DEFAULT_TABLE",
    "OUTPUTS",
    "VERDICT_OUTPUTS",
    "Output",
    "OutputOptions",
    "find_output",
    "write_directory",
]


def _deferred_draw(module: str) -> DrawFunction:
    def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
        drawing = import_module(f"apilog.render.{module}")
        drawing.write(report, stream, options)

    return write


OUTPUTS: Mapping[str, Output] = {
    name: Output(name=name, suffix=suffix, write=_deferred_draw(module))
    for name, suffix, module in (
        ("table", "txt", "terminal"),
        ("json", "json", "data.json"),
        ("ndjson", "ndjson", "data.ndjson"),
        ("csv", "csv", "data.csv"),
        ("md", "md", "text.markdown"),
        ("parquet", "parquet", "data.parquet"),
    )
}


VERDICT_OUTPUTS: Mapping[str, Output] = {
    name: Output(name=name, suffix=suffix, write=_deferred_draw(module))
    for name, suffix, module in (("junit", "xml", "text.junit"), ("github", "txt", "text.github"))
}
"""What only reports with verdicts can be drawn as: those of `check` and `compare`."""


def find_output(name: str) -> Output:
    """The output that `--format` calls so."""
    return OUTPUTS[name] if name in OUTPUTS else VERDICT_OUTPUTS[name]


def write_directory(
    report: Report, directory: Path, output: str, options: OutputOptions, force: bool = False
) -> list[Path]:
    """Writes every table of the report as `<table>.<suffix>` and returns the files.

    Each appears whole or not at all. Raises OutputError before anything is written if
    one of them exists and `force` is not set.
    """
    from apilog.render import output as output_files

    return output_files.write_directory(report, directory, find_output(output), options, force)
