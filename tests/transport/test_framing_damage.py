"""Broken JSON costs no more than the broken object, and no text is lost."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.sources import find_sources
from apilog.transport import json_splitter
from apilog.transport.framing import frame_stream
from apilog.transport.json_scan import ScanEnd, scan_object
from apilog.transport.opening import read_head

Read = Callable[..., Any]
Frame = Callable[..., bytes]
Split = Callable[..., bytes]

PIECES = st.lists(
    st.sampled_from(
        [
            *'{}[]":, \n\r',
            *('{"', '"}', '":', '","', "}{", "},{", "]}", '\\"', "\\\\", "\n{", '}\n{"', "\r\n"),
            *(
                '{"a":1}',
                '{\n  "a": {"b": [1, {}]}\n}\n',
                '"x',
                "GET /a{b}",
                "2026-10-01T10:55:45Z ",
            ),
        ]
    )
    | st.binary(max_size=3).map(lambda data: data.replace(b"\\", b"").decode("latin-1")),
    max_size=30,
).map(lambda pieces: "".join(pieces).encode("latin-1"))
NOISE = bytes.maketrans(b"", b"")


def essence(text: bytes) -> bytes:
    """What has to be found in the lines: neither blanks nor separators nor arrays' brackets."""
    return text.replace(rb"\n", b"").translate(NOISE, b" \t\n\r\v\f,[]")


@given(data=PIECES, sizes=st.lists(st.integers(1, 50), min_size=1), limit=st.integers(1, 60))
def test_any_bytes_come_out_in_some_line(
    frame: Frame, data: bytes, sizes: list[int], limit: int
) -> None:
    for stream in (data, b'{"a":1}{"b":2}\n' + data, b'[{"a":1}\n' + data):
        whole = frame(stream)
        assert essence(whole) == essence(stream)
        assert frame(stream, sizes=sizes) == whole
        assert essence(frame(stream, limit=limit)) == essence(stream)


@given(data=PIECES, window=st.integers(1, 50), limit=st.integers(1, 60))
def test_any_bytes_come_out_whatever_the_windows(
    split: Split, data: bytes, window: int, limit: int
) -> None:
    assert essence(split(data, window, limit=limit)) == essence(data)


GOOD = [json.dumps({"n": n, "path": "/{id}", "in": {"x": [{"y": "}"}]}}) for n in range(6)]
BROKEN = [
    '{"a": "no end of the string',
    '{"a": "no end of the string}',
    '{"a": {"b": 1}',
    '{"a": 1, "b": ',
    '{"a": 1}}',
    '{"a": [1, 2}',
    '{"a": x{y}z}',
    '{"a"; 1]',
    '{"a": "\\"}',
    "not JSON at all",
    '"a": 1}',
]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("between", ["", "\n", " ", "\n\n"])
@pytest.mark.parametrize("place", [1, 3, 6])
def test_a_broken_object_costs_itself_and_at_most_its_neighbour(
    frame: Frame, broken: str, between: str, place: int
) -> None:
    objects = [*GOOD[:place], broken, *GOOD[place:]]
    stream = GOOD[0] + between.join(objects)
    lines = frame(stream).decode().splitlines()
    found = [item for item in GOOD if item in lines]
    assert len(found) >= len(GOOD) - 1
    assert essence("".join(lines).encode()) == essence(stream.encode())


def test_a_pretty_object_that_was_cut_costs_only_itself(frame: Frame) -> None:
    pretty = [json.dumps(json.loads(item), indent=2) for item in GOOD]
    for cut in range(3, len(pretty[2]) - 1):
        lines = frame("\n".join([*pretty[:2], pretty[2][:cut], *pretty[3:]])).splitlines()
        good = [json.loads(item) for item in GOOD]
        whole = [json.loads(line) for line in lines if line.startswith(b'{ "n"') and sound(line)]
        assert [item for item in good if item not in whole] in ([good[2]], [good[2], good[3]])


