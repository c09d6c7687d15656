"""Log files as a LazyFrame: only the columns that a query needs are parsed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import polars as pl
from polars.io.plugins import register_io_source

from apilog.engines.chunk import Wanted
from apilog.engines.local import Run
from apilog.errors import InputError
from apilog.formats.choice import Choice
from apilog.routes import Rule
from apilog.schema import SCHEMA


def scan_logs(
    sources: Sequence[str | os.PathLike[str]],
    *,
    choice: Choice | None,
    rules: tuple[Rule, ...],
    keep_query: bool = False,
    strict: bool = False,
) -> pl.LazyFrame:
    """The records of the sources, one row a request, in the order of the lines.

    Raises `InputError` on collection if a source can't be read; with `strict` also if a line
    is rejected or an input damaged.
    """

    def batches(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        shown = columns if columns is not None else list(SCHEMA)
        tested = predicate.meta.root_names() if predicate is not None else []
        wanted = Wanted(
            columns=frozenset([*shown, *tested]), rules=rules, keep_query=keep_query
        )

        def rows(records: pl.DataFrame) -> pl.DataFrame:
            frame = _plain(records)
            if predicate is not None:
                frame = frame.filter(predicate)
            return frame.select(shown)

        run: Run[pl.DataFrame] = Run(sources, wanted, rows, choice=choice)
        yield pl.DataFrame(schema={name: SCHEMA[name] for name in shown})
        left = n_rows
        for result in run:
            frame = result.value if left is None else result.value.head(left)
            yield frame
            if strict and result.rejects.height:
                first = result.rejects.row(0, named=True)
                raise InputError(f"{first['source']}:{first['line_number']}: {first['reason']}")
            if left is not None and (left := left - frame.height) <= 0:
                return
        for file in run.files:
            if file.error and (strict or not file.records):
                raise InputError(f"{file.path}: {file.error}", file.hint)

    return register_io_source(batches, schema=SCHEMA, is_pure=True)


def _plain(records: pl.DataFrame) -> pl.DataFrame:
    """In the schema's own types and order."""
    return records.select(
        records[name].cast(dtype) if records.schema[name] != dtype else records[name]
        for name, dtype in SCHEMA.items()
        if name in records.columns
    )
