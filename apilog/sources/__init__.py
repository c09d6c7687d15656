"""Sources: inputs found, opened, decompressed and cut into numbered chunks of whole lines.

Nothing here knows what a line means.
"""

from __future__ import annotations

from apilog.sources.find import find_sources
from apilog.sources.line_chunks import LineChunk, LineCutter
from apilog.sources.source import STDIN, DamagedSource, LogSource, MissingSource, SourceError

__all__ = [
    "STDIN",
    "DamagedSource",
    "LineChunk",
    "LineCutter",
    "LogSource",
    "MissingSource",
    "SourceError",
    "find_sources",
]
