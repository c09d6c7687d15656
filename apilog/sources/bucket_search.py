"""The objects that a URL stands for: one, all in a folder, or those that a glob matches.

Keys are read as paths, with the same rules as for files: hidden names are left out unless asked
for, `*` stays within one name, `**` stands for any number of folders.
"""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Iterable, Iterator

from apilog.storage.cloud.bucket import Bucket, ObjectInfo, ObjectUrl

_ANY_DEPTH = "**"


def find_objects(url: str) -> dict[str, int]:
    """Return the URLs of the objects, and their sizes in bytes.

    Raises FileNotFoundError if there is none, other OSErrors where the storage refuses, and
    InputError for a text that is not the URL of an object.
    """
    place = ObjectUrl.parse(url)
    bucket = Bucket(place.scheme, place.bucket)
    objects: Iterable[ObjectInfo]
    if place.key and not url.endswith("/") and (info := bucket.find_info(place.key)):
        objects = [info]
    elif glob.has_magic(place.key):
        objects = _expand_glob(bucket, "", place.key.split("/"))
    else:
        objects = _visible_objects(bucket, place.key)
    sizes = {str(place.with_key(info.key)): info.size for info in objects}
    if not sizes:
        raise FileNotFoundError(url)
    return sizes


def _visible_objects(bucket: Bucket, folder: str) -> Iterator[ObjectInfo]:
    """Yield the visible objects in a folder, at any depth."""
    return (info for info, parts in _all_objects(bucket, folder) if not _is_hidden(parts))


def _all_objects(bucket: Bucket, folder: str) -> Iterator[tuple[ObjectInfo, list[str]]]:
    """Yield every object in a folder, and its names from there on.

    Consoles make empty objects that keep folders in sight: those are left out.
    """
    infos = list(bucket.list_below(folder))
    folders = {folder}
    for info in infos:
        inner = info.key
        while (inner := inner.rpartition("/")[0]) and inner not in folders:
            folders.add(inner)
    skipped = len(folder) + 1 if folder else 0
    for info in infos:
        if info.size or info.key not in folders:
            yield info, info.key[skipped:].split("/")


def _expand_glob(bucket: Bucket, folder: str, segments: list[str]) -> Iterator[ObjectInfo]:
    """Yield the objects in a folder that match; a folder that matches stands for all in it."""
    segment, rest = segments[0], segments[1:]
    if _ANY_DEPTH in segments:
        yield from (
            info for info, parts in _all_objects(bucket, folder) if _path_matches(parts, segments)
        )
        return
    if not glob.has_magic(segment) and rest:
        yield from _expand_glob(bucket, f"{folder}/{segment}" if folder else segment, rest)
        return
    folders, objects = bucket.list_level(folder)
    for inner in _matching_keys(folders, segment):
        yield from _expand_glob(bucket, inner, rest) if rest else _visible_objects(bucket, inner)
    if not rest:
        infos = {info.key: info for info in objects if info.size or info.key != folder}
        yield from (infos[key] for key in _matching_keys(infos, segment))


def _matching_keys(keys: Iterable[str], pattern: str) -> list[str]:
    """Return the keys whose last part a pattern matches."""
    return [key for key in keys if _is_match(key.rpartition("/")[2], pattern)]


def _path_matches(parts: list[str], segments: list[str]) -> bool:
    """Return whether a pattern matches an object, or a folder that it is in."""
    if not segments:
        return not _is_hidden(parts)
    if not parts:
        return segments == [_ANY_DEPTH]
    segment, rest = segments[0], segments[1:]
    if segment != _ANY_DEPTH:
        return _is_match(parts[0], segment) and _path_matches(parts[1:], rest)
    return _path_matches(parts, rest) or (
        parts[0][:1] != "." and _path_matches(parts[1:], segments)
    )


def _is_match(name: str, pattern: str) -> bool:
    is_asked_for = pattern.startswith(".") or not name.startswith(".")
    return is_asked_for and fnmatch.fnmatchcase(name, pattern)


def _is_hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") for part in parts)
