"""The head of a report and its remarks: the window, the inputs, the totals, damage and notes."""

from __future__ import annotations

import math
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.text import Text

from apilog.metrics import Unit
from apilog.render.sections.columns import rate_style
from apilog.render.sections.section import ReportView, Section, has_values
from apilog.render.terminal.fit_text import (
    clip_line,
    flow_parts,
    pad_text,
    shorten_middle,
    wrap_text,
)
from apilog.render.text.cell_text import column_unit, format_value
from apilog.render.text.escape import escape_terminal
from apilog.report_model import Report
from apilog.text.units import format_count, format_duration

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
_TILE_GAP = 3
_MOST_FORMATS = 4
"""Formats that are called by their names; more are counted."""


def head_lines(report: Report, width: int) -> list[Text]:
    """What was asked, of which time, out of what."""
    asked = Text(f"apilog {escape_terminal(report.command)}", "bold")
    window = [Text(part) for part in _describe_window(report)]
    return flow_parts([asked, *window], width) + flow_parts(_describe_inputs(report), width)


def totals_lines(page: ReportView, width: int) -> list[Text]:
    """The overview as labels and numbers below them, in columns; nothing without requests."""
    tiles = [_total_tile(page, column, label) for column, label in _TOTALS]
    shown = [tile for tile in tiles if tile is not None]
    if not page.overview("requests") or not shown:
        return []
    cells = max(cell_len(text.plain) for tile in shown for text in tile) + _TILE_GAP
    rows = math.ceil(len(shown) / max(1, (width - 2 + _TILE_GAP) // cells))
    each = math.ceil(len(shown) / rows)
    lines: list[Text] = []
    for start in range(0, len(shown), each):
        for texts in zip(*shown[start : start + each], strict=True):
            line = Text("  ") + Text("").join(pad_text(text, cells) for text in texts)
            line.rstrip()
            lines.append(clip_line(line, width))
    return lines


def _total_tile(page: ReportView, column: str, label: str) -> tuple[Text, Text] | None:
    value = page.overview(column)
    if value is None or (column in ("consumers", "clients") and not value):
        return None
    unit = column_unit(column)
    style = rate_style(column, value) if unit is Unit.RATIO else ""
    return Text(label, "dim"), Text(format_value(value, unit, "UTC"), f"bold {style}".strip())


def _describe_window(report: Report) -> list[str]:
    zone = ZoneInfo(report.timezone)
    moments = [m.astimezone(zone) for m in (report.since, report.until) if m is not None]
    if not moments:
        return []
    first, last = moments[0], moments[-1]
    start = _format_clock(first, with_date=True)
    end = _format_clock(last, with_date=last.date() != first.date())
    length = (last - first).total_seconds() * 1000
    window = f"{start} – {end}" if len(moments) == 2 and length else start
    spoken = re.sub(r" 0[hms]$", "", format_duration(length))
    named = f"{window} {escape_terminal(report.timezone)}"
    return [named, spoken] if length else [named]


def _format_clock(moment: datetime, *, with_date: bool) -> str:
    clock = "%H:%M:%S" if moment.second else "%H:%M"
    return moment.strftime(f"%Y-%m-%d {clock}" if with_date else clock)


def _describe_inputs(report: Report) -> list[Text]:
    read = report.input
    files = len(read.files)
    formats = sorted({file.format for file in read.files if file.format})
    only = read.files[0].path if files == 1 else f"{files:,} files"
    named = " + ".join(formats) if len(formats) <= _MOST_FORMATS else f"{len(formats)} formats"
    parts = [(only, ""), (named, ""), (_count_noun(read.lines, "line"), "")]
    if read.rejects:
        parts.append((f"{format_count(read.rejects)} rejected", "yellow"))
    if read.skipped:
        parts.append((f"{format_count(read.skipped)} skipped", "dim"))
    return [Text(escape_terminal(text), style) for text, style in parts if text]


def _count_noun(n: int, noun: str) -> str:
    return f"{format_count(n)} {noun}{'' if n == 1 else 's'}"


_LATENCY_COLUMNS = ("latency_p95_ms", "latency_mean_ms")
_MOST_DAMAGED = 10


def no_latency_section(page: ReportView) -> Section | None:
    """One sentence if there are requests and not one of them has a duration."""
    if not page.overview("requests"):
        return None
    frames = [page.table(name) for name in ("overview", "latency", "endpoints")]
    if any(has_values(frame, column) for frame in frames for column in _LATENCY_COLUMNS):
        return None
    hint = "The logs carry no durations; `apilog detect FILE` tells which directive adds them."
    return Section(title="Latency", draw=lambda width: wrap_text(hint, width))


def damaged_section(page: ReportView) -> Section | None:
    """The inputs that could not be read, or not to their end, and why."""
    files = [file for file in page.report.input.files if file.error is not None]
    if not files:
        return None

    def draw(width: int) -> list[Text]:
        lines: list[Text] = []
        for file in files[:_MOST_DAMAGED]:
            path = shorten_middle(escape_terminal(file.path), max(12, width // 2))
            lines += wrap_text(f"{path}: {escape_terminal(file.error or '')}", width, "red")
            lines += wrap_text(escape_terminal(file.hint), width, "dim", "    ")
        if len(files) > _MOST_DAMAGED:
            lines.append(Text(f"  … and {len(files) - _MOST_DAMAGED:,} more", "dim"))
        return lines

    return Section(title="Inputs with errors", draw=draw)


def notes_section(page: ReportView) -> Section | None:
    """The report's notes, one below the other."""
    texts = [escape_terminal(note) for note in page.report.notes]
    if not texts:
        return None

    def draw(width: int) -> list[Text]:
        return [line for text in texts for line in wrap_text(text, width, mark="  · ")]

    return Section(title="Notes", draw=draw)
