"""Sources as they are sent to workers, which open them themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from apilog.errors import UsageError
from apilog.sources import LogSource


def refuse_pipes(sources: Iterable[LogSource]) -> None:
    """Raise UsageError for standard input and pipes, which no worker has."""
    for source in sources:
        if source.size is None:
            raise UsageError(
                f"{source.path}: --engine dask reads no standard input and no pipes",
                "give files or URLs that the workers can open, or leave out --engine",
            )


def as_workers_see(source: LogSource) -> LogSource:
    """Return the source by a name that does not depend on the current folder."""
    file = source.file if source.is_object else os.path.abspath(source.file)
    return replace(source, file=file, prefetcher=None)
