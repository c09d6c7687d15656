"""From the SOURCES of a command line to the inputs they mean.

Every argument becomes at least one source or at least one problem; no file is given twice. No
folder is entered twice in one walk, so that loops of symbolic links end. Hidden entries are left
out unless a pattern asks for them with a leading dot. Rotated siblings come oldest first.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from apilog.sources.source import STDIN, LogSource, SourceError, display_path, open_error
from apilog.storage import is_url

COMPRESSED_SUFFIX = re.compile(r"\.(?:gz|bz2|xz|zst|zstd)$", re.IGNORECASE)

PathFilter = Callable[[str], bool]
"""Decides whether a path below a searched folder is left out."""

# logrotate numbers rotated files or, with `dateext`, dates them:
# https://man7.org/linux/man-pages/man8/logrotate.8.html
_NUMBERED = re.compile(r"^(?P<base>.+)\.(?P<number>\d{1,4})$")
_DATED = re.compile(
    r"^(?P<base>.+?)[-._](?P<year>(?:19|20)\d\d)[-._]?(?P<month>[01]\d)[-._]?(?P<day>[0-3]\d)"
    r"(?P<rest>[-._T:\d]*)$"
)
_DATED_RANK, _NUMBERED_RANK, _LIVE_RANK = range(3)
_ANY_DEPTH = "**"


def find_sources(
    sources: Sequence[str | os.PathLike[str]],
    *,
    leaves_out_folder: PathFilter = lambda _: False,
    leaves_out_file: PathFilter = lambda _: False,
    exclude: Sequence[str] = (),
) -> tuple[list[LogSource], list[SourceError]]:
    """Return the inputs that SOURCES stand for, and the errors of those that could not be found.

    A source is a file, a folder, a glob, a URL or `-`. Folders are searched to any depth, without
    hidden files and folders and without what the two filters leave out. `exclude` are globs for
    the names or whole paths of files and folders that no argument names. Arguments keep their
    order, but rotated siblings are brought together, oldest first. A file that several arguments
    reach is given once. Problems do not keep the rest from being found.
    """
    excluded = _match_any(exclude)
    search = _SourceSearch(
        lambda folder: leaves_out_folder(folder) or excluded(folder),
        lambda file: leaves_out_file(file) or excluded(file),
        excluded,
    )
    files = [file for argument in sources for file in search.expand_argument(os.fsdecode(argument))]
    by_identity: dict[str, str] = {}
    for file in files:
        identity = file
        if file != STDIN and not is_url(file):
            with suppress(OSError, ValueError):
                identity = os.path.normcase(os.path.realpath(file))
        by_identity.setdefault(identity, file)
    inputs = search.make_sources(oldest_first(by_identity.values()))
    problems = search.problems + [item for item in inputs if isinstance(item, SourceError)]
    return [item for item in inputs if isinstance(item, LogSource)], problems


def _match_any(patterns: Sequence[str]) -> PathFilter:
    """Return whether one of the globs is about a path: its name, or all of it."""
    if not patterns:
        return lambda _: False
    each = [re.compile(fnmatch.translate(os.path.normcase(pattern))) for pattern in patterns]

    def matches(path: str) -> bool:
        path = os.path.normcase(path)
        name = os.path.basename(path.rstrip(os.sep))
        return any(pattern.match(name) or pattern.match(path) for pattern in each)

    return matches


def oldest_first(files: Iterable[str]) -> list[str]:
    """Bring rotated siblings together, oldest first.

    Siblings stand where the first of them stood. `access.log.2.gz` is older than
    `access.log.1`, `access.log-20260101` older than `access.log-20260102`, and
    `access.log` is the newest.

    >>> oldest_first(["a.log", "z.log", "a.log.1", "a.log.10.gz", "a.log.2.gz"])
    ['a.log.10.gz', 'a.log.2.gz', 'a.log.1', 'a.log', 'z.log']
    """
    families: dict[tuple[str, str], list[tuple[int, tuple[int, ...], str]]] = {}
    for file in files:
        folder, name = os.path.split(file)
        base, rank, age = _parse_rotation(name)
        families.setdefault((folder, base), []).append((rank, age, file))
    return [file for family in families.values() for _, _, file in sorted(family)]


def are_siblings(one: str, other: str) -> bool:
    """Return whether two names are of one log file, rotated or not, in the same folder.

    >>> are_siblings("a.log", "a.log.1"), are_siblings("a.log", "b.log")
    (True, False)
    """
    (folder, name), (other_folder, other_name) = os.path.split(one), os.path.split(other)
    return folder == other_folder and _parse_rotation(name)[0] == _parse_rotation(other_name)[0]


def may_be_copies_of(file: str) -> list[str]:
    """Return the files that a rotated one may just be being made from, by its name.

    >>> may_be_copies_of("logs/a.log.1.gz")
    ['logs/a.log.1', 'logs/a.log']
    """
    folder, name = os.path.split(file)
    plain = COMPRESSED_SUFFIX.sub("", name)
    live, _, _ = _parse_rotation(name)
    return [os.path.join(folder, other) for other in dict.fromkeys((plain, live)) if other != name]


def _parse_rotation(name: str) -> tuple[str, int, tuple[int, ...]]:
    """Return the live file's name, the kind of rotation, and what ascends from old to new."""
    stem = COMPRESSED_SUFFIX.sub("", name)
    if match := _DATED.match(stem):
        date = tuple(int(match[part]) for part in ("year", "month", "day"))
        rest = tuple(int(digits) for digits in re.findall(r"\d+", match["rest"]))
        return match["base"], _DATED_RANK, date + rest
    if match := _NUMBERED.match(stem):
        return match["base"], _NUMBERED_RANK, (-int(match["number"]),)
    return stem, _LIVE_RANK, ()


