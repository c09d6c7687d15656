"""CSV after RFC 4180: one table, exact values, an empty cell for null.

A text cell that a spreadsheet might take for a formula gets a leading `'`.
"""

from __future__ import annotations

from typing import BinaryIO

import polars as pl
from polars import selectors as cs

from apilog.model import Report
from apilog.outputs.base import OutputOptions, choose_table
from apilog.outputs.escape import terminal_lines
from apilog.outputs.values import exactly, flat, slices

_FORMULA = r"^(?:[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠]|[\t\r\n])"
"""What a spreadsheet may run: some drop blanks and invisible characters in front.

Wide signs are turned into the plain ones by those made for East Asian languages.
"""


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Writes a header and the rows of the chosen table.

    For a terminal, characters that act on it are written out.
    """
    frame = choose_table(report, options.table)
    shown = terminal_lines if options.terminal else str
    stream.write(shown(_text(frame.head(0), report, options).write_csv()).encode())
    for part in slices(frame):
        text = _text(part, report, options).write_csv(include_header=False)
        stream.write(shown(text).encode())


def _text(frame: pl.DataFrame, report: Report, options: OutputOptions) -> pl.DataFrame:
    if options.raw:
        return flat(frame, report.timezone)
    # Values that are no text here (timestamps, lists) become text only afterwards.
    return flat(_neutralised(frame), report.timezone)


def _neutralised(frame: pl.DataFrame) -> pl.DataFrame:
    texts = frame.select(cs.string() | cs.categorical() | cs.enum()).columns
    quoted = frame.with_columns(map(_quoted, texts))
    names = pl.Series(frame.columns, dtype=pl.String)
    formulas = names.filter(names.str.contains(_FORMULA))
    return quoted.rename({name: f"'{name}" for name in formulas})


def _quoted(name: str) -> pl.Expr:
    text = exactly(name).cast(pl.String)
    is_formula = text.str.contains(_FORMULA)
    return pl.when(is_formula).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(name)
