"""The journal of systemd as JSON: `journalctl -o json`, and what collectors make of it."""

from __future__ import annotations

import polars as pl

from apilog.formats.envelopes.base import Envelope, Sample, Unwrapped, mostly, unwrapped
from apilog.formats.envelopes.objects import are_objects, sample_lines
from apilog.formats.envelopes.syslog import keep_access
from apilog.formats.jsontext import decode_objects
from apilog.formats.times import epoch_times

_KEYS = ("MESSAGE", "message", "SYSLOG_IDENTIFIER", "_COMM", "__REALTIME_TIMESTAMP")
_BYTES = r"^\[(?:[0-9]{1,3}(?:, ?[0-9]{1,3})*)?\]$"


def unwrap_journald(lines: pl.Series) -> Unwrapped:
    """The texts of `MESSAGE`, of web servers and whatever else looks like an access line."""
    programs, texts = _entries(lines)
    return unwrapped(keep_access(programs, texts))


def _times_journald(lines: pl.Series) -> pl.Series:
    frame, _ = decode_objects(lines, ("__REALTIME_TIMESTAMP",))
    return epoch_times(frame["__REALTIME_TIMESTAMP"])


def is_of_another_unit(lines: pl.Series) -> pl.Series:
    """Which lines are journal entries of a program that is no web server, and no access lines."""
    entries = lines.str.contains('"__REALTIME_TIMESTAMP"', literal=True)
    if not entries.any():
        return entries
    programs, texts = _entries(lines)
    return entries & texts.is_not_null() & keep_access(programs, texts).is_null()


def _entries(lines: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Programs and messages, null where the line is no entry."""
    frame, _ = decode_objects(lines, _KEYS)
    columns = frame.select(
        program=pl.coalesce("SYSLOG_IDENTIFIER", "_COMM"), text=pl.coalesce("MESSAGE", "message")
    )
    return columns["program"], _without_bytes(columns["text"])


def _without_bytes(texts: pl.Series) -> pl.Series:
    """journald writes a message that is not printable as an array of byte values."""
    binary = texts.str.contains(_BYTES).fill_null(False)
    if not binary.any():
        return texts
    decoded = [_text_of(text) for text in texts.filter(binary)]
    return texts.clone().scatter(binary.arg_true(), decoded)


def _text_of(array: str) -> str:
    values = (int(value) & 0xFF for value in array.strip("[]").split(",") if value)
    return bytes(values).decode("utf-8", "replace")


def _detect_journald(head: pl.Series) -> bool:
    if not are_objects(head):
        return False
    frame, _ = decode_objects(head, ("MESSAGE", "message", "__REALTIME_TIMESTAMP"))
    text = frame.select(pl.coalesce("MESSAGE", "message")).to_series()
    return mostly(text.is_not_null() & frame["__REALTIME_TIMESTAMP"].is_not_null())


_LINE = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'

JOURNALD = Envelope(
    name="journald",
    title="journald JSON",
    unwrap=unwrap_journald,
    detect=_detect_journald,
    times=_times_journald,
    samples=(
        Sample(
            sample_lines(
                {"MESSAGE": _LINE, "__REALTIME_TIMESTAMP": "1", "SYSLOG_IDENTIFIER": "nginx"},
                {"message": _LINE, "__REALTIME_TIMESTAMP": "2", "_COMM": "nginx"},
                {"MESSAGE": [*_LINE.encode()], "__REALTIME_TIMESTAMP": "3", "_COMM": "nginx"},
                {"MESSAGE": "hello", "__REALTIME_TIMESTAMP": "4", "SYSLOG_IDENTIFIER": "sshd"},
            ),
            (_LINE, _LINE, _LINE),
        ),
    ),
)
