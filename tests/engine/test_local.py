"""One pass over all inputs: the same for any number of threads and any size of chunks."""

from __future__ import annotations

import gzip
import json
import random
import sys
from pathlib import Path
from threading import Lock

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.engine import local
from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.formats.file_plan import choose_format
from tests.engine.engine_runs import EVERYTHING, SMALL, is_open, plain, read_all, threads_left
from tests.examples import about
from tests.weblog import SAMPLE_LOGS, line, write

TIMED = SAMPLE_LOGS / "api.log"


def numbered(count: int) -> list[str]:
    return [
        line(f"/v1/users/{i}", after=i, status=200 + i % 300, ms=i * 37 % 600) for i in range(count)
    ]


@pytest.fixture
def mixed(tmp_path: Path) -> list[Path]:
    """Files of records, rejects and skipped lines in no regular order."""
    odd = ["", "# a comment", "no log line", "2026/11/20 12:00:00 [error] 1#1: *1 x", "\x1b[31m"]
    chance = random.Random(7)
    lines = [text for line in numbered(100) for text in (line, chance.choice(odd))]
    (tmp_path / "b.log.gz").write_bytes(gzip.compress("\r\n".join(lines).encode()))
    return [write(tmp_path / "a.log", lines), tmp_path / "b.log.gz"]


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "chunk_bytes"), [(1, 600), (5, 600), (2, 6000)])
def test_results_do_not_depend_on_threads_and_chunks(
    mixed: list[Path], workers: int, chunk_bytes: int
) -> None:
    choice = choose_format("combined-request-time")
    whole = read_all(mixed, choice=choice, workers=1)
    cut = read_all(mixed, choice=choice, workers=workers, chunk_bytes=chunk_bytes)
    assert cut.records.equals(whole.records)
    assert cut.rejects.equals(whole.rejects)
    assert cut.files == whole.files
    assert whole.records.height == 200
    assert whole.rejects.height > 15


@pytest.mark.slow
@pytest.mark.parametrize("name", ["api.log", "docker.log", "json.log", "ltsv.log", "journald.log"])
def test_a_detected_format_does_not_depend_on_them_either(name: str) -> None:
    whole = read_all([SAMPLE_LOGS / name], workers=1)
    cut = read_all([SAMPLE_LOGS / name], workers=3, chunk_bytes=4 * SMALL)
    assert cut.records.equals(whole.records)
    assert cut.files == whole.files
    assert not whole.rejects.height


