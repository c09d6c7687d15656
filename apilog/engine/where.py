"""`--where`: a Polars SQL expression over the columns of the schema.

It decides on each request by itself, so that it means the same in every chunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from apilog.engine.row_expression import RowExpression, parse_expression
from apilog.engine.where_hints import explain_unknown_name
from apilog.errors import UsageError

_EXAMPLE = "it takes SQL such as \"status >= 500 AND host = 'api.example.com'\""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A condition on records."""

    expression: RowExpression

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it reads."""
        return self.expression.columns

    def filter(self, records: pl.DataFrame) -> pl.DataFrame:
        """Return the records for which the condition holds.

        Raises UsageError if it fails on a value, such as a CAST of one that is no number.
        """
        return records.filter(self.expression.evaluate(records))


def parse_where(text: str, origin: str = "") -> RowFilter:
    """Return the condition that a text describes; errors call it by its origin, or `--where`.

    Raises `UsageError` for bad SQL, an unknown column (naming the nearest), for what is no
    condition, and for one that looks at several requests at once.

    >>> sorted(parse_where("status >= 500 AND method = 'GET'").columns)
    ['method', 'status']
    """
    origin = origin or f"--where {text!r}"
    expression = parse_expression(text, origin, _EXAMPLE)
    if expression.dtype != pl.Boolean:
        raise UsageError(
            f"{origin} gives {expression.dtype}, not true or false",
            'compare something, as in "status >= 500"',
        )
    return RowFilter(expression)


def unknown_column_error(name: str, where_from: str) -> UsageError:
    """Return the error for a column that the schema does not have."""
    return UsageError(f"{where_from}: no column {name!r}", explain_unknown_name(name))
