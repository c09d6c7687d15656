"""The head of a report and its remarks: the window, the inputs, the totals, damage and notes."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from apilog.metrics import Unit
from apilog.render.sections.changes import change_of
from apilog.render.sections.columns import rate_style
from apilog.render.sections.report_view import ReportView, has_values
from apilog.render.sections.section import Block, Fact, Facts, Paragraph, Section, Tile, Tiles
from apilog.render.text.cell_text import column_unit, format_value
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
_MOST_FORMATS = 4
"""Up to that many formats are named; more are counted."""


def head_section(view: ReportView) -> Section:
    """Say what was asked, about which time, and from which inputs."""
    read, window = view.report.input, _describe_window(view.report)
    called = view.report.title or f"apilog {view.report.command}"
    asked = [Fact(text=called, style="bold"), *map(_fact, window)]
    formats = sorted({file.format for file in read.files if file.format})
    source = read.files[0].path if len(read.files) == 1 else f"{len(read.files):,} files"
    named = " + ".join(formats) if len(formats) <= _MOST_FORMATS else f"{len(formats)} formats"
    lines = f"{format_count(read.lines)} line{'' if read.lines == 1 else 's'}"
    inputs = [_fact(text) for text in (source, named, lines) if text]
    if read.rejects:
        inputs.append(Fact(text=f"{format_count(read.rejects)} rejected", style="yellow"))
    if read.skipped:
        inputs.append(Fact(text=f"{format_count(read.skipped)} skipped", style="dim"))
    filters = [_fact(text) for text in _describe_filters(view)]
    lines_of_facts = [facts for facts in (asked, inputs, filters) if facts]
    return Section(blocks=[Facts(facts=facts, indent=0) for facts in lines_of_facts])


def totals_section(view: ReportView) -> Section | None:
    """Show the overview as tiles, or say that there are no requests at all."""
    tiles = []
    totals = dict(_TOTALS)
    asked = view.asked_columns(view.table("overview"))
    for column, label in (totals | asked).items():
        value = view.overview(column)
        if value is not None and (value or column not in ("consumers", "clients")):
            unit = column_unit(column)
            style = rate_style(column, value) if unit is Unit.RATIO else ""
            text = format_value(value, unit, "UTC")
            change = change_of(column, value, view.previous(column))
            tiles.append(
                Tile(
                    label=label,
                    value=text,
                    style=style,
                    change=change.text,
                    change_style=change.style,
                )
            )
    if view.overview("requests") and tiles:
        return Section(blocks=[Tiles(tiles=tiles, compared_with=describe_previous(view.report))])
    if any(frame.height for name, frame in view.tables.items() if name != "overview"):
        return None
    return Section(title="No requests.")


def describe_previous(report: Report) -> str:
    """Say what the figures are compared with."""
    earlier = report.previous
    if earlier is None:
        return ""
    zone = ZoneInfo(report.timezone)
    since, until = (at.astimezone(zone) for at in (earlier.since, earlier.until))
    with_date = until.date() != since.date()
    start, end = _format_clock(since, with_date=True), _format_clock(until, with_date=with_date)
    return f"against {start} – {end}, the window before"


def _describe_filters(view: ReportView) -> list[str]:
    """Say which of the records count, and which file of settings holds."""
    filters, requests = view.report.filters, view.overview("requests")
    texts = []
    if filters.leave_out and requests is not None:
        records = format_count(view.report.input.records)
        texts.append(f"{format_count(requests)} of {records} requests")
    if filters.where is not None:
        texts.append(f"where {filters.where}")
    if filters.by:
        texts.append(f"by {', '.join(filters.by)}")
    if filters.config is not None:
        texts.append(f"settings of {filters.config}")
    return texts


def _fact(text: str) -> Fact:
    return Fact(text=text)


def _describe_window(report: Report) -> list[str]:
    zone = ZoneInfo(report.timezone)
    moments = [m.astimezone(zone) for m in (report.since, report.until) if m is not None]
    if not moments:
        return []
    first, last = moments[0], moments[-1]
    start = _format_clock(first, with_date=True)
    end = _format_clock(last, with_date=last.date() != first.date())
    length = (last - first).total_seconds() * 1000
    if not length:
        return [f"{start} {report.timezone}"]
    duration = re.sub(r" 0[hms]$", "", format_duration(length))
    return [f"{start} – {end} {report.timezone}", duration]


def _format_clock(moment: datetime, *, with_date: bool) -> str:
    clock = "%H:%M:%S" if moment.second else "%H:%M"
    return moment.strftime(f"%Y-%m-%d {clock}" if with_date else clock)


_LATENCY_COLUMNS = ("latency_p95_ms", "latency_mean_ms")
_MOST_DAMAGED = 10


def no_latency_section(view: ReportView) -> Section | None:
    """Say so if there are requests and none of them has a duration."""
    if not view.overview("requests"):
        return None
    frames = [view.table(name) for name in ("overview", "latency", "endpoints")]
    if any(has_values(frame, column) for frame in frames for column in _LATENCY_COLUMNS):
        return None
    hint = "The logs carry no durations; `apilog detect FILE` tells which directive adds them."
    return Section(title="Latency", blocks=[Paragraph(text=hint)])


def damaged_section(view: ReportView) -> Section | None:
    """List the inputs that could not be read, or not to their end, and why."""
    files = [file for file in view.report.input.files if file.error is not None]
    if not files:
        return None
    blocks: list[Block] = []
    for file in files[:_MOST_DAMAGED]:
        blocks.append(Paragraph(text=file.error or "", label=file.path, style="red"))
        blocks.append(Paragraph(text=file.hint, style="dim", indent=4))
    if len(files) > _MOST_DAMAGED:
        hidden = f"… and {len(files) - _MOST_DAMAGED:,} more"
        blocks.append(Paragraph(text=hidden, style="dim"))
    return Section(title="Inputs with errors", blocks=blocks)


def notes_section(view: ReportView) -> Section | None:
    """List the report's notes."""
    notes = [Paragraph(text=note, bullet="· ") for note in view.report.notes]
    return Section(title="Notes", blocks=notes) if notes else None
