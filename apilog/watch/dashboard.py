"""The dashboard: a terminal full of what happens now, drawn anew with each frame.

It has the sections of the report; what has no room is left out from below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import polars as pl
from rich.text import Text

from apilog.alerts.message import sentence
from apilog.alerts.rules import Event, Notice
from apilog.metrics import Unit
from apilog.outputs.escape import terminal_text
from apilog.outputs.labels import NULL, display, unit_of
from apilog.outputs.terminal.charts import Series, charts
from apilog.outputs.terminal.columns import any_column, key_columns, rate_style
from apilog.outputs.terminal.endpoints import busiest, failing
from apilog.outputs.terminal.grid import Column, Words
from apilog.outputs.terminal.page import Page, Section, shows
from apilog.outputs.terminal.ranking import ranking
from apilog.outputs.terminal.text import clip, flow, pad
from apilog.units import format_count, format_duration
from apilog.watch.frame import Frame
from apilog.watch.lines import is_firing

NARROWEST = 24
_RECENT = timedelta(seconds=10)
"""What a rate of now is about, if slots aren't longer."""
_BESIDE = ("duration_ms", "consumer", "client_ip")
"""What else is told of a request that failed; where there is no room the last one goes first."""
_MOST_ROWS = 10
_MOST_ALERTS = 5
_TILES = (
    ("error_rate", "errors"),
    ("server_error_rate", "5xx"),
    ("latency_p50_ms", "p50"),
    ("latency_p95_ms", "p95"),
    ("latency_p99_ms", "p99"),
)
_GAP = 3
_Tile = tuple[str, str, str]
"""Label, number and its style."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the head of the dashboard names."""

    sources: str
    window: timedelta


def draw(
    frame: Frame, subject: Subject, width: int, height: int | None, remarks: Sequence[str] = ()
) -> list[Text]:
    """The lines of the dashboard, none wider than `width`; at most `height` if it is given."""
    width = max(width, NARROWEST)
    blocks = [
        _head(frame, subject, width),
        _alerts(frame, width),
        _tiles(frame, width),
        _charts(frame, width),
    ]
    foot = [clip(Text(terminal_text(text), "yellow"), width) for text in remarks]
    used = sum(len(block) + 1 for block in blocks if block) + len(foot)
    makers: tuple[Callable[[Page], Section | None], ...] = (busiest, failing, _newest)
    rows = _rows(height - used, len(makers)) if height else _MOST_ROWS
    page = Page.of(frame.report, rows)
    if rows > 0:
        blocks += [section.lines(width) for make in makers if (section := make(page))]
    lines = _stacked(blocks)
    return [*(lines[: height - len(foot)] if height else lines), *foot]


