"""Parquet: one table with its types; times are UTC instants, encoded text is plain text."""

from __future__ import annotations

import io
from typing import BinaryIO

from apilog.render.data.cell_values import typed_values
from apilog.render.output import OutputOptions, choose_table
from apilog.report_model import Report


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write the chosen table, compressed with zstd."""
    buffer = io.BytesIO()
    typed_values(choose_table(report, options.table)[1]).write_parquet(buffer, compression="zstd")
    stream.write(buffer.getbuffer())
