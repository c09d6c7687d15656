"""`apilog watch` as a process: on a terminal, in a pipe, against logs that rotate."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.commands import Run
from tests.watch.watch_process import (
    PATIENCE_SECONDS,
    append,
    command,
    now_line,
    on_terminal,
    piped,
    plain,
    until,
)
from tests.weblog import SAMPLE_LOGS, line, write

API = SAMPLE_LOGS / "api.log"
NOTHING = "\x1b[?1049l"
"""What gives a terminal its own screen back."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "access.log", [now_line() for _ in range(5)])


@pytest.mark.slow
def test_the_dashboard_follows_a_log_through_its_rotation(log: Path) -> None:
    with on_terminal(log, "--interval", "100ms") as shown:
        until(lambda: "5 lines" in shown.screen, shown.output)
        assert "/v1/users/{id}" in shown.screen
        assert "rate now" in shown.screen
        append(log, now_line("/broken", status=503))
        until(lambda: "6 lines" in shown.screen)
        assert "Newest errors" in shown.screen
        assert "503" in shown.screen
        log.rename(log.with_name("access.log.1"))
        write(log, [now_line() for _ in range(4)])
        until(lambda: "10 lines" in shown.screen)
        shutil.copy(log, log.with_name("access.log.2"))
        os.truncate(log, 0)
        append(log, *(now_line() for _ in range(2)))
        until(lambda: "12 lines" in shown.screen)
        assert shown.end() == 130
    assert "Traceback" not in shown.output
    assert shown.output.endswith("\x1b[?25h") or NOTHING in shown.output[-40:]


@pytest.mark.slow
def test_the_dashboard_takes_the_size_that_the_terminal_has(log: Path) -> None:
    hostile = "/\\x1B]0;owned\\x07[b]bold[/b]/\\xE2\\x80\\xAE/" + "long/" * 60
    append(log, *(now_line(hostile, status=500) for _ in range(3)))
    with on_terminal(log, "--interval", "100ms", columns=200, rows=50) as shown:
        until(lambda: "8 lines" in shown.screen)
        assert "Failing most" in shown.screen
        for columns, rows in ((24, 10), (60, 24), (100, 8), (200, 60), (40, 3)):
            shown.resize(columns, rows)
            lines = shown.screen.splitlines()
            assert len(lines) <= rows, shown.screen
            assert max(map(len, lines)) <= columns, shown.screen
            assert "apilog watch" in shown.screen
        shown.end()
    assert "\x1b]" not in shown.output
    assert "\x07" not in shown.output
    assert "\u202e" not in shown.output
    assert "[b]bold[/b]" in shown.output


@pytest.mark.slow
def test_lines_of_json_count_each_line_once(log: Path) -> None:
    with piped(log) as shown:
        until(shown.seen("records", 5))
        append(log, now_line(status=500, ms=1000), "no log line", "")
        until(shown.seen("lines", 8))
        assert shown.end() == 130
    last = shown.last
    assert last["input"] == {
        "lines": 8,
        "records": 6,
        "rejects": 1,
        "skipped": 1,
        "late": 0,
        "ahead": 0,
    }
    assert (last["requests"], last["server_errors"]) == (6, 1)
    assert last["error_rate"] == pytest.approx(1 / 6)
    assert last["latency_p50_ms"] == pytest.approx(20, rel=0.01)
    assert last["latency_p99_ms"] == pytest.approx(20, rel=0.01)
    since, until_ = (datetime.fromisoformat(last["window"][end]) for end in ("since", "until"))
    assert timedelta() < until_ - since < timedelta(minutes=5)
    assert last["endpoints"][0]["route"] == "/v1/users/{id}"
    assert last["newest_errors"][0]["status"] == 500
    assert len({tuple(frame) for frame in shown.frames}) == 1  # the same keys always
    assert shown.errors == ""


@pytest.mark.slow
def test_a_new_file_of_a_folder_is_watched_too(log: Path) -> None:
    with piped(log.parent) as shown:
        until(shown.seen("records", 5))
        write(log.with_name("other.log"), [now_line("/other"), now_line("/other")])
        until(shown.seen("records", 7))


@pytest.mark.slow
def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    later = tmp_path / "later.log"
    with piped(later) as shown:
        until(lambda: "waiting for it" in shown.errors)
        write(later, [now_line()])
        until(shown.seen("records", 1))
    assert shown.errors.count("\n") == 1


