"""Log files as a LazyFrame: only the columns that a query needs are parsed."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing

import polars as pl
from polars.io.plugins import register_io_source

from apilog.engines.chunk import Wanted
from apilog.engines.local import Run
from apilog.errors import InputError
from apilog.formats.choice import Choice
from apilog.routes import Rule
from apilog.schema import SCHEMA
from apilog.sources import CHUNK_BYTES, STDIN, DamagedSource, SourceError


def scan_logs(
    sources: Sequence[str | os.PathLike[str]],
    *,
    choice: Choice | None = None,
    rules: tuple[Rule, ...] = (),
    keep_query: bool = False,
    strict: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
) -> pl.LazyFrame:
    """The records of the sources, one row a request, in the order of the lines.

    Raises `InputError` on collection if a source can't be read, before anything is read if it
    can't be found; with `strict` also if a line is rejected or an input damaged.
    """

    once = _Once(any(os.fspath(source) == STDIN for source in sources))

    def batches(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        once.take()
        shown = list(SCHEMA) if columns is None else columns
        tested = [] if predicate is None else predicate.meta.root_names()
        run = Run(
            sources,
            Wanted(columns=frozenset([*shown, *tested]), rules=rules, keep_query=keep_query),
            _picking(shown, predicate),
            choice=choice,
            chunk_bytes=chunk_bytes,
        )
        yield pl.DataFrame(schema={name: SCHEMA[name] for name in shown})
        with closing(_checked(run, strict=strict)) as frames:
            yield from frames if n_rows is None else _first(frames, n_rows)

    return register_io_source(batches, schema=SCHEMA, is_pure=True)


class _Once:
    """Raises when standard input, if it is a source, is to be read again."""

    def __init__(self, has_stdin: bool) -> None:
        self._has_stdin = has_stdin
        self._taken = False

    def take(self) -> None:
        if self._taken and self._has_stdin:
            hint = "collect the frame once, and work on what that gives"
            raise InputError("standard input was read already", hint)
        self._taken = True


def _picking(
    columns: list[str], predicate: pl.Expr | None
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The work on each chunk: the rows and columns that the query needs."""

    def pick(records: pl.DataFrame) -> pl.DataFrame:
        plain = records.select(
            pl.col(name).cast(SCHEMA[name]) for name in SCHEMA if name in records.columns
        )
        return (plain if predicate is None else plain.filter(predicate)).select(columns)

    return pick


def _checked(run: Run[pl.DataFrame], *, strict: bool) -> Generator[pl.DataFrame]:
    """The frames of the run; raises where an input can't be read, or with `strict` not whole."""
    _refuse(run.errors, strict=strict)
    with closing(run.results()) as results:
        for result in results:
            _refuse(run.errors, strict=strict)
            if strict:
                _refuse_rejects(result.rejects)
            yield result.value
    _refuse(run.errors, strict=strict)


def _refuse(errors: Sequence[SourceError], *, strict: bool) -> None:
    for error in errors:
        if strict or not isinstance(error, DamagedSource):
            raise error


def _refuse_rejects(rejects: pl.DataFrame) -> None:
    if rejects.height:
        first = rejects.row(0, named=True)
        raise InputError(
            f"{first['source']}:{first['line_number']}: {first['reason']}",
            "without `strict` such lines are left out",
        )


def _first(frames: Iterator[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The first rows; no further frame is asked for once there are enough."""
    while rows > 0 and (frame := next(frames, None)) is not None:
        yield frame.head(rows)
        rows -= frame.height
