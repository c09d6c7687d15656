"""The store: records as Parquet files, partitioned by day, and a manifest that names them.

A file that the newest manifest doesn't name is no part of the store. Nothing here knows where
records come from.
"""

from __future__ import annotations

from apilog.store.data_files import REJECT_COLUMNS, DataFile
from apilog.store.maintenance import (
    AnonymizeSummary,
    PruneSummary,
    anonymize,
    compact,
    plan_anonymize,
    plan_compact,
    plan_prune,
    prune,
    verify,
)
from apilog.store.manifest import MANIFEST_VERSION, InputCheckpoint, StoreManifest
from apilog.store.reader import Store
from apilog.store.writer import StoreWriter

__all__ = [
    "MANIFEST_VERSION",
    "REJECT_COLUMNS",
    "AnonymizeSummary",
    "DataFile",
    "InputCheckpoint",
    "PruneSummary",
    "Store",
    "StoreManifest",
    "StoreWriter",
    "anonymize",
    "compact",
    "plan_anonymize",
    "plan_compact",
    "plan_prune",
    "prune",
    "verify",
]