@pytest.mark.slow
def test_standard_input_is_watched_until_it_ends(log: Path) -> None:
    with piped("-") as shown:
        assert shown.process.stdin
        shown.process.stdin.write(now_line().encode() + b"\n" + now_line().encode())
        shown.process.stdin.flush()
        until(shown.seen("records", 1), "the second line has no newline yet")
        shown.process.stdin.close()
        assert shown.ended() == 0
    assert shown.last["input"]["records"] == 2


@pytest.mark.slow
def test_events_in_pieces_are_joined_across_looks(tmp_path: Path) -> None:
    first, rest = now_line()[:60], now_line()[60:]
    stamp = "2026-11-20T12:00:00.5Z stdout"
    log = write(tmp_path / "pod.log", [f"{stamp} F {now_line()}", f"{stamp} P {first}"])
    with piped(log) as shown:
        until(shown.seen("records", 1))
        append(log, f"{stamp} F {rest}")
        until(shown.seen("records", 2))
    assert shown.last["input"]["rejects"] == 0


@pytest.mark.slow
def test_what_is_no_log_is_told_once_and_the_rest_is_read(log: Path) -> None:
    odd = write(log.with_name("odd.txt"), ["what is this?"])
    with piped(log, odd) as shown:
        until(shown.seen("lines", 6))
        append(odd, "and this?")
        until(shown.seen("rejects", 2))
    assert shown.errors.count("no known format") == 1


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error(log: Path) -> None:
    argv = command(log, "--json", "--interval", "100ms")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["requests"] == 5
        process.stdout.close()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert process.stderr.read() == b""


@pytest.mark.slow
def test_a_pipe_gets_a_sentence_each_interval(log: Path) -> None:
    with subprocess.Popen(command(log, "--interval", "100ms"), stdout=subprocess.PIPE) as process:
        assert process.stdout
        lines = [process.stdout.readline().decode() for _ in range(3)]
        process.terminate()
        process.stdout.read()
        assert process.wait(PATIENCE_SECONDS) == 0
    for text in lines:
        assert " · 5 requests · " in text
        assert plain(text) == text


@pytest.mark.slow
def test_once_shows_the_last_minutes_of_what_is_there(run: Run) -> None:
    shown = run("watch", API, "--once", "--json", "--window", "1h")
    assert (shown.code, shown.stderr) == (0, "")
    frame = json.loads(shown.stdout)
    assert frame["window"] == {"since": "2026-11-20T23:00:00Z", "until": "2026-11-20T23:59:59Z"}
    report = run("report", API, "-f", "json", "--since", "2026-11-20T23:00", "--table", "overview")
    overview = json.loads(report.stdout)["tables"]["overview"][0]
    same = set(frame) & set(overview) - {"request_rate"}
    assert {"requests", "errors", "latency_p50_ms", "latency_p99_ms", "response_bytes"} <= same
    assert {key: frame[key] for key in same} == {key: overview[key] for key in same}


@pytest.mark.slow
@pytest.mark.parametrize("columns", [1, 40, 200])
def test_once_is_a_dashboard_of_any_width(
    run: Run, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = run("watch", API, "--once", "--window", "12h")
    assert (shown.code, shown.stderr) == (0, "")
    assert max(map(len, shown.text.splitlines())) <= max(columns, 24)
    assert "Newest errors" in shown.text
    assert "Failing most" in shown.text


@pytest.mark.slow
def test_once_of_nothing(run: Run, tmp_path: Path) -> None:
    missing = run("watch", tmp_path / "none.log", API, "--once", "--json")
    assert missing.code == 2
    assert json.loads(missing.stdout)["input"]["records"] == 1500
    assert "no such file" in missing.stderr
    assert run("watch", tmp_path, "--once").stdout == b""
    empty = write(tmp_path / "empty.log", [])
    shown = run("watch", empty, "--once", "--json")
    assert shown.code == 0
    assert json.loads(shown.stdout)["requests"] == 0
    assert json.loads(shown.stdout)["error_rate"] is None
    assert "No requests" in run("watch", empty, "--once").text
    packed = run("watch", SAMPLE_LOGS / "api.log.1.gz", "--once")
    assert packed.code == 2
    assert "is compressed" in packed.stderr


def test_a_wrong_clock_neither_sets_the_window_nor_leads_the_newest_errors(
    run: Run, tmp_path: Path
) -> None:
    lines = [line(f"/p{i}", after=i, status=500) for i in range(12)]
    lines.insert(5, line("/odd", start=datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC), status=500))
    log = write(tmp_path / "wrong.log", lines)
    frame = json.loads(run("watch", log, "--once", "--json").stdout)
    assert frame["window"]["until"] == "2026-11-20T12:00:11Z"
    assert (frame["requests"], frame["input"]["records"], frame["input"]["ahead"]) == (12, 13, 1)
    assert [error["path"] for error in frame["newest_errors"]][:2] == ["/p11", "/p10"]
    shown = run("watch", log, "--once").text
    assert "13 lines · 1 far ahead" in shown
    assert "/odd" not in shown


