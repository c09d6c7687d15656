"""Ingest: logs into a store, each line exactly once."""

from __future__ import annotations

from apilog.ingestion.ingest_run import IngestSummary, ingest
from apilog.ingestion.reject_retry import retry_rejects

__all__ = ["IngestSummary", "ingest", "retry_rejects"]
