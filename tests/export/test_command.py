"""`apilog export` as a command: streams, exit codes, a golden folder."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apilog.exports import export
from apilog.options import ExportOptions
from tests.commands import Run
from tests.export.sample_exports import log, names
from tests.weblog import SAMPLE_LOGS, line, write

GOLDEN = Path(__file__).parent / "golden"
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".export.lock"
    }


@pytest.mark.slow
def test_the_sample_logs_give_the_golden_folder(tmp_path: Path) -> None:
    # Names, columns and their order are what other programs rely on.
    to = tmp_path / "to"
    logs = [SAMPLE_LOGS / name for name in ("api.log", "api.log.1.gz", "broken.log")]
    export(logs, to, ExportOptions(tz="Asia/Kolkata", top=5, force=True), now=LATER)
    if os.environ.get("UPDATE_GOLDEN"):
        shutil.rmtree(GOLDEN, ignore_errors=True)
        shutil.copytree(to, GOLDEN, ignore=shutil.ignore_patterns(".*"))
    assert files_in(to) == files_in(GOLDEN)


def test_stdout_stays_empty_and_a_summary_goes_to_stderr(tmp_path: Path, run: Run) -> None:
    source = log(tmp_path / "a.log", (0, 24))
    done = run("export", source, "--to", tmp_path / "to")
    assert (done.code, done.stdout) == (0, b"")
    assert done.stderr == "periods: 2 new, 0 rewritten, 0 unchanged\n"
    done = run("export", source, "--to", tmp_path / "to", "--quiet")
    assert (done.code, done.stdout, done.stderr) == (0, b"", "")


def test_a_source_that_cant_be_read_does_not_stop_the_others(tmp_path: Path, run: Run) -> None:
    source = log(tmp_path / "a.log", (0,))
    done = run("export", source, tmp_path / "gone.log", "--to", tmp_path / "to", "--quiet")
    assert done.code == 2
    assert "gone.log" in done.stderr
    assert names(tmp_path / "to") == ["2026-11-20"]


def test_with_nothing_to_read_nothing_changes(tmp_path: Path, run: Run) -> None:
    to = tmp_path / "to"
    run("export", log(tmp_path / "a.log", (0,)), "--to", to)
    before = files_in(to)
    done = run("export", tmp_path / "gone.log", "--to", to, "--keep", "1d", "--force")
    assert done.code == 2
    assert files_in(to) == before


def test_rejects_are_told_kept_and_with_strict_an_error(tmp_path: Path, run: Run) -> None:
    source = write(tmp_path / "a.log", [line("/a", ms=1)] * 20 + ["torn"])
    argv = ("export", source, "--to", tmp_path / "to")
    done = run(*argv, "--rejects", tmp_path / "rejects.ndjson")
    assert done.code == 0
    assert "note: 1 of 21 lines could not be read" in done.stderr
    rejects = (tmp_path / "rejects.ndjson").read_text().splitlines()
    assert [json.loads(text)["line"] for text in rejects] == ["torn"]
    assert run(*argv, "--strict").code == 2
    assert names(tmp_path / "to") == ["2026-11-20"]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ((), "missing option '--to'"),
        (("--to", ""), "--to is empty"),
        (("--to", "to", "--every", "year"), "'year' is not one of"),
        (("--to", "to", "--keep", "soon"), "soon"),
        (("--to", "to", "--table", "endpoint"), "did you mean endpoints"),
        (("--to", "to", "--tz", "Berlin"), "there is no time zone 'Berlin'"),
        (("--to", "to", "--since", "2026-11-21", "--until", "2026-11-20"), "is not before"),
        (("--to", "to", "--where", "stauts = 200"), "did you mean 'status'"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_made(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    source = log(tmp_path / "a.log", (0,))
    done = run("export", source, *argv)
    assert (done.code, done.stdout) == (2, b"")
    assert told in done.stderr.lower() or told in done.stderr
    assert names(tmp_path) == []


@pytest.mark.slow
def test_requests_without_a_time_are_told(tmp_path: Path, run: Run) -> None:
    lines = ['{"status": 200, "path": "/a", "method": "GET", "time": "2026-11-20T10:00:00Z"}'] * 9
    lines.append('{"status": 200, "path": "/a", "method": "GET", "time": null}')
    done = run("export", write(tmp_path / "a.log", lines), "--to", tmp_path / "to")
    told = "1 requests have no time" in done.stderr or "could not be read" in done.stderr
    assert (done.code, told) == (0, True)


@pytest.mark.slow
def test_in_a_process_two_runs_agree(tmp_path: Path, run_forked: Run) -> None:
    source = log(tmp_path / "a.log", (0, 24))
    argv = ("export", source, "--to", tmp_path / "to", "--every", "hour", "-f", "parquet")
    assert run_forked(*argv).code == 0
    before = files_in(tmp_path / "to")
    assert run_forked(*argv).code == 0
    assert files_in(tmp_path / "to") == before
    assert names(tmp_path / "to") == ["2026-11-20T12Z", "2026-11-21T12Z"]
