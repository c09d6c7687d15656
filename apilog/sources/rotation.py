"""The order of rotated log files: the oldest sibling first, the live file last.

Files that are no siblings keep the order they came in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

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
        base, rank, age = _rotation(name)
        families.setdefault((folder, base), []).append((rank, age, file))
    return [file for family in families.values() for _, _, file in sorted(family)]


def are_siblings(one: str, other: str) -> bool:
    """Whether the names are of one log file, rotated or not, in the same folder.

    >>> are_siblings("a.log", "a.log.1"), are_siblings("a.log", "b.log")
    (True, False)
    """
    (folder, name), (other_folder, other_name) = os.path.split(one), os.path.split(other)
    return folder == other_folder and _rotation(name)[0] == _rotation(other_name)[0]


def may_be_copies_of(file: str) -> list[str]:
    """The files that a rotated one may just be being made from, by its name.

    >>> may_be_copies_of("logs/a.log.1.gz")
    ['logs/a.log.1', 'logs/a.log']
    """
    folder, name = os.path.split(file)
    plain = COMPRESSED_SUFFIX.sub("", name)
    live, _, _ = _rotation(name)
    return [os.path.join(folder, other) for other in dict.fromkeys((plain, live)) if other != name]


def _rotation(name: str) -> tuple[str, int, tuple[int, ...]]:
    """The live file's name, the kind of rotation, and what ascends from old to new within it."""
    stem = COMPRESSED_SUFFIX.sub("", name)
    if found := _DATED.match(stem):
        date = tuple(int(found[part]) for part in ("year", "month", "day"))
        rest = tuple(int(digits) for digits in re.findall(r"\d+", found["rest"]))
        return found["base"], _DATED_RANK, date + rest
    if found := _NUMBERED.match(stem):
        return found["base"], _NUMBERED_RANK, (-int(found["number"]),)
    return stem, _LIVE_RANK, ()
