"""Finding and opening inputs: from SOURCES to numbered chunks of whole lines.

Nothing here knows what a line means.
"""

from __future__ import annotations

from apilog.sources.chunks import Chunk, LineCutter, OversizeLine
from apilog.sources.find import find_sources
from apilog.sources.opening import (
    CHUNK_BYTES,
    HEAD_BYTES,
    MAX_LINE_BYTES,
    open_chunks,
    read_head,
)
from apilog.sources.source import STDIN, DamagedSource, MissingSource, Source, SourceError

__all__ = [
    "CHUNK_BYTES",
    "HEAD_BYTES",
    "MAX_LINE_BYTES",
    "STDIN",
    "Chunk",
    "DamagedSource",
    "LineCutter",
    "MissingSource",
    "OversizeLine",
    "Source",
    "SourceError",
    "find_sources",
    "open_chunks",
    "read_head",
]
