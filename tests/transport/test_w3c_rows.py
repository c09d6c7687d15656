"""Many rows of the W3C extended format at once give what each of them gives alone."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.transport.w3c_rows import to_objects
from tests.examples import about

NAMES = ("date", "cs(User-Agent)", "x", "date")
VALUES = st.sampled_from(
    ["1", "-", "", "ü", "a\\b", '"', 'a"b', '"a b"', '"a ""b"" c"', '"a', 'b"', "a\x1fb", "#"]
)
ROWS = st.lists(
    st.tuples(
        st.lists(VALUES, max_size=6), st.sampled_from([" ", "\t"]), st.sampled_from(["", "\r"])
    ),
    min_size=1,
    max_size=6,
)


def split_row(row: str) -> list[str]:
    """Return values by the grammar of rows with quotes, or else whatever stands apart."""
    separator = "\t" if "\t" in row else " "
    values, at = [], 0
    while True:
        value = ""
        if row[at : at + 1] == '"':
            at += 1
            while (end := row.find('"', at)) >= 0 and row[end : end + 2] == '""':
                value, at = value + row[at : end + 1], end + 2
            if end < 0:
                return row.split(separator)
            value, at = value + row[at:end], end + 1
        else:
            end = row.find(separator, at)
            end = len(row) if end < 0 else end
            value, at = row[at:end], end
            if '"' in value:
                return row.split(separator)
        values.append(value)
        if at == len(row):
            return values
        if row[at] != separator:
            return row.split(separator)
        at += 1


def object_of(line: str, names: Sequence[str], software: str | None) -> str:
    """Return what becomes of a line, by the documentation."""
    row = line.rstrip("\r")
    separator = "\t" if "\t" in row else " "
    fitting = [v for v in (split_row(row), row.split(separator)) if len(v) == len(names)]
    if not row or line.startswith("#") or not fitting:
        return line
    told = {} if software is None else {"#Software": software}
    told |= {name: value for name, value in zip(names, fitting[0], strict=True) if value != "-"}
    return json.dumps(told, ensure_ascii=False)


@given(
    shapes=ROWS,
    software=st.sampled_from([None, 'a "b"']),
    count=st.integers(1, 4),
    end=st.booleans(),
)
@settings(max_examples=about(40))
def test_rows_together_give_what_each_gives_alone(
    shapes: list[tuple[list[str], str, str]], software: str | None, count: int, end: bool
) -> None:
    names = NAMES[:count]
    rows = [separator.join(values) + tail for values, separator, tail in shapes]
    rows = rows * (-(-50 // len(rows)))
    text = "\n".join(rows) + "\n" * end
    expected = "\n".join(object_of(row, names, software) for row in text.split("\n"))
    found = to_objects(text.encode(), names, software).decode().split("\n")
    for one, other, row in zip(found, expected.split("\n"), text.split("\n"), strict=True):
        one, other = one.rstrip("\r"), other.rstrip("\r")
        assert (json.loads(one) if one.startswith("{") else one) == (
            json.loads(other) if other.startswith("{") else other
        ), row


@pytest.mark.parametrize(
    ("rows", "values"),
    [
        (['2 "curl/8 (x; ""y"")" -'], {"date": "2", "cs(User-Agent)": 'curl/8 (x; "y")'}),
        (["2\t\xff\t\\x"], {"date": "2", "cs(User-Agent)": "\xff", "x": "\\x"}),
        (["- - -"], {}),
    ],
)
def test_values_come_as_they_were_before_they_were_written(
    rows: list[str], values: dict[str, str]
) -> None:
    found = to_objects(("\n".join(rows * 50) + "\n").encode(), NAMES[:3], None).splitlines()
    assert [json.loads(line) for line in found] == [values] * 50


def test_bytes_that_are_no_text_and_rows_of_other_logs_change_nothing_for_others() -> None:
    good = b"1 2 3\n" * 60
    found = to_objects(good + b"\xff 2 3\n# x\n1 2\n" + good, NAMES[:3], None).splitlines()
    one = b'{"date": "1", "cs(User-Agent)": "2", "x": "3"}'
    assert found[:60] == found[63:] == [one] * 60
    assert found[60:63] == [
        '{"date": "�", "cs(User-Agent)": "2", "x": "3"}'.encode(),
        b"# x",
        b"1 2",
    ]
