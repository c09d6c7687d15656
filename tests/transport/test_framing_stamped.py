"""Events of CloudWatch Logs over several lines are one line, wherever chunks are cut."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.transport.cloudwatch import find_event_start
from tests.examples import about

Frame = Callable[..., bytes]
SourceContent = Any

ID = "3" * 56


def _row(message: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(["2026-11-21 10:00:00.602", message, "1:log"])
    return out.getvalue()


WRAP: dict[str, Callable[[str], str]] = {
    "export": lambda m: f"2026-11-21T10:00:00.602Z {m}\n",
    "tail": lambda m: f"2026-11-21T10:00:00.602000+00:00 s/[1]a {m}\n",
    "short": lambda m: f"2026-11-21T10:00:00 {m}\n",
    "text": lambda m: f"EVENTS\t{ID}\t1795255200602\ts\t{m}\t1795255200602\n",
    "csv": _row,
}
EVENT = json.dumps({"requestId": "8d1f", "routeKey": "GET /users", "status": "200"}, indent=2)
XML = '<request id="8d1f">\n  <ip>203.0.113.7</ip>\n  <status>200</status>\n</request>'
BODY = "(8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a59) Method request body: {\n  1\n}"

every_wrapping = pytest.mark.parametrize("wrapping", WRAP)


def _joined(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines())


@every_wrapping
@settings(max_examples=about(30))
@given(
    messages=st.lists(st.sampled_from([EVENT, XML, BODY, '{"a": 1}']), min_size=1, max_size=6),
    sizes=st.lists(st.integers(1, 300), min_size=1),
)
def test_each_event_is_one_line(
    frame: Frame, wrapping: str, messages: list[str], sizes: list[int]
) -> None:
    events = [WRAP[wrapping](message) for message in [BODY, *messages]]
    lines = frame("".join(events), sizes=sizes).decode().splitlines()
    assert [_joined(line) for line in lines] == [_joined(event) for event in events]


@every_wrapping
def test_no_chunk_ends_within_an_event(
    read_all: Callable[..., SourceContent], tmp_path: Path, wrapping: str
) -> None:
    path = tmp_path / "events.log"
    path.write_text(WRAP[wrapping](BODY) + WRAP[wrapping](XML) * 200)
    whole = read_all(path, chunk_bytes=1 << 20)
    cut = read_all(path, chunk_bytes=700)
    assert len(cut.chunks) > 10
    assert cut.data == whole.data
    assert len(cut.numbered) == 201


def test_headers_blank_lines_and_what_an_export_leaves_are_no_parts_of_events(
    frame: Frame,
) -> None:
    row, stamped = _row(EVENT), f"2026-11-21T10:00:00.602Z {BODY}\n"
    text = f"@timestamp,@message,@log\n{row}\n{row}"
    assert len(frame(text).splitlines()) == 4
    text = f"{stamped}\nPermission Check Successful\n{stamped}"
    assert frame(text).splitlines()[1:3] == [b"", b"Permission Check Successful"]


def test_an_event_without_end_is_left_in_parts(frame: Frame) -> None:
    stamp = "2026-11-21T10:00:00.602Z "
    text = f"{stamp}{BODY}\n" + '  "x"\n' * 200_000 + f"{stamp}{EVENT}\n"
    out = frame(text, limit=1000)
    assert len(out.splitlines()) < 10
    assert out.endswith(_joined(f"{stamp}{EVENT}").encode() + b"\n")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"2026-11-21T10:00:00.602Z one\n2026-11-21T10:00:00.603Z two\n",
        b"2026-11-21T10:00:00.602Z one\nsomething else\n",
        b'203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5\n  x\n',
        b"2026-11-21T10:00:00.602123456Z stdout F {\n}\n",
    ],
)
def test_other_lines_are_left_alone(head: bytes) -> None:
    assert find_event_start(head) is None
