"""CloudWatch Logs: what is around the events of a log group, by the way they were fetched.

Invariant: a line that does not begin an event goes on with the one before. The lines of an event
become one line, joined by blanks, which means the same to JSON and XML: in the stream, before it is
cut into lines (`JoinedEventsStream`), or else in the envelope.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import polars as pl

from apilog.sources.byte_streams import ByteStream, StreamDamage
from apilog.transport.envelope import (
    Envelope,
    EnvelopeSample,
    UnwrappedEvents,
    is_mostly_true,
    unwrap_lines,
)
from apilog.transport.json_scan import ScanEnd, scan_object
from apilog.values.json_text import decode_objects
from apilog.values.times import parse_epoch_times, parse_iso_times

STEP_BYTES = 256 << 10

# The ways in which events are fetched, each with a syntax of its own:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html
# https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html
# https://docs.aws.amazon.com/cli/latest/reference/logs/filter-log-events.html
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
_TO_THE_SECOND = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_EVENT_STARTS = tuple(
    re.compile(pattern)
    for pattern in (
        # An export, the console; aws logs tail, also with --format short.
        _TO_THE_SECOND + rb"(?:\.\d{3}(?:Z|[+-]\d\d:\d\d)|\.\d{6}\+00:00|(?= ))(?:[ \t]|\r?\n)",
        rb"EVENTS\t(?:\d{50,60}\t)?\d{13}\t",  # --output text
        rb'"?(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}|\d{13})"?,',  # Logs Insights as CSV
    )
)
_MESSAGE_GOES_ON = re.compile(rb'[ \t]+["{}\[\]<]|["}\]]')
"""How a line begins that can only go on with an event."""
_BETWEEN_EVENTS = (
    rb"[ \t\r]*(?:\n|\Z)|Permission Check Successful|SEARCHEDLOGSTREAMS|NEXTTOKEN|[bf]/\d{50}"
)
_END_OF_STREAM = re.compile(rb"\r?\n[ \t\r]*\Z")
_XML_ELEMENT = re.compile(rb"<([A-Za-z][\w.-]*)[^>]*(?<!/)>")
_CSV_HEADER = re.compile(rb'"?(?:@|timestamp"?,)')


def find_event_start(head: bytes) -> re.Pattern[bytes] | None:
    """Return how events begin in a stream with several lines per event; None for all others."""
    lines = [line + b"\n" for line in head.split(b"\n")[:-1] if line.strip()]
    if lines and _CSV_HEADER.match(lines[0]):
        del lines[0]
    if not lines:
        return None
    start = next((pattern for pattern in _EVENT_STARTS if pattern.match(lines[0])), None)
    if start is None or not any(
        _MESSAGE_GOES_ON.match(line) and not start.match(line) for line in lines
    ):
        return None
    return start


def is_open_event(line: bytes) -> bool:
    """Return whether a line begins an event that surely goes on in the next line."""
    start = next((m for pattern in _EVENT_STARTS if (m := pattern.match(line))), None)
    if start is None:
        return False
    message = line[start.end() :].lstrip()
    if message.startswith(b'"'):
        return message.count(b'"') % 2 == 1
    if element := _XML_ELEMENT.match(message):
        return b"</" + element[1] + b">" not in message
    return message.startswith(b"{") and scan_object(message, 0)[0] is ScanEnd.OPEN


class JoinedEventsStream:
    """A stream with one event per line.

    An event longer than `limit` is left in parts, one that is cut off at the end is a last line
    without a newline. Blank lines end nothing and stay.
    """

    def __init__(self, stream: ByteStream, event_start: re.Pattern[bytes], limit: int) -> None:
        self._stream = stream
        self._newline_within = re.compile(
            rb"\r?\n(?!" + event_start.pattern + rb"|" + _BETWEEN_EVENTS + rb")[ \t]*"
        )
        self._event_start = event_start
        self._limit = limit
        self._held = b""
        self._ready = b""
        self._ended = False
        self._damage: StreamDamage | None = None

    def read(self, size: int) -> bytes:
        while not self._ready:
            if self._damage is not None:
                raise self._damage
            if self._ended:
                return b""
            try:
                block = self._stream.read(STEP_BYTES)
            except StreamDamage as damage:
                self._damage, block = damage, b""
            self._ended = not block
            data = self._held + block
            # The last event may go on behind these bytes: it waits, unless it is too long.
            is_all = self._ended or len(data) > self._limit + STEP_BYTES
            end = newline = len(data)
            while not is_all and (newline := data.rfind(b"\n", 0, newline)) >= 0:
                if self._event_start.match(data, newline + 1):
                    break
            end = end if is_all else newline + 1
            self._held = data[end:]
            self._ready = self._newline_within.sub(_replace_newline, data[:end])
            if self._ended:
                text = _END_OF_STREAM.sub(b"", self._ready)
                if is_open_event(text[text.rfind(b"\n") + 1 :]):
                    self._ready = text
        block, self._ready = self._ready[:size], self._ready[size:]
        return block


def _replace_newline(newline: re.Match[bytes]) -> bytes:
    """Return what stands for a newline within an event: a blank, if none is before it."""
    before = newline.string[newline.start() - 1 : newline.start()]
    return b"" if before in (b" ", b"\t") else b" "


_SECOND = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
_EXPORT = rf"^({_SECOND}\.[0-9]{{3}}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}}))(?:[ \t]|$)"
_TAIL = rf"^({_SECOND}\.[0-9]{{6}}\+00:00) [^ ]+(?: |$)"
_SHORT = rf"^({_SECOND})(?: |$)"
_EVENTS = r"^EVENTS\t(?:[0-9]{50,60}\t([0-9]{13})\t[^\t]*\t|([0-9]{13})\t)"
_EVENTS_END = r"[ \t]([0-9]{13})$"
_ROW = r'^"?((?:[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3})|[0-9]{13})"?,'
_QUOTED = rf'{_ROW}(?:[^",]*,)*"((?:[^"]|"")*)"'
_BEGUN = rf'{_ROW}(?:[^",]*,)*"(.*)$'
_UNQUOTED = rf'{_ROW}([^",]*)(?:,[^",]*)*$'

_MESSAGE = (
    r"^[{<(]|^$|^requestId: |^(?:API Key|Endpoint|Execution|Extended|HTTP Method:|Method|Starting"
    r"|Successfully|Usage Plan|Verifying) "
)
"""What API Gateway may have written: JSON, XML, Serverless' text, an execution log."""
_CLF_TIME = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:"
_TAG = r"^(?:[^ ]+ )?[^ ]*[^ :]: "  # an address may end in two colons
"""A program's name as syslog has it before a message."""
_WITHIN = r'^[ \t]|^["{}\[\]<]'
"""How a line begins that can go on with a message."""
_OF_THE_EXPORT = "Permission Check Successful"
"""What the export itself leaves in a bucket."""
_FOREIGN = rf"^\s*(?:{_OF_THE_EXPORT})?\s*$|^SEARCHEDLOGSTREAMS(?:\t|$)|^NEXTTOKEN\t"
"""Lines between events: blank ones, and what the command line and the export add."""

