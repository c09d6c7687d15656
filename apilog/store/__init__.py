"""The store: records as Parquet files by day, and a manifest that says which of them count.

A file that the newest manifest doesn't name is no part of the store. Nothing here knows where
records come from.
"""

from __future__ import annotations

from apilog.store.anonymize import Anonymized, anonymize
from apilog.store.compact import Compacted, compact
from apilog.store.entries import DataFile, KnownInput
from apilog.store.files import REJECT_COLUMNS
from apilog.store.manifest import VERSION, Manifest
from apilog.store.prune import Pruned, prune
from apilog.store.store import Store
from apilog.store.verify import Damage, Verified, verify
from apilog.store.writer import Writer

__all__ = [
    "REJECT_COLUMNS",
    "VERSION",
    "Anonymized",
    "Compacted",
    "Damage",
    "DataFile",
    "KnownInput",
    "Manifest",
    "Pruned",
    "Store",
    "Verified",
    "Writer",
    "anonymize",
    "compact",
    "prune",
    "verify",
]
