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
from dataclasses import replace

from apilog.sources.source import STDIN, LogSource, SourceError, display_path, open_error
from apilog.storage import is_url

COMPRESSED_SUFFIX = re.compile(r"\.(?:gz|bz2|xz|zst|zstd)$", re.IGNORECASE)

_NUMBERED = re.compile(r"^(?P<base>.+)\.(?P<number>\d{1,4})$")
_DATED = re.compile(
    r"^(?P<base>.+?)[-._](?P<year>(?:19|20)\d\d)[-._]?(?P<month>[01]\d)[-._]?(?P<day>[0-3]\d)"
    r"(?P<rest>[-._T:\d]*)$"
)
_DATED_RANK, _NUMBERED_RANK, _LIVE_RANK = range(3)


def oldest_first(files: Iterable[str]) -> list[str]:
    """The files with rotated siblings brought together, oldest first.

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
    """Whether the names are of one log file, rotated or not, in the same folder.

    >>> are_siblings("a.log", "a.log.1"), are_siblings("a.log", "b.log")
    (True, False)
    """
    (folder, name), (other_folder, other_name) = os.path.split(one), os.path.split(other)
    return folder == other_folder and _parse_rotation(name)[0] == _parse_rotation(other_name)[0]


def may_be_copies_of(file: str) -> list[str]:
    """The files that a rotated one may just be being made from, by its name.

    >>> may_be_copies_of("logs/a.log.1.gz")
    ['logs/a.log.1', 'logs/a.log']
    """
    folder, name = os.path.split(file)
    plain = COMPRESSED_SUFFIX.sub("", name)
    live, _, _ = _parse_rotation(name)
    return [os.path.join(folder, other) for other in dict.fromkeys((plain, live)) if other != name]


def _parse_rotation(name: str) -> tuple[str, int, tuple[int, ...]]:
    """The live file's name, the kind of rotation, and what ascends from old to new within it."""
    stem = COMPRESSED_SUFFIX.sub("", name)
    if found := _DATED.match(stem):
        date = tuple(int(found[part]) for part in ("year", "month", "day"))
        rest = tuple(int(digits) for digits in re.findall(r"\d+", found["rest"]))
        return found["base"], _DATED_RANK, date + rest
    if found := _NUMBERED.match(stem):
        return found["base"], _NUMBERED_RANK, (-int(found["number"]),)
    return stem, _LIVE_RANK, ()


RefusalHandler = Callable[[OSError], None]
"""Called with the error, and its `filename`, of each folder that can't be listed."""

_ANY_DEPTH = "**"
_ACCOUNT_TABLE = re.compile(
    rb"(?=.*\baccount\b)(?=.*\b(?:consumers|signed_up_at|converted_at)\b)[\w\xef\xbb\xbf,;\t\" -]+"
)
"""The head of a table of accounts, as `apilog success` takes it."""
_HEAD_BYTES = 4096
_MANIFEST = re.compile(r"[0-9]{20}\.json")
"""What lies in the folder `manifest` of every store."""


def files_below(folder: str, refused: RefusalHandler) -> list[str]:
    """Every visible regular file at or below a folder, sorted; links are followed."""
    files = [
        os.path.join(parent, name)
        for parent, names in _walk_folders(folder, refused)
        for name in names
        if not name.startswith(".")
    ]
    return sorted(file for file in files if os.path.isfile(file) and not _is_account_table(file))


def _is_account_table(path: str) -> bool:
    if not path.lower().endswith(".csv"):
        return False
    try:
        with open(path, "rb") as file:
            head = file.readline(_HEAD_BYTES).rstrip(b"\r\n")
    except OSError:
        return False  # whoever opens it as a log tells why
    return _ACCOUNT_TABLE.fullmatch(head) is not None


def glob_paths(pattern: str, refused: RefusalHandler) -> list[str]:
    """The existing paths that a glob matches, sorted.

    `**` stands for any number of folders; at the end of a pattern, for all below.
    """
    drive, tail = os.path.splitdrive(pattern)
    separators = os.sep + (os.altsep or "")
    relative = tail.lstrip(separators)
    root = drive + tail[: len(tail) - len(relative)]
    segments = re.split(f"[{re.escape(separators)}]+", relative)
    return sorted(set(_expand_glob(root, segments, refused)))


def _expand_glob(folder: str, segments: list[str], refused: RefusalHandler) -> Iterator[str]:
    """The paths below a folder that match; an empty folder is the current one."""
    if not segments:
        yield folder
        return
    segment, rest = segments[0], segments[1:]
    if segment == _ANY_DEPTH and not rest:
        yield folder or os.curdir
    elif segment == _ANY_DEPTH:
        for inner, _ in _walk_folders(folder or os.curdir, refused):
            below = inner if folder else inner.removeprefix(os.curdir).lstrip(os.sep)
            yield from _expand_glob(below, rest, refused)
    elif any(char in segment for char in "*?["):
        for path in _matching_entries(folder, segment, refused):
            yield from _expand_glob(path, rest, refused)
    elif os.path.lexists(path := os.path.join(folder, segment)):
        yield from _expand_glob(path, rest, refused)


