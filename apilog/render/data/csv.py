"""CSV after RFC 4180: one table, exact values, an empty cell for null.

A text cell that a spreadsheet might take for a formula gets a leading `'`.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import BinaryIO

import polars as pl

from apilog.render.data.cell_values import exact_column, flat_values, text_slices
from apilog.render.output import OutputOptions, choose_table
from apilog.render.text.escape import escape_terminal_lines
from apilog.report_model import Report

_FORMULA = r"^(?:[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠]|[\t\r\n])"
"""Texts that a spreadsheet may run as a formula.

Some drop blanks and invisible characters in front, and those made for East Asian languages turn
wide signs into plain ones. See https://owasp.org/www-community/attacks/CSV_Injection.
"""


_TEXT_TYPES = (pl.String, pl.Categorical, pl.Enum)


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write a header and the rows of the chosen table.

    Characters that would act on a terminal are written out if it goes to one.
    """
    frame = choose_table(report, options.table)[1]
    is_excel = options.csv_dialect == "excel"
    line_end = "\r\n" if is_excel else "\n"
    if is_excel:
        stream.write(codecs.BOM_UTF8)  # without it, Excel takes the text for another encoding
        frame = _with_local_times(frame, report.timezone)
    shown = escape_terminal_lines if options.terminal else str
    is_first = True
    for part in text_slices(frame) if frame.height else (frame,):
        text = _text_frame(part, report, options).write_csv(
            include_header=is_first, line_terminator=line_end
        )
        stream.write(shown(text).encode())
        is_first = False


def draw_several(reports: Sequence[Report], options: OutputOptions) -> list[bytes]:
    """Return what `write` writes of each of these reports, whose table has the same columns."""
    frames = [choose_table(report, options.table)[1] for report in reports]
    # What a query costs by itself is more than what it does with the few rows of a report.
    text = _text_frame(pl.concat(frames), reports[0], options)
    header, *lines = text.write_csv(line_terminator="\n").split("\n")
    is_split = len(lines) == text.height + 1
    drawn, at = [], 0
    for frame in frames:
        end = at + frame.height
        if is_split:
            own = "\n".join([header, *lines[at:end], ""])
        else:  # A text has several lines.
            own = text[at:end].write_csv(line_terminator="\n")
        drawn.append(own.encode())
        at = end
    return drawn


def _with_local_times(frame: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Return the frame with times as a spreadsheet reads them: in the zone, to the second."""
    return frame.with_columns(
        exact_column(name)
        .dt.convert_time_zone(timezone)
        .dt.to_string("%Y-%m-%d %H:%M:%S")
        .alias(name)
        for name, dtype in frame.schema.items()
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    )


def _text_frame(frame: pl.DataFrame, report: Report, options: OutputOptions) -> pl.DataFrame:
    if options.raw:
        return flat_values(frame, report.timezone)
    # First the formulas: timestamps and lists become text only afterwards, and need no quote.
    quoted = []
    for name in (n for n, dtype in frame.schema.items() if isinstance(dtype, _TEXT_TYPES)):
        text = exact_column(name).cast(pl.String)
        with_quote = pl.concat_str(pl.lit("'"), text)
        is_formula = text.str.contains(_FORMULA)
        quoted.append(pl.when(is_formula).then(with_quote).otherwise(text).alias(name))
    frame = frame.with_columns(quoted)
    names = pl.Series(frame.columns, dtype=pl.String)
    formulas = names.filter(names.str.contains(_FORMULA))
    if len(formulas):
        frame = frame.rename({name: f"'{name}" for name in formulas})
    return flat_values(frame, report.timezone)
