"""Exports: a folder a period, with a file for each table, brought up to date by every run.

A reader sees a period's folder whole or not at all, and nothing that export didn't make is
ever changed or removed.
"""

from __future__ import annotations

from apilog.export.options import ExportOptions
from apilog.export.run import export
from apilog.export.summary import Exported

__all__ = ["ExportOptions", "Exported", "export"]
