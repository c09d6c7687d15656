"""The files of one period, drawn by the outputs."""

from __future__ import annotations

import io
from collections.abc import Mapping

from apilog.export.options import ExportOptions
from apilog.model import Report
from apilog.outputs import OUTPUTS, OutputOptions

_WHOLE = {"json"}
"""Formats whose one file holds every table."""


def drawn(report: Report, options: ExportOptions) -> Mapping[str, bytes]:
    """Name to content: a file for each table, or one for all."""
    output = OUTPUTS[options.format]
    names = {"report": None} if output.name in _WHOLE else {name: name for name in report.tables}
    files = {}
    for name, table in names.items():
        stream = io.BytesIO()
        output.write(report, stream, OutputOptions(table=table, raw=options.raw))
        files[f"{name}.{output.suffix}"] = stream.getvalue()
    return files
