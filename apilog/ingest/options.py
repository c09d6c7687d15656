"""How sources are read into a store."""

from __future__ import annotations

from dataclasses import dataclass

from apilog.formats.choice import Choice
from apilog.privacy import AS_LOGGED, Privacy

STRETCH_BYTES = 256 << 20
"""How much is read between two commits: what a killed run loses."""
_CHUNK_BYTES = 8 << 20
"""Less than for reports, which need few columns: here a line becomes all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """How sources are read."""

    choice: Choice | None = None
    final: bool = False
    """Whether a last line without a newline is taken of files too."""
    privacy: Privacy = AS_LOGGED
    """What is done to the records; rejects are then stored without their lines."""
    stretch_bytes: int = STRETCH_BYTES
    chunk_bytes: int = _CHUNK_BYTES
