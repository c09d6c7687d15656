"""Log files as a LazyFrame: what is parsed, when reading stops, and what is raised."""

from __future__ import annotations

import gzip
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl
import pytest

from apilog.engine.parse_chunks import ReadSpec
from apilog.engine.scan import scan_logs
from apilog.errors import ApilogError, InputError
from apilog.formats.contract import Format, MatchFailure, ParsedRecords
from apilog.formats.file_plan import FormatChoice, choose_format
from apilog.schema import SCHEMA
from apilog.values.event_lines import EventLines
from tests.engine.engine_runs import SMALL, threads_left
from tests.weblog import SAMPLE_LOGS, line, write

Engine = Literal["in-memory", "streaming"]
ENGINES: tuple[Engine, ...] = ("in-memory", "streaming")
TIMED = [SAMPLE_LOGS / "api.log"]


@dataclass(frozen=True, slots=True)
class Watching:
    """A format that writes down what it is asked for."""

    inner: Format
    asked: list[set[str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def gateway(self) -> str | None:
        return self.inner.gateway

    @property
    def columns(self) -> frozenset[str]:
        return self.inner.columns

    @property
    def doubts(self) -> tuple[str, ...]:
        return self.inner.doubts

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        self.asked.append(set(columns))
        return self.inner.parse(lines, columns)

    def explain(self, line: str) -> MatchFailure:
        return self.inner.explain(line)


@pytest.fixture
def watching() -> Watching:
    choice = choose_format(
        '$remote_addr - $remote_user [$time_local] "$request" $status '
        '$body_bytes_sent "$http_referer" "$http_user_agent" $request_time '
        "$upstream_response_time"
    )
    assert choice
    return Watching(choice.formats[0])


@pytest.fixture(scope="module")
def mixed() -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Logs of two formats, and all of their rows."""
    frame = scan_logs([*TIMED, SAMPLE_LOGS / "docker.log"], chunk_bytes=50 * SMALL)
    return frame, frame.collect()


def scan(watching: Watching) -> pl.LazyFrame:
    return scan_logs(TIMED, choice=FormatChoice((watching,)))


def test_the_schema_is_known_without_reading() -> None:
    frame = scan_logs(["nowhere.log"])
    assert dict(frame.collect_schema()) == SCHEMA


@pytest.mark.parametrize(
    ("query", "parsed"),
    [
        (lambda f: f.select("status"), {"status", "timestamp"}),
        (lambda f: f.select(pl.len()), {"timestamp"}),
        (lambda f: f.select(pl.col("path").n_unique()), {"path", "timestamp"}),
        (
            lambda f: f.filter(pl.col("status") >= 500).select("path"),
            {"path", "status", "timestamp"},
        ),
        (
            lambda f: f.group_by("method").agg(pl.col("duration_ms").mean()),
            {"method", "duration_ms", "timestamp"},
        ),
        (lambda f: f.select("route"), {"path", "route", "status", "timestamp"}),
        (lambda f: f.select("source", "line_number"), {"row", "timestamp"}),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_only_the_columns_of_a_query_are_parsed(
    watching: Watching,
    query: Callable[[pl.LazyFrame], pl.LazyFrame],
    parsed: set[str],
    engine: Engine,
) -> None:
    assert query(scan(watching)).collect(engine=engine).height
    assert all(asked <= parsed for asked in watching.asked), watching.asked


def test_a_filter_is_applied_while_reading(watching: Watching) -> None:
    frame = scan(watching).filter(pl.col("status") >= 500, pl.col("method") == "GET")
    plan = frame.select("path").explain()
    assert "PYTHON SCAN" in plan
    assert "FILTER" not in plan
    assert "SELECTION" in plan
    every = scan(watching).collect()
    kept = every.filter(pl.col("status") >= 500, pl.col("method") == "GET").select("path")
    assert frame.select("path").collect().equals(kept)
    assert 0 < kept.height < every.height


QUERIES: list[Callable[[pl.LazyFrame], pl.LazyFrame]] = [
    lambda f: f.filter(pl.col("gateway") == "nginx", pl.col("status").is_null()),
    lambda f: f.filter(pl.col("path").str.starts_with("/v1/users")).select("line_number"),
    lambda f: f.group_by("gateway", "route").agg(pl.len()).sort("len", "gateway", "route"),
    lambda f: f.slice(1490, 20),
    lambda f: f.tail(3),
    lambda f: f.filter(pl.col("status") >= 500).head(3).select("path"),
    lambda f: f.join(f.select("path").unique(), on="path").select(pl.len()),
    lambda f: f.with_row_index().filter(pl.col("status") >= 500).select("index"),
]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_both_engines_give_the_same_as_work_on_all_rows(
    mixed: tuple[pl.LazyFrame, pl.DataFrame], number: int
) -> None:
    frame, rows = mixed
    query = QUERIES[number]
    expected = query(rows.lazy()).collect()
    # Each reads all logs anew: the first two by both, the others in turn.
    for engine in ENGINES if number < 2 else [ENGINES[number % 2]]:
        assert query(frame).collect(engine=engine).equals(expected), engine


def test_a_frame_can_be_collected_again() -> None:
    frame = scan_logs(TIMED).select("path", "status")
    assert frame.collect().equals(frame.collect())


@contextmanager
def endless(path: Path) -> Iterator[list[int]]:
    """A pipe that gives as many lines as anybody reads; the number of bytes taken so far."""
    os.mkfifo(path)
    taken = [0]

    def feed() -> None:
        block = "".join(f"{line(after=i)}\n" for i in range(100)).encode()
        with open(path, "wb", buffering=0) as pipe:
            try:
                while taken[0] < 1 << 26:
                    taken[0] += pipe.write(block)
            except BrokenPipeError:
                pass

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield taken
    finally:
        feeder.join(60)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_first_rows_need_no_more_reading_than_they_take(tmp_path: Path, engine: Engine) -> None:
    with endless(tmp_path / "pipe") as taken:
        frame = scan_logs([tmp_path / "pipe"], chunk_bytes=SMALL, choice=choose_format("combined"))
        assert frame.head(30).select("status").collect(engine=engine).height == 30
    assert taken[0] < 1 << 20
    assert not threads_left()


def test_what_cannot_be_found_is_said_before_anything_is_read(watching: Watching) -> None:
    frame = scan_logs([*TIMED, "nowhere.log"], choice=FormatChoice((watching,)))
    with pytest.raises(InputError, match=r"^nowhere.log: no such file or directory$"):
        frame.head(1).collect()
    assert watching.asked == []


@pytest.mark.parametrize("engine", ENGINES)
def test_errors_are_apilogs_own_under_every_engine(tmp_path: Path, engine: Engine) -> None:
    path = write(tmp_path / "a.txt", ["no log line"])
    for source in (path, tmp_path / "missing.log", tmp_path / "*.log"):
        with pytest.raises(InputError) as caught:
            scan_logs([source]).collect(engine=engine)
        assert isinstance(caught.value, ApilogError)
        assert caught.value.hint


@pytest.mark.slow
def test_lines_that_no_format_reads_are_left_out_or_raise(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line(), "no log line", "", line()])
    assert scan_logs([path]).select("line_number").collect()["line_number"].to_list() == [1, 4]
    with pytest.raises(InputError, match=r"a\.log:2: not combined$"):
        scan_logs([path], strict=True).collect()
    clean = write(tmp_path / "b.log", [line(), "", line()])
    assert scan_logs([clean], strict=True).collect().height == 2


def test_a_damaged_file_gives_what_stands_before_the_damage_or_raises(tmp_path: Path) -> None:
    path = tmp_path / "cut.log.gz"
    packed = gzip.compress("".join(f"{line(f'/{i}')}\n" for i in range(5000)).encode())
    path.write_bytes(packed[: len(packed) // 2])
    assert 0 < scan_logs([path]).collect().height < 5000
    with pytest.raises(InputError, match=r"cut\.log\.gz: "):
        scan_logs([path], strict=True).collect()
    path.write_bytes(packed[:30])
    assert scan_logs([path]).collect().height == 0


def test_every_row_knows_its_file_and_line(tmp_path: Path) -> None:
    sources = [
        write(tmp_path / "a.log", ["", line("/1"), "no log line", line("/2")]),
        SAMPLE_LOGS / "docker.log",
        SAMPLE_LOGS / "syslog-5424.log",
    ]
    rows = scan_logs(sources, chunk_bytes=SMALL).select("source", "line_number", "path").collect()
    assert rows.head(2).rows() == [(str(sources[0]), 2, "/1"), (str(sources[0]), 4, "/2")]
    for source in sources[1:]:
        texts = source.read_text().splitlines()
        mine = rows.filter(source=str(source))
        assert mine["line_number"].to_list() == [*range(1, len(texts) + 1)]
        assert all(path in texts[number - 1] for _, number, path in mine.rows())


def test_a_query_string_is_kept_on_request_with_its_secrets_masked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line("/a?page=2&api_key=s3cret"), line("/b")])
    assert scan_logs([path]).collect()["path"].to_list() == ["/a", "/b"]
    spec = ReadSpec(columns=frozenset(), keep_query=True)
    kept = scan_logs([path], spec).select("path", "route").collect()
    assert kept.rows() == [("/a?page=2&api_key=***", "/a"), ("/b", "/b")]


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with TIMED[0].open() as text:
        monkeypatch.setattr(sys, "stdin", text)
        frame = scan_logs(["-"]).select("status")
        assert frame.collect().height == 1500
        with pytest.raises(InputError, match="standard input was read already"):
            frame.collect()


def test_an_empty_file_is_an_empty_frame(tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    frame = scan_logs([tmp_path / "empty.log"]).collect()
    assert frame.height == 0
    assert dict(frame.schema) == SCHEMA
