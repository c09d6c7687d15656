"""CloudWatch Logs: what was put into a log group comes out, however it was fetched."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.formats.gateways import aws
from apilog.formats.nginx import library
from apilog.schema import TIMESTAMP
from apilog.transport.cloudwatch import CLOUDWATCH_ENVELOPES
from apilog.transport.envelope import Envelope
from apilog.transport.envelope_registry import ENVELOPES as OTHERS
from tests.any_text import any_text
from tests.formats import damaged_lines

BY_NAME = {envelope.name: envelope for envelope in CLOUDWATCH_ENVELOPES}
every_envelope = pytest.mark.parametrize("envelope", CLOUDWATCH_ENVELOPES, ids=lambda e: e.name)

WRITTEN = datetime(2026, 11, 21, 10, 0, 0, 602_000, tzinfo=UTC)
MS = 1_795_255_200_602
ID = "3" * 56
STREAM = "2026-11-21-10-00-00/[1]a"


def series(*lines: str) -> pl.Series:
    return pl.Series("line", lines, dtype=pl.String)


def _csv(message: str, *more: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(["2026-11-21 10:00:00.602", message, *more])
    return out.getvalue()


WRAP: dict[str, tuple[str, Callable[[str], str]]] = {
    "export": ("cloudwatch-export", lambda m: f"2026-11-21T10:00:00.602Z {m}"),
    "console": ("cloudwatch-export", lambda m: f"2026-11-21T12:00:00.602+02:00\n{m}"),
    "tail": ("cloudwatch-tail", lambda m: f"2026-11-21T10:00:00.602000+00:00 {STREAM} {m}"),
    "short": ("cloudwatch-tail-short", lambda m: f"2026-11-21T10:00:00 {m}"),
    "text": ("cloudwatch-text", lambda m: f"EVENTS\t{ID}\t{MS + 9}\t{STREAM}\t{m}\t{MS}"),
    "text of get": ("cloudwatch-text", lambda m: f"EVENTS\t{MS + 9}\t{m}\t{MS}"),
    "csv": ("cloudwatch-csv", _csv),
    "csv, more": ("cloudwatch-csv", lambda m: _csv(m, STREAM, "123:log")),
    "filter": (
        "cloudwatch-events",
        lambda m: json.dumps(
            {
                "logStreamName": STREAM,
                "timestamp": MS,
                "message": m,
                "ingestionTime": MS + 9,
                "eventId": ID,
            }
        ),
    ),
    "get": (
        "cloudwatch-events",
        lambda m: json.dumps({"timestamp": MS, "message": m, "ingestionTime": MS + 9}),
    ),
    "subscription": (
        "cloudwatch-events",
        lambda m: json.dumps({"id": ID, "timestamp": MS, "message": m}),
    ),
}
"""How an event is fetched: the envelope's name, and what is written."""

MESSAGES = (
    *aws.API_GATEWAY.samples,
    *(line for f in aws.API_GATEWAY.text_formats for line in f.samples),
    *(line for refusal in aws.API_GATEWAY.refusals for line in refusal.samples),
)


def wrapped(way: str, *messages: str) -> pl.Series:
    return series(*"\n".join(map(WRAP[way][1], messages)).split("\n"))


def detected(lines: pl.Series) -> str | None:
    """Return the envelope, as the head of a file decides it."""
    head = lines.filter(lines.str.contains(r"\S"))
    return next((e.name for e in (*CLOUDWATCH_ENVELOPES, *OTHERS) if e.detect(head)), None)


@every_envelope
def test_samples_unwrap_to_what_they_say(envelope: Envelope) -> None:
    for sample in envelope.samples:
        assert envelope.unwrap(series(*sample.lines)).texts["text"].to_list() == list(sample.texts)
        assert detected(series(*sample.lines)) == envelope.name


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("way", [way for way in WRAP if way != "console"])
def test_every_message_comes_out_of_every_envelope(way: str, message: str) -> None:
    lines = wrapped(way, message, message)
    name = detected(lines)
    assert name == WRAP[way][0]
    assert BY_NAME[name].unwrap(lines).texts["text"].to_list() == [message, message]


@pytest.mark.parametrize("way", WRAP)
def test_messages_in_several_lines(way: str) -> None:
    record = {"requestId": "8d1f", "identity": {"sourceIp": "::1"}, "routeKey": "GET /a"}
    pretty = json.dumps(record, indent=2)
    # A format may end in a newline, as Firehose needs it.
    lines = wrapped(way, pretty, json.dumps(record) + "\n", pretty + "\n")
    name = detected(lines)
    assert name == WRAP[way][0]
    inside = BY_NAME[name].unwrap(lines)
    assert [json.loads(text) for text in inside.texts["text"]] == [record] * 3


@pytest.mark.parametrize("way", WRAP)
def test_the_time_comes_with_the_event(way: str) -> None:
    lines = wrapped(way, aws.API_GATEWAY.samples[0])
    envelope = BY_NAME[WRAP[way][0]]
    assert envelope.times is not None
    times = envelope.times(lines)
    assert (times.dtype, len(times)) == (TIMESTAMP, len(lines))
    assert times[0] == (WRITTEN.replace(microsecond=0) if way == "short" else WRITTEN)


