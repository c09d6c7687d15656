"""`--where`: a Polars SQL expression over the columns of the schema."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import polars as pl

from apilog.errors import UsageError
from apilog.schema import SCHEMA


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on records."""

    text: str
    expr: pl.Expr
    columns: frozenset[str]

    def filter(self, records: pl.DataFrame) -> pl.DataFrame:
        """The records for which the condition holds."""
        tested = records.select(
            pl.col(name).cast(pl.String) if SCHEMA[name] == pl.String else pl.col(name)
            for name in self.columns
        )
        if not self.columns:  # a constant such as `1 = 1`
            tested = pl.DataFrame({"any": [0]}).select(self.expr.alias("keep"))
            return records if tested["keep"][0] else records.clear()
        return records.filter(tested.select(self.expr.alias("keep"))["keep"])


def where(text: str) -> Where:
    """The condition that a `--where` text describes.

    Raises `UsageError` for bad SQL, an unknown column (naming the nearest) and for what is no
    condition.

    >>> sorted(where("status >= 500 AND method = 'GET'").columns)
    ['method', 'status']
    """
    try:
        expr = pl.sql_expr(text)
        columns = frozenset(expr.meta.root_names())
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            f"--where {text!r}: {_first_line(error)}",
            "it takes SQL such as \"status >= 500 AND host = 'api.example.com'\"",
        ) from error
    for name in sorted(columns - SCHEMA.keys()):
        raise unknown_column(name, f"--where {text!r}")
    _check(text, expr, columns)
    return Where(text, expr, columns)


def unknown_column(name: str, where_from: str) -> UsageError:
    """The error for a column that the schema does not have."""
    near = difflib.get_close_matches(name, SCHEMA, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UsageError(
        f"{where_from}: no column {name!r}", f"{hint}`apilog schema` lists the columns"
    )


def _check(text: str, expr: pl.Expr, columns: frozenset[str]) -> None:
    try:
        kind = pl.DataFrame(schema=SCHEMA).select(*columns).select(expr.alias("x")).schema["x"] \
            if columns else pl.select(expr.alias("x")).schema["x"]
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            f"--where {text!r}: {_first_line(error)}", "`apilog schema` lists the columns' types"
        ) from error
    if kind != pl.Boolean:
        raise UsageError(
            f"--where {text!r} gives {kind}, not true or false",
            "compare something, as in \"status >= 500\"",
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
