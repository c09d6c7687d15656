"""Events that a log driver cut into pieces: one line each, wherever chunks and files end."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apilog
from apilog.sources import DamagedSource, LineChunk
from apilog.sources.line_chunks import OversizeLine
from apilog.transport.split_events import unfinished_size, with_whole_events
from tests.commands import Run
from tests.engine.engine_runs import RunOutput, read_all
from tests.examples import about
from tests.weblog import line, write

TIME = "2026-11-21T10:00:00.123456789Z"

Wrap = Callable[[str, str, bool], str]
"""A piece, its stream, and whether it is the last of its event, to a line."""


def cri(text: str, stream: str, is_last: bool) -> str:
    return f"{TIME} {stream} {'F' if is_last else 'P'} {text}"


def docker(text: str, stream: str, is_last: bool) -> str:
    return json.dumps({"log": text + "\n" * is_last, "stream": stream, "time": TIME})


DRIVERS = pytest.mark.parametrize("wrap", [cri, docker], ids=["cri", "docker"])


def cut(wrap: Wrap, text: str, pieces: int, stream: str = "stdout") -> list[str]:
    """The lines that a driver makes of one event."""
    size = -(-len(text) // pieces)
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    return [wrap(part, stream, i == len(parts) - 1) for i, part in enumerate(parts)]


def events(wrap: Wrap, count: int) -> tuple[list[str], list[int]]:
    """Lines of so many events, of 1 to 3 pieces, errors of another stream between the pieces,
    and the numbers of the lines that access events begin with."""
    lines: list[str] = []
    begins = []
    for i in range(count):
        begins.append(len(lines) + 1)
        own = cut(wrap, line(f"/v1/users/{i}", after=i), 1 + i % 3)
        error = cut(wrap, "2026/11/20 12:00:00 [error] 1#1: *1 oops", 1 + i % 2, "stderr")
        lines += [*own[:1], *error, *own[1:]] if i % 4 else own
    return lines, begins


def counts(read: RunOutput) -> tuple[int, int, int, int]:
    (file,) = read.files
    return file.lines, file.records, file.rejects, file.skipped


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrap", "chunk_bytes"),
    [(cri, 300), (docker, 1000), (cri, 5000), (docker, 1 << 20), (docker, 300)],
)
def test_an_event_is_one_line_wherever_chunks_end(
    tmp_path: Path, wrap: Wrap, chunk_bytes: int
) -> None:
    lines, begins = events(wrap, 24)
    read = read_all([write(tmp_path / "a.log", lines)], chunk_bytes=chunk_bytes)
    assert counts(read) == (24 + 18, 24, 0, 18)
    assert read.records["line_number"].to_list() == begins
    assert read.records["path"].to_list() == [f"/v1/users/{i}" for i in range(24)]


@pytest.mark.slow
@DRIVERS
def test_files_that_are_read_together_don_t_share_events(tmp_path: Path, wrap: Wrap) -> None:
    whole = line("/whole")
    for i in range(4):
        begun = cut(wrap, line("/cut"), 2)
        write(tmp_path / f"{i:02}.log", [begun[1], wrap(whole, "stdout", True), begun[0]])
    read = read_all([tmp_path])
    assert read.records["path"].to_list() == ["/whole"] * 4
    assert {(f.lines, f.records, f.rejects, f.skipped) for f in read.files} == {(3, 1, 2, 0)}
    assert read.records["line_number"].to_list() == [2] * 4


def test_docker_lines_without_any_newline_are_lines_of_their_own(tmp_path: Path) -> None:
    lines = [docker(line(f"/v1/users/{i}"), "stdout", False) for i in range(30)]
    read = read_all([write(tmp_path / "a.log", lines)], chunk_bytes=700)
    assert counts(read) == (30, 30, 0, 0)


@DRIVERS
def test_an_event_without_an_end_is_a_reject(tmp_path: Path, wrap: Wrap) -> None:
    good = wrap(line(), "stdout", True)
    read = read_all([write(tmp_path / "a.log", [good, good, *cut(wrap, line(), 3)[:2]])])
    assert counts(read) == (3, 2, 1, 0)
    assert read.rejects["line_number"].to_list() == [3]


@pytest.mark.slow
@DRIVERS
def test_what_was_read_before_damage_is_whole(tmp_path: Path, wrap: Wrap) -> None:
    lines = [text for i in range(400) for text in cut(wrap, line(f"/v1/users/{i}"), 2)]
    packed = gzip.compress("\n".join(lines).encode())
    path = tmp_path / "a.log.gz"
    path.write_bytes(packed[: len(packed) // 2])
    read = read_all([path], chunk_bytes=1000)
    count = read.records.height
    assert count > 50
    assert read.records["path"].to_list() == [f"/v1/users/{i}" for i in range(count)]
    assert read.rejects.height <= 2  # an event's first piece, and a piece that is cut off
    assert read.files[0].is_damaged


@pytest.mark.slow
@DRIVERS
def test_a_report_counts_events(run: Run, tmp_path: Path, wrap: Wrap) -> None:
    lines, _ = events(wrap, 10)
    path = write(tmp_path / "a.log", lines)
    counted = json.loads(run("report", path, "-f", "json", "--table", "overview").text)["input"]
    assert (counted["lines"], counted["records"], counted["skipped"]) == (17, 10, 7)
    (found,) = json.loads(run("detect", path, "-f", "json").text)["files"]
    assert (found["lines"], found["records"], found["skipped"]) == (17, 10, 7)
    assert apilog.scan([path]).collect().height == 10


# Chunks


def chunks_of(lines: Sequence[bytes], sizes: Sequence[int]) -> list[LineChunk]:
    """Chunks of so many lines each."""
    made = []
    at = 0
    for size in sizes:
        data = b"".join(text + b"\n" for text in lines[at : at + size])
        made.append(LineChunk(data=data, first_line=at + 1, lines=size, position=at + size))
        at += size
    return made


PIECES = st.sampled_from(
    [f"{TIME} {stream} {tag} x".encode() for stream in ("stdout", "stderr") for tag in "PF"]
    + [docker("x", "stdout", is_last).encode() for is_last in (True, False)]
    + [b"", b"plain", b"{", b'{"log":1,"stream":"stdout"}', b'{"stream":' + b"[" * 5000]
)


@given(st.lists(st.lists(PIECES, min_size=1, max_size=4), min_size=1, max_size=6))
@settings(max_examples=about(100))
def test_no_line_is_lost_or_renumbered(groups: list[list[bytes]]) -> None:
    lines = [text for group in groups for text in group]
    given_ = chunks_of(lines, [len(group) for group in groups])
    made = list(with_whole_events(given_))
    assert b"".join(c.data for c in made) == b"".join(c.data for c in given_)
    number = 1
    for chunk in made:
        assert (chunk.first_line, chunk.lines) == (number, chunk.data.count(b"\n"))
        assert chunk.data
        number += chunk.lines
    assert not any(unfinished_size(chunk.data) for chunk in made[:-1])


def test_a_line_that_is_too_long_ends_an_event() -> None:
    first, second = chunks_of([cri("a", "stdout", False).encode(), b"b"], [1, 1])
    long_line = (OversizeLine(2, b"x"),)
    second = LineChunk(data=second.data, first_line=3, lines=1, position=9, oversize=long_line)
    assert list(with_whole_events([first, second])) == [first, second]


def test_damage_comes_after_what_was_waiting() -> None:
    (waiting,) = chunks_of([cri("a", "stdout", False).encode()], [1])

    def chunks() -> object:
        yield waiting
        raise DamagedSource("a.log", "cut off")

    made = with_whole_events(chunks())  # type: ignore[arg-type]
    assert next(made) == waiting
    with pytest.raises(DamagedSource):
        next(made)


def test_an_event_of_endless_pieces_is_given_up() -> None:
    piece = cri("x" * 100, "stdout", False).encode() + b"\n"
    assert unfinished_size(piece * 100) == 100 * len(piece)
    assert unfinished_size(piece * 100_000) <= 1 << 20
