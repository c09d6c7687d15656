"""What a store learns of routes: after an ingest, from its newest records."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import polars as pl

from apilog.routes import NO_TEMPLATES, LearnedPosition, RouteTemplates, learn_templates
from apilog.schema import ROUTE_NAMING_GATEWAYS
from apilog.store import DataFile, Store

_MOST_RECORDS = 1_000_000
"""Records that are looked at, the newest ones: small ingests tell too little by themselves."""


def learn_stored_routes(
    store: Store,
    added: Collection[DataFile],
    given: RouteTemplates = NO_TEMPLATES,
    declared: frozenset[str] = frozenset(),
) -> RouteTemplates:
    """Return what the store knows of routes, what is `given`, and what its newest records show.

    Routes that are `declared` teach nothing, and never merge.
    Without any `added` file of records there is nothing new.
    """
    known = store.manifest.templates.before(given)
    if not any(file.kind == "records" for file in added):
        return known
    files: list[DataFile] = []
    rows = 0
    for file in sorted(store.record_files(), key=lambda file: file.name, reverse=True):
        if rows >= _MOST_RECORDS and file not in added:
            continue
        files.append(file)
        rows += file.rows
    is_named = pl.col("gateway").is_in(ROUTE_NAMING_GATEWAYS).fill_null(value=False)
    counts = (
        store.scan_records(files=tuple(files))
        .filter(~is_named, pl.col("route").is_not_null())
        .filter(~pl.col("route").is_in(sorted(declared)))
        .group_by("route")
        .agg(found=pl.col("status").ne_missing(404).sum())
        .collect()
    )
    learned = learn_templates(counts, known)
    return RouteTemplates.of(_beside(position, declared) for position in learned.positions)


def _beside(position: LearnedPosition, declared: Collection[str]) -> LearnedPosition:
    """Return a position whose values are none of the segments that declared routes have there."""
    begin = f"{position.prefix}/"
    segments = {r.removeprefix(begin).split("/")[0] for r in declared if r.startswith(begin)}
    return replace(position, literals=position.literals | segments) if segments else position
