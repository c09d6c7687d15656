"""The objects that a URL stands for: one, all in a folder, or those that a glob matches.

Keys are read as paths, with the same rules as for files: hidden names are left out unless asked
for, `*` stays within one name, `**` stands for any number of folders.
"""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Iterable, Iterator

from apilog.storage.cloud.bucket import Bucket, ObjectInfo
from apilog.storage.cloud.url import ObjectUrl

_ANY_DEPTH = "**"


def objects_at(url: str) -> dict[str, int]:
    """The URLs of the objects, and their sizes in bytes.

    Raises FileNotFoundError if there is none, other OSErrors where the storage refuses, and
    InputError for what is no URL of an object.
    """
    place = ObjectUrl.parse(url)
    bucket = Bucket(place.scheme, place.bucket)
    found = _found(bucket, place.key, is_folder=url.endswith("/"))
    sizes = {str(place.of(info.key)): info.size for info in found}
    if not sizes:
        raise FileNotFoundError(url)
    return sizes


def _found(bucket: Bucket, key: str, *, is_folder: bool) -> list[ObjectInfo]:
    if key and not is_folder and (info := bucket.info(key)):
        return [info]
    if glob.has_magic(key):
        return list(_expand(bucket, "", key.split("/")))
    return list(_below(bucket, key))


def _below(bucket: Bucket, folder: str) -> Iterator[ObjectInfo]:
    """The visible objects in a folder, at any depth."""
    for info, parts in _all_below(bucket, folder):
        if not _is_hidden(parts):
            yield info


def _all_below(bucket: Bucket, folder: str) -> Iterator[tuple[ObjectInfo, list[str]]]:
    """Every object in a folder, and its names from there on.

    Consoles make empty objects that keep folders in sight: those are left out.
    """
    infos = list(bucket.below(folder))
    folders = {folder}
    for info in infos:
        inner = info.key
        while (inner := inner.rpartition("/")[0]) and inner not in folders:
            folders.add(inner)
    skipped = len(folder) + 1 if folder else 0
    for info in infos:
        if info.size or info.key not in folders:
            yield info, info.key[skipped:].split("/")


def _expand(bucket: Bucket, folder: str, segments: list[str]) -> Iterator[ObjectInfo]:
    """The objects in a folder that match; a folder that matches stands for all in it."""
    segment, rest = segments[0], segments[1:]
    if _ANY_DEPTH in segments:
        yield from (info for info, parts in _all_below(bucket, folder) if _matches(parts, segments))
        return
    if not glob.has_magic(segment) and rest:
        yield from _expand(bucket, _joined(folder, segment), rest)
        return
    folders, objects = bucket.level(folder)
    for inner in _matching(folders, segment):
        yield from _expand(bucket, inner, rest) if rest else _below(bucket, inner)
    if not rest:
        infos = {info.key: info for info in objects if info.size or info.key != folder}
        yield from (infos[key] for key in _matching(infos, segment))


def _matching(keys: Iterable[str], pattern: str) -> list[str]:
    """The keys whose last part a pattern matches."""
    return [key for key in keys if _is_match(key.rpartition("/")[2], pattern)]


def _matches(parts: list[str], segments: list[str]) -> bool:
    """Whether an object is matched, or a folder that it is in."""
    if not segments:
        return not _is_hidden(parts)
    if not parts:
        return segments == [_ANY_DEPTH]
    segment, rest = segments[0], segments[1:]
    if segment != _ANY_DEPTH:
        return _is_match(parts[0], segment) and _matches(parts[1:], rest)
    return _matches(parts, rest) or (parts[0][:1] != "." and _matches(parts[1:], segments))


def _is_match(name: str, pattern: str) -> bool:
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, pattern)


def _is_hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") for part in parts)


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