_EVENT_ID = r"^[0-9]{50,60}$"


def _unwrap_events(
    lines: pl.Series, begins: str, strip: Callable[[pl.Series], pl.Series]
) -> UnwrappedEvents:
    """Unwrap the events that begin like this; `strip` takes off what is around their message."""
    rows = pl.int_range(len(lines), dtype=pl.UInt32, eager=True).alias("row")
    starts = lines.str.contains(begins)
    foreign = lines.str.contains(_FOREIGN) & ~starts
    inside = ~foreign & (starts.cum_sum() > 0)
    frame = pl.DataFrame({"row": rows, "text": lines, "starts": starts}).filter(inside)
    if not frame["starts"].all():  # grouping is dear, and most logs have one line per event
        later = pl.col("text").str.strip_chars()
        frame = (
            frame.with_columns(pl.when("starts").then("text").otherwise(later))
            .group_by(pl.col("starts").cum_sum().alias("event"), maintain_order=True)
            .agg(pl.col("row").first(), pl.col("text").str.join(" "))
        )
    unmatched = rows.filter(~inside)
    texts = strip(frame["text"])
    sound = texts.is_not_null()
    events = frame.select("row", texts.str.strip_chars().alias("text")).filter(sound)
    if not sound.all():
        unmatched = pl.concat([unmatched, frame["row"].filter(~sound)]).sort()
    return UnwrappedEvents(events, unmatched)


