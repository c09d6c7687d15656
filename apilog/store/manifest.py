"""Manifests: the data files of a store at one moment, and the checkpoints of its inputs.

A manifest never changes; each commit writes another one, a generation later. Manifests of older
versions are migrated while they are read, one step per version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self

from apilog.errors import InputError
from apilog.routes import NO_TEMPLATES, RouteTemplates
from apilog.store.data_files import (
    DataFile,
    check_types,
    column_types,
    format_instant,
    parse_instant,
)

ManifestData = dict[str, Any]
"""A manifest as JSON holds it."""

_COLUMNS_OF_1 = {
    "timestamp": "Datetime(us, UTC)",
    **dict.fromkeys(("gateway", "api", "stage", "operation", "method", "path", "route"), "String"),
    **dict.fromkeys(("host", "protocol", "referer", "user_agent"), "String"),
    **dict.fromkeys(("status", "upstream_status"), "Int16"),
    **dict.fromkeys(("duration_ms", "upstream_duration_ms"), "Float64"),
    **dict.fromkeys(("request_bytes", "response_bytes"), "Int64"),
    **dict.fromkeys(("client_ip", "consumer", "plan", "request_id", "trace_id"), "String"),
    **dict.fromkeys(("error_type", "cache_status", "source"), "String"),
    "line_number": "Int64",
}


MIGRATIONS: Mapping[int, Callable[[ManifestData], ManifestData]] = {
    # Naming the columns keeps an older writer from losing a newer one.
    1: lambda data: data | {"columns": _COLUMNS_OF_1},
}
"""The step from each version to the next."""

MANIFEST_VERSION = 2
"""The version of the manifest and of the files that it names.

It is raised with a change of either that is more than a new column. A step in MIGRATIONS then
makes older manifests readable.
"""

RESTORE_HINT = "restore it from a backup; moved away, the store is as it was a commit earlier"
"""The hint for a manifest that is damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCheckpoint:
    """How far an input was read, known by its content; lengths are of decompressed bytes.

    The store neither computes nor compares the fingerprints: see `apilog.ingestion.fingerprint`.
    """

    head_hash: str
    """The SHA-256 of the first `head_length` bytes, hexadecimal."""
    head_length: int
    offset: int
    tail_hash: str
    """The SHA-256 of the last 4 KiB consumed, hexadecimal."""
    path: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreManifest:
    """One committed state of a store."""

    version: int = MANIFEST_VERSION
    """The version that was read; a commit writes MANIFEST_VERSION."""
    generation: int
    created: datetime
    """When this state was written, UTC; for people alone."""
    columns: Mapping[str, str] = field(default_factory=column_types)
    """The columns of records with their types; a file that lacks one has null there."""
    files: tuple[DataFile, ...] = ()
    inputs: tuple[InputCheckpoint, ...] = ()
    templates: RouteTemplates = NO_TEMPLATES
    """What was learned of routes from the records."""

    def to_json(self) -> str:
        """Return the manifest as text: sorted, a line per file and per input."""
        files = sorted(self.files, key=lambda f: f.name)
        inputs = sorted(self.inputs, key=lambda i: (i.path, i.head_hash, i.offset))
        routes = f',\n"routes": {self.templates.dump()}' if self.templates else ""
        return (
            f'{{"version": {self.version}, "generation": {self.generation},'
            f' "created": "{format_instant(self.created)}",\n'
            f'"columns": {json.dumps(dict(self.columns))},\n'
            f'"files": [{_join_entries(files)}],\n"inputs": [{_join_entries(inputs)}]{routes}}}\n'
        )

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the manifest") -> Self:
        """Parse the text of a manifest; `where` names it in errors.

        Raises InputError for a manifest of a newer version, and for one that is damaged.
        """
        try:
            data = json.loads(text)
            version = int(data["version"])
            if version > MANIFEST_VERSION:
                raise InputError(
                    f"the store is newer than this apilog: {where} has version {version}, "
                    f"this apilog reads up to {MANIFEST_VERSION}",
                    "upgrade apilog to read it",
                )
            for step in range(version, MANIFEST_VERSION):
                data = MIGRATIONS[step](data)
            return cls(
                version=version,
                generation=int(data["generation"]),
                created=parse_instant(data["created"]),
                columns={str(name): str(kind) for name, kind in data["columns"].items()},
                files=tuple(map(DataFile.from_json, data["files"])),
                inputs=tuple(map(InputCheckpoint.from_json, data["inputs"])),
                templates=RouteTemplates.from_json(data.get("routes", [])),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{where} is damaged", RESTORE_HINT) from error


def _join_entries(entries: Iterable[DataFile | InputCheckpoint]) -> str:
    lines = ",\n".join(json.dumps(entry.to_json()) for entry in entries)
    return f"\n{lines}\n" if lines else ""
