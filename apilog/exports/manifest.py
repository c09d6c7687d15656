"""What export writes of itself into its folder: one mark for all of it, one a period.

They say what is its own, how it was made, and what each file is; never when it was written,
so that nothing new to say changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Self

from apilog.exports.export_options import ExportSetting
from apilog.time import Period

EXPORT_VERSION = 1
"""Of both marks and the layout of the folder."""

SETTINGS_FILE = "export.json"
PERIOD_FILE = "period.json"
OPEN_SUFFIX = ".open"
"""Behind the name of a period that was not over when it was written."""

PERIOD_FOLDER_PATTERN = (
    r"[0-9]{4}-(?:[0-9]{2}-[0-9]{2}(?:T[0-9]{2}(?:Z|[+-][0-9]{4,6}))?|W[0-9]{2})"
    rf"(?:{re.escape(OPEN_SUFFIX)})?"
)
"""What the folder of a period may be called, as a regular expression."""


class NewerManifest(Exception):
    """A mark of a later version; its argument is the version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsManifest:
    """How an export is made."""

    settings: Mapping[str, ExportSetting]
    columns: Mapping[str, list[str]]
    """Of each table, in order."""

    def to_json(self) -> bytes:
        """As its file holds it."""
        return _dump_json(
            {
                "version": EXPORT_VERSION,
                "settings": dict(self.settings),
                "columns": dict(self.columns),
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The mark in a file; ValueError if there is none, NewerVersion."""
        found = _load_versioned(data)
        try:
            return cls(settings=dict(found["settings"]), columns=dict(found["columns"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("no mark of an export") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodManifest:
    """What one folder holds."""

    folder: str
    """Its name: that of the period, with OPEN behind it where it was not over."""
    since: datetime
    """UTC."""
    until: datetime
    """UTC, exclusive."""
    requests: int
    files: Mapping[str, tuple[int, str]]
    """Name to bytes and SHA-256, hexadecimal."""
    is_complete: bool = True
    """Whether all of the files are there; only where folders can't be renamed they may not be."""
    made_of: str | None = field(default=None, compare=False)
    """What it was made of and how, as a hash; None where only reading tells. No part of what the
    folder holds."""

    @classmethod
    def for_period(
        cls,
        period: Period,
        requests: int,
        files: Mapping[str, bytes],
        *,
        is_open: bool,
        made_of: str | None,
    ) -> PeriodManifest:
        """The mark of a period with these files."""
        return cls(
            folder=period_folder_name(period, is_open=is_open),
            since=period.start,
            until=period.end,
            requests=requests,
            files={name: (len(data), sha256(data).hexdigest()) for name, data in files.items()},
            made_of=made_of,
        )

    @property
    def is_open(self) -> bool:
        """Whether the period was not over."""
        return self.folder.endswith(OPEN_SUFFIX)

    def to_json(self) -> bytes:
        """As its file holds it."""
        files = {name: {"size": size, "sha256": sha} for name, (size, sha) in self.files.items()}
        return _dump_json(
            {
                "version": EXPORT_VERSION,
                "folder": self.folder,
                "since": _format_instant(self.since),
                "until": _format_instant(self.until),
                "open": self.is_open,
                "complete": self.is_complete,
                "requests": self.requests,
                "made_of": self.made_of,
                "files": files,
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The mark in a file; ValueError if there is none, NewerVersion."""
        found = _load_versioned(data)
        try:
            return cls(
                folder=str(found["folder"]),
                since=datetime.fromisoformat(found["since"]).astimezone(UTC),
                until=datetime.fromisoformat(found["until"]).astimezone(UTC),
                requests=int(found["requests"]),
                is_complete=found["complete"] is True,
                made_of=found.get("made_of"),
                files={n: (int(f["size"]), str(f["sha256"])) for n, f in found["files"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError("no mark of a period") from error


def period_folder_name(period: Period, *, is_open: bool) -> str:
    """The name of a period's folder."""
    return period.name + (OPEN_SUFFIX if is_open else "")


def _load_versioned(data: bytes) -> dict:  # type: ignore[type-arg]
    try:
        found = json.loads(data)
        version = int(found["version"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("no mark") from error
    if version > EXPORT_VERSION:
        raise NewerManifest(version)
    return dict(found)


def _dump_json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _format_instant(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
