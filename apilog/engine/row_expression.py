"""SQL expressions over the columns of a record, which have a value for each record by itself.

An expression means the same in every chunk: what looks at several records is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from apilog.engine.sql_numbers import widen_numbers
from apilog.engine.where_hints import explain_syntax, explain_unknown_name, find_slip
from apilog.errors import UsageError
from apilog.schema import SCHEMA

_TYPES = "`apilog schema` lists the columns' types"
_TIMES = "write a time as a text, as in \"timestamp >= '2026-11-21T10:00:00Z'\""
_VALUES = "TRY_CAST(… AS …) gives NULL for what can't be converted"


@dataclass(frozen=True, slots=True)
class RowExpression:
    """An expression that was understood."""

    text: str
    columns: frozenset[str]
    """The columns that it reads."""
    origin: str
    """What errors call it."""
    dtype: pl.DataType
    """The type of its values."""

    def evaluate(self, records: pl.DataFrame) -> pl.Series:
        """Return its value for each record.

        Raises UsageError if it fails on a value, such as a CAST of one that is no number.
        """
        if self.columns:
            return _evaluate(
                self.text, records.select(map(_as_sql_type, sorted(self.columns))), self.origin
            )
        value = _evaluate(self.text, pl.DataFrame({"any": [0]}), self.origin)  # such as `1 = 1`
        return value.new_from_index(0, records.height)


@lru_cache(maxsize=256)
def parse_expression(text: str, origin: str, example: str) -> RowExpression:
    """Return the expression of a text; errors call it by its origin and give an example.

    Raises UsageError for bad SQL, for an unknown column, naming the nearest, and for what looks at
    several records at once.

    >>> sorted(parse_expression("status >= 500 AND method = 'GET'", "here", "").columns)
    ['method', 'status']
    """
    if not text.strip():
        raise UsageError(f"{origin} is empty", example or "write an expression of SQL")
    if slip := find_slip(text):
        raise UsageError(f"{origin}: {slip[0]}", slip[1])
    try:
        expr = pl.sql_expr(widen_numbers(text))
        columns = frozenset(expr.meta.root_names())
        for name in sorted(columns - SCHEMA.keys()):
            raise UsageError(f"{origin}: no column {name!r}", explain_unknown_name(name, text))
        is_alone = not expr.meta.has_multiple_outputs() and _is_about_one_row(expr)
    except pl.exceptions.PolarsError as error:
        hint = explain_syntax(text, otherwise=example)
        raise UsageError(f"{origin}: {polars_message(error)}", hint) from error
    if not is_alone:
        raise UsageError(
            f"{origin} is not about one request alone",
            "leave out aggregates, window functions and subqueries",
        )
    empty = pl.DataFrame(schema=SCHEMA).select(map(_as_sql_type, SCHEMA))
    return RowExpression(text, columns, origin, _evaluate(text, empty, origin).dtype)


def _evaluate(text: str, values: pl.DataFrame, origin: str) -> pl.Series:
    """Return its value for each row; values must be in the types of `_as_sql_type`."""
    # In a whole statement, texts that are compared with times are read as times.
    # https://docs.pola.rs/user-guide/sql/intro/
    statement = f"SELECT (\n{widen_numbers(text)}\n) AS value FROM requests"
    try:
        return pl.SQLContext({"requests": values.lazy()}).execute(statement).collect()["value"]
    except pl.exceptions.PolarsError as error:
        hint = _TIMES if "datetime" in str(error).lower() else _TYPES
        hint = explain_syntax(text, otherwise=hint)
        if values.height:
            hint = _VALUES
        raise UsageError(f"{origin}: {polars_message(error)}", hint) from error


def _as_sql_type(name: str) -> pl.Expr:
    """Return a column as SQL sees it: all text is String, whole numbers have 64 bits."""
    dtype = SCHEMA[name]
    is_text = isinstance(dtype, pl.Enum) or dtype == pl.String
    return pl.col(name).cast(pl.String if is_text else pl.Int64 if dtype.is_integer() else dtype)


def _is_about_one_row(expr: pl.Expr) -> bool:
    if expr.meta.is_literal():
        return True
    try:
        is_alone = expr.meta.is_row_separable()
    except pl.exceptions.ColumnNotFoundError:
        is_alone = True  # `IN` is understood only beside its columns; it looks at one row
    except pl.exceptions.InvalidOperationError:
        return False  # a subquery
    return is_alone and all(_is_about_one_row(part) for part in expr.meta.pop(schema=SCHEMA))


def polars_message(error: BaseException) -> str:
    """Return what Polars said, on one line, without its advice."""
    return " ".join(str(error).partition("\n\n")[0].split()) or type(error).__name__
