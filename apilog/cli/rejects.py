"""`--rejects FILE`: the lines that could not be read, as NDJSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from apilog.cli import streams

if TYPE_CHECKING:
    import polars as pl


@contextmanager
def writing(path: Path | None, *, force: bool) -> Iterator[Callable[[pl.DataFrame], None] | None]:
    """A sink that writes rejects to the file; None without one."""
    if path is None:
        yield None
        return
    with streams.open_output(path, force=force) as stream:
        yield lambda rejects: rejects.write_ndjson(stream)
