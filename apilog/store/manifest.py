"""What a store consists of at one moment: its data files, and the inputs they came from.

A manifest never changes; each commit writes another one, a generation later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from apilog.errors import InputError
from apilog.store.entries import (
    DataFile,
    KnownInput,
    as_json,
    file_of,
    input_of,
    instant_of,
    instant_text,
)
from apilog.store.files import column_types
from apilog.store.migrations import migrated

VERSION = 2
"""Of the manifest and the files it names; raised with a change of either that is more than a new
column. `migrations` then reads what was written before."""

RESTORE = "restore it from a backup; moved away, the store is as it was a commit earlier"
"""What to do with a manifest that is damaged."""

_UPGRADE = "upgrade apilog to read it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One state of a store."""

    version: int = VERSION
    """As it lies on the disk; a commit writes VERSION."""
    generation: int
    created: datetime
    """When this state was written, UTC; for people alone."""
    columns: Mapping[str, str] = field(default_factory=column_types)
    """Of the records, with their types; a file that lacks one has null there."""
    files: tuple[DataFile, ...] = ()
    inputs: tuple[KnownInput, ...] = ()

    def to_json(self) -> str:
        """The manifest as text: a line a file and an input, sorted."""
        files = sorted(self.files, key=lambda f: f.name)
        inputs = sorted(self.inputs, key=lambda i: (i.path, i.head_hash, i.offset))
        return (
            f'{{"version": {self.version}, "generation": {self.generation},'
            f' "created": "{instant_text(self.created)}",\n'
            f'"columns": {json.dumps(dict(self.columns))},\n'
            f'"files": [{_lines(files)}],\n"inputs": [{_lines(inputs)}]}}\n'
        )

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the manifest") -> Self:
        """The manifest that a text holds; `where` names it in errors.

        Raises InputError for a manifest of a newer version, and for one that is damaged.
        """
        try:
            data = json.loads(text)
            version = int(data["version"])
            if version > VERSION:
                found = f"{where} has version {version}, this apilog reads up to {VERSION}"
                raise InputError(f"the store is newer than this apilog: {found}", _UPGRADE)
            data = migrated(data, version)
            return cls(
                version=version,
                generation=int(data["generation"]),
                created=instant_of(data["created"]),
                columns={str(name): str(kind) for name, kind in data["columns"].items()},
                files=tuple(map(file_of, data["files"])),
                inputs=tuple(map(input_of, data["inputs"])),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{where} is damaged", RESTORE) from error


def _lines(entries: Iterable[DataFile | KnownInput]) -> str:
    lines = ",\n".join(json.dumps(as_json(entry)) for entry in entries)
    return f"\n{lines}\n" if lines else ""
