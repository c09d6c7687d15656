"""Rows of the W3C extended format: named by the fields before them, wherever the bytes are cut."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.any_text import any_text

Frame = Callable[..., bytes]
HEAD = "#Software: x\n#Version: 1.0\n"
WORDS = any_text(1, 5, without=' \t\r\n"-#')
ROWS = st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=4)


@given(
    first=ROWS,
    second=ROWS,
    separator=st.sampled_from([" ", "\t"]),
    end=st.sampled_from(["\n", "\r\n"]),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=3),
)
def test_rows_are_named_by_the_fields_before_them(
    frame: Frame,
    first: list[tuple[str, str, str]],
    second: list[tuple[str, str, str]],
    separator: str,
    end: str,
    sizes: list[int],
) -> None:
    def rows(some: list[tuple[str, str, str]]) -> str:
        return "".join(separator.join(row) + end for row in some)

    text = f"{HEAD}#Fields: a cs(B) c{end}{rows(first)}#Fields: c a cs(B){end}{rows(second)}"
    lines = frame(text, sizes=sizes).decode().split("\n")
    found = [json.loads(line) for line in lines if line.startswith("{")]
    expected = [dict(zip(("a", "cs(B)", "c"), row, strict=True)) for row in first]
    expected += [dict(zip(("c", "a", "cs(B)"), row, strict=True)) for row in second]
    assert found == [{"#Software": "x"} | row for row in expected]


def test_what_is_no_row_stays_as_it_is(frame: Frame) -> None:
    text = "#Fields: a b\n1 2 3\n\n# x\n- 5\n6"
    assert frame(text) == b'#Fields: a b\n1 2 3\n\n# x\n{"b": "5"}\n6'


def test_a_line_that_is_too_long_comes_as_it_is(frame: Frame) -> None:
    text = "#Fields: a b\n" + "x" * 700_000 + " y\n1 2\n"
    framed = frame(text, limit=1000)
    assert framed.endswith(b'{"a": "1", "b": "2"}\n')
    assert len(framed) > 700_000


def test_other_comments_are_no_fields(frame: Frame) -> None:
    text = "# comment\n1 2\n"
    assert frame(text) == text.encode()
