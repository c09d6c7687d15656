"""What records of Kinesis, Firehose and subscriptions carry in base64 comes out framed."""

from __future__ import annotations

import base64
import gzip
import json
import textwrap
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.any_text import any_text
from tests.examples import about

Frame = Callable[..., bytes]
Object = dict[str, Any]

OBJECTS = st.lists(
    st.dictionaries(st.text("abc", min_size=1), any_text(max_size=8), min_size=1),
    min_size=1,
    max_size=5,
)
SIZES = st.lists(st.integers(1, 300), min_size=1)


def subscription(objects: list[Object]) -> bytes:
    """What a subscription sends, compressed and in base64."""
    events = [{"id": "3" * 56, "timestamp": 1, "message": json.dumps(o)} for o in objects]
    message = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logEvents": events}
    return base64.b64encode(gzip.compress(json.dumps(message).encode()))


def kinesis(data: str) -> Object:
    return {
        "kinesis": {"kinesisSchemaVersion": "1.0", "sequenceNumber": "1", "data": data},
        "eventSource": "aws:kinesis",
    }


def firehose(data: str) -> Object:
    return {"recordId": "49", "approximateArrivalTimestamp": 1495072949453, "data": data}


def stored(data: str) -> Object:
    return {"SequenceNumber": "1", "ApproximateArrivalTimestamp": 1.5, "Data": data}


CARRIERS: dict[str, Callable[[list[str]], list[Object]]] = {
    "subscription of a function": lambda datas: [{"awslogs": {"data": d}} for d in datas],
    "Kinesis event": lambda datas: [{"Records": [kinesis(d) for d in datas]}],
    "Kinesis records": lambda datas: [kinesis(d) for d in datas],
    "aws kinesis get-records": lambda datas: [
        {"Records": [stored(d) for d in datas], "NextShardIterator": "x", "MillisBehindLatest": 0}
    ],
    "Firehose event": lambda datas: [
        {"invocationId": "i", "region": "us-east-1", "records": [firehose(d) for d in datas]}
    ],
}
LAYOUTS: dict[str, Callable[[list[Object]], str]] = {
    "a line each": lambda objects: "".join(json.dumps(o) + "\n" for o in objects),
    "pretty": lambda objects: "\n".join(json.dumps(o, indent=2) for o in objects),
    "glued": lambda objects: "".join(json.dumps(o) for o in objects),
    "slashes escaped": lambda objects: "\n".join(
        json.dumps(o).replace("/", r"\/") for o in objects
    ),
}


def messages(text: bytes) -> list[Object]:
    return [json.loads(json.loads(line)["message"]) for line in text.splitlines() if line]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("carrier", CARRIERS)
@settings(max_examples=about(6))
@given(batches=st.lists(OBJECTS, min_size=1, max_size=3), sizes=SIZES)
def test_carried_events_come_back(
    frame: Frame, carrier: str, layout: str, batches: list[list[Object]], sizes: list[int]
) -> None:
    datas = [subscription(objects).decode() for objects in batches]
    text = LAYOUTS[layout](CARRIERS[carrier](datas))
    assert messages(frame(text, sizes=sizes)) == [o for objects in batches for o in objects]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@given(
    batches=st.lists(OBJECTS, min_size=1, max_size=3),
    width=st.sampled_from([64, 76]),
    sizes=SIZES,
)
def test_base64_may_be_wrapped_over_lines(
    frame: Frame, newline: str, batches: list[list[Object]], width: int, sizes: list[int]
) -> None:
    wrapped = [
        line for objects in batches for line in textwrap.wrap(subscription(objects).decode(), width)
    ]
    text = newline.join(wrapped) + newline
    assert messages(frame(text, sizes=sizes)) == [o for objects in batches for o in objects]


def test_lines_of_text_that_are_carried_come_out_as_lines(frame: Frame) -> None:
    lines = ['203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 "x"\n'] * 2
    datas = [base64.b64encode(line.encode()).decode() for line in lines]
    text = json.dumps({"Records": [kinesis(d) for d in datas]})
    assert frame(text).decode() == "".join(lines)


def test_what_can_not_be_decoded_stays_as_it_is(frame: Frame) -> None:
    good, broken = subscription([{"a": "b"}]).decode(), subscription([{"a": "c"}]).decode()[:60]
    first, *others = frame("\n".join(json.dumps(kinesis(d)) for d in (good, broken))).splitlines()
    assert messages(first) == [{"a": "b"}]
    assert json.dumps(kinesis(broken)).encode() in others


@pytest.mark.parametrize(
    "record",
    [
        {"time": "2026-11-21T10:00:00Z", "status": 200, "data": "eyJhIjogImJjZGVmZ2hpamtsbW4ifQ=="},
        {"kinesis": {"data": "no base64!"}, "status": 200},
        {"kinesis": {"data": base64.b64encode(bytes(range(48))).decode()}, "status": 200},
    ],
)
def test_objects_that_carry_nothing_stay_as_they_are(frame: Frame, record: Object) -> None:
    text = (json.dumps(record) + "\n").encode() * 2
    assert frame(text) == text
