"""The parts of the dashboard: headline, alerts, figures, charts and the newest errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import polars as pl
from rich.text import Text

from apilog.alerts.message import notice_sentence
from apilog.alerts.rules import AlertNotice, NoticeEvent
from apilog.metrics import Unit
from apilog.render.sections.columns import column_by_type, key_columns, rate_style
from apilog.render.sections.endpoints import busiest_section, failing_section
from apilog.render.sections.report_view import ReportView, has_values
from apilog.render.sections.section import (
    Charts,
    ChartSeries,
    Column,
    Section,
    Table,
    TextColumn,
)
from apilog.render.terminal.charts import draw_charts
from apilog.render.terminal.fit_text import clip_line, flow_parts, pad_text, shorten_middle
from apilog.render.terminal.layout import draw_section, stack_blocks
from apilog.render.text.cell_text import NULL, column_unit, format_value
from apilog.render.text.escape import escape_terminal
from apilog.text.units import format_count, format_duration
from apilog.watch.frame import NEWEST_ERRORS, WatchFrame

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


def draw_dashboard(frame: WatchFrame, subject: DashboardSubject, width: int) -> list[Text]:
    """Return the whole dashboard as lines, none wider than `width`."""
    # Nothing is readable in less; a narrower terminal crops the lines.
    width = max(width, NARROWEST)
    blocks = [
        headline(frame, subject, width),
        alert_lines(frame, width, _MOST_ALERTS),
        metric_tiles(frame, width),
        trend_charts(frame, width),
    ]
    page = ReportView.of(frame.report, _MOST_ROWS)
    makers: tuple[Callable[[ReportView], Section | None], ...] = (
        busiest_section,
        failing_section,
        newest_errors_section,
    )
    blocks += [draw_section(section, width) for make in makers if (section := make(page))]
    return stack_blocks(blocks)


def headline(
    frame: WatchFrame, subject: DashboardSubject, width: int, *, is_paused: bool = False
) -> list[Text]:
    """Say what is watched, at which time, and how much of it was read."""
    zone = frame.report.timezone
    window = format_duration(subject.window.total_seconds() * 1000)
    read, now = frame.report.input, frame.report.until or frame.at
    # A log that nobody writes any more ends on another day.
    here, today = (moment.astimezone(ZoneInfo(zone)) for moment in (now, frame.at))
    pattern = "%H:%M:%S" if here.date() == today.date() else "%Y-%m-%d %H:%M:%S"
    parts = [
        Text("apilog watch", "bold"),
        Text(f"{here:{pattern}} {escape_terminal(zone)}"),
        Text(f"last {window.removesuffix(' 0s').removesuffix(' 0m')}"),
        Text(shorten_middle(escape_terminal(subject.sources), max(12, width // 3))),
        Text("1 line" if read.lines == 1 else f"{format_count(read.lines)} lines", "dim"),
    ]
    if is_paused:
        parts.insert(1, Text("PAUSED", "bold yellow"))
    if read.rejects:
        parts.append(Text(f"{format_count(read.rejects)} rejected", "yellow"))
    if frame.late:
        parts.append(Text(f"{format_count(frame.late)} late", "dim"))
    if frame.ahead:
        parts.append(Text(f"{format_count(frame.ahead)} far ahead", "yellow"))
    return flow_parts(parts, width)


def alert_lines(frame: WatchFrame, width: int, most: int) -> list[Text]:
    """Return a line for each of the first `most` alerts, those that fire first."""
    active = sorted(frame.alerts, key=lambda pair: not pair[1].is_firing)
    lines = []
    for rule, alert in active[:most]:
        notice = AlertNotice(event=NoticeEvent.FIRING, rule=rule, alert=alert, at=frame.at)
        mark, style = ("▲ ", "bold red") if alert.is_firing else ("  pending ", "yellow")
        # Its end says the limit.
        sentence = shorten_middle(escape_terminal(notice_sentence(notice)), width - len(mark))
        lines.append(Text(mark + sentence, style))
    if len(active) > most:
        lines.append(Text(f"  … and {len(active) - most:,} more alerts", "dim"))
    return lines


def metric_tiles(frame: WatchFrame, width: int) -> list[Text]:
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


def trend_charts(frame: WatchFrame, width: int, *, is_small: bool = False) -> list[Text]:
    """Chart the window; small charts are those of the rate, the errors and one percentile."""
    traffic = frame.report.tables["traffic"]
    if traffic.height < 2 or not has_values(traffic, "timestamp", "requests"):
        return []
    seconds = frame.step.total_seconds()
    rate = traffic.select(pl.col("requests") / seconds).to_series()
    charted = [
        (rate, "rate", Unit.PER_SECOND, 1 if is_small else 3, "cyan"),
        (traffic["error_rate"], "errors", Unit.RATIO, 1, "red"),
    ]
    percentiles = (("p50", "green"), ("p95", "magenta"), ("p99", "magenta"))
    for name, style in percentiles[1:2] if is_small else percentiles:
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


def newest_errors_section(page: ReportView, start: int = 0) -> Section | None:
    """Return the section of the most recent failed requests, from the one numbered `start` on."""
    frame = page.table(NEWEST_ERRORS)
    rows = frame.slice(start, page.row_limit(_MOST_ROWS, frame.height))
    if rows.is_empty():
        return None
    zone = page.report.timezone
    local = rows["timestamp"].dt.convert_time_zone(zone)
    pattern = "%m-%d %H:%M:%S" if local.dt.date().n_unique() > 1 else "%H:%M:%S"
    times = local.dt.to_string(pattern)
    details = [(c, i) for i, c in enumerate(_ERROR_DETAILS, 1) if has_values(rows, c)]
    columns: Sequence[Column] = [
        TextColumn(title="time", cells=times.fill_null(NULL).to_list(), styles="dim"),
        *key_columns(rows, ["status", "method", "path"]),
        *(replace(column_by_type(rows[c], zone), drop_order=drop) for c, drop in details),
    ]
    # The window has more of them than are kept.
    errors = round(page.overview("errors") or 0)
    subtitle = f"{describe_rows(start, rows.height)} of {format_count(errors)}"
    return Section(
        title="Newest errors",
        subtitle=subtitle if rows.height < errors else "",
        blocks=[Table(columns=columns, height=rows.height)],
    )


def describe_rows(start: int, height: int) -> str:
    """Say which of the rows of a table are shown.

    >>> describe_rows(0, 5), describe_rows(5, 5), describe_rows(5, 1)
    ('5', '6–10', '6')
    """
    if not start:
        return f"{height}"
    return f"{start + 1}–{start + height}" if height > 1 else f"{start + 1}"
