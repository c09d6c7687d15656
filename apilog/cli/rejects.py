"""`--rejects FILE`: the lines that could not be read, as NDJSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from apilog.cli import streams
from apilog.cli.target import Target
from apilog.errors import UsageError
from apilog.outputs.escape import json_text

if TYPE_CHECKING:
    import polars as pl


@contextmanager
def writing(path: Path | None, *, force: bool) -> Iterator[Callable[[pl.DataFrame], None] | None]:
    """A sink that writes rejects to the file; None without one.

    A file appears when the block ends without an error, an empty one if there were none.
    """
    if path is None:
        yield None
        return
    streams.check_target(path, force=force)
    with streams.open_output(path, force=force) as stream:
        yield lambda rejects: _write(rejects, stream)


def check_apart(target: Target, rejects: Path | None) -> None:
    """Raise UsageError if report and rejects would be written to the same place."""
    if rejects is None:
        return
    both_stdout = target.is_stdout and str(rejects) == "-"
    if both_stdout or (target.file and os.path.realpath(target.file) == os.path.realpath(rejects)):
        raise UsageError(
            f"report and rejects would both be written to {rejects}",
            "give --output and --rejects different files",
        )


def _write(rejects: pl.DataFrame, stream: BinaryIO) -> None:
    stream.write(json_text(rejects.write_ndjson()).encode())
