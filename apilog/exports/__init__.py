"""Exports: a folder per period, with a file for each table, brought up to date by every run.

Readers see a period's folder whole or not at all, and nothing that export didn't make is ever
changed or removed.
"""

from __future__ import annotations

from apilog.exports.export_run import ExportSummary, export

__all__ = ["ExportSummary", "export"]
