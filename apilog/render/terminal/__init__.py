"""The report as a person reads it on a terminal, in colour or plain.

No line is wider than asked for, and no text from a log acts on the terminal.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import BinaryIO

from rich.console import Console
from rich.text import Text

from apilog.render.output import OutputOptions, choose_table
from apilog.render.sections import ReportView
from apilog.render.terminal.layout import report_lines, stack_blocks, table_lines
from apilog.report_model import Report


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write the whole report, or the chosen tables alone.

    Raises UsageError for a table the report does not have.
    """
    view = ReportView.of(report, options.top)
    names = options.tables if options.table is None else [options.table]
    if names:
        for name in names:
            choose_table(report, name)
        lines = stack_blocks([table_lines(view, name, options.width) for name in names])
    else:
        lines = report_lines(view, options.width)
    stream.write(encode_lines(lines, options))


def encode_lines(lines: Iterable[Text], options: OutputOptions) -> bytes:
    """Encode the lines, with colours only if the options allow them."""
    buffer = io.StringIO()
    # The 16 colours of the terminal's own theme are readable on any background.
    console = Console(
        file=buffer,
        width=options.width,
        height=25,
        color_system="standard" if options.color else None,
        force_terminal=options.color,
        no_color=not options.color,
        legacy_windows=False,
    )
    console.print(Text("\n").join(lines), soft_wrap=True)
    return buffer.getvalue().encode()