class _SourceSearch:
    """Expands arguments and collects what goes wrong on the way."""

    def __init__(
        self, leaves_out_folder: PathFilter, leaves_out_file: PathFilter, is_excluded: PathFilter
    ) -> None:
        self.problems: list[SourceError] = []
        self._is_excluded = is_excluded
        self._searched: set[str] = set()
        """The files that were found in folders."""
        self._named: set[str] = set()
        self._leaves_out_folder = leaves_out_folder
        self._leaves_out_file = leaves_out_file
        self._object_sizes: dict[str, int] = {}
        """Sizes of the objects that were found, by URL."""

    def expand_argument(self, argument: str) -> list[str]:
        """Return the paths that one argument stands for."""
        if is_url(argument):
            from apilog.sources.bucket_search import find_objects

            try:
                sizes = find_objects(argument)
            except OSError as error:
                self.problems.append(open_error(argument, error))
                return []
            sizes = {
                u: size for u, size in sizes.items() if u == argument or not self._is_excluded(u)
            }
            self._object_sizes |= sizes
            return sorted(sizes)
        if argument == STDIN or os.path.isfile(argument):
            self._named.add(argument)
            return [argument]
        if os.path.isdir(argument):
            problem_count = len(self.problems)
            files = self._files_below(argument)
            if not files and len(self.problems) == problem_count:
                hint = "hidden files, stores and what --exclude names are left out"
                self._add_problem(argument, "no files in this directory", hint)
            return files
        if glob.has_magic(argument) and not os.path.lexists(argument):
            # A folder that it matches stands for all below it.
            problem_count = len(self.problems)
            drive, tail = os.path.splitdrive(argument)
            separators = os.sep + (os.altsep or "")
            relative = tail.lstrip(separators)
            root = drive + tail[: len(tail) - len(relative)]
            segments = re.split(f"[{re.escape(separators)}]+", relative)
            files = []
            for path in sorted(set(self._expand_glob(root, segments))):
                if self._is_excluded(path):
                    continue
                if os.path.isdir(path):
                    files += self._files_below(path)
                elif os.path.isfile(path):
                    files.append(path)
            if not files and len(self.problems) == problem_count:
                hint = "`**` searches folders to any depth; hidden files need a leading dot"
                self._add_problem(argument, "no file matches", hint)
            return files
        return [argument]

    def make_sources(self, files: Sequence[str]) -> list[LogSource | SourceError]:
        """Return the inputs at the paths and URLs that were found, in the order of reading."""
        if not self._object_sizes:
            return [_make_source(file, is_searched=self._is_searched(file)) for file in files]
        # Only where objects are read: the client of the cloud takes long to import.
        from apilog.storage.cloud.object_reader import ObjectPrefetcher

        prefetcher = ObjectPrefetcher(file for file in files if self._object_sizes.get(file))
        return [
            replace(LogSource.from_path(file, self._object_sizes[file]), prefetcher=prefetcher)
            if file in self._object_sizes
            else _make_source(file, is_searched=self._is_searched(file))
            for file in files
        ]

    def _is_searched(self, file: str) -> bool:
        return file in self._searched and file not in self._named

    def _expand_glob(self, folder: str, segments: list[str]) -> Iterator[str]:
        """Yield the paths below a folder that match; an empty folder is the current one."""
        if not segments:
            yield folder
            return
        segment, rest = segments[0], segments[1:]
        if segment == _ANY_DEPTH and not rest:
            yield folder or os.curdir
        elif segment == _ANY_DEPTH:
            for inner, _ in self._walk_folders(folder or os.curdir):
                below = inner if folder else inner.removeprefix(os.curdir).lstrip(os.sep)
                yield from self._expand_glob(below, rest)
        elif any(char in segment for char in "*?["):
            names: list[str] = []
            try:
                names = fnmatch.filter(os.listdir(folder or os.curdir), segment)
            except NotADirectoryError:
                pass
            except OSError as error:
                self._note_refusal(error)
            for name in names:
                if segment.startswith(".") or not name.startswith("."):
                    yield from self._expand_glob(os.path.join(folder, name), rest)
        elif os.path.lexists(path := os.path.join(folder, segment)):
            yield from self._expand_glob(path, rest)

    def _files_below(self, folder: str) -> list[str]:
        """Return every visible regular file at or below a folder, sorted; links are followed."""
        files = [
            os.path.join(parent, name)
            for parent, names in self._walk_folders(folder)
            for name in names
            if not name.startswith(".")
        ]
        found = sorted(f for f in files if os.path.isfile(f) and not self._leaves_out_file(f))
        self._searched |= {*found}
        return found

    def _walk_folders(self, folder: str) -> Iterator[tuple[str, list[str]]]:
        """Yield each real folder at or below this one, once, and the names of the files in it."""
        # Links are followed, since logs often lie behind one; the identity of the folders they lead
        # to ends loops.
        seen = {_folder_identity(folder)}
        walk = os.walk(folder, onerror=self._note_refusal, followlinks=True)
        for parent, folders, files in walk:
            yield parent, files
            entered: list[str] = []
            for name in sorted(folders):
                path = os.path.join(parent, name)
                identity = _folder_identity(path)
                if name.startswith(".") or identity in seen or self._leaves_out_folder(path):
                    continue
                seen.add(identity)
                entered.append(name)
            folders[:] = entered

    def _note_refusal(self, error: OSError) -> None:
        problem = open_error(error.filename, error)
        if problem.path not in {earlier.path for earlier in self.problems}:
            self.problems.append(problem)

    def _add_problem(self, file: str, reason: str, hint: str) -> None:
        self.problems.append(SourceError(display_path(file), reason, hint))


def _folder_identity(folder: str) -> tuple[int, int] | None:
    """Return what identifies a folder, by whatever path it is reached."""
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _make_source(file: str, *, is_searched: bool) -> LogSource | SourceError:
    if file == STDIN:
        return LogSource.from_path(file, None)
    try:
        status = os.stat(file)
    except (OSError, ValueError) as error:
        return open_error(file, error)
    if not os.access(file, os.R_OK):  # asked now, so that it is said before anything is read
        return open_error(file, PermissionError())
    if stat.S_ISREG(status.st_mode):
        return replace(LogSource.from_path(file, status.st_size), is_searched=is_searched)
    if stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode):
        return LogSource.from_path(file, None)
    return SourceError(
        display_path(file), "neither a file nor a pipe", "give a log file or a folder"
    )
