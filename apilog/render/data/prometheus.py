"""Prometheus' text exposition format, for node_exporter's textfile collector.

Every value is a gauge in base units: seconds, bytes, ratios; null values are left out. See
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format and
https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

import polars as pl

from apilog.metrics import METRICS, Unit
from apilog.render.data.cell_values import typed_values
from apilog.render.output import OutputOptions, choose_table
from apilog.render.text.cell_text import column_unit
from apilog.render.text.escape import escape_terminal
from apilog.report_model import Report

_LABEL_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_BASE_UNITS = {
    Unit.MILLISECONDS: (re.compile("_ms$"), "_seconds", 1e-3),
    Unit.HOURS: (re.compile("(_hours)?$"), "_seconds", 3600.0),
    Unit.DAYS: (re.compile("(_days)?$"), "_seconds", 86_400.0),
    Unit.RATIO: (re.compile("(_rate|_ratio)?$"), "_ratio", 1.0),
    Unit.PER_SECOND: (re.compile("_rate$"), "s_per_second", 1.0),
    Unit.TIMESTAMP: (re.compile("$"), "_timestamp_seconds", 1.0),
}
"""By unit: the end of a column's name, what stands there instead, and the factor."""
_IS_PROSE = frozenset({"reason", "state", "kind", "bounds"})
"""Columns of text that say more of a row, and do not tell it from others."""
_PROSE_OF = {
    "coverage": frozenset({"tags", "sunset", "undeclared_statuses"}),
    "deprecated": frozenset({"sunset"}),
}
"""These columns of tables in which they are others."""
_DEFINITIONS = {metric.column: metric.definition for metric in METRICS.values()}


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write the chosen table, or every table whose rows are no points in time."""
    stream.writelines(f"{line}\n".encode() for line in _exposition_lines(report, options.table))


def metric_head(name: str, meaning: str) -> tuple[str, str]:
    """Return the lines that come before the samples of a gauge."""
    meaning = escape_terminal(meaning).replace("\\", r"\\")
    return f"# HELP {name} {meaning}", f"# TYPE {name} gauge"


def label_set(labels: Iterable[tuple[str, str]]) -> str:
    """Return names and values of labels in braces, escaped; nothing if there are none."""
    inner = ",".join(
        f'{name}="{escape_terminal(value).translate(_LABEL_ESCAPES)}"' for name, value in labels
    )
    return f"{{{inner}}}" if inner else ""


def _exposition_lines(report: Report, table: str | None) -> Iterator[str]:
    about = [("version", report.version), ("command", report.command)]
    yield from metric_head("apilog_build_info", "The apilog that wrote this.")
    yield f"apilog_build_info{label_set(about)} 1"
    for end, moment in (("start", report.since), ("end", report.until)):
        if moment is not None:
            name = f"apilog_window_{end}_timestamp_seconds"
            yield from metric_head(name, f"The {end} of the time that the figures are about.")
            yield f"{name} {moment.timestamp()!r}"
    yield from metric_head("apilog_input_lines", "Lines that were read, by what became of them.")
    for kind in ("records", "rejects", "skipped"):
        yield f"apilog_input_lines{label_set([('kind', kind)])} {getattr(report.input, kind)}"
    definitions = _DEFINITIONS | {metric.column: metric.definition for metric in report.metrics}
    tables = report.tables if table is None else {table: choose_table(report, table)[1]}
    for name, frame in tables.items():
        frame = typed_values(frame)
        if "timestamp" not in frame.columns and "start" not in frame.columns:
            yield from _table_lines(name, frame, definitions)


def _table_lines(table: str, frame: pl.DataFrame, definitions: Mapping[str, str]) -> Iterator[str]:
    rows = frame.rows(named=True)
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    # A status tells rows apart, though it is a number.
    keys = [
        *(name for name in texts if name not in _PROSE_OF.get(table, _IS_PROSE)),
        *(n for n in frame.columns if n == "status"),
    ]
    labels = [label_set(_labels_of(row, keys)) for row in rows]
    prefix = "apilog_" if table == "overview" else f"apilog_{_metric_name(table)}_"
    for column, dtype in frame.schema.items():
        if column in keys or not (dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Boolean):
            continue
        ending, base_unit, factor = _BASE_UNITS.get(column_unit(column) or Unit.COUNT, _AS_IT_IS)
        name = prefix + _metric_name(ending.sub(base_unit, column, count=1))
        yield from _samples(name, definitions.get(column, ""), labels, frame[column], factor)
    if "state" in frame.columns and "state" not in keys:
        meaning = "Whether the threshold failed."
        yield from _samples(f"{prefix}failed", meaning, labels, frame["state"] == "fail", 1.0)


_AS_IT_IS = (re.compile("$"), "", 1.0)


def _samples(
    name: str, meaning: str, labels: list[str], values: pl.Series, factor: float
) -> Iterator[str]:
    yield from metric_head(name, meaning or name.removeprefix("apilog_").replace("_", " "))
    said: set[str] = set()
    for of_row, value in zip(labels, values, strict=True):
        # A label that is empty is one that is missing: such rows would be the same series.
        if (number := _number(value, factor)) is not None and of_row not in said:
            said.add(of_row)
            yield f"{name}{of_row} {number}"


def _number(value: object, factor: float) -> str | None:
    match value:
        case bool():
            return str(int(value))
        case datetime():
            return repr(value.timestamp())
        case int() if factor == 1:
            return str(value)
        case int() | float():
            return repr(value if factor == 1 else float(f"{value * factor:.15g}"))
        case _:
            return None


def _labels_of(row: Mapping[str, Any], keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    for key in keys:
        yield _metric_name(key), "" if row[key] is None else str(row[key])


def _metric_name(text: str) -> str:
    """Return the text as a part of a name of Prometheus, which has letters, digits and `_`."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", text)