def _rows(room: int, sections: int) -> int:
    """How many rows each of the sections can have: a title, a head, a foot and a gap beside."""
    return min(_MOST_ROWS, room // sections - 4)


def _head(frame: Frame, subject: Subject, width: int) -> list[Text]:
    zone = ZoneInfo(frame.report.timezone)
    window = format_duration(subject.window.total_seconds() * 1000)
    read, now = frame.report.input, frame.report.until or frame.at
    parts = [
        Text("apilog watch", "bold"),
        Text(f"{now.astimezone(zone):%H:%M:%S} {terminal_text(frame.report.timezone)}"),
        Text(f"last {window.removesuffix(' 0s').removesuffix(' 0m')}"),
        Text(terminal_text(subject.sources)),
        Text(f"{format_count(read.lines)} lines", "dim"),
    ]
    if read.rejects:
        parts.append(Text(f"{format_count(read.rejects)} rejected", "yellow"))
    if frame.late:
        parts.append(Text(f"{format_count(frame.late)} late", "dim"))
    return flow(parts, width)


def _alerts(frame: Frame, width: int) -> list[Text]:
    """What fires, then what may be about to; a few of them."""
    shown = sorted(frame.alerts, key=lambda one: not is_firing(one))
    lines = []
    for rule, alert in shown[:_MOST_ALERTS]:
        notice = Notice(event=Event.FIRING, rule=rule, alert=alert, at=frame.at)
        mark, style = ("▲ ", "bold red") if is_firing((rule, alert)) else ("  pending ", "yellow")
        lines.append(clip(Text(mark + terminal_text(sentence(notice)), style), width))
    if len(shown) > _MOST_ALERTS:
        lines.append(Text(f"  … and {len(shown) - _MOST_ALERTS:,} more", "dim"))
    return lines


def _tiles(frame: Frame, width: int) -> list[Text]:
    """Labels and the numbers below them; nothing without requests."""
    overview = frame.report.tables["overview"].row(0, named=True)
    if not overview["requests"]:
        return [Text("No requests in the window.", "bold")]
    tiles = [
        ("rate now", display(_recent_rate(frame), Unit.PER_SECOND, "UTC"), ""),
        ("requests", format_count(overview["requests"]), ""),
    ]
    for column, label in _TILES:
        if overview[column] is not None:
            unit = unit_of(column)
            style = rate_style(column, overview[column]) if unit is Unit.RATIO else ""
            tiles.append((label, display(overview[column], unit, "UTC"), style))
    lines: list[Text] = []
    for row in _in_rows(tiles, width - 2):
        widths = [max(len(label), len(value)) + _GAP for label, value, _ in row]
        labels = [pad(Text(t[0], "dim"), w) for t, w in zip(row, widths, strict=True)]
        values = [
            pad(Text(value, f"bold {style}".strip()), w)
            for (_, value, style), w in zip(row, widths, strict=True)
        ]
        lines += [clip(_joined(labels), width), clip(_joined(values), width)]
    return lines


def _in_rows(tiles: Sequence[_Tile], room: int) -> list[list[_Tile]]:
    """The tiles in as few rows as they need."""
    rows: list[list[_Tile]] = []
    used = 0
    for tile in tiles:
        cells = max(len(tile[0]), len(tile[1]))
        if not rows or used + cells > room:
            rows.append([])
            used = 0
        rows[-1].append(tile)
        used += cells + _GAP
    return rows


def _joined(cells: Sequence[Text]) -> Text:
    line = Text("  ") + Text("").join(cells)
    line.rstrip()
    return line


def _recent_rate(frame: Frame) -> float | None:
    """Requests per second of the last complete slots."""
    slots = frame.report.tables["traffic"]
    count = max(1, _RECENT // frame.step)
    complete = slots.head(max(0, slots.height - 1)).tail(count)
    if complete.is_empty():
        rate: float | None = frame.report.tables["overview"]["request_rate"][0]
        return rate
    return float(complete["requests"].sum()) / (complete.height * frame.step.total_seconds())


def _charts(frame: Frame, width: int) -> list[Text]:
    traffic = frame.report.tables["traffic"]
    if traffic.height < 2 or not shows(traffic, "timestamp", "requests"):
        return []
    seconds = frame.step.total_seconds()
    rate = traffic.select(pl.col("requests") / seconds).to_series()
    series = [
        _series(rate, "rate", Unit.PER_SECOND, 3, "cyan"),
        _series(traffic["error_rate"], "errors", Unit.RATIO, 1, "red"),
    ]
    for column, style in (
        ("latency_p50_ms", "green"),
        ("latency_p95_ms", "magenta"),
        ("latency_p99_ms", "magenta"),
    ):
        if shows(traffic, column):
            name = column.removeprefix("latency_").removesuffix("_ms")
            series.append(_series(traffic[column], name, Unit.MILLISECONDS, 1, style))
    zone = ZoneInfo(frame.report.timezone)
    return charts(series, [moment.astimezone(zone) for moment in traffic["timestamp"]], width)


def _series(values: pl.Series, label: str, unit: Unit, height: int, style: str) -> Series:
    return Series(
        label=label,
        peak=display(values.max(), unit, "UTC"),
        values=values.to_list(),
        height=height,
        style=style,
        merge=max,
    )


def _newest(page: Page) -> Section | None:
    """The newest requests that failed."""
    frame = page.table("errors")
    zone = ZoneInfo(page.report.timezone)

    def columns(shown: pl.DataFrame) -> list[Column]:
        times = shown["timestamp"].dt.convert_time_zone(zone.key).dt.to_string("%H:%M:%S")
        known = [(c, i) for i, c in enumerate(_BESIDE, 1) if shows(shown, c)]
        return [
            Words(title="time", cells=times.fill_null(NULL).to_list(), styles="dim"),
            *key_columns(shown, ["status", "method", "path"]),
            *(replace(any_column(shown[c], zone.key), drop=drop) for c, drop in known),
        ]

    return ranking(frame, columns, page.rows(5, frame.height), title="Newest errors", counted="")


def _stacked(blocks: Sequence[Sequence[Text]]) -> list[Text]:
    lines: list[Text] = []
    for block in blocks:
        if lines and block:
            lines.append(Text())
        lines += block
    return lines
