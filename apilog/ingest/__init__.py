"""Ingest: logs into a store, each line exactly once."""

from __future__ import annotations

from apilog.ingest.options import IngestOptions
from apilog.ingest.retry import Retried, retry_rejects
from apilog.ingest.run import ingest
from apilog.ingest.summary import Ingested

__all__ = ["IngestOptions", "Ingested", "Retried", "ingest", "retry_rejects"]
