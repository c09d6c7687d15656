"""Places in a TOML file: the keys that lead to a value, and the line where it is written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

Place = tuple[str | int, ...]
"""The keys that lead to a value, and the numbers of entries of lists among them."""

_LONGEST_FILE = 2000
"""Lines of a file that is searched: each of them is tried as its end."""


def write_place(place: Sequence[str | int]) -> str:
    """Return keys as one text.

    >>> write_place(("alerts", "rules", 0, "over"))
    'alerts.rules[0].over'
    """
    written = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)
    return written.removeprefix(".")


def find_position(file: Path, place: Sequence[str | int]) -> tuple[int, int] | None:
    """Return line and column, both from 1, where the value at this place begins; None if nowhere.

    A key that is missing is where its table begins.
    """
    positions = find_positions(file)
    while place:
        if (position := positions.get(tuple(place))) is not None:
            return position
        place = place[:-1]
    return None


def describe_place(file: Path, place: Sequence[str | int]) -> str:
    """Return file, line and column of a value, and the keys that lead to it."""
    position = find_position(file, place)
    where = f"{file}:{position[0]}:{position[1]}" if position else file
    return f"{where}: {write_place(place)}"


def find_positions(file: Path) -> dict[Place, tuple[int, int]]:
    """Return line and column of every value of a file, by the keys that lead to it.

    TOML's reader does not tell where values stand; but what the file holds up to a line is TOML
    by itself wherever a statement ends.
    """
    try:
        lines = file.read_bytes().decode().splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[Place, tuple[int, int]] = {}
    begin = 0
    for end in range(1, min(len(lines), _LONGEST_FILE) + 1):
        try:
            values = tomllib.loads("".join(lines[:end]))
        except (tomllib.TOMLDecodeError, RecursionError):
            continue  # within a text, a list or a table of several lines
        blank = (not line.strip() or line.lstrip().startswith("#") for line in lines[begin:end])
        first = begin + next((i for i, is_blank in enumerate(blank) if not is_blank), 0)
        for place in _iter_places(values):
            if place not in found:
                found[place] = (first + 1, _find_column(lines[first], place[-1]))
        begin = end
    return found


def _iter_places(values: object, place: Place = ()) -> Iterator[Place]:
    match values:
        case dict():
            items: Iterable[tuple[str | int, object]] = values.items()
        case list():
            items = enumerate(values)
        case _:
            return
    for key, value in items:
        yield (*place, key)
        yield from _iter_places(value, (*place, key))


def _find_column(line: str, key: str | int) -> int:
    begin = len(line) - len(line.lstrip())
    return max(begin, line.find(str(key), begin) if isinstance(key, str) else begin) + 1
