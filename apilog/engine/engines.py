"""The choice of the engine: this process, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.engine.store_parts import stored_templates
from apilog.errors import UsageError
from apilog.formats.file_plan import FormatChoice
from apilog.options import EngineOptions, Source
from apilog.time import TimeWindow
from apilog.transport.opening import CHUNK_BYTES

if TYPE_CHECKING:
    from apilog.engine.cluster.run import ClusterRun

T = TypeVar("T")


def uses_cluster(options: EngineOptions) -> bool:
    """Return whether the options name the Dask engine; UsageError for what they can't mean."""
    engine = options.engine or ("dask" if options.scheduler else "local")
    if engine not in ("local", "dask"):
        raise UsageError(f"unknown engine {engine!r}", "the engines are local and dask")
    if engine == "local" and options.scheduler:
        raise UsageError("--scheduler needs --engine dask", "leave out one of them")
    return engine == "dask"


def make_run(
    sources: Sequence[Source],
    spec: ReadSpec,
    work: Callable[[pl.DataFrame], T],
    options: EngineOptions,
    *,
    choice: FormatChoice | None,
    window: TimeWindow,
    chunk_bytes: int = CHUNK_BYTES,
) -> LocalRun[T] | ClusterRun[T]:
    """Return a run over the sources on the engine that the options name.

    Raises UsageError for an unknown engine, and if what it needs is not installed.
    """
    if "route" in spec.needed_columns:
        spec = replace(spec, templates=spec.templates.before(stored_templates(sources)))
    if not uses_cluster(options):
        return LocalRun(
            sources,
            spec,
            work,
            choice=choice,
            progress=options.progress,
            window=window,
            exclude=options.exclude,
            chunk_bytes=chunk_bytes,
        )
    # Imported where it is used: few have Dask.
    from apilog.engine.cluster.run import ClusterRun

    return ClusterRun(
        sources,
        spec,
        work,
        scheduler=options.scheduler,
        choice=choice,
        progress=options.progress,
        window=window,
        exclude=options.exclude,
        chunk_bytes=chunk_bytes,
    )
