"""The table that a query is about: the records of logs and stores as one LazyFrame.

What reading came to is known once the frame has been collected.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime

import polars as pl

from apilog.engines.inputs import summary
from apilog.engines.local import Progress
from apilog.engines.scan import Pass, scan
from apilog.engines.stored import FORMAT, Within, records_in
from apilog.formats.choice import Choice
from apilog.model import FileInput, InputSummary
from apilog.privacy import Privacy
from apilog.routes import Rule
from apilog.store import Store


class Requests:
    """The records of the sources within the limits, and the account of reading them."""

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str]],
        within: Within,
        *,
        choice: Choice | None,
        rules: tuple[Rule, ...],
        keep_query: bool,
        privacy: Privacy,
        progress: Progress | None,
    ) -> None:
        self._within = within
        self._passes: list[Pass] = []
        frame, self._stores = scan(
            sources,
            within=within,
            choice=choice,
            rules=rules,
            keep_query=keep_query,
            privacy=privacy,
            progress=progress,
            passes=self._passes,
        )
        self.frame: pl.LazyFrame = frame.with_columns(pl.col("gateway").cast(pl.String))
        """Text is String, as SQL compares it."""

    def account(self) -> InputSummary:
        """The stores with all of their records, and the logs as far as they were read."""
        # Joins read the logs more than once: the pass that read most tells.
        read = [summary(reading.run.files) for reading in self._passes]
        logs = max(read, key=lambda one: one.lines, default=summary(()))
        stores = tuple(_of_store(store) for store in self._stores)
        records = sum(store.records for store in stores)
        return InputSummary(
            lines=records + logs.lines,
            records=records + logs.records,
            rejects=logs.rejects,
            skipped=logs.skipped,
            files=stores + logs.files,
        )

    def window(self) -> Within:
        """The limits, else the times of the first and last record between them."""
        since, until = self._within
        times = sorted(self._times())
        if not times or (since and times[-1] < since) or (until and times[0] >= until):
            return since, until
        return since or times[0], until or times[-1]

    def _times(self) -> Iterator[datetime]:
        for reading in self._passes:
            yield from (time for time in (reading.first, reading.last) if time)
        for store in self._stores:
            for file in store.files(*self._within):
                yield from (time for time in (file.first, file.last) if time)


def _of_store(store: Store) -> FileInput:
    records = records_in(store.files())
    return FileInput(
        path=str(store.folder),
        format=FORMAT,
        lines=records,
        records=records,
        rejects=0,
        skipped=0,
    )