def test_lines_come_in_their_order_with_their_numbers(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.log", numbered(300)) for name in "ab"]
    records = read_all(files, chunk_bytes=SMALL).records
    assert records["source"].to_list() == [str(file) for file in files for _ in range(300)]
    assert records["line_number"].to_list() == [*range(1, 301)] * 2
    assert records["path"].to_list() == [f"/v1/users/{i}" for i in range(300)] * 2


@pytest.mark.slow
def test_the_format_is_that_of_the_first_lines_whichever_thread_is_first(tmp_path: Path) -> None:
    other = [json.dumps({"time": "2026-11-20T12:00:00Z", "status": 200, "path": "/"})] * 60
    path = write(tmp_path / "two.log", numbered(540) + other)
    for _ in range(3):
        (file,) = read_all([path], workers=8, chunk_bytes=SMALL).files
        assert file.format == "combined $request_time + json"
        assert (file.records, file.rejects) == (600, 0)


@pytest.mark.slow
def test_small_files_read_together_are_as_if_each_were_alone(tmp_path: Path) -> None:
    contents = {
        "a.log": numbered(3),
        "b.log": ["no log line"],
        "c.log": [*numbered(2), "no log line", "", line(ms=5)],
        "d.log": [],
        "e.log": ["", "# only a comment"],
        "f.log": [line("/" + "x" * (1 << 20)), *numbered(2), "no log line"],
        "g.log": [json.dumps({"time": "2026-11-20T12:00:00Z", "status": 200, "path": "/"})] * 3,
        "h.log": [*numbered(2), '{"time": "2026-11-20T12:00:00Z", "status": 500, "path": "/"}'],
        "i.log": numbered(4),
    }
    files = [write(tmp_path / name, lines) for name, lines in contents.items()] * 1
    files += [write(tmp_path / f"z{i}.log", numbered(2)) for i in range(20)]
    files.insert(3, tmp_path / "missing.log")
    together = read_all(files, workers=1)
    alone = [read_all([file]) for file in files if file.name != "missing.log"]
    assert together.files[1:] == [one.files[0] for one in alone]
    assert together.files[0].error == "no such file or directory"
    assert together.records.equals(pl.concat([one.records for one in alone]))
    rejects = pl.concat([one.rejects for one in alone if one.rejects.height])
    assert together.rejects.equals(rejects)
    assert rejects["line_number"].to_list() == [1, 3, 1, 4]


@given(
    st.lists(
        st.lists(
            st.one_of(
                # Not what would be taken for UTF-16.
                st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"").lstrip(b"\xff\xfe")),
                st.sampled_from([line(ms=3).encode(), line(status=500, ms=1).encode(), b"", b"x"]),
            ),
            max_size=12,
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(50, 3000),
    st.booleans(),
)
@settings(max_examples=about(12))
def test_every_line_of_any_bytes_is_counted_once(
    tmp_path_factory: pytest.TempPathFactory,
    contents: list[list[bytes]],
    chunk_bytes: int,
    is_chosen: bool,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    files = [folder / f"{i}.log" for i in range(len(contents))]
    for path, lines in zip(files, contents, strict=True):
        path.write_bytes(b"\n".join(lines))
    choice = choose_format("combined-request-time") if is_chosen else None
    read = read_all(files, choice=choice, chunk_bytes=chunk_bytes, workers=1)
    for file, lines in zip(read.files, contents, strict=True):
        assert file.lines == file.records + file.rejects + file.skipped
        if not file.error:
            assert file.lines == _lines(b"\n".join(lines))
    assert read.records.height == sum(file.records for file in read.files)
    assert read.rejects.height == sum(file.rejects for file in read.files)


def _lines(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n") and data != b"")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_chunks_are_in_flight_than_workers_and_one(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One worker alone would take small chunks together.
    monkeypatch.setattr(local, "_MOST_CHUNKS", 1)
    lock, begun, ended = Lock(), 0, 0

    def work(records: pl.DataFrame) -> int:
        nonlocal begun
        with lock:
            begun += 1
        return records.height

    most = 0
    run = LocalRun([TIMED], EVERYTHING, work, workers=workers, chunk_bytes=4 * SMALL)
    for _ in run.results():
        with lock:
            most = max(most, begun - ended)
        ended += 1
    assert begun == ended > 20
    assert most <= workers + 1


def test_what_the_work_raises_is_raised_and_ends_the_threads() -> None:
    def work(records: pl.DataFrame) -> int:
        if records["line_number"][0] > 200:
            raise ZeroDivisionError
        return records.height

    seen: list[int] = []
    run = LocalRun([TIMED], EVERYTHING, work, chunk_bytes=SMALL)
    with pytest.raises(ZeroDivisionError):
        seen.extend(result.value for result in run.results())
    assert not threads_left()
    assert not is_open(TIMED)
    assert sum(seen) >= 200 - 20


def test_results_that_nobody_wants_any_more_end_the_threads(tmp_path: Path) -> None:
    # Longer than what is read of it to tell its format.
    path = write(tmp_path / "a.log", numbered(5000))
    results = LocalRun([path], EVERYTHING, plain, workers=3, chunk_bytes=SMALL).results()
    assert next(results).value.height
    assert threads_left()
    assert is_open(path)
    results.close()
    assert not threads_left()
    assert not is_open(path)


@pytest.mark.slow
def test_progress_is_told_all_bytes_on_disk() -> None:
    class Meter:
        expected: int | None = None
        seen = 0

        def total(self, size: int | None) -> None:
            self.expected = size

        def advance(self, size: int) -> None:
            self.seen += size

    meter = Meter()
    files = [TIMED, SAMPLE_LOGS / "api.log.1.gz", *sorted(SAMPLE_LOGS.glob("*json*.log"))]
    run = LocalRun(files, EVERYTHING, plain, progress=meter, chunk_bytes=5 * SMALL)
    assert list(run.results())
    assert meter.seen == meter.expected == sum(file.stat().st_size for file in files)


def test_of_standard_input_nobody_knows_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    class Meter:
        expected: int | None = 0

        def total(self, size: int | None) -> None:
            self.expected = size

        def advance(self, size: int) -> None:
            pass

    meter = Meter()
    with TIMED.open() as text:
        monkeypatch.setattr(sys, "stdin", text)
        run = LocalRun(["-"], EVERYTHING, plain, progress=meter)
        assert [result.value.height for result in run.results()] == [1500]
    assert meter.expected is None


@pytest.mark.slow
def test_a_damaged_file_gives_what_stands_before_the_damage(tmp_path: Path) -> None:
    packed = gzip.compress(("\n".join(numbered(2000)) + "\n").encode())
    (tmp_path / "cut.log.gz").write_bytes(packed[: len(packed) // 2])
    read = read_all([tmp_path / "cut.log.gz"], chunk_bytes=SMALL)
    (file,) = read.files
    assert file.is_damaged
    assert file.error
    assert 100 < file.records < 2000
    assert read.records["line_number"].to_list() == [*range(1, file.records + 1)]


@pytest.mark.parametrize("size", [1 << 20, 400])
def test_the_lines_of_a_file_of_no_known_format_are_counted(tmp_path: Path, size: int) -> None:
    foreign = "no log line at all\n\n" * 50
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_text(line())
    for path in (tmp_path / "logs" / "foreign.txt", tmp_path / "named.txt"):
        path.write_text(foreign)
    sources = [tmp_path / "logs", tmp_path / "named.txt"]
    found, searched, named = read_all(sources, chunk_bytes=size).files
    assert (found.records, found.error) == (1, None)
    assert (searched.lines, searched.rejects, searched.skipped) == (100, 0, 100)
    assert (named.lines, named.rejects, named.skipped) == (100, 50, 50)
    assert searched.error == named.error


@pytest.mark.slow
def test_a_file_of_no_known_format_is_worse_than_damaged(tmp_path: Path) -> None:
    packed = gzip.compress(b"no log line at all\n" * 5000)
    (tmp_path / "cut.log.gz").write_bytes(packed[:-20])
    (file,) = read_all([tmp_path / "cut.log.gz"], chunk_bytes=SMALL).files
    assert not file.is_damaged
    assert file.error
    assert file.error.startswith("no known format: 'no log line at all' stops being ")
    assert 4000 < file.lines == file.rejects <= 5000
    assert file.format is None


def test_a_chosen_kind_that_a_file_is_not_of_names_the_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", numbered(3))
    (file,) = read_all([path], choice=choose_format("json")).files
    assert file.error == f"not of the given format: {numbered(1)[0]!r}"
    assert "--log-format" in file.hint


def test_blank_lines_are_of_any_chosen_kind(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", ["", "  ", ""])
    for name in ("json", "ltsv", "logfmt", "combined"):
        (file,) = read_all([path], choice=choose_format(name)).files
        assert (file.error, file.lines, file.skipped) == (None, 3, 3), name


@pytest.mark.slow
def test_only_the_columns_wanted_are_made() -> None:
    wanted = ReadSpec(columns=frozenset({"status"}))
    run = LocalRun([TIMED], wanted, lambda records: set(records.columns), chunk_bytes=SMALL)
    assert {frozenset(result.value) for result in run.results()} == {
        frozenset({"status", "timestamp"})
    }
