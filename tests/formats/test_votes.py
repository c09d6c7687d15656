"""One odd line changes nothing for the others: it has no say in how they are read."""

from __future__ import annotations

from functools import cache
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.formats.file_plan import FileSample, UnrecognisedFormat, plan_detector, plan_file
from apilog.formats.parse_plan import parse_lines
from apilog.sources.line_chunks import cut_into_chunks
from apilog.transport.framing import frame_stream
from apilog.values.event_lines import EventLines
from tests.examples import about
from tests.formats.families import LOGS_OF_FAMILIES
from tests.formats.read_rows import COLUMNS, plain
from tests.weblog import SAMPLE_LOGS, line

FEWEST = 3
"""Lines that a log needs for a line of it to have others."""
NAMES = sorted(
    path.name for path in SAMPLE_LOGS.glob("*.log") if len(path.read_bytes().splitlines()) >= FEWEST
)
SOME = [name for log in LOGS_OF_FAMILIES if (name := f"{log}.log") in NAMES]
"""One for each way in which lines are read; any log where the place is drawn, too."""
LINES = 12
"""Few enough that each test takes seconds."""
LONGEST = 1 << 20

Rows = dict[int, dict[str, object]]


def read(data: bytes) -> tuple[str | None, Rows]:
    """Return the formats of a whole file, and the records by the index of their line."""
    stream = frame_stream(BytesIO(data), LONGEST)
    chunks = list(cut_into_chunks(stream, int, chunk_bytes=1 << 24, max_line_bytes=LONGEST))
    text = b"".join(chunk.data for chunk in chunks)
    is_open = bool(chunks) and chunks[-1].last_line_open
    try:
        plan = plan_file("-", FileSample(first=text, is_whole=True, is_open=is_open))
    except UnrecognisedFormat:
        return None, {}
    detector = None if plan.saw_all else plan_detector(None)
    records = plain(parse_lines(EventLines(text), plan, COLUMNS, detector).records)
    return plan.name, {row["row"]: row for row in records.iter_rows(named=True)}


def lines_of(name: str) -> list[bytes]:
    lines = (SAMPLE_LOGS / name).read_bytes().splitlines()[:LINES]
    return [line + b"\n" for line in lines]


@cache
def read_alone(name: str) -> Rows:
    """Return the records of a log to which nothing was done."""
    return read(b"".join(lines_of(name)))[1]


def check_torn(name: str, *, cuts: int, first: int = 0) -> None:
    """Hold that a last line, torn at so many places of it, changes no record of the others."""
    *whole, last = lines_of(name)
    expected = read(b"".join(whole))[1]
    assert expected or name == "broken.log"
    length = len(last.rstrip(b"\n"))
    for end in range(1 + length * first // (2 * cuts), length + 1, 1 + length // cuts):
        _, rows = read(b"".join(whole) + last[:end])
        rows.pop(len(whole), None)
        assert rows == expected, last[:end]


@pytest.mark.parametrize("name", SOME)
def test_a_torn_last_line_changes_no_other(name: str) -> None:
    check_torn(name, cuts=2, first=SOME.index(name) % 2)


@pytest.mark.slow
def test_a_last_line_torn_at_many_places_changes_no_other() -> None:
    check_torn("combined.log", cuts=50)


def check_spliced(name: str, odd: bytes, at: int) -> None:
    lines = lines_of(name)
    at = min(at, len(lines))
    expected = read_alone(name)
    spliced = read(b"".join([*lines[:at], odd + b"\n", *lines[at:]]))[1]
    others = {
        row - (row > at): record | {"row": row - (row > at)}
        for row, record in spliced.items()
        if row != at
    }
    assert others == expected, (odd, at)


@pytest.mark.parametrize("name", SOME)
def test_a_broken_line_anywhere_changes_no_other(name: str) -> None:
    lines = lines_of(name)
    # A table is known by its header, which comes first.
    places = (1, len(lines) // 2, len(lines))
    at = places[SOME.index(name) % len(places)]
    broken = lines[at - 1].rstrip(b"\n")
    check_spliced(name, broken[: 2 * len(broken) // 3], at)


@pytest.mark.slow
@settings(max_examples=about(8))
@given(
    name=st.sampled_from(NAMES),
    at=st.integers(1, LINES),
    cut=st.floats(0, 1),
    junk=st.binary(max_size=12).filter(lambda b: b"\n" not in b and b"\r" not in b),
)
def test_any_broken_line_changes_no_other(name: str, at: int, cut: float, junk: bytes) -> None:
    lines = lines_of(name)
    broken = lines[min(at, len(lines)) - 1].rstrip(b"\n")
    place = round(cut * len(broken))
    check_spliced(name, broken[:place] + junk, at)


@pytest.mark.parametrize("name", SOME)
def test_a_line_that_is_removed_changes_no_other(name: str) -> None:
    if name == "rails.log":
        pytest.skip("three lines are one record there")
    lines = lines_of(name)
    expected = read_alone(name)
    at = (1, len(lines) // 2, len(lines) - 1)[SOME.index(name) % 3]
    rows = read(b"".join(lines[:at] + lines[at + 1 :]))[1]
    others = {
        row + (row >= at): {**record, "row": row + (row >= at)} for row, record in rows.items()
    }
    assert others == {row: record for row, record in expected.items() if row != at}


VARIANTS = {
    "free text at the end": lambda i: line(after=i) + ' "endpoint request timed out, twice"',
    "another format": lambda i: (
        f'{{"time":"2026-11-20T12:00:{i % 60:02}Z","status":500,"path":"/"}}'
    ),
    "more fields": lambda i: line(after=i) + f" 0.{i % 900 + 100} 0.099",
}


def thousand_lines() -> list[str]:
    return [line(f"/v1/users/{i}", after=i, status=200 + i % 300) for i in range(1000)]


@cache
def read_thousand() -> Rows:
    return read("\n".join(thousand_lines()).encode() + b"\n")[1]


@pytest.mark.parametrize("kind", VARIANTS)
@pytest.mark.parametrize("start", [0, 400, 990, None])
def test_a_variant_on_one_line_in_a_hundred_is_found_and_loses_no_other(
    kind: str, start: int | None
) -> None:
    lines = thousand_lines()
    expected = read_thousand()
    rows = range(start, start + 10) if start is not None else range(7, 1000, 100)
    for row in rows:
        lines[row] = VARIANTS[kind](row)
    found = read("\n".join(lines).encode() + b"\n")[1]
    assert {row: found.get(row) for row in expected if row not in rows} == {
        row: record for row, record in expected.items() if row not in rows
    }
    assert [found[row]["status"] is not None for row in rows] == [True] * 10
