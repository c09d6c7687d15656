"""A line a frame: JSON for machines, a sentence for files and pipes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import BinaryIO
from zoneinfo import ZoneInfo

import polars as pl

from apilog.alerts.rules import Alert, Rule, Status
from apilog.outputs.escape import json_text, terminal_text
from apilog.outputs.labels import display, unit_of
from apilog.outputs.values import iso_timestamp, plain
from apilog.watch.frame import Frame

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


class Lines:
    """Writes what is drawn of each frame, a line as a rule, to a stream."""

    def __init__(
        self, stream: BinaryIO, draw: Callable[[Frame], bytes], tell: Callable[[str], None]
    ) -> None:
        self._stream = stream
        self._draw = draw
        self._tell = tell

    def __enter__(self) -> Lines:
        """See `View`."""
        return self

    def __exit__(self, *error: object) -> None:
        """See `View`."""

    def show(self, frame: Frame) -> None:
        """Write the frame at once; BrokenPipeError if nobody reads it."""
        self._stream.write(self._draw(frame))
        self._stream.flush()

    def resized(self) -> None:
        """See `View`."""

    def tell(self, text: str) -> None:
        """See `View`."""
        self._tell(text)


def json_line(frame: Frame, top: int | None = None) -> bytes:
    """A frame as JSON, its keys always the same; the `top` busiest endpoints, or 10."""
    report, read = frame.report, frame.report.input
    endpoints = report.tables["endpoints"].head(top or _TOP)
    document = {
        "timestamp": iso_timestamp(frame.at, report.timezone),
        "window": {
            "since": _time(report.since, report.timezone),
            "until": _time(report.until, report.timezone),
        },
        **_rows(report.tables["overview"], report.timezone)[0],
        "input": {
            "lines": read.lines,
            "records": read.records,
            "rejects": read.rejects,
            "skipped": read.skipped,
            "late": frame.late,
        },
        "alerts": [_alert(*one, report.timezone) for one in frame.alerts if is_firing(one)],
        "endpoints": _rows(endpoints, report.timezone),
        "newest_errors": _rows(report.tables["errors"].head(top or _TOP), report.timezone),
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return f"{json_text(text)}\n".encode()


def text_line(frame: Frame) -> bytes:
    """A frame as a sentence for a log or a pipe."""
    report = frame.report
    overview: Mapping[str, object] = report.tables["overview"].row(0, named=True)
    at = frame.at.astimezone(ZoneInfo(report.timezone))
    said = [
        words.format(display(overview[key], unit_of(key), "UTC"))
        for key, words in _SHOWN
        if overview[key] is not None
    ]
    firing = dict.fromkeys(rule.name for rule, alert in filter(is_firing, frame.alerts))
    said += [f"ALERT {name}" for name in firing]
    line = " · ".join([f"{at:%Y-%m-%d %H:%M:%S}", *said])
    return f"{terminal_text(line)}\n".encode()


def is_firing(one: tuple[Rule, Alert]) -> bool:
    """Whether an alert fires."""
    return one[1].status is Status.FIRING


def _alert(rule: Rule, alert: Alert, timezone: str) -> dict[str, object]:
    return {
        "alert": rule.name,
        "severity": rule.severity.value,
        "threshold": rule.condition,
        "labels": dict(alert.labels),
        "value": alert.value,
        "limit": alert.limit,
        "requests": alert.requests,
        "since": _time(alert.since, timezone),
    }


def _rows(frame: pl.DataFrame, timezone: str) -> list[dict[str, object]]:
    return plain(frame, timezone).rows(named=True)


def _time(moment: datetime | None, timezone: str) -> str | None:
    return None if moment is None else iso_timestamp(moment, timezone)
