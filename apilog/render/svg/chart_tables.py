"""The tables of a report as charts read them."""

from __future__ import annotations

import polars as pl

from apilog.render.data.cell_values import typed_values
from apilog.report_model import Report


def read_table(report: Report, name: str) -> pl.DataFrame:
    """Return a table with text as text and null for what is no number; empty if it is missing."""
    frame = report.tables.get(name)
    return pl.DataFrame() if frame is None else typed_values(frame)
