"""`apilog baseline`, and `check` against what it saved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.checks.traffic_logs import log, traffic
from tests.commands import Run
from tests.weblog import line, write

YESTERDAY = -86_400
"""So many seconds after the start of other logs."""


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Yesterday's log, and today's: one as good, one worse."""
    path = tmp_path_factory.mktemp("logs")
    log(
        path / "before.log",
        traffic(4000, 40, start=YESTERDAY),
        traffic(500, 5, path="/v1/gone", start=YESTERDAY, seed=2),
    )
    log(path / "alike.log", traffic(2000, 21, seed=3), traffic(200, 2, path="/v1/new", seed=4))
    log(path / "worse.log", traffic(2000, 80, ms=120, seed=5))
    return path


@pytest.fixture
def folder(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of copies of these logs, in which commands run."""
    shutil.copytree(logs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMPARISONS = [
    "error_rate <= baseline",
    "error_rate <= baseline + 1pp",
    "latency_p95 <= baseline * 1.2",
    "latency_mean <= baseline * 1.2",
    "error_rate <= baseline for each route",
]


@pytest.mark.slow
@pytest.mark.parametrize("text", COMPARISONS)
def test_only_what_got_worse_fails(folder: Path, run: Run, text: str) -> None:
    assert run("baseline", "before.log", "-o", "base.json").code == 0
    for log_file, code in (("alike.log", 0), ("worse.log", 1)):
        result = run("check", log_file, "--baseline", "base.json", "-t", text, "-f", "json")
        assert result.code == code, log_file
        row = json.loads(result.stdout)["tables"]["checks"][0]
        assert row["baseline"] is not None
        assert (row["p_value"] < 0.01) is bool(code)


@pytest.mark.slow
def test_new_and_vanished_routes_are_listed(folder: Path, run: Run) -> None:
    run("baseline", "before.log", "-o", "base.json")
    argv = ["check", "alike.log", "--baseline", "base.json", "-t", "error_rate <= baseline"]
    changed = json.loads(run(*argv, "-f", "json").stdout)["tables"]["changed"]
    assert [(row["change"], row["route"], row["requests"]) for row in changed] == [
        ("new", "/v1/new", 200),
        ("vanished", "/v1/gone", 500),
    ]
    shown = run(*argv).text
    assert "Changed  endpoints of one side only" in shown
    assert "vanished  GET /v1/gone" in shown


@pytest.mark.slow
def test_another_time_of_the_same_sources(folder: Path, run: Run) -> None:
    log(folder / "all.log", traffic(3000, 30), traffic(3000, 90, start=3600, seed=9))
    cut = "2026-11-20T13:00:00Z"
    argv = ["check", "all.log", "-t", "error_rate <= baseline"]
    assert run(*argv, "--baseline-until", cut).code == 1
    assert run(*argv, "--since", cut, "--baseline-since", "2026-11-20T12:00:00Z").code == 1
    assert run(*argv, "--since", cut, "--baseline-until", "2026-11-20T12:30:00Z").code == 1
    later = ["--baseline-since", cut, "--baseline-until", "2026-11-20T14:00:00Z"]
    assert run(*argv, "--since", "2026-11-20", "--until", cut, *later).code == 0
    assert run(*argv, "--since", "2026-11-20", "--baseline-until", cut).code == 2
    assert run(*argv, "--baseline-since", "2026-11-20").code == 2
    wrong = run(*argv, "--since", "2026-11-20", "--baseline-since", cut)
    assert wrong.code == 2
    assert "--baseline-since 2026-11-20T13:00:00Z is not before --baseline-until" in wrong.stderr
    run("baseline", "before.log", "-o", "base.json")
    assert run(*argv, "--baseline", "base.json", "--baseline-until", cut).code == 2


@pytest.mark.slow
def test_a_window_of_a_store_is_a_baseline(folder: Path, run: Run) -> None:
    assert run("ingest", "before.log", "--store", "store").code == 0
    until = ["--until", "2026-11-19T12:30:00Z"]
    for source in ("store", "before.log"):
        assert run("baseline", source, *until, "-o", f"{source}.json").code == 0
    of_store, of_log = (
        json.loads((folder / f"{n}.json").read_text()) for n in ("store", "before.log")
    )
    assert of_store["routes"] == of_log["routes"]
    assert of_store["until"] == of_log["until"] == "2026-11-19T12:30:00Z"


def test_the_file_goes_to_stdout_without_a_name(folder: Path, run: Run) -> None:
    result = run("baseline", "before.log")
    assert (result.code, result.stderr) == (0, "")
    run("baseline", "before.log", "-o", "base.json")
    assert result.stdout == (folder / "base.json").read_bytes()
    assert run("baseline", "before.log", "-o", "base.json").code == 2
    assert run("baseline", "before.log", "-o", "base.json", "--force").code == 0


def test_a_baseline_of_nothing_is_refused(folder: Path, run: Run) -> None:
    write(folder / "empty.log", [])
    for argv in (["empty.log"], ["before.log", "--since", "2030-01-01"], ["none.log"]):
        result = run("baseline", *argv, "-o", "base.json")
        assert (result.code, result.stdout) == (2, b"")
        assert not (folder / "base.json").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("requests >= baseline * 0.5", "compares 29m 58s with a baseline of 59m 59s"),
        ("error_rate <= baseline for each consumer", "does not keep error_rate by consumer"),
        ("latency_p95 <= baseline for each route", "carried no durations"),
    ],
)
def test_what_can_not_be_compared_is_refused(
    folder: Path, run: Run, text: str, problem: str
) -> None:
    write(folder / "untimed.log", (line(after=YESTERDAY + i) for i in range(3600)))
    run("baseline", "untimed.log", "-o", "base.json")
    log(folder / "half.log", traffic(1000, 10, seconds=1800))
    result = run("check", "half.log", "--baseline", "base.json", "-t", text)
    assert (result.code, result.stdout) == (2, b"")
    assert problem in result.stderr


@pytest.mark.slow
def test_a_configured_baseline_is_found_beside_the_configuration(folder: Path, run: Run) -> None:
    (folder / "ci").mkdir()
    run("baseline", "before.log", "-o", "ci/base.json")
    config = folder / "ci" / "apilog.toml"
    config.write_text('[checks]\nthresholds = ["error_rate <= baseline"]\nbaseline = "base.json"\n')
    assert run("check", "worse.log", "--config", config).code == 1
    assert run("check", "alike.log", "--config", config).code == 0


@pytest.mark.slow
def test_a_doubled_error_rate_is_found_and_none_is_made_up(folder: Path, run: Run) -> None:
    log(folder / "base.log", traffic(20_000, 200, start=YESTERDAY, seed=11))
    assert run("baseline", "base.log", "-o", "base.json").code == 0
    compared = ["error_rate <= baseline", "latency_p95 <= baseline", "latency_p50 <= baseline"]
    argv = [option for text in compared for option in ("-t", text)]
    for seed in (12, 13):
        log(folder / "alike.log", traffic(5000, 50, seed=seed))
        log(folder / "worse.log", traffic(5000, 100, seed=seed))
        assert run("check", "alike.log", "--baseline", "base.json", *argv).code == 0
        worse = run("check", "worse.log", "--baseline", "base.json", *argv, "-f", "ndjson")
        assert worse.code == 1
        states = [json.loads(text)["state"] for text in worse.text.splitlines()]
        assert states == ["fail", "pass", "pass"]
