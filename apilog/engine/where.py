"""`--where`: a Polars SQL expression over the columns of the schema.

It decides on each request by itself, so that it means the same in every chunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from apilog.engine.sql_numbers import widen_numbers
from apilog.engine.where_hints import explain_syntax, explain_unknown_name, find_slip
from apilog.errors import UsageError
from apilog.schema import SCHEMA

_EXAMPLE = "it takes SQL such as \"status >= 500 AND host = 'api.example.com'\""
_TYPES = "`apilog schema` lists the columns' types"
_TIMES = "write a time as a text, as in \"timestamp >= '2026-11-21T10:00:00Z'\""
_VALUES = "TRY_CAST(… AS …) gives NULL for what can't be converted"


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A condition on records."""

    text: str
    columns: frozenset[str]

    def filter(self, records: pl.DataFrame) -> pl.DataFrame:
        """Return the records for which the condition holds.

        Raises UsageError if it fails on a value, such as a CAST of one that is no number.
        """
        if not self.columns:  # such as `1 = 1`
            return records if self._evaluate(pl.DataFrame({"any": [0]}))[0] else records.clear()
        return records.filter(self._evaluate(records.select(_as_sql_type(c) for c in self.columns)))

    def _evaluate(self, values: pl.DataFrame) -> pl.Series:
        """Return whether it holds for each row; values must be in the types of `_as_sql_type`."""
        # In a whole statement, texts that are compared with times are read as times.
        # https://docs.pola.rs/user-guide/sql/intro/
        statement = f"SELECT (\n{widen_numbers(self.text)}\n) AS holds FROM requests"
        try:
            return pl.SQLContext({"requests": values.lazy()}).execute(statement).collect()["holds"]
        except pl.exceptions.PolarsError as error:
            hint = _TIMES if "datetime" in str(error).lower() else _TYPES
            hint = explain_syntax(self.text, otherwise=hint)
            if values.height:
                hint = _VALUES
            message = f"{_quote_option(self.text)}: {polars_message(error)}"
            raise UsageError(message, hint) from error


def parse_where(text: str) -> RowFilter:
    """Return the condition that a `--where` text describes.

    Raises `UsageError` for bad SQL, an unknown column (naming the nearest), for what is no
    condition, and for one that looks at several requests at once.

    >>> sorted(parse_where("status >= 500 AND method = 'GET'").columns)
    ['method', 'status']
    """
    if slip := find_slip(text):
        raise UsageError(f"{_quote_option(text)}: {slip[0]}", slip[1])
    try:
        expr = pl.sql_expr(widen_numbers(text))
        columns = frozenset(expr.meta.root_names())
        for name in sorted(columns - SCHEMA.keys()):
            raise UsageError(
                f"{_quote_option(text)}: no column {name!r}", explain_unknown_name(name, text)
            )
        is_alone = not expr.meta.has_multiple_outputs() and _is_about_one_row(expr)
    except pl.exceptions.PolarsError as error:
        hint = explain_syntax(text, otherwise=_EXAMPLE)
        raise UsageError(f"{_quote_option(text)}: {polars_message(error)}", hint) from error
    if not is_alone:
        raise UsageError(
            f"{_quote_option(text)} is not about one request alone",
            "leave out aggregates, window functions and subqueries",
        )
    condition = RowFilter(text, columns)
    empty = pl.DataFrame(schema=SCHEMA)
    dtype = condition._evaluate(empty.select(_as_sql_type(name) for name in SCHEMA)).dtype
    if dtype != pl.Boolean:
        raise UsageError(
            f"{_quote_option(text)} gives {dtype}, not true or false",
            'compare something, as in "status >= 500"',
        )
    return condition


def unknown_column_error(name: str, where_from: str) -> UsageError:
    """Return the error for a column that the schema does not have."""
    return UsageError(f"{where_from}: no column {name!r}", explain_unknown_name(name))


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


def _quote_option(text: str) -> str:
    return f"--where {text!r}"


def polars_message(error: BaseException) -> str:
    """Return what Polars said, on one line, without its advice."""
    return " ".join(str(error).partition("\n\n")[0].split()) or type(error).__name__
