"""Logs of numbered requests, and which of them a store holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from apilog.store import Store
from tests.weblog import line


def lines(numbers: Iterable[int]) -> bytes:
    """A line a number, each of them different."""
    return b"".join(f"{line(f'/n/{number}', after=number)}\n".encode() for number in numbers)


def held(store: Path) -> list[int]:
    """The numbers of the requests in the store, in ascending order, doubles included."""
    paths = Store.open(store).scan_records().select("path").collect()["path"]
    return sorted(int(path.rpartition("/")[2]) for path in paths)


def numbering(store: Path) -> list[tuple[str, int, int]]:
    """Source, line number and number of each request, in order."""
    frame = Store.open(store).scan_records().select("source", "line_number", "path").collect()
    return sorted(
        (Path(source).name, at, int(path.rpartition("/")[2])) for source, at, path in frame.rows()
    )
