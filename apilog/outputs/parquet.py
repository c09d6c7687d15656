"""Parquet: one table with its types; times are UTC instants, dictionary codes plain text."""

from __future__ import annotations

import io
from typing import BinaryIO

from apilog.model import Report
from apilog.outputs.base import OutputOptions, choose_table
from apilog.outputs.values import typed


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Writes the chosen table, compressed with zstd."""
    buffer = io.BytesIO()
    typed(choose_table(report, options.table)).write_parquet(buffer, compression="zstd")
    stream.write(buffer.getbuffer())