def _is_stream_of(head: pl.Series, begins: str, strip: Callable[[pl.Series], pl.Series]) -> bool:
    """Return whether a head, maybe with gaps, is of events that begin like this.

    `strip` gives what a line says of its message.
    """
    starts = head.str.contains(begins)
    if not len(head) or not starts[0] or not is_mostly_true(starts | head.str.contains(_WITHIN)):
        return False
    texts = strip(head.filter(starts)).str.strip_chars()
    is_access = texts.str.contains(_CLF_TIME) & ~texts.str.contains(_TAG)
    return is_mostly_true(texts.str.contains(_MESSAGE) | is_access)


def _stamped_envelope(name: str, title: str, begins: str, *samples: EnvelopeSample) -> Envelope:
    """Return an envelope that is recognised by what precedes a message."""

    def strip(events: pl.Series) -> pl.Series:
        return events.str.replace(begins, "")

    return Envelope(
        name=name,
        title=title,
        unwrap=lambda lines: _unwrap_events(lines, begins, strip),
        detect=lambda head: _is_stream_of(head, begins, strip),
        times=lambda lines: parse_iso_times(lines.str.extract(begins, 1)),
        samples=samples,
    )


def _text_message(events: pl.Series) -> pl.Series:
    return events.str.replace(_EVENTS, "").str.replace(_EVENTS_END, "")


def _text_times(lines: pl.Series) -> pl.Series:
    """Return when an event happened; of one in several lines when it was taken in."""
    ingested = lines.str.extract(_EVENTS, 1).fill_null(lines.str.extract(_EVENTS, 2))
    return parse_epoch_times(lines.str.extract(_EVENTS_END, 1).fill_null(ingested))


def _row_message(rows: pl.Series) -> pl.Series:
    """Return the message of CSV rows: the first quoted field, or all that is not the time."""
    quoted = rows.str.extract(_QUOTED, 2).str.replace_all('""', '"', literal=True)
    return quoted.fill_null(rows.str.extract(_UNQUOTED, 2))


def _row_times(lines: pl.Series) -> pl.Series:
    stamps = lines.str.extract(_ROW, 1)
    return parse_iso_times(stamps).fill_null(parse_epoch_times(stamps))


