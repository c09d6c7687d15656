"""Entries of Google's Cloud Logging whose payload is a text: `LogEntry` of exports and sinks.

An entry whose payload is an object is no envelope: formats read it as it stands, at once.
The entry's own time is kept beside the text, for a payload that has none.
"""

from __future__ import annotations

import polars as pl

from apilog.formats.envelopes.base import Envelope, Sample, Unwrapped, unwrapped
from apilog.formats.envelopes.objects import OBJECT, are_objects, sample_lines
from apilog.formats.jsontext import decode_objects
from apilog.formats.times import times

_PAYLOADS = ("jsonPayload", "textPayload")
_TIMES = ("timestamp", "receiveTimestamp")
_ENTRY_KEYS = ("logName", "insertId", "receiveTimestamp")
"""An entry has one of these at least."""


def unwrap_cloud_logging(lines: pl.Series) -> Unwrapped:
    """The object of `jsonPayload` or the text of `textPayload`, whichever is there."""
    frame, _ = decode_objects(lines, _PAYLOADS)
    text = pl.coalesce(_PAYLOADS)
    # Between the values of JSON a newline is a blank; anywhere else it has to be seen.
    on_one_line = text.str.strip_chars().str.replace_all(r"[\r\n]+", " ")
    is_object = text.str.contains(r"^\s*\{")
    return unwrapped(
        frame.select(pl.when(is_object).then(on_one_line).otherwise(text).alias("text")).to_series()
    )


def _times_of_entries(lines: pl.Series) -> pl.Series:
    frame, _ = decode_objects(lines, _TIMES)
    return times(frame.select(pl.coalesce(_TIMES)).to_series())


def _detect_cloud_logging(head: pl.Series) -> bool:
    if not are_objects(head):
        return False
    frame, _ = decode_objects(head, (*_PAYLOADS, *_ENTRY_KEYS))
    entries = frame.filter(pl.any_horizontal(pl.col(_ENTRY_KEYS).is_not_null()))
    objects = entries["jsonPayload"].drop_nulls()
    if len(objects) and not OBJECT.detect(objects):
        entries = entries.filter(pl.col("jsonPayload").is_null())
    held = pl.any_horizontal(pl.col(_PAYLOADS).is_not_null())
    return 2 * entries.filter(held).height > len(head)


_LINE = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'
_ENTRY: dict[str, object] = {
    "insertId": "1a2b3c",
    "logName": "projects/shop/logs/apigee",
    "receiveTimestamp": "2026-10-10T13:55:37.123456789Z",
    "resource": {"type": "global", "labels": {"project_id": "shop"}},
    "timestamp": "2026-10-10T13:55:36.123456789Z",
}

CLOUD_LOGGING = Envelope(
    name="cloud-logging",
    title="Google Cloud Logging entries",
    unwrap=unwrap_cloud_logging,
    detect=_detect_cloud_logging,
    times=_times_of_entries,
    samples=(
        Sample(
            sample_lines(
                {**_ENTRY, "textPayload": _LINE},
                {**_ENTRY, "textPayload": '{\n  "verb": "GET"\n}\n'},
                {**_ENTRY, "textPayload": "oops"},
                {**_ENTRY, "jsonPayload": {"verb": "GET"}},
                {**_ENTRY, "protoPayload": {"methodName": "SetIamPolicy"}},
            ),
            (_LINE, '{   "verb": "GET" }', "oops", '{"verb": "GET"}'),
        ),
    ),
)

ENVELOPES = (CLOUD_LOGGING,)
"""The envelopes of this module."""
