"""Sources as they are sent to workers, which open them themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

from apilog.errors import UsageError
from apilog.sources import LogSource, MissingSource, SourceError
from apilog.storage import is_url


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


def with_prefetching(sources: Sequence[LogSource]) -> list[LogSource]:
    """Return sources on a worker that reads them in this order, objects fetched ahead."""
    urls = [source.file for source in sources if source.is_object and source.size]
    if len(urls) < 2:
        return [*sources]
    from apilog.storage.cloud.object_reader import ObjectPrefetcher

    # Most of reading a small object is waiting.
    prefetcher = ObjectPrefetcher(urls)
    return [
        replace(source, prefetcher=prefetcher) if source.is_object else source for source in sources
    ]


def explain_to_client(error: SourceError, path: str) -> SourceError:
    """Return an error of a worker as it looks from here, where the input could be found."""
    if type(error) not in (SourceError, MissingSource):
        return error  # it was opened
    if is_url(path):
        hint = "it is seen from here: the workers need the same credentials and network"
    elif os.access(path, os.R_OK):
        hint = (
            "it can be read from here, but workers open it themselves: put it on a mount that "
            "all of them share, or into object storage"
        )
    else:
        return error
    return type(error)(error.path, f"{error.reason} (on a worker)", hint)
