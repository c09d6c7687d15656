"""`apilog detect`: what each file is, what it lacks, and how to log that."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Run
from tests.weblog import SAMPLE_LOGS, line, write

NAMED = ("combined", "ltsv", "traefik-clf", "apache-combined", "ingress-nginx")
SOME = [
    *sorted(SAMPLE_LOGS.glob("a*-*.log")),
    *(SAMPLE_LOGS / f"{n}.log" for n in ("apigee", "broken", "docker", "ingress-nginx", "json")),
]
"""Logs of which every sort of finding is made."""
WRAPPED = ("docker", "cri", "journald", "syslog-3164", "syslog-5424")


def findings(run: Run, *files: Path) -> list[dict[str, Any]]:
    result = run("detect", *files, "-f", "json")
    assert (result.code, result.stderr) == (0, "")
    rows: list[dict[str, Any]] = json.loads(result.text)["files"]
    return rows


@pytest.mark.parametrize("name", NAMED)
def test_a_format_is_named(run: Run, name: str) -> None:
    (finding,) = findings(run, SAMPLE_LOGS / f"{name}.log")
    assert finding["format"] == name
    assert (finding["lines"], finding["records"], finding["rejects"]) == (40, 40, 0)


@pytest.mark.parametrize("name", WRAPPED)
def test_what_lines_are_wrapped_in_is_named_too(run: Run, name: str) -> None:
    (finding,) = findings(run, SAMPLE_LOGS / f"{name}.log")
    envelope, _, inside = finding["format"].partition(": ")
    assert envelope
    assert "combined" in inside


def test_a_finding_has_these_keys(run: Run) -> None:
    (finding,) = findings(run, SAMPLE_LOGS / "combined.log")
    assert list(finding) == [
        "path",
        "format",
        "gateways",
        "lines",
        "records",
        "rejects",
        "skipped",
        "log_format",
        "columns",
        "lacks",
        "suggestion",
        "reject",
        "doubts",
        "formats",
    ]
    assert finding["gateways"] == []
    assert finding["log_format"].startswith("$remote_addr - $remote_user [$time_local]")
    assert {"timestamp", "path", "status"} <= set(finding["columns"])
    assert finding["lacks"][0] == {"column": "duration_ms", "directive": "$request_time"}


def test_what_is_logged_is_not_lacking(run: Run, tmp_path: Path) -> None:
    (finding,) = findings(run, SAMPLE_LOGS / "api.log")
    lacks = {lack["column"] for lack in finding["lacks"]}
    assert "upstream_status" in lacks
    assert not {"duration_ms", "upstream_duration_ms", "consumer"} & lacks
    assert not lacks & set(finding["columns"])


def test_a_log_made_with_the_suggestion_lacks_nothing(run: Run, tmp_path: Path) -> None:
    (finding,) = findings(run, SAMPLE_LOGS / "combined.log")
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"http {{ {finding['suggestion']} access_log a.log apilog; }}")
    path = write(
        tmp_path / "a.log",
        [line(user="ann") + " 321 0.005 0.004 200 api.example.com 4f1c5b9b7a6e4c0d"] * 3,
    )
    result = run("detect", path, "--nginx-conf", conf, "-f", "json")
    (best,) = json.loads(result.text)["files"]
    assert (best["format"], best["records"]) == ("apilog", 3)
    assert best["lacks"] == []
    assert best["suggestion"] is None
    assert "To log everything" not in run("detect", path, "--nginx-conf", conf).text


def test_only_the_head_of_a_file_is_looked_at(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line()] * 10_000)
    (finding,) = findings(run, path)
    assert 1000 < finding["lines"] < 5000
    assert (
        f"{finding['lines']:,} of the first {finding['lines']:,} lines" in run("detect", path).text
    )


def test_compressed_files_are_looked_into(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress((line() + "\n").encode() * 3))
    (finding,) = findings(run, path)
    assert (finding["format"], finding["records"]) == ("combined", 3)


@pytest.mark.slow
def test_every_file_of_a_folder_is_told_of(run: Run, tmp_path: Path) -> None:
    for path in (*SOME[::4], SAMPLE_LOGS / "api.log.1.gz"):
        shutil.copy(path, tmp_path)
    shutil.copytree(SAMPLE_LOGS / "success", tmp_path / "success")
    paths = {finding["path"] for finding in findings(run, tmp_path)}
    left_out = tmp_path / "success" / "accounts.csv"
    assert paths == {str(p) for p in tmp_path.rglob("*") if p.is_file()} - {str(left_out)}
    assert len(paths) > 5
    some = SOME[-5:]
    text = run("detect", *some).text
    assert all(f"{path}: " in text.replace("\n  ", " ") for path in some)
    assert text.count("To log everything, in nginx.conf:") == 1


def test_a_file_of_nothing_but_other_lines_is_no_error(run: Run, tmp_path: Path) -> None:
    blank, empty = write(tmp_path / "blank.log", ["", "# note"]), write(tmp_path / "empty.log", [])
    rows = findings(run, blank, empty)
    assert [(row["format"], row["lines"], row["skipped"]) for row in rows] == [
        (None, 2, 2),
        (None, 0, 0),
    ]
    assert "no access log lines" in " ".join(run("detect", blank).text.split())


def test_the_first_rejected_line_is_shown(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line(), "\x07no log line", line(), "nor this"])
    (finding,) = findings(run, path)
    assert (finding["rejects"], finding["reject"]) == (2, "\x07no log line")
    text = run("detect", path).text
    assert "2 of the first 4 lines, 2 rejected" in text
    assert "  reject  \\x07no log line\n" in text


def test_a_file_of_no_known_format_tells_its_line_and_where_matching_stopped(
    run: Run, tmp_path: Path
) -> None:
    odd = write(tmp_path / "odd.log", ["203.0.113.1 - - [20/Nov/2026:12:00:00 +0000] GET /\x1b"])
    result = run("detect", odd, SAMPLE_LOGS / "combined.log")
    assert result.code == 2
    error, hint = result.stderr.splitlines()
    shown = r"'203.0.113.1 - - [20/Nov/2026:12:00:00 +0000] GET /\x1b'"
    assert error.startswith(f"apilog: error: {odd}: no known format: {shown} stops being `")
    assert " at character " in error
    assert error.endswith(" should be")
    assert "--log-format" in hint
    assert "combined.log: combined\n" in result.text
    assert "odd.log" not in result.text


def test_what_is_no_log_in_a_folder_is_a_note_unless_strict(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "a.log", [line()])
    odd = write(tmp_path / "notes.txt", ["what is this"])
    noted = run("detect", tmp_path)
    assert (noted.code, noted.stderr.count("apilog: note: ")) == (0, 1)
    assert run("detect", tmp_path, "--strict").code == 2
    assert run("detect", tmp_path / "a.log", odd).code == 2
    (tmp_path / "a.log").unlink()
    assert run("detect", tmp_path).code == 2


def test_errors_are_in_the_json_too(run: Run, tmp_path: Path) -> None:
    result = run("detect", tmp_path / "missing.log", "-f", "json")
    assert result.code == 2
    document = json.loads(result.text)
    assert document["files"] == []
    (problem,) = document["errors"]
    assert problem["error"].endswith("missing.log: no such file or directory")
    assert problem["hint"]
    assert run("detect", tmp_path / "missing.log").stdout == b""


@pytest.mark.slow
def test_the_head_of_a_pipe_is_read(run_forked: Run, tmp_path: Path) -> None:
    data = (line() + "\n").encode() * 10_000
    for stdin in (data, gzip.compress(data)):
        piped = run_forked("detect", "-", "-f", "json", stdin=stdin)
        assert (piped.code, piped.stderr) == (0, "")
        (finding,) = json.loads(piped.text)["files"]
        assert (finding["path"], finding["format"]) == ("-", "combined")
        assert 1000 < finding["records"] < 5000
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        written = pool.submit(pipe.write_bytes, data[:1000])
        named = run_forked("detect", pipe, "-f", "json")
        written.result()
    assert [file["format"] for file in json.loads(named.text)["files"]] == ["combined"]


@pytest.mark.slow
def test_what_is_piped_can_be_of_no_known_format_too(run_forked: Run) -> None:
    result = run_forked("detect", "-", stdin=b"what is this\n")
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.startswith("apilog: error: -: no known format: 'what is this' stops being")
    empty = run_forked("detect", "-")
    assert empty.code == 0
    assert "no access log lines" in empty.text


def test_a_format_can_be_tried(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", ["1700000000.5|/x|200", "no log line"])
    result = run("detect", path, "-l", "$msec|$uri|$status", "-f", "json")
    (finding,) = json.loads(result.text)["files"]
    assert (finding["records"], finding["rejects"], finding["reject"]) == (1, 1, "no log line")
    assert "unknown log format 'combind'" in run("detect", path, "-l", "combind").stderr


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "logs"), [(60, SOME[::3]), (200, SOME[1::6])])
def test_text_fits_the_width_but_for_what_is_to_be_copied(
    run: Run, monkeypatch: pytest.MonkeyPatch, columns: int, logs: list[Path]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = ["", *run("detect", *logs).text.splitlines()]
    in_section = in_advice = False
    for before, text in pairwise(lines):
        in_advice = text.startswith("  ") and (in_advice or before.startswith("To log everything"))
        in_section = text.startswith("    ") and (in_section or before == "  as formats")
        is_copied = in_section or in_advice or before == "  log_format"
        assert len(text) <= columns or is_copied, text


def test_directives_stand_below_each_other(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", [line()] * 2)
    lines = run("detect", path).text.splitlines()
    adds = [text.index("  add ") for text in lines if "  add " in text]
    assert len(adds) > 4
    assert len(set(adds)) == 1
    (rest,) = (text for text in lines if text.strip().startswith("caller:"))
    assert rest.index("caller:") == adds[0] + len("  add ")


@pytest.mark.slow
def test_a_file_gets_the_bytes_that_stdout_gets(run: Run, tmp_path: Path) -> None:
    for format in ("table", "json"):
        target = tmp_path / format
        argv = ("detect", SAMPLE_LOGS / "combined.log", "-f", format)
        assert run(*argv, "-o", target).stdout == b""
        assert target.read_bytes() == run(*argv).stdout
        assert "exists already" in run(*argv, "-o", target).stderr


def test_no_text_of_a_log_drives_the_terminal(run: Run, tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07\u202e\x9b31m[/b]"
    path = write(tmp_path / "a.log", [line(user=hostile), f"no log line {hostile}"] * 2)
    for format in ("table", "json"):
        result = run("detect", path, "-f", format)
        assert not set("\x1b\x07\u202e\x9b") & set(result.text + result.stderr)
