"""All manifests of an export in one file, so that object storage is not asked for each of them.

The file is a copy and decides nothing: an entry only counts while the listing of the folder gives
the manifest it was made of the same version (ETag), so that whatever was written after it, or in
its place, is read from its own file. It may be removed at any time.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

from apilog.exports.manifest import EXPORT_VERSION, PERIOD_FILE, PeriodManifest
from apilog.storage import Folder
from apilog.storage.folder import FileInfo

KNOWN_FILE = "periods.json.gz"
MOST_LISTED = 100_000
"""Files that are listed at once; where there are more, each period is asked for."""


@dataclass(frozen=True, slots=True)
class KnownPeriods:
    """The manifests that were read before, by the folder, each with the version of its file."""

    entries: Mapping[str, tuple[str, PeriodManifest]] = field(default_factory=dict)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self | None:
        """Parse the bytes of a file; None for one that this version did not write."""
        try:
            fields = json.loads(gzip.decompress(data))
            if fields["version"] != EXPORT_VERSION:
                return None
            manifests = [PeriodManifest.from_fields(one) for one in fields["periods"]]
            versions = [str(version) for version in fields["versions"]]
            pairs = zip(versions, manifests, strict=True)
            return cls({manifest.folder: (version, manifest) for version, manifest in pairs})
        except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, RecursionError):
            return None

    def to_bytes(self) -> bytes:
        """Return the bytes of the file, the same for the same entries."""
        ordered = [self.entries[folder] for folder in sorted(self.entries)]
        fields = {
            "version": EXPORT_VERSION,
            "versions": [version for version, _ in ordered],
            "periods": [manifest.to_fields() for _, manifest in ordered],
        }
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return gzip.compress(text.encode(), mtime=0)

    def find(self, folder: str, version: str) -> PeriodManifest | None:
        """Return the manifest in a folder if its file still has that version."""
        known, manifest = self.entries.get(folder, ("", None))
        return manifest if version and known == version else None


class FolderListing:
    """What a folder of object storage held when it was listed, and the manifests known of it."""

    def __init__(self, folder: Folder) -> None:
        """List the folder; raises OSError."""
        self._entries: dict[str, dict[str, FileInfo]] = {}
        self.is_whole = True
        """Whether there were not too many files to list."""
        for number, (name, info) in enumerate(folder.iter_file_infos()):
            if number == MOST_LISTED:
                self.is_whole = False
                break
            entry, _, file = name.partition("/")
            self._entries.setdefault(entry, {})[file] = info
        self._data = folder.read_file(KNOWN_FILE) if KNOWN_FILE in self._entries else None
        self._known = KnownPeriods.from_bytes(self._data) if self._data is not None else None

    @property
    def names(self) -> list[str]:
        """The names of the files and folders that lie directly in it."""
        return [*self._entries]

    def sizes_in(self, folder: str) -> dict[str, int]:
        """Return the files in a folder with their bytes; empty for no folder."""
        return {name: info.size for name, info in self._entries.get(folder, {}).items() if name}

    def find_manifest(self, folder: str) -> PeriodManifest | None:
        """Return the manifest in a folder, if it is what was read before."""
        info = self._entries.get(folder, {}).get(PERIOD_FILE)
        return self._known.find(folder, info.version) if self._known and info else None

    def remember(self, folder: Folder, manifests: Collection[PeriodManifest]) -> None:
        """Write what is known now, these manifests, unless the file says so already."""
        if not self.is_whole or (self._data is not None and self._known is None):
            return  # A file that export did not make is never replaced.
        files = {
            one.folder: self._entries.get(one.folder, {}).get(PERIOD_FILE) for one in manifests
        }
        versions = {name: info.version for name, info in files.items() if info and info.version}
        entries = {m.folder: (versions[m.folder], m) for m in manifests if m.folder in versions}
        data = KnownPeriods(entries).to_bytes()
        if entries and data != self._data:
            folder.put_file(KNOWN_FILE, data)
