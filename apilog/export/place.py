"""Where an export lies: all that export needs of a disk, or of what stands in for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

LOCK = ".export.lock"


class Place(Protocol):
    """Folders of files. Names are relative to the place, with slashes.

    `str` of it is what users call it. What fails raises OutputError, or InputError for reading.
    """

    def opened(self) -> AbstractContextManager[None]:
        """Hold the lock, and put right what a killed run left.

        Raises InputError if another run holds it.
        """

    def read(self, name: str) -> bytes | None:
        """A file; None if it isn't there."""

    def write(self, name: str, data: bytes) -> None:
        """Make or replace a file, which readers see whole."""

    def folders(self) -> Sequence[str]:
        """The names of everything that is called like a period's folder."""

    def sizes(self, folder: str) -> Mapping[str, int]:
        """What lies in a folder, with bytes; empty where there is no folder."""

    def replace(self, folder: str, files: Mapping[str, bytes], before: Sequence[str]) -> None:
        """Make a folder of these files in place of those before, one of which may be it.

        The mark is one of the files. Readers see the folders of a period whole or not at all; where
        folders can't be renamed, a mark that says so means whole. Files in them that are not
        export's own go on in the new one.
        """

    def remove(self, folder: str) -> None:
        """Remove a folder of which every file is export's own."""
