"""Envelopes that are JSON objects: Docker's json-file and log shippers'.

An access log that is JSON itself is no envelope, even if it has a key such as `message`.
"""

from __future__ import annotations

import json

import polars as pl

from apilog.formats.envelopes.base import (
    LOOKS_LIKE_ACCESS,
    Envelope,
    Sample,
    Unwrapped,
    mostly,
    unwrapped,
    unwrapped_pieces,
)
from apilog.formats.jsontext import decode_objects
from apilog.formats.times import iso_times, times

_TEXT_KEYS = ("message", "log", "msg")
"""In this order: beside `message`, `log` is an object that describes the file."""
_TIME_KEYS = ("@timestamp", "timestamp", "time", "date")
_ACCESS_KEYS = (
    "request",
    "request_uri",
    "uri",
    "path",
    "url",
    "method",
    "request_method",
    "status",
    "status_code",
    "statusCode",
    "remote_addr",
    "req",
    "res",
    "http",
    "httpRequest",
)
"""Top-level keys of JSON that is an access record itself."""


def unwrap_docker(lines: pl.Series) -> Unwrapped:
    """The texts of `log`. One without a newline at its end goes on in the next of its stream,
    unless no text of the chunk has one."""
    frame, _ = decode_objects(lines, ("log", "stream"))
    complete = frame["log"].str.ends_with("\n").fill_null(False)
    if not complete.any():
        return unwrapped(frame["log"])
    return unwrapped_pieces(frame["log"], frame["stream"], complete)


def unwrap_object(lines: pl.Series) -> Unwrapped:
    """The texts of `message`, `log` or `msg`, the first that is there."""
    frame, _ = decode_objects(lines, _TEXT_KEYS)
    return unwrapped(frame.select(pl.coalesce(_TEXT_KEYS)).to_series())


def _times_docker(lines: pl.Series) -> pl.Series:
    return iso_times(decode_objects(lines, ("time",))[0]["time"])


def _times_object(lines: pl.Series) -> pl.Series:
    frame, _ = decode_objects(lines, _TIME_KEYS)
    return times(frame.select(pl.coalesce(_TIME_KEYS)).to_series())


def are_objects(head: pl.Series) -> bool:
    return mostly(head.str.contains(r"^\s*\{"))


def _detect_docker(head: pl.Series) -> bool:
    if not are_objects(head):
        return False
    frame, _ = decode_objects(head, ("log", "stream"))
    return mostly(frame["log"].is_not_null() & frame["stream"].is_in(["stdout", "stderr"]))


def _detect_object(head: pl.Series) -> bool:
    if not are_objects(head):
        return False
    frame, _ = decode_objects(head, (*_TEXT_KEYS, *_ACCESS_KEYS))
    text = pl.coalesce(_TEXT_KEYS)
    record = pl.any_horizontal(pl.col(_ACCESS_KEYS).is_not_null())
    return mostly(
        frame.select(text.str.contains(LOOKS_LIKE_ACCESS).fill_null(False) & ~record).to_series()
    )


_LINE = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'
_TIME = "2026-10-10T13:55:36.123456789Z"


def sample_lines(*objects: dict[str, object]) -> tuple[str, ...]:
    return tuple(json.dumps(value) for value in objects)


DOCKER = Envelope(
    name="docker",
    title="Docker json-file",
    unwrap=unwrap_docker,
    detect=_detect_docker,
    times=_times_docker,
    joins_lines=True,
    samples=(
        Sample(
            sample_lines(
                {"log": _LINE + "\n", "stream": "stdout", "time": _TIME},
                {"log": _LINE[:40], "stream": "stdout", "time": _TIME},
                {"log": "oops\n", "stream": "stderr", "time": _TIME},
                {"log": _LINE[40:] + "\r\n", "stream": "stdout", "time": _TIME},
            ),
            (_LINE, _LINE, "oops"),
        ),
    ),
)

OBJECT = Envelope(
    name="json-wrapped",
    title="JSON objects with the line in log, message or msg",
    unwrap=unwrap_object,
    detect=_detect_object,
    times=_times_object,
    samples=(
        Sample(
            sample_lines(
                {"@timestamp": _TIME, "message": _LINE, "agent": {"type": "filebeat"}},
                {"date": 1.5, "log": _LINE + "\n", "kubernetes": {"pod_name": "web-0"}},
                {"level": "info", "msg": _LINE},
            ),
            (_LINE, _LINE, _LINE),
        ),
    ),
)