def test_an_event_in_several_lines_is_of_when_it_was_taken_in() -> None:
    lines = wrapped("text", "{\n}", "{}")
    times = BY_NAME["cloudwatch-text"].times
    assert times is not None
    begun = BY_NAME["cloudwatch-text"].unwrap(lines).texts["row"]
    assert times(lines).gather(begun).to_list() == [WRITTEN.replace(microsecond=611_000), WRITTEN]


def test_rows_are_where_events_begin() -> None:
    lines = series(
        "rest of an event that began before",
        "2026-11-21T10:00:00.602Z {",
        '  "a": 1',
        "}",
        "",
        "Permission Check Successful",
        "2026-11-21T10:00:00.603Z {}",
    )
    inside = BY_NAME["cloudwatch-export"].unwrap(lines)
    assert inside.texts.rows() == [(1, '{ "a": 1 }'), (6, "{}")]
    assert inside.unmatched.to_list() == [0, 4, 5]


def test_what_the_command_line_adds_is_of_no_event() -> None:
    lines = series(
        f"b/{'3' * 56}/s\tf/{'3' * 56}/s",
        *wrapped("text", "{}"),
    )
    inside = BY_NAME["cloudwatch-text"].unwrap(lines)
    assert (inside.texts.rows(), inside.unmatched.to_list()) == ([(1, "{}")], [0])


@pytest.mark.parametrize(
    "lines",
    [
        # What Reactor Netty writes begins as an exported event does: the format is tried first.
        *(
            (line,)
            for f in library.NGINX_FORMATS
            if f.name != "reactor-netty"
            for line in f.samples
        ),
        *((line,) for line in MESSAGES),
        *((line,) for line in (*damaged_lines.JSON, *damaged_lines.LTSV, *damaged_lines.LOGFMT)),
        *(sample.lines for e in OTHERS for sample in e.samples if e not in CLOUDWATCH_ENVELOPES),
        ("2026-11-21T10:00:00+00:00 203.0.113.7 GET /a 200",),
        ('2026-11-21T10:00:00+00:00 203.0.113.7 "GET /a HTTP/1.1" 200 5',),
        ("2026-11-21T10:00:00.123Z INFO started",),
        (f"2026-11-21T10:00:00.123456+00:00 web1 nginx: {library.NGINX_FORMATS[0].samples[0]}",),
        (f"2026-11-21T10:00:00.123Z web1 nginx[7]: {library.NGINX_FORMATS[0].samples[0]}",),
        ('{"timestamp":1795255200602,"message":"started","level":"info"}',),
        ('{"timestamp":"2026-11-21T10:00:00Z","message":"GET /a 200","id":"7"}',),
        ("1795255200602,prod,users,200",),
        ("@timestamp,@message",),
        ("",),
    ],
)
def test_what_is_of_no_log_group(lines: Sequence[str]) -> None:
    head = series(*lines)
    assert [e.name for e in CLOUDWATCH_ENVELOPES if e.detect(head)] == []


def test_lines_without_a_time_are_not_taken_into_an_event() -> None:
    access = library.NGINX_FORMATS[0].samples[0]
    head = series("2026-11-21T10:00:00.123Z {}", *[access] * 9)
    assert detected(head) is None


@every_envelope
def test_no_lines_are_no_events(envelope: Envelope) -> None:
    inside = envelope.unwrap(series())
    assert inside.texts.schema == {"row": pl.UInt32, "text": pl.String}
    assert inside.unmatched.dtype == pl.UInt32
    assert (inside.texts.height, len(inside.unmatched)) == (0, 0)
    assert not envelope.detect(series())


_samples = [line for e in CLOUDWATCH_ENVELOPES for s in e.samples for line in s.lines]
_any_lines = st.lists(
    st.sampled_from(_samples)
    | st.sampled_from(_samples).flatmap(
        lambda line: st.integers(0, len(line)).map(lambda end: line[:end] + line[end + 1 :])
    )
    | any_text(max_size=20, without="\n"),
    max_size=8,
)


@given(_any_lines, st.sampled_from(CLOUDWATCH_ENVELOPES))
def test_every_line_is_accounted_for_once(lines: list[str], envelope: Envelope) -> None:
    envelope.detect(series(*lines))
    inside = envelope.unwrap(series(*lines))
    begun, others = inside.texts["row"].to_list(), inside.unmatched.to_list()
    assert (begun, others) == (sorted(begun), sorted(others))
    assert not set(begun) & set(others)
    assert set(begun) | set(others) <= set(range(len(lines)))
    # All that is neither goes on with an event before it.
    going_on = set(range(len(lines))) - set(begun) - set(others)
    assert all(begun and begun[0] < row for row in going_on)
    assert inside.texts.null_count().row(0) == (0, 0)
    assert not inside.texts["text"].str.contains("\n", literal=True).any()
    if envelope.times is not None:
        assert len(envelope.times(series(*lines))) == len(lines)
