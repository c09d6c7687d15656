"""The manifests that export writes into its folder: one of the settings, and one per period.

They say what is export's own, how it was made, and what each file holds. They never say when they
were written, so a run that changes nothing writes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Self

from apilog.exports.period_sums import PeriodSums
from apilog.store.data_files import format_instant
from apilog.time import Period

ExportSetting = str | int | bool | list[str] | None

EXPORT_VERSION = 1
"""The version of both manifests and of the layout of the folder."""

SETTINGS_FILE = "export.json"
INDEX_FILE = "index.html"
INDEX_MARK = b'<meta name="generator" content="apilog export">'
"""What an index of export's own has in its head."""
PERIOD_FILE = "period.json"
OPEN_SUFFIX = ".open"
"""The end of the folder name of a period that was not over when it was written."""

PERIOD_FOLDER_PATTERN = (
    r"[0-9]{4}-(?:[0-9]{2}(?:-[0-9]{2}(?:T[0-9]{2}(?:Z|[+-][0-9]{4,6}))?)?|W[0-9]{2})"
    rf"(?:{re.escape(OPEN_SUFFIX)})?"
)
"""A regular expression for the names of periods' folders."""


class NewerManifest(Exception):
    """A manifest of a later version, which is the argument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsManifest:
    """How an export is made."""

    settings: Mapping[str, ExportSetting]
    columns: Mapping[str, list[str]]
    """The columns of each table, in order."""

    def to_json(self) -> bytes:
        return _dump_json({"settings": dict(self.settings), "columns": dict(self.columns)})

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse the bytes of a file; ValueError for anything else, NewerManifest."""
        fields = _load_json(data)
        try:
            return cls(settings=dict(fields["settings"]), columns=dict(fields["columns"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("no manifest of an export") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodManifest:
    """What the folder of one period holds; times are UTC, `until` is exclusive."""

    folder: str
    """The name of the period, with OPEN_SUFFIX if it was not over."""
    since: datetime
    until: datetime
    requests: int
    files: Mapping[str, tuple[int, str]]
    """Name to bytes and SHA-256, hexadecimal."""
    is_complete: bool = True
    """Whether all files are there: not while they are replaced one by one in object storage."""
    sums: PeriodSums | None = None
    """What the index of an archive says of it; only where there is one."""
    made_of: str | None = field(default=None, compare=False)
    """A hash of what it was made of and how; None where only reading the sources tells. It says
    nothing about what the folder holds, so it takes no part in comparisons."""

    @classmethod
    def for_period(
        cls,
        period: Period,
        requests: int,
        files: Mapping[str, bytes],
        *,
        is_open: bool,
        made_of: str | None,
        sums: PeriodSums | None = None,
    ) -> PeriodManifest:
        return cls(
            folder=period_folder_name(period, is_open=is_open),
            since=period.start,
            until=period.end,
            requests=requests,
            files={name: (len(data), sha256(data).hexdigest()) for name, data in files.items()},
            made_of=made_of,
            sums=sums,
        )

    @property
    def is_open(self) -> bool:
        """Whether the period was not over."""
        return self.folder.endswith(OPEN_SUFFIX)

    def to_fields(self) -> dict[str, Any]:
        """Return what JSON holds of it."""
        return {
            "folder": self.folder,
            "since": format_instant(self.since),
            "until": format_instant(self.until),
            "open": self.is_open,
            "complete": self.is_complete,
            "requests": self.requests,
            "made_of": self.made_of,
            **({"sums": self.sums.to_fields()} if self.sums else {}),
            "files": {
                name: {"size": size, "sha256": digest}
                for name, (size, digest) in self.files.items()
            },
        }

    def to_json(self) -> bytes:
        return _dump_json(self.to_fields())

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse the bytes of a file; ValueError for anything else, NewerManifest."""
        return cls.from_fields(_load_json(data))

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Return the manifest of these fields; ValueError for others."""
        try:
            files = fields["files"].items()
            return cls(
                folder=str(fields["folder"]),
                since=datetime.fromisoformat(fields["since"]).astimezone(UTC),
                until=datetime.fromisoformat(fields["until"]).astimezone(UTC),
                requests=int(fields["requests"]),
                is_complete=fields["complete"] is True,
                made_of=fields.get("made_of"),
                sums=PeriodSums.from_fields(fields["sums"]) if "sums" in fields else None,
                files={name: (int(file["size"]), str(file["sha256"])) for name, file in files},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError("no manifest of a period") from error


def period_folder_name(period: Period, *, is_open: bool) -> str:
    """Return the name of a period's folder."""
    return period.name + (OPEN_SUFFIX if is_open else "")


def _load_json(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data)
        version = int(fields["version"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("no manifest") from error
    if version > EXPORT_VERSION:
        raise NewerManifest(version)
    return dict(fields)


def _dump_json(fields: Mapping[str, object]) -> bytes:
    text = json.dumps({"version": EXPORT_VERSION, **fields}, indent=1, ensure_ascii=False)
    return f"{text}\n".encode()
