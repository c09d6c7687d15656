"""Envelopes that are JSON objects: Docker's json-file, log shippers, Cloud Logging, journald.

An access log that is JSON itself is no envelope, even if it has a key such as `message`. An entry
of Cloud Logging or of the journal keeps its own time, for a text that has none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from apilog.transport.envelope import (
    LOOKS_LIKE_ACCESS,
    SAMPLE_LINE,
    Envelope,
    EnvelopeSample,
    UnwrappedEvents,
    is_mostly_true,
    unwrap_lines,
    unwrap_pieces,
)
from apilog.transport.syslog import keep_access_lines
from apilog.values.json_text import decode_objects
from apilog.values.times import parse_epoch_times, parse_iso_times, parse_times

_TEXT_KEYS = (
    "_raw",  # Splunk: https://docs.splunk.com/Documentation/Splunk/latest/Search/Exportsearchresults
    "@message",  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
    "_msg",  # https://docs.victoriametrics.com/victorialogs/keyconcepts/#message-field
    "message",
    "log",
    "msg",
    "line",  # Loki: https://grafana.com/docs/loki/latest/query/logcli/
    "event",  # Splunk's HTTP Event Collector
    "full_message",  # Graylog: https://go2docs.graylog.org/current/getting_in_log_data/gelf.html
    "short_message",
    "raw",  # Loggly
    "LogEntry",  # https://learn.microsoft.com/azure/azure-monitor/reference/tables/containerlog
    "LogMessage",  # https://learn.microsoft.com/azure/azure-monitor/reference/tables/containerlogv2
)
"""In this order: beside `message`, `log` and `event` are objects that describe the file."""
_TIME_KEYS = (
    *("_time", "@timestamp", "timestamp", "time", "date", "TimeGenerated"),
    *("asctime", "datetime", "ts", "@t"),
)
_ACCESS_KEYS = (
    "http.request.method",
    "http.response.status_code",
    "url.path",
    "request",
    "request_uri",
    "uri",
    "url",
    "method",
    "request_method",
    "status_code",
    "statusCode",
    "remote_addr",
    "req",
    "res",
    "meta",
    "http",
    "httpRequest",
)
"""Top-level keys of JSON that is an access record itself.

A path may be that of the file, and a status how grave an event is.
"""
_HTTP_STATUS = r"^[1-5][0-9]{2}$"


def _decode_first(lines: pl.Series, keys: Sequence[str]) -> pl.Series:
    """Return the value of the first of these keys that is there, as text."""
    frame, _ = decode_objects(lines, keys)
    return frame.select(pl.coalesce(keys)).to_series()


def unwrap_docker(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts of `log`.

    One without a newline at its end goes on in the next one of its stream, unless no text of the
    chunk has a newline.
    """
    frame, _ = decode_objects(lines, ("log", "stream"))
    complete = frame["log"].str.ends_with("\n").fill_null(False)
    if not complete.any():
        return unwrap_lines(frame["log"])
    return unwrap_pieces(frame["log"], frame["stream"], complete)


def are_json_objects(head: pl.Series) -> bool:
    """Return whether most lines begin as a JSON object does."""
    return is_mostly_true(head.str.contains(r"^\s*\{"))


def _detect_docker(head: pl.Series) -> bool:
    if not are_json_objects(head):
        return False
    frame, _ = decode_objects(head, ("log", "stream"))
    return is_mostly_true(frame["log"].is_not_null() & frame["stream"].is_in(["stdout", "stderr"]))


def _detect_json(head: pl.Series) -> bool:
    if not are_json_objects(head):
        return False
    frame, _ = decode_objects(head, (*_TEXT_KEYS, *_ACCESS_KEYS, "status"))
    is_record = pl.any_horizontal(
        pl.col(_ACCESS_KEYS).is_not_null(),
        pl.col("status").str.contains(_HTTP_STATUS).fill_null(value=False),
    )
    looks_like_access = (
        pl.coalesce(_TEXT_KEYS).str.contains(LOOKS_LIKE_ACCESS).fill_null(value=False)
    )
    return is_mostly_true(frame.select(looks_like_access & ~is_record).to_series())


