"""Places in a TOML file: the keys that lead to a value, and the line where it is written."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

_LONGEST_FILE = 2000
"""Lines of a file that is searched: each of them is tried as its end."""


def write_place(place: Sequence[str | int]) -> str:
    """Return keys as one text.

    >>> write_place(("alerts", "rules", 0, "over"))
    'alerts.rules[0].over'
    """
    written = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)
    return written.removeprefix(".")


def find_line(file: Path, place: Sequence[str | int]) -> int | None:
    """Return the number of the line where the value at this place begins; None if it has none.

    A key that is missing is where its table begins.
    """
    try:
        lines = file.read_bytes().decode().splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        return None
    while place:
        if (line := _first_line_with(lines, place)) is not None:
            return line
        place = place[:-1]
    return None


def _first_line_with(lines: Sequence[str], place: Sequence[str | int]) -> int | None:
    """Return where the statement begins with which the file has a value at this place.

    TOML's reader does not tell where values stand; but what the file holds up to a line is TOML
    by itself wherever a statement ends.
    """
    begin = 0
    for end in range(1, min(len(lines), _LONGEST_FILE) + 1):
        try:
            values: object = tomllib.loads("".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue  # within a text, a list or a table of several lines
        if _has_place(values, place):
            blank = (not line.strip() or line.lstrip().startswith("#") for line in lines[begin:end])
            return begin + 1 + next((i for i, is_blank in enumerate(blank) if not is_blank), 0)
        begin = end
    return None


def _has_place(values: object, place: Sequence[str | int]) -> bool:
    for key in place:
        match values:
            case dict() if key in values:
                values = values[key]
            case list() if isinstance(key, int) and key < len(values):
                values = values[key]
            case _:
                return False
    return True
