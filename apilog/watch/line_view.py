"""One line per frame: JSON for programs, a sentence for files and pipes.

The keys of the JSON are the same for every frame.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import BinaryIO
from zoneinfo import ZoneInfo

import polars as pl

from apilog.alerts.rules import Alert, AlertRule, AlertStatus
from apilog.render.data.cell_values import iso_timestamp, plain_values
from apilog.render.text.cell_text import column_unit, format_value
from apilog.render.text.escape import escape_json, escape_terminal
from apilog.watch.frame import WatchFrame

_TOP = 10
_SHOWN = (
    ("requests", "{} requests"),
    ("request_rate", "{}"),
    ("error_rate", "errors {}"),
    ("server_error_rate", "5xx {}"),
    ("latency_p50_ms", "p50 {}"),
    ("latency_p95_ms", "p95 {}"),
    ("latency_p99_ms", "p99 {}"),
)


class LineView:
    """Writes what is drawn of each frame, a line as a rule, to a stream."""

    def __init__(
        self, stream: BinaryIO, draw: Callable[[WatchFrame], bytes], tell: Callable[[str], None]
    ) -> None:
        self._stream = stream
        self._draw = draw
        self._tell = tell

    def __enter__(self) -> LineView:
        """See `View`."""
        return self

    def __exit__(self, *error: object) -> None:
        """See `View`."""

    def show_frame(self, frame: WatchFrame) -> None:
        """Write the frame at once; BrokenPipeError if nobody reads it."""
        self._stream.write(self._draw(frame))
        self._stream.flush()

    def redraw(self) -> None:
        """See `View`."""

    def show_note(self, text: str) -> None:
        """See `View`."""
        self._tell(text)


def format_json_line(frame: WatchFrame, top: int | None = None) -> bytes:
    """A frame as JSON, its keys always the same; the `top` busiest endpoints, or 10."""
    report, read = frame.report, frame.report.input
    endpoints = report.tables["endpoints"].head(top or _TOP)
    document = {
        "timestamp": iso_timestamp(frame.at, report.timezone),
        "window": {
            "since": _format_time(report.since, report.timezone),
            "until": _format_time(report.until, report.timezone),
        },
        **_plain_rows(report.tables["overview"], report.timezone)[0],
        "input": {
            "lines": read.lines,
            "records": read.records,
            "rejects": read.rejects,
            "skipped": read.skipped,
            "late": frame.late,
        },
        "alerts": [
            _alert_document(*one, report.timezone) for one in frame.alerts if is_firing(one)
        ],
        "endpoints": _plain_rows(endpoints, report.timezone),
        "newest_errors": _plain_rows(report.tables["errors"].head(top or _TOP), report.timezone),
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return f"{escape_json(text)}\n".encode()


def format_text_line(frame: WatchFrame) -> bytes:
    """A frame as a sentence for a log or a pipe."""
    report = frame.report
    overview: Mapping[str, object] = report.tables["overview"].row(0, named=True)
    at = frame.at.astimezone(ZoneInfo(report.timezone))
    said = [
        words.format(format_value(overview[key], column_unit(key), "UTC"))
        for key, words in _SHOWN
        if overview[key] is not None
    ]
    firing = dict.fromkeys(rule.name for rule, alert in filter(is_firing, frame.alerts))
    said += [f"ALERT {name}" for name in firing]
    line = " · ".join([f"{at:%Y-%m-%d %H:%M:%S}", *said])
    return f"{escape_terminal(line)}\n".encode()


def is_firing(one: tuple[AlertRule, Alert]) -> bool:
    """Whether an alert fires."""
    return one[1].status is AlertStatus.FIRING


def _alert_document(rule: AlertRule, alert: Alert, timezone: str) -> dict[str, object]:
    return {
        "alert": rule.name,
        "severity": rule.severity.value,
        "threshold": rule.condition,
        "labels": dict(alert.labels),
        "value": alert.value,
        "limit": alert.limit,
        "requests": alert.requests,
        "since": _format_time(alert.since, timezone),
    }


def _plain_rows(frame: pl.DataFrame, timezone: str) -> list[dict[str, object]]:
    return plain_values(frame, timezone).rows(named=True)


def _format_time(moment: datetime | None, timezone: str) -> str | None:
    return None if moment is None else iso_timestamp(moment, timezone)
