"""CSV after RFC 4180: one table, exact values, an empty cell for null.

A text cell that a spreadsheet might take for a formula gets a leading `'`.
"""

from __future__ import annotations

from typing import BinaryIO

import polars as pl
from polars import selectors as cs

from apilog.render.data.cell_values import exact_column, flat_values, text_slices
from apilog.render.output import OutputOptions, choose_table
from apilog.render.text.escape import escape_terminal_lines
from apilog.report_model import Report

_FORMULA = r"^(?:[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠]|[\t\r\n])"
"""Texts that a spreadsheet may run as a formula.

Some drop blanks and invisible characters in front, and those made for East Asian languages turn
wide signs into plain ones. See https://owasp.org/www-community/attacks/CSV_Injection.
"""


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write a header and the rows of the chosen table.

    Characters that would act on a terminal are written out if it goes to one.
    """
    frame = choose_table(report, options.table)[1]
    shown = escape_terminal_lines if options.terminal else str
    stream.write(shown(_text_frame(frame.head(0), report, options).write_csv()).encode())
    for part in text_slices(frame):
        text = _text_frame(part, report, options).write_csv(include_header=False)
        stream.write(shown(text).encode())


def _text_frame(frame: pl.DataFrame, report: Report, options: OutputOptions) -> pl.DataFrame:
    if options.raw:
        return flat_values(frame, report.timezone)
    # First the formulas: timestamps and lists become text only afterwards, and need no quote.
    quoted = []
    for name in frame.select(cs.string() | cs.categorical() | cs.enum()).columns:
        text = exact_column(name).cast(pl.String)
        with_quote = pl.concat_str(pl.lit("'"), text)
        is_formula = text.str.contains(_FORMULA)
        quoted.append(pl.when(is_formula).then(with_quote).otherwise(text).alias(name))
    names = pl.Series(frame.columns, dtype=pl.String)
    formulas = names.filter(names.str.contains(_FORMULA))
    frame = frame.with_columns(quoted).rename({name: f"'{name}" for name in formulas})
    return flat_values(frame, report.timezone)