def _matching_entries(folder: str, pattern: str, refused: RefusalHandler) -> list[str]:
    """The entries of one folder that a pattern without separators matches."""
    try:
        names = fnmatch.filter(os.listdir(folder or os.curdir), pattern)
    except NotADirectoryError:
        return []
    except OSError as error:
        refused(error)
        return []
    hidden_too = pattern.startswith(".")
    return [os.path.join(folder, n) for n in names if hidden_too or not n.startswith(".")]


def _walk_folders(folder: str, refused: RefusalHandler) -> Iterator[tuple[str, list[str]]]:
    """Each real folder at or below this one, once, and the names of the files in it."""
    seen = {_folder_identity(folder)}
    for parent, folders, files in os.walk(folder, onerror=refused, followlinks=True):
        yield parent, files
        entered: list[str] = []
        for name in sorted(folders):
            identity = _folder_identity(os.path.join(parent, name))
            if name.startswith(".") or identity in seen or _is_store(os.path.join(parent, name)):
                continue
            seen.add(identity)
            entered.append(name)
        folders[:] = entered


def _is_store(folder: str) -> bool:
    """Whether a folder is a store, whose records came from logs that may lie beside it."""
    try:
        return any(map(_MANIFEST.fullmatch, os.listdir(os.path.join(folder, "manifest"))))
    except OSError:
        return False


def _folder_identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def find_sources(
    sources: Sequence[str | os.PathLike[str]],
) -> tuple[list[LogSource], list[SourceError]]:
    """The inputs that files, folders, globs, URLs and `-` stand for, and what could not be found.

    Folders are searched to any depth, without hidden files and folders. Arguments keep their
    order, but rotated siblings are brought together, oldest first. A file that several
    arguments reach is given once. Problems do not keep the rest from being found.
    """
    search = _SourceSearch()
    found = [file for argument in sources for file in search.expand_argument(os.fsdecode(argument))]
    inputs = search.make_sources(oldest_first(_distinct_files(found)))
    problems = search.problems + [item for item in inputs if isinstance(item, SourceError)]
    return [item for item in inputs if isinstance(item, LogSource)], problems


class _SourceSearch:
    """Expands arguments and collects what goes wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[SourceError] = []
        self._sizes: dict[str, int] = {}
        """Of the objects that were found, by URL."""

    def expand_argument(self, argument: str) -> list[str]:
        """The paths that one argument stands for."""
        if is_url(argument):
            return self._find_objects(argument)
        if argument == STDIN or os.path.isfile(argument):
            return [argument]
        if os.path.isdir(argument):
            return self._folder_files(argument)
        if glob.has_magic(argument) and not os.path.lexists(argument):
            return self._glob_files(argument)
        return [argument]

    def make_sources(self, files: Sequence[str]) -> list[LogSource | SourceError]:
        """The inputs at paths and URLs that were found, in the order in which they are read."""
        if not self._sizes:
            return [_make_source(file) for file in files]
        from apilog.storage.cloud.object_reader import ObjectPrefetcher

        ahead = ObjectPrefetcher(file for file in files if self._sizes.get(file))
        return [
            replace(LogSource.from_path(file, self._sizes[file]), ahead=ahead)
            if file in self._sizes
            else _make_source(file)
            for file in files
        ]

    def _find_objects(self, url: str) -> list[str]:
        from apilog.sources.bucket_search import find_objects

        try:
            found = find_objects(url)
        except OSError as error:
            self.problems.append(open_error(url, error))
            return []
        self._sizes |= found
        return sorted(found)

    def _glob_files(self, pattern: str) -> list[str]:
        before = len(self.problems)
        files: list[str] = []
        for path in glob_paths(pattern, self._note_refusal):
            if os.path.isdir(path):
                files += files_below(path, self._note_refusal)
            elif os.path.isfile(path):
                files.append(path)
        if not files and len(self.problems) == before:
            hint = "`**` searches folders to any depth; hidden files need a leading dot"
            self._add_problem(pattern, "no file matches", hint)
        return files

    def _folder_files(self, folder: str) -> list[str]:
        before = len(self.problems)
        files = files_below(folder, self._note_refusal)
        if not files and len(self.problems) == before:
            self._add_problem(
                folder, "no files in this directory", "hidden files and stores are left out"
            )
        return files

    def _note_refusal(self, error: OSError) -> None:
        problem = open_error(error.filename, error)
        if problem.path not in {known.path for known in self.problems}:
            self.problems.append(problem)

    def _add_problem(self, file: str, reason: str, hint: str) -> None:
        self.problems.append(SourceError(display_path(file), reason, hint))


def _distinct_files(files: Iterable[str]) -> list[str]:
    """The files without those that are the same file as an earlier one."""
    first: dict[str, str] = {}
    for file in files:
        first.setdefault(_file_identity(file), file)
    return list(first.values())


def _file_identity(file: str) -> str:
    try:
        return file if file == STDIN or is_url(file) else os.path.normcase(os.path.realpath(file))
    except (OSError, ValueError):
        return file


def _make_source(file: str) -> LogSource | SourceError:
    if file == STDIN:
        return LogSource.from_path(file, None)
    try:
        status = os.stat(file)
    except (OSError, ValueError) as error:
        return open_error(file, error)
    if not os.access(file, os.R_OK):
        return open_error(file, PermissionError())
    if stat.S_ISREG(status.st_mode):
        return LogSource.from_path(file, status.st_size)
    if stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode):
        return LogSource.from_path(file, None)
    return SourceError(
        display_path(file), "neither a file nor a pipe", "give a log file or a folder"
    )
