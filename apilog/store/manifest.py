"""What a store consists of at one moment: its data files, and the inputs they came from.

A manifest never changes; each commit writes another one, a generation later. Manifests of older
versions are migrated while they are read, one step per version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from apilog.errors import InputError
from apilog.store.data_files import (
    DataFile,
    InputCheckpoint,
    column_types,
    entry_to_json,
    format_instant,
    parse_checkpoint,
    parse_data_file,
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


def _name_columns(data: ManifestData) -> ManifestData:
    """1 to 2: the manifest names the columns, so that no writer loses one that it doesn't know."""
    return data | {"columns": _COLUMNS_OF_1}


MIGRATIONS: Mapping[int, Callable[[ManifestData], ManifestData]] = {1: _name_columns}
"""From which version to the next."""


def migrate_manifest(data: ManifestData, version: int) -> ManifestData:
    """The manifest of that version as one of the newest."""
    while version in MIGRATIONS:
        data = MIGRATIONS[version](data) | {"version": version + 1}
        version += 1
    return data


MANIFEST_VERSION = 2
"""Of the manifest and the files it names; raised with a change of either that is more than a new
column. `migrations` then reads what was written before."""

RESTORE_HINT = "restore it from a backup; moved away, the store is as it was a commit earlier"
"""What to do with a manifest that is damaged."""

_UPGRADE_HINT = "upgrade apilog to read it"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreManifest:
    """One state of a store."""

    version: int = MANIFEST_VERSION
    """As it lies on the disk; a commit writes VERSION."""
    generation: int
    created: datetime
    """When this state was written, UTC; for people alone."""
    columns: Mapping[str, str] = field(default_factory=column_types)
    """Of the records, with their types; a file that lacks one has null there."""
    files: tuple[DataFile, ...] = ()
    inputs: tuple[InputCheckpoint, ...] = ()

    def to_json(self) -> str:
        """The manifest as text: a line a file and an input, sorted."""
        files = sorted(self.files, key=lambda f: f.name)
        inputs = sorted(self.inputs, key=lambda i: (i.path, i.head_hash, i.offset))
        return (
            f'{{"version": {self.version}, "generation": {self.generation},'
            f' "created": "{format_instant(self.created)}",\n'
            f'"columns": {json.dumps(dict(self.columns))},\n'
            f'"files": [{_join_entries(files)}],\n"inputs": [{_join_entries(inputs)}]}}\n'
        )

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the manifest") -> Self:
        """The manifest that a text holds; `where` names it in errors.

        Raises InputError for a manifest of a newer version, and for one that is damaged.
        """
        try:
            data = json.loads(text)
            version = int(data["version"])
            if version > MANIFEST_VERSION:
                found = f"{where} has version {version}, this apilog reads up to {MANIFEST_VERSION}"
                raise InputError(f"the store is newer than this apilog: {found}", _UPGRADE_HINT)
            data = migrate_manifest(data, version)
            return cls(
                version=version,
                generation=int(data["generation"]),
                created=parse_instant(data["created"]),
                columns={str(name): str(kind) for name, kind in data["columns"].items()},
                files=tuple(map(parse_data_file, data["files"])),
                inputs=tuple(map(parse_checkpoint, data["inputs"])),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{where} is damaged", RESTORE_HINT) from error


def _join_entries(entries: Iterable[DataFile | InputCheckpoint]) -> str:
    lines = ",\n".join(json.dumps(entry_to_json(entry)) for entry in entries)
    return f"\n{lines}\n" if lines else ""
