"""The head of the report: its window, what was read, and the totals."""

from __future__ import annotations

import math
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.text import Text

from apilog.metrics import Unit
from apilog.model import Report
from apilog.outputs.escape import terminal_text
from apilog.outputs.labels import display, unit_of
from apilog.outputs.terminal.columns import rate_style
from apilog.outputs.terminal.page import Page
from apilog.outputs.terminal.text import clip, flow, pad
from apilog.units import format_count, format_duration

_TOTALS = (
    ("requests", "requests"),
    ("request_rate", "rate"),
    ("error_rate", "errors"),
    ("server_error_rate", "5xx"),
    ("consumers", "consumers"),
    ("clients", "clients"),
    ("latency_p50_ms", "p50"),
    ("latency_p95_ms", "p95"),
    ("latency_p99_ms", "p99"),
    ("request_bytes", "received"),
    ("response_bytes", "sent"),
)
_GAP = 3
_NAMED = 4
"""Formats that are called by their names; more are counted."""


def head(report: Report, width: int) -> list[Text]:
    """What was asked, of which time, out of what."""
    asked = Text(f"apilog {terminal_text(report.command)}", "bold")
    window = [Text(part) for part in _window(report)]
    return flow([asked, *window], width) + flow(_inputs(report), width)


def totals(page: Page, width: int) -> list[Text]:
    """The overview as labels and numbers below them, in columns; nothing without requests."""
    tiles = [_tile(page, column, label) for column, label in _TOTALS]
    shown = [tile for tile in tiles if tile is not None]
    if not page.overview("requests") or not shown:
        return []
    cells = max(cell_len(text.plain) for tile in shown for text in tile) + _GAP
    rows = math.ceil(len(shown) / max(1, (width - 2 + _GAP) // cells))
    each = math.ceil(len(shown) / rows)
    lines: list[Text] = []
    for start in range(0, len(shown), each):
        for texts in zip(*shown[start : start + each], strict=True):
            line = Text("  ") + Text("").join(pad(text, cells) for text in texts)
            line.rstrip()
            lines.append(clip(line, width))
    return lines


def _tile(page: Page, column: str, label: str) -> tuple[Text, Text] | None:
    value = page.overview(column)
    if value is None or (column in ("consumers", "clients") and not value):
        return None
    unit = unit_of(column)
    style = rate_style(column, value) if unit is Unit.RATIO else ""
    return Text(label, "dim"), Text(display(value, unit, "UTC"), f"bold {style}".strip())


def _window(report: Report) -> list[str]:
    zone = ZoneInfo(report.timezone)
    moments = [m.astimezone(zone) for m in (report.since, report.until) if m is not None]
    if not moments:
        return []
    first, last = moments[0], moments[-1]
    start = _clock(first, with_date=True)
    end = _clock(last, with_date=last.date() != first.date())
    length = (last - first).total_seconds() * 1000
    window = f"{start} – {end}" if len(moments) == 2 and length else start
    spoken = re.sub(r" 0[hms]$", "", format_duration(length))
    named = f"{window} {terminal_text(report.timezone)}"
    return [named, spoken] if length else [named]


def _clock(moment: datetime, *, with_date: bool) -> str:
    clock = "%H:%M:%S" if moment.second else "%H:%M"
    return moment.strftime(f"%Y-%m-%d {clock}" if with_date else clock)


def _inputs(report: Report) -> list[Text]:
    read = report.input
    files = len(read.files)
    formats = sorted({file.format for file in read.files if file.format})
    only = read.files[0].path if files == 1 else f"{files:,} files"
    named = " + ".join(formats) if len(formats) <= _NAMED else f"{len(formats)} formats"
    parts = [(only, ""), (named, ""), (_counted(read.lines, "line"), "")]
    if read.rejects:
        parts.append((f"{format_count(read.rejects)} rejected", "yellow"))
    if read.skipped:
        parts.append((f"{format_count(read.skipped)} skipped", "dim"))
    return [Text(terminal_text(text), style) for text, style in parts if text]


def _counted(n: int, noun: str) -> str:
    return f"{format_count(n)} {noun}{'' if n == 1 else 's'}"