def sound(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_containers_are_found_again_after_a_broken_one(frame: Frame) -> None:
    stream = (
        '{"records": [{"a": 1}, {"a": "x]}'
        '{"records": [{"a": 2}, {"a": 3]}'
        '{"records": [{"a": 4}, {"a": 5}]}{"records": [{"a": 6}]'
    )
    assert frame(stream).decode().splitlines() == [
        '{"a": 1}',
        '{"a": "x]}',
        '{"a": 2}',
        '{"a": 3]}',
        '{"a": 4}',
        '{"a": 5}',
        '{"a": 6}',
    ]


@pytest.mark.parametrize(
    ("text", "lines", "left_open"),
    [
        ('{"a":1}{"b":2}', ['{"a":1}', '{"b":2}'], False),
        ('{"a":1}{"b":2', ['{"a":1}', '{"b":2'], True),
        ('{"a":1}\n{"b":2}{"c', ['{"a":1}', '{"b":2}', '{"c'], True),
        ('{\n "a": 1\n}\n{\n "b": "x\n', ['{ "a": 1 }', '{ "b": "x'], True),
        ('[{"a":1},{"b":2}', ['{"a":1}', '{"b":2}'], False),
        ('[{"a":1},{"b', ['{"a":1}', '{"b'], True),
        ('{"records":[{"a":1},', ['{"a":1}'], False),
        ('{"records":[{"a":1},{"a":[{"b', ['{"a":1}', '{"a":[{"b'], True),
        ('{"records":[{"a":1}]', ['{"a":1}'], False),
        ('{"events":[{"a":1}],"nextTok', ['{"a":1}', '"nextTok'], True),
    ],
)
def test_a_last_event_that_was_cut_is_the_open_last_line(
    tmp_path: Path, read_all: Read, text: str, lines: list[str], left_open: bool
) -> None:
    (tmp_path / "a.json").write_text(text, newline="")
    got = read_all(tmp_path / "a.json")
    assert [line.decode() for line in got.numbered.values()] == lines
    assert list(got.numbered) == list(range(1, len(lines) + 1))
    assert got.chunks[-1].last_line_open == left_open


@pytest.mark.parametrize("between", ["", " ", ",\n"])
@pytest.mark.parametrize("long", ['{"long": "%s"}', '{"l": ["%s", {"m": [{"n": 1}]}]}'])
@pytest.mark.parametrize("size", [10_000, 700_000, 3_000_000])
def test_an_object_over_the_limit_is_counted_and_the_next_ones_read(
    tmp_path: Path, read_all: Read, between: str, long: str, size: int
) -> None:
    objects = [*GOOD[:3], long % ('x\\"}{' * (size // 6)), *GOOD[3:]]
    text = between.join(objects)
    if between:
        text = f"[{text}]"
    (tmp_path / "a.json").write_text(text)
    got = read_all(tmp_path / "a.json", max_line_bytes=5000)
    assert list(got.oversize) == [4]
    assert got.oversize[4] == objects[3][:200].encode()
    assert {n: line.decode() for n, line in got.numbered.items()} == {
        n: line for n, line in enumerate(objects, 1) if n != 4
    }


def test_a_string_without_an_end_is_left_behind(frame: Frame) -> None:
    events = [json.dumps({"a": "x" * 80})] * 30_000
    lines = frame("".join([*events, '{"a": "', *events]), limit=10_000).decode().splitlines()
    assert lines.count(events[0]) == 2 * len(events) - 1


PIECES_OF_BOMBS = (
    '{"a":"x', '{"a":1', '{"a":', '{"a":"}{', '\n{"a":"', '"}{"', '{"a":{', "[{", '\n{"a":1,',
    '{"records":[', '2026-10-01T10:55:45Z {"', '\\"', '{"":{}}x', "{", '}\n{"a":[{"b":', "{},",
    "[{},{},", "[[", '{"a":[', '"},{"', "x{}", '{"a":1}}', '"x{"',
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES_OF_BOMBS)
def test_no_repetition_takes_long_or_is_lost(frame: Frame, piece: str) -> None:
    stream = '{"a":1}{"b":2}' + piece * (120_000 // len(piece))
    lines = frame(stream, limit=40_000)
    wrappers = b'"records":' if "records" in piece else b""
    assert len(essence(lines)) >= len(essence(stream.encode()).replace(b"{" + wrappers, b""))


def count_steps(data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """How many functions, Python's own too, framing calls; and how many bytes it scans."""
    calls = scanned = 0

    def count_call(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    def scan(text: bytes, start: int) -> tuple[ScanEnd, int]:
        nonlocal scanned
        stop, end = scan_object(text, start)
        scanned += end - start
        return stop, end

    with monkeypatch.context() as patch:
        patch.setattr(json_splitter, "scan_object", scan)
        stream = frame_stream(io.BytesIO(data), 1 << 20)
        before = sys.getprofile()
        sys.setprofile(count_call)
        try:
            while stream.read(1 << 16):
                pass
        finally:
            sys.setprofile(before)
    return calls, scanned


@pytest.mark.parametrize("piece", [*PIECES_OF_BOMBS, '{"logEvents":[{"message":"'])
def test_steps_grow_with_the_bytes_and_no_faster(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steps(size: int) -> int:
        data = '{"a":1}{"b":2}' + piece * (size // len(piece))
        return sum(count_steps(data.encode(), monkeypatch))

    assert steps(32_000) <= 5 * steps(8_000)


@pytest.mark.parametrize(
    ("opening", "piece"),
    [
        ("[", "{},"),
        ("", '{"a":1}'),
        ("[", '{},{"a":1}, '),
        ("[", '{"a":[1,"b"]}\n,'),
        ("", "{}\n\n{}"),
    ],
)
def test_tiny_whole_events_take_hardly_more_steps_than_lines(
    opening: str, piece: str, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = opening + '{"a":1}{"b":2}' + piece * (60_000 // len(piece))
    events = data.count("{")
    assert frame(data, limit=1000).count(b"\n") == events
    calls, scanned = count_steps(data.encode(), monkeypatch)
    # One step a line would be as much as reading lines one by one.
    assert calls < events / 20
    assert scanned < len(data) / 20


@pytest.mark.parametrize("piece", ['{"a":"x', '{"a":1', '{"a":{', '"x{"', '{"a":1,{'])
def test_where_nearly_all_is_broken_the_rest_is_lines_as_they_stand(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_splitter, "MOST_BROKEN", 50)
    few, many = (('{"a":1}{"b":2}' + piece * count).encode() for count in (2_000, 10_000))
    lines = frame_stream(io.BytesIO(many), 1 << 20).read(1 << 20)
    assert lines.startswith(b'{"a":1}\n{"b":2}\n')
    assert lines.endswith(piece.encode() * 8_000)
    calls, scanned = (
        b - a
        for a, b in zip(*(count_steps(text, monkeypatch) for text in (few, many)), strict=True)
    )
    assert calls < 10
    assert scanned == 0


def test_broken_events_among_whole_ones_are_no_end_of_json(
    frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_splitter, "MOST_BROKEN", 50)
    lines = frame("".join([*GOOD, BROKEN[2]]) * 200).decode().splitlines()
    assert sum(line in GOOD for line in lines) >= 200 * (len(GOOD) - 1)


def test_damage_comes_after_the_events_before_it(tmp_path: Path, read_all: Read) -> None:
    events = [json.dumps({"a": os.urandom(30).hex()}) for _ in range(20_000)]
    packed = gzip.compress("".join(events).encode())
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) // 2])
    got = read_all(tmp_path / "a.gz")
    *whole, cut = got.data.decode().splitlines()
    assert whole == events[: len(whole)]
    assert len(whole) > 9000
    assert events[len(whole)].startswith(cut)
    assert "cut off" in str(got.error)
    assert got.chunks[-1].last_line_open


def test_damage_in_base64_comes_after_the_lines_before_it(tmp_path: Path, read_all: Read) -> None:
    texts = [os.urandom(3000).hex().encode() for _ in range(30)]
    lines = b"".join(base64.b64encode(gzip.compress(text)) + b"\n" for text in texts)
    packed = gzip.compress(lines)
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) * 2 // 3])
    got = read_all(tmp_path / "a.gz")
    assert "cut off" in str(got.error)
    assert got.data.split(b"\n")[:15] == texts[:15]
    assert got.chunks[-1].last_line_open


def test_the_head_is_framed_too(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"records": [{"a": 1}] * 50_000}))
    (source,), _ = find_sources([tmp_path / "a.json"])
    assert set(read_head(source, 10_000).splitlines()) == {b'{"a": 1}'}


def test_base64_that_holds_nothing_readable_stays(frame: Frame) -> None:
    good = base64.b64encode(gzip.compress(b'{"a": 1}{"b": 2}'))
    cut = base64.b64encode(gzip.compress(b'{"c": 3}')[:-9])
    other = base64.b64encode(bytes(range(40)))
    lines = frame(b"\n".join([good, cut, b"no base64", other, b"", good[:-1]])).splitlines()
    assert lines[:2] == [b'{"a": 1}', b'{"b": 2}']
    assert [line for line in (cut, b"no base64", other) if line in lines] == [
        cut,
        b"no base64",
        other,
    ]


def test_a_bomb_in_base64_comes_in_steps(frame: Frame) -> None:
    bomb = base64.b64encode(gzip.compress(bytes(1 << 26)))
    assert frame(bomb).count(b"\0") == 1 << 26


def test_deep_nesting_is_no_obstacle(frame: Frame) -> None:
    depth = 3 * sys.getrecursionlimit()
    deep = '{"a":' * depth + "1" + "}" * depth
    assert frame(deep + GOOD[0] + deep).decode().splitlines() == [deep, GOOD[0], deep]


def test_rows_before_their_columns_are_left_if_the_table_is_long(frame: Frame) -> None:
    table = {"rows": [["x" * 90, 1]] * 40, "columns": [{"name": "a"}, {"name": "b"}]}
    text = json.dumps({"tables": [table]})
    assert (
        frame(text, limit=1 << 20).splitlines()
        == [json.dumps({"a": "x" * 90, "b": 1}, separators=(",", ":")).encode()] * 40
    )
    assert b'"x' in frame(text * 300, limit=1000)
