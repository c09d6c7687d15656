"""Doubts of a format: said in JSON, in the notes and by `detect`, each once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from apilog.formats.file_plan import FileSample, FormatChoice
from apilog.formats.nginx.library import NGINX_FORMATS
from apilog.formats.parse_plan import ParsePlan, ParseStage
from tests.commands import Run
from tests.weblog import line, write

DOUBT = (
    "`took` is read as milliseconds, by its size; it may be microseconds: "
    "`--column duration_ms=took:us` says so"
)
COMBINED = next(f for f in NGINX_FORMATS if f.name == "combined")


@pytest.fixture
def doubts() -> list[str]:
    return [DOUBT]


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doubts: list[str]) -> list[Path]:
    """Two logs whose format is doubted."""

    def plan(path: str, sample: FileSample, choice: FormatChoice | None = None) -> ParsePlan:
        doubted = replace(COMBINED, doubts=tuple(doubts))
        return ParsePlan((ParseStage((), (doubted,)), ParseStage((), (doubted,))))

    for module in ("engine.file_plans", "watch.decoder"):
        monkeypatch.setattr(f"apilog.{module}.plan_file", plan)
    monkeypatch.chdir(tmp_path)
    return [write(Path(f"{name}.log"), [line(f"/{name}")] * 3) for name in "ab"]


def test_each_input_has_its_doubts_in_json(run: Run, logs: list[Path]) -> None:
    result = run("report", *logs, "-f", "json")
    assert [file["doubts"] for file in json.loads(result.text)["input"]["files"]] == [[DOUBT]] * 2
    assert result.code == 0


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("1,234 ms", "`duration` has values such as '1,234 ms', which are not read"),
        ("42,64 ms", ""),
        ("1m3s", ""),
        ("-", ""),
        ("-1", ""),
    ],
)
def test_durations_that_are_not_read_are_said(
    run: Run, tmp_path: Path, odd: str, said: str
) -> None:
    lines = [
        f'{{"time":"2026-11-21T10:00:{n:02}Z","path":"/a","status":200,"duration":"{took}"}}'
        for n in range(20)
        for took in ("234 ms", odd)
    ]
    log = write(tmp_path / "odd.log", lines)
    stderr = run("query", "SELECT count(*) FROM requests", log, "-f", "csv").stderr
    assert said in stderr
    assert bool(said) == ("not read" in stderr)


@pytest.mark.parametrize(
    "command",
    [
        ("report", "-f", "csv"),
        ("query", "SELECT count(*) FROM requests", "-f", "csv"),
        ("check", "-t", "requests > 1", "-f", "csv"),
        ("export", "--to", "out"),
        ("ingest", "--store", "store"),
        ("compare", "-f", "csv"),
    ],
    ids=lambda command: command[0],
)
def test_a_doubt_is_noted_once(run: Run, logs: list[Path], command: tuple[str, ...]) -> None:
    name, *rest = command
    sql = rest[:1] if name == "query" else []
    result = run(name, *sql, *logs, *rest[len(sql) :])
    assert result.stderr.count(f"apilog: note: a.log and 1 more: {DOUBT}\n") == 1
    assert result.stderr.count("took") == 2


@pytest.mark.parametrize("doubts", [[f"doubt {i}" for i in range(9)]])
def test_many_doubts_are_counted(run: Run, logs: list[Path], doubts: list[str]) -> None:
    notes = run("report", logs[0], "-f", "csv").stderr.splitlines()
    assert notes[:5] == [f"apilog: note: a.log: {doubt}" for doubt in doubts[:5]]
    (more,) = notes[5:]
    assert more.startswith("apilog: note: 4 more doubts about how the inputs are read: ")


def test_a_doubt_is_in_the_drawn_report(
    run: Run, logs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = run("report", logs[0]).text
    assert " ".join(DOUBT.split()) in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_detect_tells_doubts(run: Run, logs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    (found,) = json.loads(run("detect", logs[0], "-f", "json").text)["files"]
    assert found["doubts"] == [DOUBT]
    text = run("detect", logs[0]).text
    start = text.index("  doubt   ")
    assert " ".join(text[start:].split()).startswith(f"doubt {DOUBT} lacks")
    assert max(map(len, text[start : text.index("  lacks")].splitlines())) <= 80


@pytest.mark.parametrize("doubts", [["`\x1b[31mkey` is odd"]])
def test_what_a_doubt_quotes_is_escaped(run: Run, logs: list[Path], doubts: list[str]) -> None:
    assert "\x1b" not in run("report", logs[0], "-f", "csv").stderr
    assert "\x1b" not in run("detect", logs[0]).text
    assert "\x1b" not in run("detect", logs[0], "-f", "json").text


def test_a_watch_notes_a_doubt_once(run: Run, logs: list[Path]) -> None:
    result = run("watch", "--once", "--from-start", "--json", *logs)
    assert result.stderr.count(DOUBT) == 1