_TIME = "2026-10-10T13:55:36.123456789Z"


def sample_lines(*objects: dict[str, object]) -> tuple[str, ...]:
    """Return each object as a line of JSON."""
    return tuple(json.dumps(value) for value in objects)


DOCKER = Envelope(
    name="docker",
    title="Docker json-file",
    unwrap=unwrap_docker,
    first_characters="{",
    detect=_detect_docker,
    times=lambda lines: parse_iso_times(_decode_first(lines, ("time",))),
    joins_lines=True,
    samples=(
        EnvelopeSample(
            sample_lines(
                {"log": SAMPLE_LINE + "\n", "stream": "stdout", "time": _TIME},
                {"log": SAMPLE_LINE[:40], "stream": "stdout", "time": _TIME},
                {"log": "oops\n", "stream": "stderr", "time": _TIME},
                {"log": SAMPLE_LINE[40:] + "\r\n", "stream": "stdout", "time": _TIME},
            ),
            (SAMPLE_LINE, SAMPLE_LINE, "oops"),
        ),
    ),
)

JSON_WRAPPED = Envelope(
    name="json-wrapped",
    title="JSON objects with the line in message, log, msg, line, _raw or another key of theirs",
    unwrap=lambda lines: unwrap_lines(_decode_first(lines, _TEXT_KEYS)),
    first_characters="{",
    detect=_detect_json,
    times=lambda lines: parse_times(_decode_first(lines, _TIME_KEYS)),
    samples=(
        EnvelopeSample(
            sample_lines(
                {"@timestamp": _TIME, "message": SAMPLE_LINE, "agent": {"type": "filebeat"}},
                {"date": 1.5, "log": SAMPLE_LINE + "\n", "kubernetes": {"pod_name": "web-0"}},
                {"level": "info", "msg": SAMPLE_LINE},
                {"line": SAMPLE_LINE, "timestamp": "1791640536618000000", "fields": {"app": "web"}},
                {"_time": _TIME, "_stream": '{app="web"}', "_msg": SAMPLE_LINE},
                {"_raw": SAMPLE_LINE, "_time": _TIME, "host": "forwarder"},
                {"status": "info", "service": "web", "message": SAMPLE_LINE},
            ),
            (SAMPLE_LINE,) * 7,
        ),
    ),
)


# https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
_PAYLOADS = ("jsonPayload", "textPayload")
_TIMES = ("timestamp", "receiveTimestamp")
_ENTRY_KEYS = ("logName", "insertId", "receiveTimestamp")
"""An entry has one of these at least."""


