"""Schemas of tables: arrays of rows, each an object of keys and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from apilog.json_schema.column_meanings import MEANINGS, VOCABULARIES
from apilog.metrics import METRICS, Metric, MetricKind, Unit
from apilog.render.text.cell_text import column_unit
from apilog.schema import COLUMNS, SCHEMA

Schema = dict[str, Any]

TIME: Schema = {"type": "string", "format": "date-time"}
"""A time as it is written: ISO 8601 with `Z`, or with the offset of `--tz`."""
_METRICS = {metric.column: metric for metric in METRICS.values()}
_RECORD_MEANINGS = {column.name: column.meaning for column in COLUMNS}
REQUESTS = "requests"
"""A table whose rows are requests, as they are in the log."""
_BUCKET = "When the step of time begins; null for requests at stray times or without one."
_SUFFIXES = {
    "_converted": "of accounts that converted",
    "_lost": "of accounts whose trial ended without",
}


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may also be null."""
    return {**schema, "type": [schema["type"], "null"]}


def describe(schema: Schema, text: str) -> Schema:
    """Return the schema with what its values mean."""
    return {**schema, "description": text}


def table_schema(
    name: str, columns: Mapping[str, pl.DataType], *, more: Mapping[str, Schema] | None = None
) -> Schema:
    """Return the schema of a table with these columns, and some that may be asked for.

    No column is required: `--columns` chooses them.
    """
    own = {column: column_schema(name, column, dtype) for column, dtype in columns.items()}
    return {"type": "array", "items": {"type": "object", "properties": {**(more or {}), **own}}}


def record_columns(table: str) -> dict[str, Schema]:
    """Return the schemas of all columns of records, which `--by` or thresholds may make keys."""
    return {
        name: column_schema(table, name, pl.Schema({name: t})[name]) for name, t in SCHEMA.items()
    }


def column_schema(table: str, column: str, dtype: pl.DataType) -> Schema:
    """Return the schema of a column: its type, what it means, and its unit in `x-unit`."""
    metric = _METRICS.get(column) if column not in MEANINGS.get(table, {}) else None
    schema = _type_schema(dtype)
    if metric is not None:
        schema |= _metric_limits(metric)
    if vocabulary := VOCABULARIES.get((table, column)):
        schema["enum"] = list(vocabulary)
    elif not (metric and metric.kind is MetricKind.COUNT):
        schema = or_null(schema)
    if meaning := _meaning(table, column, metric):
        schema["description"] = meaning
    unit = column_unit(column)
    if unit not in (None, Unit.TIMESTAMP) and schema["type"] not in ("string", ["string", "null"]):
        schema["x-unit"] = str(unit)
    return schema


def metric_objects(columns: Mapping[str, pl.DataType], table: str) -> dict[str, Schema]:
    """Return the schemas of the columns of a table of one row, as keys of an object."""
    return {column: column_schema(table, column, dtype) for column, dtype in columns.items()}


def _type_schema(dtype: pl.DataType) -> Schema:
    if isinstance(dtype, pl.Datetime):
        return dict(TIME)
    if isinstance(dtype, pl.Date):
        return {"type": "string", "format": "date"}
    if dtype.is_integer():
        return {"type": "integer"}
    if dtype.is_numeric():
        return {"type": "number"}
    return {"type": "boolean" if isinstance(dtype, pl.Boolean) else "string"}


def _metric_limits(metric: Metric) -> Schema:
    if metric.unit is Unit.TIMESTAMP:
        return {}
    if metric.unit is Unit.RATIO and metric.is_share:
        return {"minimum": 0, "maximum": 1}
    return {"minimum": 0}


def _meaning(table: str, column: str, metric: Metric | None) -> str:
    known = MEANINGS.get(table, {})
    if column in known:
        return known[column]
    for suffix, whose in _SUFFIXES.items():
        if column.endswith(suffix) and column.removesuffix(suffix) in known:
            return f"{known[column.removesuffix(suffix)].removesuffix('.')}, {whose}."
    if metric is not None:
        return metric.definition
    if column == "timestamp" and table != REQUESTS:
        return _BUCKET
    return _RECORD_MEANINGS.get(column, "")
