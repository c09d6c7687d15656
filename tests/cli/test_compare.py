"""`apilog compare`: two sides, what differs, and how surely."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.checks.traffic_logs import log, traffic
from tests.commands import Run
from tests.weblog import write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two versions: the new one has more errors on one route and is faster on another."""
    log(
        tmp_path / "a.log",
        traffic(3000, 30),
        traffic(2000, 20, path="/v1/search", ms=300, method="POST", seed=2),
        traffic(50, 0, path="/v1/gone", seed=3),
    )
    log(
        tmp_path / "b.log",
        traffic(3000, 120, seed=4),
        traffic(2000, 20, path="/v1/search", ms=200, method="POST", seed=5),
        traffic(60, 0, path="/v1/new", seed=6),
    )
    write(tmp_path / "empty.log", [])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(run: Run, *argv: str) -> list[dict[str, Any]]:
    result = run("compare", *argv, "-f", "json")
    assert result.code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)["tables"]["comparison"]
    return found


def test_what_differs_and_what_does_not(folder: Path, run: Run) -> None:
    found = {(row["metric"], row["route"]): row for row in rows(run, "a.log", "b.log")}
    verdicts = {key: row["verdict"] for key, row in found.items()}
    assert verdicts["error_rate", None] == "worse"
    assert verdicts["error_rate", "/v1/orders/{id}"] == "worse"
    assert verdicts["error_rate", "/v1/search"] == "no difference shown"
    assert verdicts["latency_p50", "/v1/orders/{id}"] == "no difference shown"
    assert verdicts["latency_p50", "/v1/search"] == "better"
    assert ("error_rate", "/v1/gone") not in verdicts
    row = found["error_rate", "/v1/orders/{id}"]
    assert (row["a"], row["b"], row["a_requests"]) == (0.01, 0.04, 3000)
    assert row["difference"] == pytest.approx(0.03)
    assert 0 < row["low"] < 0.03 < row["high"]
    assert row["p_value"] < 1e-6


@pytest.mark.slow
def test_the_sides_mirror(folder: Path, run: Run) -> None:
    there = {(r["metric"], r["route"]): r for r in rows(run, "a.log", "b.log")}
    back = {(r["metric"], r["route"]): r for r in rows(run, "b.log", "a.log")}
    assert there.keys() == back.keys()
    opposite = {"worse": "better", "better": "worse"}
    for key, row in there.items():
        assert back[key]["verdict"] == opposite.get(row["verdict"], row["verdict"])
        assert back[key]["p_value"] == pytest.approx(row["p_value"], rel=1e-6)
        low, high = -row["high"], -row["low"]
        if row["metric"].startswith("latency"):
            # How far quantiles lie apart is a ratio.
            ratios = (1 + row["high"] / row["a"], 1 + row["low"] / row["a"])
            low, high = (row["b"] * (1 / ratio - 1) for ratio in ratios)
        assert (back[key]["low"], back[key]["high"]) == pytest.approx((low, high))


def test_a_split_is_the_two_filtered_logs(folder: Path, run: Run) -> None:
    found = rows(run, "a.log", "b.log", "--split", "method=GET,POST", "-m", "error_rate")
    (row,) = [row for row in found if row["route"] is None]
    assert (row["a_requests"], row["b_requests"]) == (6110, 4000)
    assert (row["a"], row["b"]) == (150 / 6110, 0.01)
    assert row["verdict"] == "better"
    assert "method" not in row


@pytest.mark.slow
def test_metrics_are_chosen(folder: Path, run: Run) -> None:
    found = rows(run, "a.log", "b.log", "-m", "latency_mean", "-m", "request_rate")
    assert {row["metric"] for row in found} == {"latency_mean", "request_rate"}
    assert {row["verdict"] for row in found if row["metric"] == "request_rate"} == {
        "no difference shown"
    }


@pytest.mark.parametrize(
    ("argv", "code", "told"),
    [
        (["a.log", "b.log"], 0, ""),
        (["a.log", "empty.log"], 3, ""),
        (["a.log", "b.log", "--min-requests", "9999"], 3, ""),
        (["a.log", "--split", "method=GET,PUT"], 3, ""),
        (["a.log"], 2, "takes two sources"),
        (["a.log", "b.log", "empty.log"], 2, "takes two sources"),
        (["a.log", "a.log"], 2, "both sides are the same"),
        (["a.log", "none.log"], 2, "none.log"),
        (["a.log", "--split", "method=GET"], 2, "two of its values"),
        (["a.log", "--split", "metod=GET,POST"], 2, "did you mean method"),
        (["a.log", "b.log", "-m", "latency_max"], 2, "can't be compared"),
        (["a.log", "b.log", "-m", "eror_rate"], 2, "error_rate"),
        (["a.log", "b.log", "--confidence", "0"], 2, "confidence"),
    ],
)
def test_exit_codes(folder: Path, run: Run, argv: list[str], code: int, told: str) -> None:
    result = run("compare", *argv)
    assert result.code == code
    assert told in result.stderr


def test_what_a_person_reads(folder: Path, run: Run) -> None:
    shown = run("compare", "a.log", "b.log").text
    assert "Comparison  of b with a" in shown
    assert "a is a.log, b is b.log" in shown
    assert "GET /v1/orders/{id}" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.slow
def test_logs_without_durations_compare_their_errors(folder: Path, run: Run) -> None:
    for name in ("a", "b"):
        lines = (folder / f"{name}.log").read_text().splitlines()
        write(folder / f"{name}.log", (text.rpartition(" ")[0] for text in lines))
    assert {row["metric"] for row in rows(run, "a.log", "b.log")} == {
        "error_rate",
        "server_error_rate",
    }
    assert (
        "nothing tells latency_p50, latency_p95, latency_p99"
        in run("compare", "a.log", "b.log").text
    )


@pytest.mark.slow
def test_other_outputs(folder: Path, run: Run) -> None:
    root = ElementTree.fromstring(run("compare", "a.log", "b.log", "-f", "junit").stdout)
    assert root.get("failures") == "0"
    assert root.get("tests") != "0"
    annotations = run("compare", "a.log", "b.log", "-f", "github").text
    assert annotations.startswith(
        "::warning title=error_rate::error_rate: 0.99 %25 to 2.77 %25, difference"
    )
    assert "metrics got worse" in annotations
    text = run("compare", "a.log", "b.log", "-f", "md", "-m", "error_rate").text
    assert "| worse | error\\_rate |" in text


def test_a_side_without_requests_is_said(folder: Path, run: Run) -> None:
    split = run("compare", "a.log", "--split", "method=GET,PSOT", "-f", "json")
    assert split.code == 3
    assert "apilog: note: method=PSOT has no requests" in split.stderr
    assert "method=GET has no requests" not in split.stderr
