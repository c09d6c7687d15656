"""The formats of access logs in Apache's httpd.conf, with what it includes.

Source: https://httpd.apache.org/docs/current/mod/mod_log_config.html and
https://httpd.apache.org/docs/current/mod/core.html#include
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from apilog.options import OwnFormat

_MOST_FILES = 500
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_LOG_FORMAT = re.compile(rf"LogFormat\s+(?:{_TEXT}|(\S+))(?:\s+(\S+))?", re.IGNORECASE)
_CUSTOM_LOG = re.compile(
    rf"(?:CustomLog|GlobalLog)\s+(?:{_TEXT}|\S+)\s+(?:{_TEXT}|(\S+))", re.IGNORECASE
)
_INCLUDE = re.compile(rf"Include(?:Optional)?\s+(?:{_TEXT}|(\S+))", re.IGNORECASE)
_SERVER_ROOT = re.compile(rf"ServerRoot\s+(?:{_TEXT}|(\S+))", re.IGNORECASE)


def read_httpd_conf(path: Path) -> Iterator[OwnFormat]:
    """Yield the formats that some log uses; all that are named where none does."""
    named: dict[str, str] = {}
    used: dict[str, str] = {}
    for line in _read_lines(path, path.parent, set()):
        if match := _LOG_FORMAT.match(line):
            named[match[3] or "default"] = _unquote(match[1] or match[2])
        elif match := _CUSTOM_LOG.match(line):
            if match[2] is not None:
                used[f"log_{len(used) + 1}"] = _unquote(match[2])
            else:
                used.setdefault(match[3], "")
    chosen = {name: text or named.get(name, "") for name, text in used.items()} or named
    for name, text in chosen.items():
        if "%" in text:
            yield OwnFormat(name=f"apache-{name}", lines="apache", pattern=text, gateway="apache")


def _unquote(text: str) -> str:
    return text.replace('\\"', '"')


def _read_lines(path: Path, root: Path, seen: set[Path]) -> Iterator[str]:
    """Yield the lines of a file, those of included files where they are included."""
    path = path.resolve()
    if path in seen or len(seen) >= _MOST_FILES:
        return
    seen.add(path)
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return  # what is included may be missing
    for line in re.sub(r"\\\n", " ", text).splitlines():
        line = line.strip()
        if match := _SERVER_ROOT.match(line):
            given = Path(match[1] or match[2])
            root = given if given.is_dir() else root
        if match := _INCLUDE.match(line):
            for included in _find_included(root, path.parent, match[1] or match[2]):
                yield from _read_lines(included, root, seen)
        else:
            yield line


def _find_included(root: Path, folder: Path, pattern: str) -> list[Path]:
    """Return the files that a path or pattern names, from the server's root or beside the file."""
    for start in dict.fromkeys((root, folder)):
        place = start / pattern  # the pattern alone, if it is absolute
        try:
            found = sorted(Path(place.anchor).glob(str(place.relative_to(place.anchor))))
        except (OSError, ValueError, NotImplementedError):
            continue
        files = [file for each in found for file in _files_of(each)]
        if files:
            return files[:_MOST_FILES]
    return []


def _files_of(path: Path) -> list[Path]:
    """Return the file itself, or all files in a folder."""
    return [
        each for each in sorted(path.rglob("*") if path.is_dir() else (path,)) if each.is_file()
    ]
