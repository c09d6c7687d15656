"""What is lines already stays as it is, byte for byte, and what is a container is told apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

Frame = Callable[..., bytes]

SAMPLE_LOGS = sorted((Path(__file__).parents[2] / "sample_logs").glob("*.log"))
ACCESS = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"\n'
RECORD = '{"status": 200, "path": "/{id}", "message": "}{", "records": [{"a": 1}]}'
KEYS = st.text("abc{}[]\"' \\", max_size=5)
OBJECTS = st.lists(
    st.dictionaries(KEYS, KEYS | st.integers() | st.lists(KEYS, max_size=2), min_size=1),
    min_size=1,
)


@pytest.mark.parametrize("path", SAMPLE_LOGS, ids=lambda path: path.name)
def test_sample_logs_pass_as_they_are(frame: Frame, path: Path) -> None:
    assert frame(path.read_bytes()) == path.read_bytes()


@given(
    objects=OBJECTS,
    ends=st.sampled_from(["\n", "\r\n", "\n\n", " \n"]),
    last=st.sampled_from(["", "{", '{"a": "b', "\n", "x"]),
    sizes=st.lists(st.integers(1, 100), min_size=1),
)
def test_one_object_a_line_passes_as_it_is(
    frame: Frame, objects: list[dict[str, Any]], ends: str, last: str, sizes: list[int]
) -> None:
    text = "".join(json.dumps(item) + ends for item in objects * 3) + last
    assert frame(text, sizes=sizes) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "plain\ntext",
        "[10/Oct/2026] {}\n[10/Oct/2026] {}\n",
        "{id} GET /\n{id} GET /\n",
        "{} GET /\n{} GET /\n",
        ACCESS + 'GET /?q=}{"a":1}{"b":2}\n',
        ACCESS + '2026-10-10T13:55:36Z {"a": 1}\n2026-10-10T13:55:36Z {"a": 2}{"a": 3}\n',
        "# pretty: {\n" + ACCESS,
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n" * 2,
        "H4sI is how base64 of gzip starts\n",
        '{"log":"{\\n","stream":"stdout","time":"2026-10-10T13:55:36Z"}\n' * 2,
        '{"log":"  \\"a\\": 1\\n","stream":"stdout"}\n{"log":"}\\n","stream":"stdout"}',
        'lf-written": 1}\n{"a": 1}\n{"a": 2}\n',
        '{"a": "half-writ\n{"a": 1}\n\n{"a": 2}\n{"a": 3}\n',
        '{"a": -, "b": 1}\n\n{"a": -, "b": 2}\n',
        '{"a": 1} \n' * 3,
        "\n\n" + '{"a": 1}\n' * 3,
        (RECORD + "\n") * 3,
        '{"records": [{"a": 1}], "status": 200}\n' * 3,
        '{"events": [], "requestTime": "10/Oct/2026:13:55:36 +0000"}\n' * 3,
        '{"environment": "e", "records": [1, 2], "a": {"records": [{"b": 1}]}}\n' * 3,
        '{"organization": "o", "response_status_code": 200, "records": [{"a": 1}]}\n' * 3,
        '{"tables": [{"name": "orders", "rows": 5}]}\n' * 3,
    ],
)
def test_what_looks_like_json_and_is_lines_passes_as_it_is(frame: Frame, text: str) -> None:
    assert frame(text) == text.encode()


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ('{"records": [{"a": 1}, {"a": 2}]}\n{"records": []}\n', ['{"a": 1}', '{"a": 2}']),
        ('{"events": [{"a": 1}], "nextToken": "t", "of": 5}', ['{"a": 1}']),
        ('{"events": [{"timestamp": 1}]}', ['{"timestamp": 1}']),
        ('{"records": []}', []),
        ("[]", []),
        ("[\n]\n", []),
        (RECORD + RECORD, [RECORD] * 2),
        ('{"records": [{}], "status": 200}' * 2, ['{"records": [{}], "status": 200}'] * 2),
        ('{"owner": "o", "new": [1, "x"], "logEvents": [{"a": 1}]}', ['{"a": 1}']),
        ('{"entries": [{"a": 1}, 5, {"a": 2}]}', ['{"a": 1}', "5,", '{"a": 2}']),
    ],
)  # fmt: skip
def test_containers_are_told_by_their_members(frame: Frame, text: str, events: list[str]) -> None:
    assert frame(text).decode().splitlines() == events


def test_members_that_say_something_are_not_lost_after_a_long_container(frame: Frame) -> None:
    events = [f'{{"a": {number}}}' for number in range(100)]
    text = '{"records": [' + ", ".join(events) + '], "organization": "o"}\n' + '{"b": 1}\n'
    assert frame(text, limit=100).decode().splitlines() == [
        *events,
        '{"organization": "o"}',
        '{"b": 1}',
    ]


def test_control_messages_are_left_for_the_formats_to_skip(frame: Frame) -> None:
    control = (
        '{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"",'
        '"subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL"}]}'
    )
    data = '{"messageType":"DATA_MESSAGE","owner":"1","logEvents":[{"id":"1","message":"m"}]}'
    event = '{"id":"1","message":"m"}'
    assert frame(control + data + control).decode().splitlines() == [control, event, control]
    assert frame(f"{control}\n{data}\n").decode().splitlines() == [control, event]


def test_text_between_pretty_objects_is_lines_of_its_own(frame: Frame) -> None:
    text = 'START\n{\n  "a": 1\n}\nEND {x}\n\n  REPORT {"b": 1}\n2026-10-01 10:55 {\n{\n "a": 2\n}'
    assert frame(text).decode().splitlines() == [
        "START",
        '{ "a": 1 }',
        "END {x}",
        'REPORT {"b": 1}',
        "2026-10-01 10:55 {",
        '{ "a": 2 }',
    ]


def test_a_large_first_object_is_looked_at_to_its_end(frame: Frame) -> None:
    large = json.dumps({"a": "x" * 200_000})
    assert frame(f"{large}\n\n{large}\n") == f"{large}\n\n{large}\n".encode()
    assert frame(large + large) == f"{large}\n{large}\n".encode()


def test_a_stream_that_begins_within_an_object_is_still_taken_apart(frame: Frame) -> None:
    objects = [f'{{"a": {number}}}' for number in range(20_000)]
    text = '00, "b": 1}' + "".join(objects)
    assert frame(text).decode().splitlines() == ['00, "b": 1}', *objects]
