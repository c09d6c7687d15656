"""`apilog report` on inputs that are missing, damaged or odd: what can be read is reported."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Ran, Run
from tests.weblog import SAMPLE_LOGS, line, write

TIMED = SAMPLE_LOGS / "api.log"


def document(result: Ran) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(result.text)
    for counts in (parsed["input"], *parsed["input"]["files"]):
        assert counts["lines"] == counts["records"] + counts["rejects"] + counts["skipped"]
    return parsed


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.log", [line()] * 5)


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A gzip file that ends too early."""
    lines = "".join(f"{line(f'/v1/users/{i}', after=i)}\n" for i in range(5000))
    path = tmp_path / "cut.log.gz"
    packed = gzip.compress(lines.encode())
    path.write_bytes(packed[: len(packed) // 2])
    return path


def test_a_missing_file_among_others(run: Run, good: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.log"
    result = run("report", missing, good, tmp_path / "*.gz", "-f", "json")
    assert result.code == 2
    errors = {text for text in result.stderr.splitlines() if text.startswith("apilog: error: ")}
    assert errors == {
        f"apilog: error: {missing}: no such file or directory",
        f"apilog: error: {tmp_path}/*.gz: no file matches",
    }
    files = document(result)["input"]["files"]
    assert {Path(file["path"]).name: (file["records"], file["error"]) for file in files} == {
        "missing.log": (0, "no such file or directory"),
        "*.gz": (0, "no file matches"),
        "good.log": (5, None),
    }


def test_a_file_of_no_known_format_among_others(run: Run, good: Path, tmp_path: Path) -> None:
    odd = write(tmp_path / "odd.txt", ["\x1b[31mno log line", "nor this"])
    result = run("report", odd, good, "-f", "json")
    assert result.code == 2
    assert f"apilog: error: {odd}: no known format: 'no log line' stops" in result.stderr
    counts = document(result)["input"]
    assert (counts["lines"], counts["records"], counts["rejects"]) == (7, 5, 2)
    assert counts["files"][0]["lines"] == counts["files"][0]["rejects"] == 2
    assert counts["files"][0]["error"].startswith("no known format: ")


@pytest.mark.slow
@pytest.mark.parametrize("format", ["table", "json", "csv"])
def test_where_nothing_can_be_read_there_is_no_report(
    run: Run, tmp_path: Path, format: str
) -> None:
    odd = write(tmp_path / "odd.txt", ["no log line"])
    target, rejects = tmp_path / "report.out", tmp_path / "rejects.ndjson"
    result = run(
        "report", tmp_path / "no.log", odd, "-f", format, "-o", target, "--rejects", rejects
    )
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.count("apilog: error: ") == 2
    assert result.stderr.count("hint: ") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["odd.txt"]
    assert run("report", odd, "-f", format).stdout == b""


def test_a_damaged_file_is_read_to_the_damage(run: Run, cut: Path) -> None:
    result = run("report", cut, "-f", "json")
    assert result.code == 0
    assert result.stderr.startswith(f"apilog: note: {cut}: ")
    assert "what stands before the damage was read" in result.stderr
    (file,) = document(result)["input"]["files"]
    assert 0 < file["records"] < 5000
    assert file["error"]
    assert run("report", cut, "-f", "json", "--quiet").stderr == ""


def test_a_damaged_file_is_an_error_with_strict(run: Run, cut: Path) -> None:
    result = run("report", cut, "-f", "json", "--strict", "--quiet")
    assert result.code == 2
    assert result.stderr.startswith(f"apilog: error: {cut}: ")
    assert document(result)["input"]["records"] > 0


@pytest.mark.slow
def test_a_reader_of_the_table_is_told_of_damage_once(run: Run, cut: Path, tmp_path: Path) -> None:
    shown = run("report", cut)
    assert "Inputs with errors" in shown.text
    assert shown.stderr == ""
    assert "before the damage" in run("report", cut, "-o", tmp_path / "report.txt").stderr


@pytest.mark.slow
def test_rejected_lines_are_an_error_only_with_strict(run: Run, good: Path, tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.log", [line(), "no log line", line()])
    lenient = run("report", good, bad, "-f", "json")
    assert lenient.code == 0
    assert lenient.stderr == (
        "apilog: note: 1 of 8 lines could not be read; --rejects FILE keeps them\n"
    )
    strict = run("report", good, bad, "-f", "json", "--strict", "--quiet")
    assert strict.code == 2
    assert strict.stderr == (
        "apilog: error: 1 line could not be read, and --strict allows none\n"
        "hint: --rejects FILE keeps them\n"
    )
    assert strict.stdout == lenient.stdout
    assert run("report", good, "--strict").code == 0


@pytest.mark.slow
def test_rejects_are_kept_with_their_place_and_reason(run: Run, tmp_path: Path) -> None:
    hostile = ['"a" \x1b]0;x\x07 <b> =cmd|1', "[99/Nov/2026:00:00:00 +0000]", "\u202eevil", "\\\\"]
    path = write(tmp_path / "bad.log", [line(), hostile[0], "", *hostile[1:], line()])
    kept = tmp_path / "rejects.ndjson"
    result = run("report", path, SAMPLE_LOGS / "broken.log", "-f", "json", "--rejects", kept)
    assert result.code == 0
    assert "--rejects" not in result.stderr
    text = kept.read_text()
    assert not set("\x1b\x07\u202e") & set(text)
    rows = [json.loads(row) for row in text.splitlines()]
    assert all(list(row) == ["source", "line_number", "line", "reason"] for row in rows)
    mine = [row for row in rows if row["source"] == str(path)]
    assert [(row["line_number"], row["line"]) for row in mine] == [
        (2, hostile[0]),
        (4, hostile[1]),
        (5, hostile[2]),
        (6, hostile[3]),
    ]
    assert all(row["reason"] for row in rows)
    assert len(rows) == document(result)["input"]["rejects"]


def test_rejects_of_a_clean_log_are_an_empty_file(run: Run, good: Path, tmp_path: Path) -> None:
    kept = tmp_path / "rejects.ndjson"
    assert run("report", good, "--rejects", kept).code == 0
    assert kept.read_bytes() == b""
    assert "exists already" in run("report", good, "--rejects", kept).stderr
    assert run("report", good, "--rejects", kept, "--force").code == 0


def test_a_line_beyond_a_mebibyte_is_rejected(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "long.log", [line(), line("/" + "x" * (1 << 20)), line()])
    kept = tmp_path / "rejects.ndjson"
    result = run("report", path, "-f", "json", "--rejects", kept)
    assert document(result)["input"]["records"] == 2
    (reject,) = (json.loads(row) for row in kept.read_text().splitlines())
    assert (reject["line_number"], reject["reason"]) == (2, "longer than 1 MiB")


def test_other_lines_are_skipped_and_counted(run: Run, tmp_path: Path) -> None:
    error = "2026/11/20 12:00:00 [error] 31#31: *7 connect() failed (111: Connection refused)"
    path = write(tmp_path / "a.log", ["", line(), "# a comment", error, line(), "  "])
    counts = document(run("report", path, "-f", "json"))["input"]
    assert [counts[key] for key in ("lines", "records", "rejects", "skipped")] == [6, 2, 0, 4]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_bytes_that_are_no_log_end_in_an_error(run: Run, tmp_path: Path, seed: int) -> None:
    path = tmp_path / "binary.log"
    path.write_bytes(random.Random(seed).randbytes(100_000))
    result = run("report", path)
    assert (result.code, result.stdout) == (2, b"")
    error, hint = result.stderr.splitlines()
    assert error.startswith(f"apilog: error: {path}: this is no text")
    assert hint.startswith("hint: ")
    assert error.isprintable()


def test_other_files_than_logs_say_what_they_are(run: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        archive.writestr("a.log", line())
    result = run("report", tmp_path / "logs.zip")
    assert result.code == 2
    assert "zip" in result.stderr.splitlines()[0]
    assert "unzip" in result.stderr.splitlines()[1]


def test_a_directory_without_logs_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("report", tmp_path / "empty")
    assert result.code == 2
    assert "no files in this directory" in result.stderr


def test_a_file_name_cannot_drive_the_terminal(run: Run, tmp_path: Path) -> None:
    name = "a\x1b2J\u202e\n.log"
    for text in (run("report", tmp_path / name).stderr, run("detect", tmp_path / name).stderr):
        assert "a\\x1b2J\\u202e\\n.log: no such file" in text
    write(tmp_path / name, [line(), "no log line"])
    for argv in (["report"], ["detect"], ["report", "-f", "md", "--by", "source"]):
        result = run(argv[0], tmp_path / name, *argv[1:])
        assert result.code == 0
        assert not set("\x1b\u202e") & set(result.text + result.stderr)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


# Imports happen before, because another user may not be able to read this Python.
AS_NOBODY = """
import os, sys
from apilog.cli.app import main
assert main(["report", sys.argv[1], "-f", "json", "-o", os.devnull]) == 0
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
def test_what_may_not_be_read_is_told_and_the_rest_reported(open_folder: Path) -> None:
    write(open_folder / "good.log", [line()] * 3)
    write(open_folder / "secret.log", [line()]).chmod(0)
    (open_folder / "closed").mkdir(mode=0)
    argv = [str(open_folder / "good.log"), "report", str(open_folder), "-f", "json"]
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, *argv], capture_output=True, check=False, timeout=60
    )
    result = Ran(done.returncode, done.stdout, done.stderr.decode())
    assert result.code == 2
    assert f"{open_folder}/secret.log: permission denied" in result.stderr
    assert f"{open_folder}/closed: permission denied" in result.stderr
    assert "Traceback" not in result.stderr
    assert document(result)["input"]["records"] == 3
