"""What CloudWatch Logs puts around the events of a log group, by the way they were fetched.

Invariant: a line that does not begin an event goes on with the one before; the lines of an
event are one line inside, joined by blanks, which means the same to JSON and XML.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import polars as pl

from apilog.formats.envelopes.base import Envelope, Sample, Unwrapped, mostly, unwrapped
from apilog.formats.jsontext import decode_objects
from apilog.formats.times import epoch_times, iso_times

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
"""As syslog has it before a message."""
_WITHIN = r'^[ \t]|^["{}\[\]<]'
"""How a line begins that can go on with a message."""
_OF_THE_EXPORT = "Permission Check Successful"
"""What the export itself leaves in a bucket."""
_FOREIGN = rf"^\s*(?:{_OF_THE_EXPORT})?\s*$|^SEARCHEDLOGSTREAMS(?:\t|$)|^NEXTTOKEN\t"
"""Lines between events: blank ones, and what the command line and the export add."""

_EVENT_ID = r"^[0-9]{50,60}$"


def _events(lines: pl.Series, begins: str) -> tuple[pl.DataFrame, pl.Series]:
    """`row` and `text` of the events that begin like this, and the rows that are of none."""
    rows = pl.int_range(len(lines), dtype=pl.UInt32, eager=True).alias("row")
    starts = lines.str.contains(begins)
    foreign = lines.str.contains(_FOREIGN) & ~starts
    inside = ~foreign & (starts.cum_sum() > 0)
    frame = pl.DataFrame({"row": rows, "text": lines, "starts": starts}).filter(inside)
    if not frame["starts"].all():
        later = pl.col("text").str.strip_chars()
        frame = (
            frame.with_columns(pl.when("starts").then("text").otherwise(later))
            .group_by(pl.col("starts").cum_sum().alias("event"), maintain_order=True)
            .agg(pl.col("row").first(), pl.col("text").str.join(" "))
        )
    return frame.select("row", "text"), rows.filter(~inside)


def _unwrapped(lines: pl.Series, begins: str, strip: Callable[[pl.Series], pl.Series]) -> Unwrapped:
    """The events that begin like this, what is around them taken off."""
    frame, unmatched = _events(lines, begins)
    texts = strip(frame["text"])
    sound = texts.is_not_null()
    inside = frame.select("row", texts.str.strip_chars().alias("text")).filter(sound)
    if sound.all():
        return Unwrapped(inside, unmatched)
    broken = frame["row"].filter(~sound)
    return Unwrapped(inside, pl.concat([unmatched, broken]).sort())


def _is(head: pl.Series, begins: str, strip: Callable[[pl.Series], pl.Series]) -> bool:
    """Whether a head, maybe with gaps, is of events that begin like this.

    `strip` gives what a line says of its message.
    """
    starts = head.str.contains(begins)
    if not len(head) or not starts[0] or not mostly(starts | head.str.contains(_WITHIN)):
        return False
    texts = strip(head.filter(starts)).str.strip_chars()
    is_access = texts.str.contains(_CLF_TIME) & ~texts.str.contains(_TAG)
    return mostly(texts.str.contains(_MESSAGE) | is_access)


def _stamped(
    name: str, title: str, begins: str, *samples: Sample, is_epoch: bool = False
) -> Envelope:
    """An envelope that is told by what is before a message."""

    def strip(events: pl.Series) -> pl.Series:
        return events.str.replace(begins, "")

    return Envelope(
        name=name,
        title=title,
        unwrap=lambda lines: _unwrapped(lines, begins, strip),
        detect=lambda head: _is(head, begins, strip),
        times=lambda lines: iso_times(lines.str.extract(begins, 1)),
        samples=samples,
    )


def _text_message(events: pl.Series) -> pl.Series:
    return events.str.replace(_EVENTS, "").str.replace(_EVENTS_END, "")


def _text_times(lines: pl.Series) -> pl.Series:
    """When an event happened; of one in several lines when it was taken in."""
    ingested = lines.str.extract(_EVENTS, 1).fill_null(lines.str.extract(_EVENTS, 2))
    return epoch_times(lines.str.extract(_EVENTS_END, 1).fill_null(ingested))


def _row_message(rows: pl.Series) -> pl.Series:
    """The message of CSV rows: their first quoted field, or all that is not the time."""
    quoted = rows.str.extract(_QUOTED, 2).str.replace_all('""', '"', literal=True)
    return quoted.fill_null(rows.str.extract(_UNQUOTED, 2))


def _row_begins(rows: pl.Series) -> pl.Series:
    return rows.str.extract(_BEGUN, 2).fill_null(rows.str.extract(_UNQUOTED, 2))


def _row_times(lines: pl.Series) -> pl.Series:
    stamps = lines.str.extract(_ROW, 1)
    return iso_times(stamps).fill_null(epoch_times(stamps))


def _unwrap_objects(lines: pl.Series) -> Unwrapped:
    """The texts of `message`."""
    frame, _ = decode_objects(lines, ("message",))
    texts = frame["message"].str.strip_chars()
    if texts.str.contains("\n", literal=True).any():
        texts = texts.str.replace_all(r"[ \t\r]*\n[ \t\r\n]*", " ")
    return unwrapped(texts)


def _are_objects(head: pl.Series) -> bool:
    if not mostly(head.str.contains(r"^[ \t]*\{")):
        return False
    frame, _ = decode_objects(head, ("message", "timestamp", "ingestionTime", "eventId", "id"))
    is_event = pl.any_horizontal(
        pl.col("ingestionTime").is_not_null(),
        pl.col("eventId").is_not_null(),
        pl.col("id").str.contains(_EVENT_ID).fill_null(value=False),
    )
    told = pl.col("message").is_not_null() & pl.col("timestamp").is_not_null()
    return mostly(frame.select(told & is_event).to_series())


def _object_times(lines: pl.Series) -> pl.Series:
    frame, _ = decode_objects(lines, ("timestamp",))
    return epoch_times(frame["timestamp"])


_LINE = '{"requestId":"8d1fbbf2","routeKey":"GET /users","status":"200"}'
_CLF = '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /users HTTP/1.1" 200 512 8d1fbbf2'
_PRETTY = ("{", '    "requestId": "8d1fbbf2",', '    "routeKey": "GET /users"', "}")
_JOINED = '{ "requestId": "8d1fbbf2", "routeKey": "GET /users" }'
_STREAM = "d41d8cd98f00b204e9800998ecf8427e"
_ID = "3" * 56

EXPORT = _stamped(
    "cloudwatch-export",
    "CloudWatch Logs exported to S3, and copied from its console",
    _EXPORT,
    Sample(
        (
            f"2026-11-21T10:00:00.602Z {_LINE}",
            "",
            f"2026-11-21T10:00:00.603Z {_PRETTY[0]}",
            *_PRETTY[1:],
            f"2026-11-21T09:59:59.001Z {_CLF}",
            _OF_THE_EXPORT,
        ),
        (_LINE, _JOINED, _CLF),
    ),
    Sample(("2026-11-21T10:00:00.602Z", *_PRETTY), (_JOINED,)),
)

TAIL = _stamped(
    "cloudwatch-tail",
    "aws logs tail",
    _TAIL,
    Sample(
        (
            f"2026-11-21T10:00:00.602000+00:00 {_STREAM} {_LINE}",
            f"2026-11-21T10:00:00.603000+00:00 {_STREAM} ",
            *_PRETTY,
        ),
        (_LINE, _JOINED),
    ),
)

TAIL_SHORT = _stamped(
    "cloudwatch-tail-short",
    "aws logs tail --format short",
    _SHORT,
    Sample((f"2026-11-21T10:00:00 {_LINE}", f"2026-11-21T10:00:01 {_CLF}"), (_LINE, _CLF)),
)

TEXT = Envelope(
    name="cloudwatch-text",
    title="aws logs filter-log-events and get-log-events, --output text",
    unwrap=lambda lines: _unwrapped(lines, _EVENTS, _text_message),
    detect=lambda head: _is(head, _EVENTS, _text_message),
    times=_text_times,
    samples=(
        Sample(
            (
                f"EVENTS\t{_ID}\t1795255201000\t{_STREAM}\t{_LINE}\t1795255200602",
                f"EVENTS\t1795255201000\t{_CLF}\t1795255200603",
                f"EVENTS\t1795255201000\t{_PRETTY[0]}",
                *_PRETTY[1:],
                "\t1795255200604",
            ),
            (_LINE, _CLF, _JOINED),
        ),
    ),
)

QUERY = Envelope(
    name="cloudwatch-csv",
    title="results of CloudWatch Logs Insights, and of a search in its console, as CSV",
    unwrap=lambda lines: _unwrapped(lines, _ROW, _row_message),
    detect=lambda head: _is(head, _ROW, _row_begins),
    times=_row_times,
    samples=(
        Sample(
            (
                '2026-11-21 10:00:00.602,"{}"'.format(_LINE.replace('"', '""')),
                '2026-11-21 10:00:00.603,{},"{}",1:log'.format(_STREAM, _CLF.replace('"', '""')),
                '1795255200604,"{}"'.format(_LINE.replace('"', '""')),
            ),
            (_LINE, _CLF, _LINE),
        ),
    ),
)

EVENTS = Envelope(
    name="cloudwatch-events",
    title="events of CloudWatch Logs as JSON: the AWS command line, subscriptions",
    unwrap=_unwrap_objects,
    detect=_are_objects,
    times=_object_times,
    samples=(
        Sample(
            tuple(
                json.dumps(event)
                for event in (
                    {"timestamp": 1795255200602, "message": _LINE, "ingestionTime": 1795255201000},
                    {"logStreamName": _STREAM, "timestamp": 1, "message": _CLF, "eventId": _ID},
                    {"id": _ID, "timestamp": 1795255200602, "message": "\n".join(_PRETTY) + "\n"},
                )
            ),
            (_LINE, _CLF, _JOINED),
        ),
    ),
)

ENVELOPES = (EVENTS, EXPORT, TAIL, TAIL_SHORT, TEXT, QUERY)
"""All of them. They ask for more than other envelopes do, and come before those."""
