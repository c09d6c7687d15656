"""The dashboard: a full terminal screen that is redrawn with each frame.

It shows sections of the report; what does not fit is left out from the bottom up. The terminal is
given back as it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import polars as pl
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from apilog.alerts.message import notice_sentence
from apilog.alerts.rules import AlertNotice, NoticeEvent
from apilog.metrics import Unit
from apilog.render.sections.columns import column_by_type, key_columns, rate_style
from apilog.render.sections.endpoints import busiest_section, failing_section
from apilog.render.sections.report_view import ReportView, has_values, ranking_section
from apilog.render.sections.section import Charts, ChartSeries, Column, Section, TextColumn
from apilog.render.terminal.charts import draw_charts
from apilog.render.terminal.fit_text import clip_line, flow_parts, pad_text
from apilog.render.terminal.layout import draw_section, stack_blocks
from apilog.render.text.cell_text import NULL, column_unit, format_value
from apilog.render.text.escape import escape_terminal
from apilog.text.units import format_count, format_duration
from apilog.watch.frame import NoteSink, WatchFrame

NARROWEST = 24
_RATE_SPAN = timedelta(seconds=10)
"""The time that the current rate is measured over, unless slots are longer."""
_ERROR_DETAILS = ("duration_ms", "consumer", "client_ip")
"""Further columns of a failed request; where there is no room the last is dropped first."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSubject:
    """What the headline of the dashboard names."""

    sources: str
    window: timedelta