def _unwrap_objects(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts of `message`."""
    frame, _ = decode_objects(lines, ("message",))
    texts = frame["message"].str.strip_chars()
    if texts.str.contains("\n", literal=True).any():
        texts = texts.str.replace_all(r"[ \t\r]*\n[ \t\r\n]*", " ")
    return unwrap_lines(texts)


def _are_event_objects(head: pl.Series) -> bool:
    if not is_mostly_true(head.str.contains(r"^[ \t]*\{")):
        return False
    frame, _ = decode_objects(head, ("message", "timestamp", "ingestionTime", "eventId", "id"))
    is_event = pl.any_horizontal(
        pl.col("ingestionTime").is_not_null(),
        pl.col("eventId").is_not_null(),
        pl.col("id").str.contains(_EVENT_ID).fill_null(value=False),
    )
    is_whole = pl.col("message").is_not_null() & pl.col("timestamp").is_not_null()
    return is_mostly_true(frame.select(is_whole & is_event).to_series())


_JSON_LINE = '{"requestId":"8d1fbbf2","routeKey":"GET /users","status":"200"}'
_CLF_LINE = '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /users HTTP/1.1" 200 512 8d1fbbf2'
_PRETTY = ("{", '    "requestId": "8d1fbbf2",', '    "routeKey": "GET /users"', "}")
_JOINED = '{ "requestId": "8d1fbbf2", "routeKey": "GET /users" }'
_STREAM = "d41d8cd98f00b204e9800998ecf8427e"
_ID = "3" * 56

CLOUDWATCH_EXPORT = _stamped_envelope(
    "cloudwatch-export",
    "CloudWatch Logs exported to S3, and copied from its console",
    _EXPORT,
    EnvelopeSample(
        (
            f"2026-11-21T10:00:00.602Z {_JSON_LINE}",
            "",
            f"2026-11-21T10:00:00.603Z {_PRETTY[0]}",
            *_PRETTY[1:],
            f"2026-11-21T09:59:59.001Z {_CLF_LINE}",
            _OF_THE_EXPORT,
        ),
        (_JSON_LINE, _JOINED, _CLF_LINE),
    ),
    EnvelopeSample(("2026-11-21T10:00:00.602Z", *_PRETTY), (_JOINED,)),
)

CLOUDWATCH_TAIL = _stamped_envelope(
    "cloudwatch-tail",
    "aws logs tail",
    _TAIL,
    EnvelopeSample(
        (
            f"2026-11-21T10:00:00.602000+00:00 {_STREAM} {_JSON_LINE}",
            f"2026-11-21T10:00:00.603000+00:00 {_STREAM} ",
            *_PRETTY,
        ),
        (_JSON_LINE, _JOINED),
    ),
)

CLOUDWATCH_TAIL_SHORT = _stamped_envelope(
    "cloudwatch-tail-short",
    "aws logs tail --format short",
    _SHORT,
    EnvelopeSample(
        (f"2026-11-21T10:00:00 {_JSON_LINE}", f"2026-11-21T10:00:01 {_CLF_LINE}"),
        (_JSON_LINE, _CLF_LINE),
    ),
)

CLOUDWATCH_TEXT = Envelope(
    name="cloudwatch-text",
    title="aws logs filter-log-events and get-log-events, --output text",
    unwrap=lambda lines: _unwrap_events(lines, _EVENTS, _text_message),
    detect=lambda head: _is_stream_of(head, _EVENTS, _text_message),
    times=_text_times,
    samples=(
        EnvelopeSample(
            (
                f"EVENTS\t{_ID}\t1795255201000\t{_STREAM}\t{_JSON_LINE}\t1795255200602",
                f"EVENTS\t1795255201000\t{_CLF_LINE}\t1795255200603",
                f"EVENTS\t1795255201000\t{_PRETTY[0]}",
                *_PRETTY[1:],
                "\t1795255200604",
            ),
            (_JSON_LINE, _CLF_LINE, _JOINED),
        ),
    ),
)

CLOUDWATCH_CSV = Envelope(
    name="cloudwatch-csv",
    title="results of CloudWatch Logs Insights, and of a search in its console, as CSV",
    unwrap=lambda lines: _unwrap_events(lines, _ROW, _row_message),
    detect=lambda head: _is_stream_of(
        head, _ROW, lambda r: r.str.extract(_BEGUN, 2).fill_null(r.str.extract(_UNQUOTED, 2))
    ),
    times=_row_times,
    samples=(
        EnvelopeSample(
            (
                '2026-11-21 10:00:00.602,"{}"'.format(_JSON_LINE.replace('"', '""')),
                '2026-11-21 10:00:00.603,{},"{}",1:log'.format(
                    _STREAM, _CLF_LINE.replace('"', '""')
                ),
                '1795255200604,"{}"'.format(_JSON_LINE.replace('"', '""')),
            ),
            (_JSON_LINE, _CLF_LINE, _JSON_LINE),
        ),
    ),
)

CLOUDWATCH_EVENTS = Envelope(
    name="cloudwatch-events",
    title="events of CloudWatch Logs as JSON: the AWS command line, subscriptions",
    unwrap=_unwrap_objects,
    detect=_are_event_objects,
    times=lambda lines: parse_epoch_times(decode_objects(lines, ("timestamp",))[0]["timestamp"]),
    samples=(
        EnvelopeSample(
            tuple(
                json.dumps(event)
                for event in (
                    {
                        "timestamp": 1795255200602,
                        "message": _JSON_LINE,
                        "ingestionTime": 1795255201000,
                    },
                    {
                        "logStreamName": _STREAM,
                        "timestamp": 1,
                        "message": _CLF_LINE,
                        "eventId": _ID,
                    },
                    {"id": _ID, "timestamp": 1795255200602, "message": "\n".join(_PRETTY) + "\n"},
                )
            ),
            (_JSON_LINE, _CLF_LINE, _JOINED),
        ),
    ),
)

CLOUDWATCH_ENVELOPES = (
    CLOUDWATCH_EVENTS,
    CLOUDWATCH_EXPORT,
    CLOUDWATCH_TAIL,
    CLOUDWATCH_TAIL_SHORT,
    CLOUDWATCH_TEXT,
    CLOUDWATCH_CSV,
)
"""All of them. They ask for more than other envelopes do, and come before those."""
