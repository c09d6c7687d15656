"""Lines and objects as they come out of the places where gateways put them."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a log group."""

    at: datetime
    message: str

    @property
    def written(self) -> datetime:
        """Return when it was logged, which is not when the request came in."""
        return self.at + timedelta(seconds=5)

    @property
    def ms(self) -> int:
        """Return when it was logged, in milliseconds since 1970."""
        return round(self.written.timestamp() * 1000)

    @property
    def pretty(self) -> str:
        """Return the object over several lines."""
        return json.dumps(json.loads(self.message), indent=2, ensure_ascii=False)


Deliver = Callable[[Sequence[Event]], bytes]

_STREAM = "2026-11-21-10-00-00/[1]d41d8cd9"


def _text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def lines(events: Sequence[Event]) -> bytes:
    """Return one message per line."""
    return _text([e.message for e in events])


def no_newline_at_the_end(events: Sequence[Event]) -> bytes:
    """Return the lines as in a file that is still being written."""
    return lines(events)[:-1]


def windows_lines(events: Sequence[Event]) -> bytes:
    """Return the lines with the line ends of Windows and a byte order mark."""
    return b"\xef\xbb\xbf" + lines(events).replace(b"\n", b"\r\n")


def compressed(events: Sequence[Event]) -> bytes:
    """Return the lines compressed, as in rotated files."""
    return gzip.compress(lines(events))


def _id(event: Event) -> str:
    return f"{event.ms:056}"


def _export(events: Sequence[Event], message: Callable[[Event], str]) -> bytes:
    # Streams lie one after another, so that times are not sorted; and blocks are compressed.
    written = [f"{e.written:%Y-%m-%dT%H:%M:%S}.{e.ms % 1000:03}Z {message(e)}" for e in events]
    files = (written[1::2], written[::2])
    return b"".join(gzip.compress(_text(file)) for file in files if file)


def _filtered(events: Sequence[Event]) -> bytes:
    found = [
        {
            "logStreamName": _STREAM,
            "timestamp": e.ms,
            "message": e.message,
            "ingestionTime": e.ms + 900,
            "eventId": _id(e),
        }
        for e in events
    ]
    return json.dumps({"events": found, "searchedLogStreams": []}, indent=4).encode()


def _got(events: Sequence[Event]) -> bytes:
    found = [{"timestamp": e.ms, "message": e.message, "ingestionTime": e.ms + 9} for e in events]
    tokens = {"nextForwardToken": "f/35", "nextBackwardToken": "b/35"}
    return json.dumps({"events": found, **tokens}, indent=4).encode()


def _as_text(events: Sequence[Event]) -> bytes:
    rows = (["EVENTS", _id(e), str(e.ms + 9), _STREAM, e.message, str(e.ms)] for e in events)
    found = ["\t".join(row) for row in rows]
    return _text([*found, "SEARCHEDLOGSTREAMS\tTrue\t" + _STREAM])


def _tailed(events: Sequence[Event]) -> bytes:
    return _text(
        [f"{e.written.isoformat('T', 'microseconds')} {_STREAM} {e.message}" for e in events]
    )


def _tailed_short(events: Sequence[Event]) -> bytes:
    return _text([f"{e.written:%Y-%m-%dT%H:%M:%S} {e.message}" for e in events])


def _copied(events: Sequence[Event]) -> bytes:
    return _text([f"{e.written:%Y-%m-%dT%H:%M:%S}.250Z\n{e.pretty}" for e in events])


def _insights(events: Sequence[Event]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["@timestamp", "@message", "@logStream"])
    for e in events:
        time = f"{e.written:%Y-%m-%d %H:%M:%S}.{e.ms % 1000:03}"
        writer.writerow([time, e.message, _STREAM])
    return out.getvalue().encode()


def _payloads(events: Sequence[Event]) -> list[bytes]:
    """Return what a subscription sends: a check at first, then some events at a time."""
    common = {"owner": "123456789012", "logGroup": "api", "logStream": _STREAM}
    check = {"id": "", "timestamp": 1795255200000, "message": "CWL CONTROL MESSAGE: Checking."}
    found: list[tuple[str, list[dict[str, object]]]] = [("CONTROL_MESSAGE", [check])]
    for at in range(0, len(events), 3):
        some = events[at : at + 3]
        sent = [{"id": _id(e), "timestamp": e.ms, "message": e.message} for e in some]
        found.append(("DATA_MESSAGE", sent))
    return [
        json.dumps(
            {"messageType": kind, **common, "subscriptionFilters": ["x"], "logEvents": sent}
        ).encode()
        for kind, sent in found
    ]


def _subscribed(events: Sequence[Event]) -> bytes:
    return b"".join(_payloads(events))


def _members(events: Sequence[Event]) -> bytes:
    return b"".join(map(gzip.compress, _payloads(events)))


def _twice(events: Sequence[Event]) -> bytes:
    return gzip.compress(_members(events))


def _base64(events: Sequence[Event]) -> bytes:
    return b"".join(base64.b64encode(gzip.compress(p)) + b"\n" for p in _payloads(events))


CLOUDWATCH: Mapping[str, Deliver] = {
    "lines": lines,
    "gzip": compressed,
    "export to S3": lambda events: _export(events, lambda e: e.message),
    "filter-log-events": _filtered,
    "get-log-events": _got,
    "filter-log-events as text": _as_text,
    "tail": _tailed,
    "tail, short": _tailed_short,
    "Insights CSV": _insights,
    "subscription": _subscribed,
    "subscription in gzip members": _members,
    "subscription in gzip in gzip": _twice,
    "subscription in base64": _base64,
    "Firehose, messages extracted": lambda events: _text([e.message for e in events])[:-1],
}
"""Deliveries of messages of any kind."""

OBJECTS: Mapping[str, Deliver] = {
    "lines": lines,
    "no newline at the end": no_newline_at_the_end,
    "lines of Windows": windows_lines,
    "gzip": compressed,
    "pretty-printed": lambda events: _text([e.pretty for e in events]),
    "pretty-printed, no newline": lambda events: "".join(e.pretty for e in events).encode(),
    "no newline between": lambda events: "".join(e.message for e in events).encode(),
    "array": lambda events: f"[{','.join(e.message for e in events)}]".encode(),
    "array, pretty-printed": lambda events: json.dumps(
        [json.loads(e.message) for e in events], indent=2
    ).encode(),
}
"""Deliveries of JSON objects."""

CLOUDWATCH_OBJECTS: Mapping[str, Deliver] = {
    "export to S3, pretty-printed": lambda events: _export(events, lambda e: e.pretty),
    "copied from the console": _copied,
}
"""Deliveries of JSON objects in CloudWatch alone."""
