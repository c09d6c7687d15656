"""One line per frame: JSON for programs, a sentence for files and pipes.

The keys of the JSON are the same for every frame.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO
from zoneinfo import ZoneInfo

from apilog.render.data.cell_values import iso_timestamp, plain_values
from apilog.render.data.json import describe_document
from apilog.render.text.cell_text import column_unit, format_value
from apilog.render.text.escape import escape_json, escape_terminal
from apilog.watch.frame import NEWEST_ERRORS, NoteSink, WatchFrame

_TOP = 10
_SENTENCE = (
    ("requests", "{} requests"),
    ("request_rate", "{}"),
    ("error_rate", "errors {}"),
    ("server_error_rate", "5xx {}"),
    ("latency_p50_ms", "p50 {}"),
    ("latency_p95_ms", "p95 {}"),
    ("latency_p99_ms", "p99 {}"),
)


class LineView:
    """Writes each frame to a stream as `draw` formats it, usually one line."""

    def __init__(
        self, stream: BinaryIO, draw: Callable[[WatchFrame], bytes], note: NoteSink
    ) -> None:
        self._stream = stream
        self._draw = draw
        self._note = note

    def __enter__(self) -> LineView:
        return self

    def __exit__(self, *error: object) -> None:
        pass  # the stream belongs to the caller

    def show_frame(self, frame: WatchFrame) -> None:
        """Write and flush the frame; raises BrokenPipeError if the reader is gone."""
        self._stream.write(self._draw(frame))
        self._stream.flush()  # a reader of the pipe must not wait for a full buffer

    def redraw(self) -> None:
        pass  # a line does not depend on the size of the terminal

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def suspend(self) -> None:
        pass  # the system has already stopped the process

    @property
    def has_quit(self) -> bool:
        return False  # it has no keys

    def show_note(self, text: str) -> None:
        self._note(text)


def format_json_line(frame: WatchFrame, top: int | None = None) -> bytes:
    """Return a frame as a line of JSON with the `top` busiest endpoints, by default 10."""
    report, read = frame.report, frame.report.input
    zone, count = report.timezone, top or _TOP
    document = {
        "apilog": describe_document("watch"),
        "timestamp": iso_timestamp(frame.at, zone),
        "window": {
            "since": report.since and iso_timestamp(report.since, zone),
            "until": report.until and iso_timestamp(report.until, zone),
        },
        **plain_values(report.tables["overview"], zone).row(0, named=True),
        "input": {
            "lines": read.lines,
            "records": read.records,
            "rejects": read.rejects,
            "skipped": read.skipped,
            "late": frame.late,
            "ahead": frame.ahead,
        },
        "alerts": [
            {
                "alert": rule.name,
                "severity": rule.severity.value,
                "threshold": rule.condition,
                "labels": dict(alert.labels),
                "value": alert.value,
                "limit": alert.limit,
                "requests": alert.requests,
                "since": iso_timestamp(alert.since, zone),
            }
            for rule, alert in frame.alerts
            if alert.is_firing
        ],
        "endpoints": plain_values(report.tables["endpoints"].head(count), zone).rows(named=True),
        "newest_errors": plain_values(report.tables[NEWEST_ERRORS].head(count), zone).rows(
            named=True
        ),
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return f"{escape_json(text)}\n".encode()


def format_text_line(frame: WatchFrame) -> bytes:
    """Return a frame as a sentence for a log or a pipe."""
    report = frame.report
    overview: Mapping[str, object] = report.tables["overview"].row(0, named=True)
    at = frame.at.astimezone(ZoneInfo(report.timezone))
    parts = [
        words.format(format_value(overview[key], column_unit(key), "UTC"))
        for key, words in _SENTENCE
        if overview[key] is not None
    ]
    firing = dict.fromkeys(rule.name for rule, alert in frame.alerts if alert.is_firing)
    parts += [f"ALERT {name}" for name in firing]
    line = " · ".join([f"{at:%Y-%m-%d %H:%M:%S}", *parts])
    return f"{escape_terminal(line)}\n".encode()
