"""JSON lines to columns of text: no line costs its neighbours, whatever it holds."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.values.event_lines import EventLines
from apilog.values.json_text import (
    decode_object_lines,
    decode_objects,
    decode_paths,
    iter_leaves,
    load_objects,
)
from tests.any_text import any_text


def decoded(*lines: str | None, keys: tuple[str, ...] = ("a", "b")) -> list[object]:
    """One row a line, None for a line that is no object."""
    frame, ok = decode_objects(pl.Series(lines, dtype=pl.String), keys)
    assert frame.columns == list(keys)
    assert all(dtype == pl.String for dtype in frame.dtypes)
    return [row if good else None for row, good in zip(frame.rows(), ok, strict=True)]


BAD = [
    "",
    " ",
    "junk",
    "{",
    '{"a":',
    '{"a":1}{"a":2}',
    '{"a":1} x',
    "[1]",
    "5",
    "null",
    '{"a":NaN}',
    '{"a":1e999}',
    "{'a':1}",
    "{" * 5000,
    '{"a":' + "[" * 100_000,
    '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
]


@pytest.mark.parametrize("line", BAD, ids=lambda line: repr(line[:20]))
def test_a_bad_line_leaves_the_others_alone(line: str) -> None:
    assert decoded('{"a":1}', line, '{"b":"x"}') == [("1", None), None, (None, "x")]


def test_values_as_text() -> None:
    rows = decoded(
        '{"a":1.5,"b":true}',
        '{"a":1488794783.123,"b":12345678901234567890123}',
        '{"a":{"x":[1,"é\\n"]},"b":null}',
        '{"a":"","b":"\\u0041\\n"}',
        '{"a":1,"a":2,"A":3}',
        "{}",
        '  {"a":1e5}\r',
    )
    assert rows == [
        ("1.5", "true"),
        ("1488794783.123", "12345678901234567890123"),
        ('{"x": [1, "é\\n"]}', None),
        ("", "A\n"),
        ("1", None),
        (None, None),
        ("100000", None),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"a":-,"b":1}', (None, "1")),
        ('{"a":,"b":}', (None, None)),
        ('{"x":,"y":-,"a":,"b": - }', (None, None)),
        ('{"a":1,"b":2,}', ("1", "2")),
        ('{"a":1},', ("1", None)),
        ('\ufeff{"a":1}', ("1", None)),
        ('{"a":"x\ty\x00","b":1}', ("x\ty\x00", "1")),
        (r'{"a":"\x22\x5C\xD0\x9F\x16","b":"\\x41"}', ('"\\П\x16', r"\x41")),
        (r'{"a":"\x5Cx41"}', (r"\x41", None)),
        ('{"a":"x:-,","b":-}', ("x:-,", None)),
        ('{"a":000,"b":-012.50}', ("0", "-12.5")),
        ('{"a":": 007","b":007}', (": 007", "7")),
    ],
)
def test_hand_made_json_is_repaired(line: str, expected: tuple[str | None, ...]) -> None:
    assert decoded(line) == [expected]
    assert decoded('{"a":0}', line, "junk", line) == [("0", None), expected, None, expected]


def test_what_looks_like_a_slip_in_sound_json_stays() -> None:
    line = json.dumps({"a": r"\x41", "b": '{"c":-,}'})
    assert decoded(line, '{"a":-}') == [(r"\x41", '{"c":-,}'), (None, None)]


def test_a_null_and_a_newline_in_a_text() -> None:
    assert decoded(None, '{"a":\n1}', '{"a":2}') == [None, ("1", None), ("2", None)]


def test_bytes_that_are_no_utf8() -> None:
    frame, ok = decode_object_lines(EventLines(b'{"a":"\xff"}\n{"a":"b"}\n'), ["a"])
    assert ok.to_list() == [True, True]
    assert frame["a"].to_list() == ["\ufffd", "b"]


def test_no_keys_and_no_lines() -> None:
    frame, ok = decode_objects(pl.Series(["{}", "x", '{"a":1}']), [])
    assert frame.width == 0
    assert ok.to_list() == [True, False, True]
    frame, ok = decode_objects(pl.Series([], dtype=pl.String), ["a"])
    assert frame.shape == (0, 1)
    assert len(ok) == 0


plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
scalar = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | plain
objects = st.dictionaries(st.sampled_from(["a", "b", "c"]), scalar)


def as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower()


@given(st.lists(objects | st.sampled_from(BAD[:14]), max_size=30))
def test_any_mixture_of_good_and_bad_lines(mixture: list[object]) -> None:
    lines = [value if isinstance(value, str) else json.dumps(value) for value in mixture]
    expected = [
        (as_text(value.get("a")), as_text(value.get("b"))) if isinstance(value, dict) else None
        for value in mixture
    ]
    assert decoded(*lines) == expected


@given(st.lists(st.binary(max_size=30) | any_text(max_size=30).map(str.encode), max_size=10))
def test_any_bytes_are_accounted_for(parts: list[bytes]) -> None:
    lines = EventLines(b"\n".join(parts))
    frame, ok = decode_object_lines(lines, ["a"])
    assert frame.height == len(ok) == lines.count


def test_many_bad_lines_among_many() -> None:
    lines = [f'{{"a":{i}}}' if i % 7 else f'{{"a":{i}' + "}" * (i % 3) for i in range(3000)]
    expected = [(str(i),) if i % 7 or i % 3 == 1 else None for i in range(3000)]
    assert decoded(*lines, keys=("a",)) == expected


def test_nested_values_by_path() -> None:
    lines = EventLines(
        b'{"r":{"h":{"ua":["x"]},"m":"GET"},"s":1}\n{"r":{"m":5}}\n{"s":2}\n{"r":null}\n'
    )
    paths = [("r", "h", "ua"), ("r", "m"), ("s",)]
    found, ok = decode_paths(lines, paths)
    assert ok.all()
    assert {".".join(path): s.to_list() for path, s in found.items()} == {
        "r.h.ua": ['["x"]', None, None, None],
        "r.m": ["GET", "5", None, None],
        "s": ["1", None, "2", None],
    }


@pytest.mark.parametrize("odd", ['{"r":"text"}', '{"r":[1]}', '{"r":5}', "junk"])
def test_nested_values_where_a_line_has_something_else(odd: str) -> None:
    lines = EventLines(f'{{"r":{{"m":"a\\nb"}},"s":1}}\n{odd}\n'.encode())
    found, ok = decode_paths(lines, [("r", "m"), ("s",)])
    assert found["r", "m"].to_list() == ["a\nb", None]
    assert found["s",].to_list() == ["1", None]
    assert ok.to_list() == [True, odd != "junk"]


def test_a_path_that_goes_on_where_another_ends() -> None:
    found, _ = decode_paths(EventLines(b'{"r":{"m":1}}\n{"r":"x"}\n'), [("r",), ("r", "m")])
    assert found["r",].to_list() == ['{"m": 1}', "x"]
    assert found["r", "m"].to_list() == ["1", None]


def keys_of(head: pl.Series, limit: int = 200) -> list[str]:
    """The keys in the first lines, in order; those of nested objects joined with dots."""
    paths = (path for value in load_objects(head, limit) for path, _ in iter_leaves(value))
    return list(dict.fromkeys(".".join(path) for path in paths))


def test_keys_of_the_head() -> None:
    head = pl.Series(['{"a":1,"b":{"x":1,"y":{"z":[]}}}', "junk", '{"q":-}', '{"a":2,"late":1}'])
    assert keys_of(head) == ["a", "b.x", "b.y.z", "q", "late"]
    assert keys_of(head, limit=2) == ["a", "b.x", "b.y.z"]
