"""The newest requests that failed."""

from __future__ import annotations

import polars as pl

from apilog.metrics import is_client_error, is_server_error
from apilog.schema import SCHEMA

COLUMNS = ("timestamp", "method", "path", "status", "duration_ms", "consumer", "client_ip")
_KEPT = 50


class NewestErrors:
    """A few failed requests, the newest first."""

    def __init__(self) -> None:
        self.frame = pl.DataFrame(schema={name: SCHEMA[name] for name in COLUMNS})

    def add(self, records: pl.DataFrame) -> None:
        """Take those that are newer than what is kept."""
        failed = records.lazy().filter(is_client_error() | is_server_error())
        plain = failed.select(pl.col(name).cast(SCHEMA[name]) for name in COLUMNS)
        newest = plain.sort("timestamp", nulls_last=False, maintain_order=True).tail(_KEPT)
        rows = pl.concat([self.frame.reverse(), newest.collect()])
        self.frame = rows.sort("timestamp", nulls_last=False, maintain_order=True).tail(_KEPT)
        self.frame = self.frame.reverse()
