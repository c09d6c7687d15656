"""Checkpoints of inputs: how far each was read, as a manifest lists them.

The store keeps the fingerprints in them for the writer that made them. It neither computes nor
compares them: what they mean is up to `apilog.ingestion.fingerprint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCheckpoint:
    """An input that was read, known by its content; lengths are of decompressed bytes."""

    head_hash: str
    """The SHA-256 of the first `head_length` bytes, hexadecimal."""
    head_length: int
    offset: int
    """The bytes consumed."""
    tail_hash: str
    """The SHA-256 of the last 4 KiB consumed, hexadecimal."""
    path: str
    """Where it was last seen."""
    complete: bool
    """Whether it can't grow: it was compressed, a stream, or said to be final."""
    lines: int
    records: int
    rejects: int
    skipped: int
    format: str | None
    packed: tuple[str, ...] = ()
    """The fingerprints of compressed files of just this content, as they are stored."""

    def to_json(self) -> dict[str, object]:
        """Return the entry of the manifest."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_json(cls, entry: Mapping[str, object]) -> InputCheckpoint:
        """Parse an entry of a manifest; TypeError if it is no checkpoint."""
        packed = entry.get("packed", [])
        if not (isinstance(packed, list) and all(isinstance(text, str) for text in packed)):
            raise TypeError("packed")
        checkpoint = cls(**(dict(entry) | {"packed": tuple(packed)}))  # type: ignore[arg-type]
        check_types(checkpoint, _TYPES)
        return checkpoint


_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("head_hash", "tail_hash", "path"), str),
    **dict.fromkeys(("head_length", "offset", "lines", "records", "rejects", "skipped"), int),
    "complete": bool,
}


def check_types(entry: object, types: Mapping[str, type]) -> None:
    """Raise TypeError for an attribute of another type than JSON should have given it."""
    for name, expected in types.items():
        # `bool` is a subclass of `int`, and true is no count.
        if type(getattr(entry, name)) is not expected:
            raise TypeError(name)
