"""Reading files with the local engine, and what is left of it in this process."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.formats.file_plan import FormatChoice
from apilog.report_model import FileInput
from apilog.schema import SCHEMA

EVERYTHING = ReadSpec(columns=frozenset(SCHEMA))
SMALL = 2000
"""Bytes of a chunk that holds some 20 lines."""


@dataclass(frozen=True, slots=True)
class RunOutput:
    """All that one run gave."""

    records: pl.DataFrame
    rejects: pl.DataFrame
    files: list[FileInput]


def read_all(
    sources: Sequence[str | Path],
    *,
    spec: ReadSpec = EVERYTHING,
    choice: FormatChoice | None = None,
    workers: int = 2,
    chunk_bytes: int = 1 << 20,
) -> RunOutput:
    """Every record, reject and file of the sources; texts as String, columns in order."""
    run = LocalRun(sources, spec, plain, choice=choice, workers=workers, chunk_bytes=chunk_bytes)
    results = list(run.results())
    shown = [name for name in SCHEMA if name in spec.columns]
    return RunOutput(
        pl.concat([result.value.select(shown) for result in results])
        if results
        else pl.DataFrame(schema={name: SCHEMA[name] for name in shown}),
        pl.concat([result.rejects for result in results]) if results else pl.DataFrame(),
        [file.to_file_input() for file in run.accounts],
    )


def plain(records: pl.DataFrame) -> pl.DataFrame:
    """The records in the schema's own types."""
    return records.cast({name: SCHEMA[name] for name in records.columns})


def threads_left() -> list[str]:
    """The names of the engine's threads that are alive."""
    # Those that fetch objects ahead live as long as their clients.
    return [t.name for t in threading.enumerate() if t.name.startswith("apilog_")]


def is_open(path: Path) -> bool:
    """Whether this process holds the file open."""
    held = [os.path.join("/proc/self/fd", fd) for fd in os.listdir("/proc/self/fd")]
    return str(path) in {os.readlink(link) for link in held if os.path.lexists(link)}
