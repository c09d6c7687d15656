"""Texts in JSON that is not quite JSON: nothing of them is lost, however deep they stand."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apilog.values.event_lines import EventLines
from apilog.values.json_text import decode_paths, repair_lines
from tests.formats.read_rows import lines_of

CONTROLS = "".join(chr(i) for i in range(0x20) if chr(i) != "\n")
BARE = st.text(st.sampled_from(CONTROLS + "ab \u00e9,:{}[]-"), max_size=8)
"""Texts that are written as they are: neither quotes, nor backslashes, nor newlines."""
ANY = st.text(st.sampled_from('\\"\n\t\r\x01\x7fnux/b\u00e9'), max_size=8)


def values(lines: EventLines, *paths: tuple[str, ...]) -> list[list[str | None]]:
    found, ok = decode_paths(lines, list(paths))
    assert ok.all()
    return [found[path].to_list() for path in paths]


@given(st.lists(BARE, min_size=1, max_size=4), st.sampled_from(["", " ", "\t", "\t \t"]))
@example(["\t"], "\t")
def test_bare_control_characters_in_lines_with_another_slip(texts: list[str], blank: str) -> None:
    lines = [
        f'{{{blank}"a":{blank}"{text}",{blank}"o":{blank}{{"b":"{text}"}}{blank},"n":{blank}-}}'
        for text in texts
    ]
    assert values(lines_of(*lines), ("a",), ("o", "b"), ("n",)) == [
        texts,
        texts,
        [None] * len(texts),
    ]


@given(st.lists(ANY, min_size=1, max_size=4))
@example(["\\n"])
@example(['\\"'])
def test_texts_in_objects_beside_lines_of_another_shape(texts: list[str]) -> None:
    """A line whose objects are none keeps all of them from being read at once."""
    lines = [json.dumps({"a": text, "o": {"b": text, "i": {"c": text}}}) for text in texts]
    odd = ['{"a": "x", "o": "no object"}', '{"a": "x", "o": {"b": "y", "i": [1]}}', "{}"]
    assert values(lines_of(*lines, *odd), ("a",), ("o", "b"), ("o", "i", "c")) == [
        [*texts, "x", "x", None],
        [*texts, None, "y", None],
        [*texts, None, None, None],
    ]


@given(st.lists(ANY, min_size=1, max_size=4))
def test_texts_in_objects_that_are_asked_for_as_well(texts: list[str]) -> None:
    lines = [json.dumps({"o": {"b": text}}) for text in texts]
    assert values(lines_of(*lines), ("o",), ("o", "b"))[1] == texts


@pytest.mark.parametrize(
    ("line", "repaired"),
    [
        ('{"a":"x\ty",\t"b":1}', {"a": "x\ty", "b": 1}),
        ('\t{"a"\t:\t"\x00\x1f"\t}\t,', {"a": "\x00\x1f"}),
        (r'{"a":"\x22\x5C\x0a\xC3\xA9\x7F",' + '"b":"\x01"}', {"a": '"\\\né\x7f', "b": "\x01"}),
        ('{"a":"\\"\t","b":\t-}', {"a": '"\t', "b": None}),
    ],
)
def test_repaired_lines_say_the_same(line: str, repaired: object) -> None:
    assert json.loads(repair_lines(pl.Series([line]))[0]) == repaired