@pytest.mark.slow
def test_only_the_end_of_a_long_log_is_read(run: Run, tmp_path: Path) -> None:
    pad = "a" * 150
    lines = (line(f"/p{i % 9}/{pad}", after=i, ms=i % 50) for i in range(16_000))
    log = write(tmp_path / "long.log", lines)
    frame = json.loads(run("watch", log, "--once", "--json", "--window", "10m").stdout)
    assert frame["requests"] in range(590, 601)
    assert frame["input"]["lines"] < 10_000
    whole = run("watch", log, "--once", "--json", "--window", "10m", "--from-start")
    assert json.loads(whole.stdout)["input"]["lines"] == 16_000
    assert json.loads(whole.stdout)["requests"] == frame["requests"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--interval", "0s"], "--interval 0s is not between"),
        (["--window", "8d"], "--window 8d is not between"),
        (["--window", "5"], "write a number and a unit"),
        (["--where", "nothing = 1"], "no column 'nothing'"),
        (["-l", "nonsense"], "unknown log format"),
    ],
)
def test_wrong_usage(run: Run, options: list[str], message: str) -> None:
    shown = run("watch", API, "--once", *options)
    assert (shown.code, shown.stdout) == (2, b"")
    assert message in shown.stderr


@pytest.mark.slow
def test_a_condition_selects(run: Run) -> None:
    everything = json.loads(run("watch", API, "--once", "--json", "--window", "1d").stdout)
    failed = run("watch", API, "--once", "--json", "--window", "1d", "--where", "status >= 500")
    assert json.loads(failed.stdout)["requests"] == everything["server_errors"] > 0


def test_what_is_left_at_the_end_is_read_even_if_nothing_was_before(run: Run, log: Path) -> None:
    log.write_bytes(now_line().encode())  # no newline yet
    frame = json.loads(run("watch", log, "--once", "--json").stdout)
    assert frame["input"]["records"] == 1


def test_a_store_is_no_log(run: Run, tmp_path: Path) -> None:
    assert run("ingest", API, "--store", tmp_path / "store", "-q").code == 0
    shown = run("watch", tmp_path / "store", "--once")
    assert (shown.code, shown.stdout) == (2, b"")
    assert "a store, not a log" in shown.stderr
    shown = run("watch", tmp_path, "--once", "--json")
    assert (shown.code, shown.stdout) == (2, b"")
    assert "no files in this directory\nhint: hidden files, stores and what" in shown.stderr
    shown = run("watch", "s3://bucket/access.log", "--once")
    assert (shown.code, shown.stdout) == (2, b"")
    assert "objects don't grow" in shown.stderr


@pytest.mark.slow
def test_addresses_and_consumers_may_be_hidden(run: Run) -> None:
    argv = ("watch", API, "--once", "--json", "--window", "1d", "--top", "50")
    plain_ = json.loads(run(*argv).stdout)["newest_errors"]
    hidden = run(*argv, "--anonymize-ip", "--hash-consumers", "a key of some length")
    rows = json.loads(hidden.stdout)["newest_errors"]
    assert all(row["client_ip"].endswith(".0") for row in rows)
    known = {row["consumer"] for row in plain_} - {None}
    assert known
    assert not known & {row["consumer"] for row in rows}


def test_every_key_of_a_line_is_documented(run: Run) -> None:
    frame = json.loads(run("watch", API, "--once", "--json").stdout)
    page = (SAMPLE_LOGS.parent / "docs" / "watch.md").read_text("utf-8")
    for key in (*frame, *frame["window"], *frame["input"]):
        assert f"`{key}`" in page
