"""What a manifest lists: data files and known inputs, to and from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from apilog.store import layout
from apilog.store.layout import Kind

Value = str | int | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A Parquet file of the store."""

    name: str
    """Relative to the store, with slashes."""
    kind: Kind
    rows: int
    size: int
    """Bytes."""
    first: datetime | None
    """UTC: the first record's time; of rejects, when they were stored. None without times."""
    last: datetime | None
    crc: int
    """CRC-32 of its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownInput:
    """An input that was read, known by its content; lengths are of decompressed bytes."""

    head_hash: str
    """SHA-256 of its first `head_length` bytes, hexadecimal."""
    head_length: int
    offset: int
    """Bytes consumed."""
    tail_hash: str
    """SHA-256 of the last 4 KiB consumed, hexadecimal."""
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
    """What compressed files of just this content are known by without being decompressed."""


def as_json(entry: DataFile | KnownInput) -> dict[str, Value]:
    """The entry as JSON holds it."""
    values = ((field.name, getattr(entry, field.name)) for field in fields(entry))
    return {name: instant_text(v) if isinstance(v, datetime) else v for name, v in values}


def file_of(entry: Mapping[str, object]) -> DataFile:
    """The file that JSON describes; KeyError, TypeError or ValueError if it describes none."""
    times = {name: instant_of(entry[name]) if entry[name] else None for name in ("first", "last")}
    file = DataFile(**(dict(entry) | times))  # type: ignore[arg-type]
    _check(file, {"name": str, "rows": int, "size": int, "crc": int})
    # A name is joined to the store's folder, and may be removed.
    if not layout.is_data(file.name) or not file.name.startswith(f"{file.kind}/"):
        raise ValueError(file.name)
    return file


def input_of(entry: Mapping[str, object]) -> KnownInput:
    """The input that JSON describes; TypeError if it describes none."""
    packed = entry.get("packed", [])
    if not (isinstance(packed, list) and all(isinstance(text, str) for text in packed)):
        raise TypeError("packed")
    known = KnownInput(**(dict(entry) | {"packed": tuple(packed)}))  # type: ignore[arg-type]
    _check(known, _INPUT_TYPES)
    return known


_INPUT_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("head_hash", "tail_hash", "path"), str),
    **dict.fromkeys(("head_length", "offset", "lines", "records", "rejects", "skipped"), int),
    "complete": bool,
}


def _check(entry: DataFile | KnownInput, types: Mapping[str, type]) -> None:
    for name, wanted in types.items():
        if type(getattr(entry, name)) is not wanted:
            raise TypeError(name)


def instant_text(instant: datetime) -> str:
    """An instant as the manifest writes it: ISO 8601, UTC, with a Z."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def instant_of(text: object) -> datetime:
    """The instant that `instant_text` wrote; ValueError for other texts."""
    return datetime.fromisoformat(str(text)).astimezone(UTC)
