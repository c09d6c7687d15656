"""Ingest: logs into a store, each line exactly once."""

from __future__ import annotations

from apilog.ingestion.ingest_run import IngestSummary, ingest
from apilog.ingestion.reject_retry import RetrySummary, retry_rejects

__all__ = ["IngestSummary", "RetrySummary", "ingest", "retry_rejects"]