def draw_dashboard(
    frame: WatchFrame,
    subject: DashboardSubject,
    width: int,
    height: int | None,
    remarks: Sequence[str] = (),
) -> list[Text]:
    """Return the lines of the dashboard, none wider than `width`, at most `height` of them."""
    # Nothing is readable in less; a narrower terminal crops the lines.
    width = max(width, NARROWEST)
    zone = frame.report.timezone
    window = format_duration(subject.window.total_seconds() * 1000)
    read, now = frame.report.input, frame.report.until or frame.at
    headline = [
        Text("apilog watch", "bold"),
        Text(f"{now.astimezone(ZoneInfo(zone)):%H:%M:%S} {escape_terminal(zone)}"),
        Text(f"last {window.removesuffix(' 0s').removesuffix(' 0m')}"),
        Text(escape_terminal(subject.sources)),
        Text(f"{format_count(read.lines)} lines", "dim"),
    ]
    if read.rejects:
        headline.append(Text(f"{format_count(read.rejects)} rejected", "yellow"))
    if frame.late:
        headline.append(Text(f"{format_count(frame.late)} late", "dim"))
    active = sorted(frame.alerts, key=lambda pair: not pair[1].is_firing)  # firing ones first
    alerts = []
    for rule, alert in active[:_MOST_ALERTS]:
        notice = AlertNotice(event=NoticeEvent.FIRING, rule=rule, alert=alert, at=frame.at)
        mark, style = ("▲ ", "bold red") if alert.is_firing else ("  pending ", "yellow")
        text = Text(mark + escape_terminal(notice_sentence(notice)), style)
        alerts.append(clip_line(text, width))
    if len(active) > _MOST_ALERTS:
        alerts.append(Text(f"  … and {len(active) - _MOST_ALERTS:,} more", "dim"))
    blocks = [
        flow_parts(headline, width),
        alerts,
        _metric_tiles(frame, width),
        _trend_charts(frame, width),
    ]
    foot = [clip_line(Text(escape_terminal(text), "yellow"), width) for text in remarks]
    used = sum(len(block) + 1 for block in blocks if block) + len(foot)
    makers: tuple[Callable[[ReportView], Section | None], ...] = (
        busiest_section,
        failing_section,
        _recent_errors_section,
    )
    # Each section takes four lines beside its rows: a title, a head, a foot and a gap.
    rows = min(_MOST_ROWS, (height - used) // len(makers) - 4) if height else _MOST_ROWS
    page = ReportView.of(frame.report, rows)
    if rows > 0:
        blocks += [draw_section(section, width) for make in makers if (section := make(page))]
    lines = stack_blocks(blocks)
    return [*(lines[: height - len(foot)] if height else lines), *foot]


def _metric_tiles(frame: WatchFrame, width: int) -> list[Text]:
    """Return labels with the numbers below them, or a sentence if there are no requests."""
    overview = frame.report.tables["overview"].row(0, named=True)
    if not overview["requests"]:
        return [Text("No requests in the window.", "bold")]
    slots = frame.report.tables["traffic"]
    # The last slot is still being filled: its rate would always look too low.
    complete = slots.head(max(0, slots.height - 1)).tail(max(1, _RATE_SPAN // frame.step))
    rate = overview["request_rate"]
    if not complete.is_empty():
        rate = float(complete["requests"].sum()) / (complete.height * frame.step.total_seconds())
    tiles = [
        ("rate now", format_value(rate, Unit.PER_SECOND, "UTC"), ""),
        ("requests", format_count(overview["requests"]), ""),
    ]
    for column, label in _TILES:
        if overview[column] is not None:
            unit = column_unit(column)
            style = rate_style(column, overview[column]) if unit is Unit.RATIO else ""
            tiles.append((label, format_value(overview[column], unit, "UTC"), style))
    rows: list[tuple[Text, Text]] = []
    for label, value, style in tiles:
        cells = max(len(label), len(value))
        if not rows or rows[-1][0].cell_len + cells > width:
            rows.append((Text("  "), Text("  ")))
        rows[-1][0].append_text(pad_text(Text(label, "dim"), cells + _GAP))
        rows[-1][1].append_text(pad_text(Text(value, f"bold {style}".strip()), cells + _GAP))
    lines = [line for row in rows for line in row]
    for line in lines:
        line.rstrip()
    return [clip_line(line, width) for line in lines]


def _trend_charts(frame: WatchFrame, width: int) -> list[Text]:
    traffic = frame.report.tables["traffic"]
    if traffic.height < 2 or not has_values(traffic, "timestamp", "requests"):
        return []
    seconds = frame.step.total_seconds()
    rate = traffic.select(pl.col("requests") / seconds).to_series()
    charted = [
        (rate, "rate", Unit.PER_SECOND, 3, "cyan"),
        (traffic["error_rate"], "errors", Unit.RATIO, 1, "red"),
    ]
    for name, style in (("p50", "green"), ("p95", "magenta"), ("p99", "magenta")):
        if has_values(traffic, f"latency_{name}_ms"):
            values = traffic[f"latency_{name}_ms"]
            charted.append((values, name, Unit.MILLISECONDS, 1, style))
    series = [
        ChartSeries(
            label=label,
            peak=format_value(values.max(), unit, "UTC"),
            values=values.to_list(),
            height=height,
            style=style,
            merge=max,
        )
        for values, label, unit, height, style in charted
    ]
    zone = ZoneInfo(frame.report.timezone)
    times = [moment.astimezone(zone) for moment in traffic["timestamp"]]
    return draw_charts(Charts(series=series, times=times), width)


def _recent_errors_section(page: ReportView) -> Section | None:
    """Return the section of the most recent failed requests."""
    frame = page.table("errors")
    zone = page.report.timezone

    def columns(rows: pl.DataFrame) -> list[Column]:
        times = rows["timestamp"].dt.convert_time_zone(zone).dt.to_string("%H:%M:%S")
        details = [(c, i) for i, c in enumerate(_ERROR_DETAILS, 1) if has_values(rows, c)]
        return [
            TextColumn(title="time", cells=times.fill_null(NULL).to_list(), styles="dim"),
            *key_columns(rows, ["status", "method", "path"]),
            *(replace(column_by_type(rows[c], zone), drop_order=drop) for c, drop in details),
        ]

    return ranking_section(
        frame, columns, page.row_limit(5, frame.height), title="Newest errors", counted=""
    )


_REMARKS = 3
_MOST_NOTES = 100


class ScreenView:
    """Draws each frame over the last one, on the alternate screen of the terminal."""

    def __init__(self, subject: DashboardSubject, note: NoteSink, *, color: bool) -> None:
        """Pass all notes to `note` once the terminal is given back."""
        self._subject = subject
        self._note = note
        self._frame: WatchFrame | None = None
        self._has_left = False
        self._notes: list[str] = []
        self._remarks: deque[str] = deque(maxlen=_REMARKS)
        console = Console(
            color_system="standard" if color else None, no_color=not color, highlight=False
        )
        self._live = Live(
            self,
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def __enter__(self) -> ScreenView:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()
        self._has_left = True
        for text in self._notes:
            self._note(text)

    def show_frame(self, frame: WatchFrame) -> None:
        self._frame = frame
        self._live.refresh()

    def redraw(self) -> None:
        self._live.refresh()

    def show_note(self, text: str) -> None:
        """Show a note below the dashboard, and once more when the dashboard is gone."""
        if self._has_left:
            self._note(text)
        elif len(self._notes) < _MOST_NOTES:
            self._notes.append(text)
            self._remarks.append(text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the dashboard in the size of the terminal."""
        if self._frame is None:
            yield Text()
            return
        width, height = options.max_width, options.size.height
        lines = draw_dashboard(self._frame, self._subject, width, height, self._remarks)
        yield Text("\n", no_wrap=True, overflow="crop").join(lines)
