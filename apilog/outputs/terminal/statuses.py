"""Statuses: how the requests were answered, by class."""

from __future__ import annotations

import polars as pl
from rich.text import Text

from apilog.outputs.labels import NULL
from apilog.outputs.terminal.columns import share_columns
from apilog.outputs.terminal.grid import Column, Words, grid
from apilog.outputs.terminal.page import Page, Section, by_requests, shows
from apilog.outputs.terminal.text import shorten_end
from apilog.units import format_count

_CLASSES = {
    1: ("1xx", "informational", "dim"),
    2: ("2xx", "success", "green"),
    3: ("3xx", "redirects", "cyan"),
    4: ("4xx", "client errors", "yellow"),
    5: ("5xx", "server errors", "red"),
}
_UNKNOWN = ("?", "other statuses", "dim")
_MISSING = (NULL, "no status", "dim")


def statuses(page: Page) -> Section | None:
    """The share of each class of statuses, and the statuses it is made of."""
    frame = page.table("statuses")
    if "status" not in frame.columns or not shows(frame, "requests"):
        return None
    classes = _classes(by_requests(frame))
    names, words, styles = zip(*classes, strict=True)
    requests = [sum(count for _, count in rows) for rows in classes.values()]

    def draw(width: int) -> list[Text]:
        columns: list[Column] = [
            Words(title="", cells=names, styles=styles),
            Words(title="", cells=words, drop=2),
            Words(title="requests", cells=[format_count(n) for n in requests], right=True),
            *share_columns(requests, sum(requests), drop=1, styles=styles, least=12),
            Words(
                title="statuses",
                cells=[_breakdown(kind, rows) for kind, rows in classes.items()],
                flexible=True,
                shorten=shorten_end,
                drop=4,
                styles="dim",
            ),
        ]
        return grid(columns, len(classes), width)

    return Section(title="Statuses", draw=draw)


def _classes(frame: pl.DataFrame) -> dict[tuple[str, str, str], list[tuple[str, int]]]:
    """Class to its statuses and their requests, the classes in order, those without last."""
    groups: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    for status, requests in frame.select("status", "requests").iter_rows():
        numeric = isinstance(status, int)
        kind = _CLASSES.get(status // 100, _UNKNOWN) if numeric else _MISSING
        groups.setdefault(kind, []).append((str(status) if numeric else NULL, requests or 0))
    order = [*_CLASSES.values(), _UNKNOWN, _MISSING]
    return {kind: groups[kind] for kind in order if kind in groups}


def _breakdown(kind: tuple[str, str, str], rows: list[tuple[str, int]]) -> str:
    if kind == _MISSING:
        return ""
    return " · ".join(f"{status} {format_count(n, compact=True)}" for status, n in rows)
