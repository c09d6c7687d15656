"""Small files of one log are planned together, and each is read as if it had been alone."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from apilog.sources.log_names import name_log
from tests.commands import Run
from tests.engine.engine_runs import RunOutput, read_all
from tests.weblog import line, write

ERROR = "2026/11/20 12:00:00 [error] 1#1: *1 open() failed"


def timed(count: int, first: int = 0) -> list[str]:
    return [line(f"/v1/users/{n}", after=n, ms=n * 37) for n in range(first, first + count)]


def json_lines(durations: Sequence[float | str]) -> list[str]:
    """Requests with a duration whose unit nothing but its size tells."""
    return [
        json.dumps({"time": f"2026-11-20T12:00:{n:02}Z", "path": "/", "status": 200, "took": took})
        for n, took in enumerate(durations)
    ]


def write_pieces(folder: Path, pieces: Sequence[Sequence[str]]) -> list[Path]:
    """Files of one log."""
    return [write(folder / f"access-{n:04}.log", lines) for n, lines in enumerate(pieces)]


def read_alone(files: Sequence[Path]) -> list[RunOutput]:
    return [read_all([file]) for file in files]


def test_pieces_of_any_kind_are_as_if_each_were_alone(tmp_path: Path) -> None:
    pieces = [
        timed(3),
        ["no log line"],
        [*timed(2), "no log line", "", line(ms=5)],
        [],
        ["", "# only a comment"],
        [ERROR, ERROR],
        [ERROR, *timed(4)],
        [line("/" + "x" * 2000, ms=3), *timed(2)],
        [line(), line("/b")],
        json_lines([0.1, 0.25]),
        [*timed(2), *json_lines(["12ms"])],
        timed(5),
    ]
    files = write_pieces(tmp_path, pieces)
    together = read_all(files)
    alone = read_alone(files)
    assert together.files == [one.files[0] for one in alone]
    assert together.records.equals(pl.concat([one.records for one in alone]))
    rejects = pl.concat([one.rejects for one in alone if one.rejects.height])
    assert together.rejects.equals(rejects)


@pytest.mark.parametrize("count", [2, 40, 300])
@pytest.mark.parametrize("workers", [1, 3])
def test_pieces_of_one_format_are_as_if_each_were_alone(
    tmp_path: Path, count: int, workers: int
) -> None:
    files = write_pieces(tmp_path, [timed(3, first=n) for n in range(count)])
    together = read_all(files, workers=workers)
    assert [(f.format, f.records, f.rejects) for f in together.files] == [
        ("combined $request_time", 3, 0)
    ] * count
    wanted = [n * 37.0 for first in range(count) for n in range(first, first + 3)]
    assert together.records["duration_ms"].to_list() == pytest.approx(wanted)
    paths = together.records["source"].to_list()
    assert paths == [str(file) for file in files for _ in range(3)]
    assert together.records["line_number"].to_list() == [1, 2, 3] * count


def test_what_few_lines_leave_open_is_told_by_those_of_all(tmp_path: Path) -> None:
    # The first one might be of milliseconds, the others are plainly of microseconds.
    files = write_pieces(
        tmp_path, [json_lines([120, 340]), *[json_lines([52_000, 173_000, 94_000])] * 4]
    )
    assert read_alone(files)[0].records["duration_ms"].to_list() == [120, 340]
    durations = read_all(files).records["duration_ms"].to_list()
    assert durations == pytest.approx([0.12, 0.34, *[52, 173, 94] * 4])


@pytest.mark.parametrize("in_seconds", [1, 6])
@pytest.mark.parametrize("in_ms", [1, 6])
def test_a_unit_that_changed_is_told_by_each_piece(
    tmp_path: Path, in_seconds: int, in_ms: int
) -> None:
    seconds, ms = json_lines([0.003, 0.25, 1.5]), json_lines([3, 250, 1500])
    files = write_pieces(tmp_path, [seconds] * in_seconds + [ms] * in_ms)
    durations = read_all(files).records["duration_ms"].to_list()
    assert durations == pytest.approx([3, 250, 1500] * (in_seconds + in_ms))


def test_programs_that_write_under_one_name_tell_nothing_of_each_other(tmp_path: Path) -> None:
    # Read as if they were joined, each line has the time and the request of the other's keys, too.
    request = {"remote_ip": "203.0.113.7", "method": "GET", "uri": "/v1/users/7", "headers": {}}
    caddy = {
        "level": "info",
        "ts": 1795348800.5,
        "logger": "http.log.access",
        "msg": "handled request",
        "request": request,
        "bytes_read": 0,
        "user_id": "",
        "duration": 0.003,
        "size": 89,
        "status": 200,
    }
    own = {
        "time": "2026-11-21T10:00:00Z",
        "client": "203.0.113.9",
        "verb": "POST",
        "url": "/v1/a",
        "code": 201,
        "took_ms": 12,
    }
    pieces = [[json.dumps(one)] * count for one, count in ((caddy, 3), (own, 3), (caddy, 2))]
    files = write_pieces(tmp_path, pieces)
    alone = read_alone(files)
    together = read_all(files)
    assert together.records.equals(pl.concat([one.records for one in alone]))
    assert together.records["gateway"].to_list() == ["caddy"] * 3 + [None] * 3 + ["caddy"] * 2


@pytest.mark.parametrize(
    "line",
    [
        '{"a": ',
        "{" * 5_000,
        '{"a":' * 5_000,
        "[" * 5_000,
        '"' * 5_000,
        '{"a": ' + "9" * 5_000 + "}",
    ],
    ids=["cut", "braces", "deep", "brackets", "quotes", "digits"],
)
def test_pieces_of_odd_shapes_are_as_if_each_were_alone(tmp_path: Path, line: str) -> None:
    files = write_pieces(tmp_path, [[line], [line] * 2, timed(3), timed(2)])
    read = read_all(files)
    assert read.files == [one.files[0] for one in read_alone(files)]
    assert [file.records for file in read.files] == [0, 0, 3, 2]


def test_tables_with_other_headers_are_read_by_their_own(tmp_path: Path) -> None:
    rows = ["2026-11-20T12:00:00Z,GET,/a,200", "2026-11-20T12:00:01Z,GET,/b,404"]
    swapped = ["2026-11-20T12:00:00Z,/a,GET,201", "2026-11-20T12:00:01Z,/b,GET,405"]
    files = write_pieces(
        tmp_path,
        [
            ["time,method,path,status", *rows],
            ["time,method,path,status", *rows],
            ["time,path,method,status", *swapped],
            ["time,method,path,status", *rows],
        ],
    )
    records = read_all(files).records
    assert records["status"].to_list() == [200, 404, 200, 404, 201, 405, 200, 404]
    assert records["path"].to_list() == ["/a", "/b"] * 4
    assert set(records["method"]) == {"GET"}


def test_pieces_of_two_versions_of_a_format_keep_what_each_tells(tmp_path: Path) -> None:
    log = Path(__file__).parents[1] / "cases" / "aws-alb" / "every-version.log"
    newer, _, older, *_ = log.read_text(encoding="utf-8").splitlines()
    files = write_pieces(tmp_path, [[older]] * 50 + [[older, newer]] * 9)
    records = read_all(files).records
    assert records.equals(pl.concat([one.records for one in read_alone(files)]))
    assert records["upstream_attempts"].to_list() == [None] * 50 + [None, 1] * 9
    joined = write(tmp_path / "joined.log", [older, older, newer])
    assert read_all([joined]).records["upstream_attempts"].to_list() == [None, None, 1]


def test_logs_with_other_names_tell_nothing_of_each_other(tmp_path: Path) -> None:
    orders = write(tmp_path / "orders.log", json_lines([0.003, 0.25, 1.5]))
    users = write(tmp_path / "users.log", json_lines([3, 250, 1500]))
    alone = read_alone([orders, users])
    together = read_all([orders, users])
    assert together.records.equals(pl.concat([one.records for one in alone]))
    durations = together.records["duration_ms"].to_list()
    assert durations == pytest.approx([3, 250, 1500] * 2)


def test_large_and_small_files_keep_their_order(tmp_path: Path) -> None:
    counts = [2, 900, 3, 1, 800, 4]
    files = write_pieces(tmp_path, [timed(count) for count in counts])
    packed = tmp_path / "access-0009.log.gz"
    packed.write_bytes(gzip.compress(files[0].read_bytes()))
    read = read_all([*files, packed])
    assert [file.records for file in read.files] == [*counts, 2]
    assert read.records["path"].to_list() == [
        f"/v1/users/{n}" for count in [*counts, 2] for n in range(count)
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("access.log", "access.log.1"),
        ("access.log-20261101", "access.log-20261102.gz"),
        ("000001.log", "000002.log"),
        (
            "AWSLogs/50/2026/11/01/50_elb_eu-west-1_shop.3f9a77e0_20261101T0005Z_1x2k3j4h.log.gz",
            "AWSLogs/50/2026/11/02/50_elb_eu-west-1_shop.3f9a77e0_20261102T0010Z_9z8y7x6w.log.gz",
        ),
        ("y=2026/m=11/d=01/h=00/m=00/PT1H.json", "y=2026/m=11/d=01/h=01/m=00/PT1H.json"),
    ],
)
def test_files_of_one_log(one: str, other: str) -> None:
    assert name_log(one) == name_log(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("orders.log", "users.log"),
        ("app2.log", "app3.log"),
        ("tenant7/access.log", "tenant8/access.log"),
        ("eu/access.log", "us/access.log"),
        ("access.log", "access.json"),
    ],
)
def test_files_of_several_logs(one: str, other: str) -> None:
    assert name_log(one) != name_log(other)


def test_detect_tells_what_a_report_does(run: Run, tmp_path: Path) -> None:
    pieces = [json_lines([120, 340]), *[json_lines([52_000, 173_000, 94_000])] * 4]
    write_pieces(tmp_path, pieces)
    found = json.loads(run("detect", tmp_path, "-f", "json").text)["files"]
    assert [file["lines"] for file in found] == [2, 3, 3, 3, 3]
    units = [file["formats"][0]["columns"]["duration_ms"]["unit"] for file in found]
    assert units == ["us"] * 5
