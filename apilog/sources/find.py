"""From the SOURCES of a command line to the inputs they mean.

Every argument becomes at least one source or at least one problem; no file is given twice.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import replace

from apilog.sources.rotation import oldest_first
from apilog.sources.source import STDIN, Source, SourceError, cannot_open, shown
from apilog.sources.walk import files_below, matches
from apilog.storage import is_url


def find_sources(
    sources: Sequence[str | os.PathLike[str]],
) -> tuple[list[Source], list[SourceError]]:
    """The inputs that files, folders, globs, URLs and `-` stand for, and what could not be found.

    Folders are searched to any depth, without hidden files and folders. Arguments keep their
    order, but rotated siblings are brought together, oldest first. A file that several
    arguments reach is given once. Problems do not keep the rest from being found.
    """
    search = _Search()
    found = [file for argument in sources for file in search.files(os.fsdecode(argument))]
    inputs = search.sources(oldest_first(_distinct(found)))
    problems = search.problems + [item for item in inputs if isinstance(item, SourceError)]
    return [item for item in inputs if isinstance(item, Source)], problems


class _Search:
    """Expands arguments and collects what goes wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[SourceError] = []
        self._sizes: dict[str, int] = {}
        """Of the objects that were found, by URL."""

    def files(self, argument: str) -> list[str]:
        """The paths that one argument stands for."""
        if is_url(argument):
            return self._objects(argument)
        if argument == STDIN or os.path.isfile(argument):
            return [argument]
        if os.path.isdir(argument):
            return self._below(argument)
        if glob.has_magic(argument) and not os.path.lexists(argument):
            return self._globbed(argument)
        return [argument]

    def sources(self, files: Sequence[str]) -> list[Source | SourceError]:
        """The inputs at paths and URLs that were found, in the order in which they are read."""
        if not self._sizes:
            return [_source(file) for file in files]
        from apilog.storage.cloud.ahead import Ahead

        ahead = Ahead(file for file in files if self._sizes.get(file))
        return [
            replace(Source.of(file, self._sizes[file]), ahead=ahead)
            if file in self._sizes
            else _source(file)
            for file in files
        ]

    def _objects(self, url: str) -> list[str]:
        from apilog.sources.objects import objects_at

        try:
            found = objects_at(url)
        except OSError as error:
            self.problems.append(cannot_open(url, error))
            return []
        self._sizes |= found
        return sorted(found)

    def _globbed(self, pattern: str) -> list[str]:
        before = len(self.problems)
        files: list[str] = []
        for path in matches(pattern, self._refused):
            if os.path.isdir(path):
                files += files_below(path, self._refused)
            elif os.path.isfile(path):
                files.append(path)
        if not files and len(self.problems) == before:
            hint = "`**` searches folders to any depth; hidden files need a leading dot"
            self._problem(pattern, "no file matches", hint)
        return files

    def _below(self, folder: str) -> list[str]:
        before = len(self.problems)
        files = files_below(folder, self._refused)
        if not files and len(self.problems) == before:
            self._problem(
                folder, "no files in this directory", "hidden files and stores are left out"
            )
        return files

    def _refused(self, error: OSError) -> None:
        problem = cannot_open(error.filename, error)
        if problem.path not in {known.path for known in self.problems}:
            self.problems.append(problem)

    def _problem(self, file: str, reason: str, hint: str) -> None:
        self.problems.append(SourceError(shown(file), reason, hint))


def _distinct(files: Iterable[str]) -> list[str]:
    """The files without those that are the same file as an earlier one."""
    first: dict[str, str] = {}
    for file in files:
        first.setdefault(_identity(file), file)
    return list(first.values())


def _identity(file: str) -> str:
    try:
        return file if file == STDIN or is_url(file) else os.path.normcase(os.path.realpath(file))
    except (OSError, ValueError):
        return file


def _source(file: str) -> Source | SourceError:
    if file == STDIN:
        return Source.of(file, None)
    try:
        status = os.stat(file)
    except (OSError, ValueError) as error:
        return cannot_open(file, error)
    if not os.access(file, os.R_OK):
        return cannot_open(file, PermissionError())
    if stat.S_ISREG(status.st_mode):
        return Source.of(file, status.st_size)
    if stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode):
        return Source.of(file, None)
    return SourceError(shown(file), "neither a file nor a pipe", "give a log file or a folder")