def unwrap_cloud_logging(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the object of `jsonPayload` or the text of `textPayload`, whichever is there."""
    frame, _ = decode_objects(lines, _PAYLOADS)
    text = pl.coalesce(_PAYLOADS)
    # Between the values of JSON a newline is a blank; anywhere else it has to be seen.
    on_one_line = text.str.strip_chars().str.replace_all(r"[\r\n]+", " ")
    is_object = text.str.contains(r"^\s*\{")
    return unwrap_lines(
        frame.select(pl.when(is_object).then(on_one_line).otherwise(text).alias("text")).to_series()
    )


def _detect_cloud_logging(head: pl.Series) -> bool:
    if not are_json_objects(head):
        return False
    frame, _ = decode_objects(head, (*_PAYLOADS, *_ENTRY_KEYS))
    entries = frame.filter(pl.any_horizontal(pl.col(_ENTRY_KEYS).is_not_null()))
    objects = entries["jsonPayload"].drop_nulls()
    if len(objects) and not JSON_WRAPPED.detect(objects):
        entries = entries.filter(pl.col("jsonPayload").is_null())
    held = pl.any_horizontal(pl.col(_PAYLOADS).is_not_null())
    return 2 * entries.filter(held).height > len(head)


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
    first_characters="{",
    detect=_detect_cloud_logging,
    times=lambda lines: parse_times(_decode_first(lines, _TIMES)),
    samples=(
        EnvelopeSample(
            sample_lines(
                {**_ENTRY, "textPayload": SAMPLE_LINE},
                {**_ENTRY, "textPayload": '{\n  "verb": "GET"\n}\n'},
                {**_ENTRY, "textPayload": "oops"},
                {**_ENTRY, "jsonPayload": {"verb": "GET"}},
                {**_ENTRY, "protoPayload": {"methodName": "SetIamPolicy"}},
            ),
            (SAMPLE_LINE, '{   "verb": "GET" }', "oops", '{"verb": "GET"}'),
        ),
    ),
)

# https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-json-format
JOURNAL_KEY = '"__REALTIME_TIMESTAMP"'
"""What every entry of the journal holds; cheaper than decoding it."""
_JOURNAL_KEYS = ("MESSAGE", "message", "SYSLOG_IDENTIFIER", "_COMM", "__REALTIME_TIMESTAMP")
_BYTES = r"^\[(?:[0-9]{1,3}(?:, ?[0-9]{1,3})*)?\]$"


def is_of_another_unit(lines: pl.Series) -> pl.Series:
    """Return which lines are journal entries of no web server that look like no access line."""
    entries = lines.str.contains(JOURNAL_KEY, literal=True)
    if not entries.any():
        return entries
    programs, texts = _journal_entries(lines)
    return entries & texts.is_not_null() & keep_access_lines(programs, texts).is_null()


def _journal_entries(lines: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return programs and messages, null where the line is no entry."""
    frame, _ = decode_objects(lines, _JOURNAL_KEYS)
    columns = frame.select(
        program=pl.coalesce("SYSLOG_IDENTIFIER", "_COMM"), text=pl.coalesce("MESSAGE", "message")
    )
    # A message that is not printable is an array of byte values.
    texts = columns["text"]
    is_bytes = texts.str.contains(_BYTES).fill_null(False)
    if is_bytes.any():
        decoded: list[str] = []
        for array in texts.filter(is_bytes):
            values = (int(value) & 0xFF for value in array.strip("[]").split(",") if value)
            decoded.append(bytes(values).decode("utf-8", "replace"))
        texts = texts.clone().scatter(is_bytes.arg_true(), decoded)
    return columns["program"], texts


def _detect_journald(head: pl.Series) -> bool:
    if not are_json_objects(head):
        return False
    frame, _ = decode_objects(head, ("MESSAGE", "message", "__REALTIME_TIMESTAMP"))
    text = frame.select(pl.coalesce("MESSAGE", "message")).to_series()
    return is_mostly_true(text.is_not_null() & frame["__REALTIME_TIMESTAMP"].is_not_null())


JOURNALD = Envelope(
    name="journald",
    title="journald JSON",
    unwrap=lambda lines: unwrap_lines(keep_access_lines(*_journal_entries(lines))),
    first_characters="{",
    detect=_detect_journald,
    times=lambda lines: parse_epoch_times(_decode_first(lines, ("__REALTIME_TIMESTAMP",))),
    samples=(
        EnvelopeSample(
            sample_lines(
                {"MESSAGE": SAMPLE_LINE, "__REALTIME_TIMESTAMP": "1", "SYSLOG_IDENTIFIER": "nginx"},
                {"message": SAMPLE_LINE, "__REALTIME_TIMESTAMP": "2", "_COMM": "nginx"},
                {"MESSAGE": [*SAMPLE_LINE.encode()], "__REALTIME_TIMESTAMP": "3", "_COMM": "nginx"},
                {"MESSAGE": "hello", "__REALTIME_TIMESTAMP": "4", "SYSLOG_IDENTIFIER": "sshd"},
            ),
            (SAMPLE_LINE, SAMPLE_LINE, SAMPLE_LINE),
        ),
    ),
)
