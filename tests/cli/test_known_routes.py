"""Routes that are known or learned where a threshold, a condition or an alert names them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import apilog
from apilog.store import Store
from tests.cli.test_routes import COUNTED, EXPECTED, log, routes_of, tables, write_log
from tests.commands import Run

__all__ = ["log"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
DOCUMENTS = 300


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random identifiers, some of which lack a digit by chance, and names beside numbers."""
    draw = random.Random(5)
    ids = ["".join(draw.choices(LETTERS, k=20)) for _ in range(DOCUMENTS)]
    counts = {f"/docs/{i}": 1 for i in ids} | {"/health": 20}
    return write_log(tmp_path_factory.mktemp("documents") / "docs.log", counts)


def requests_named(run: Run, source: object, *routes: str) -> list[int]:
    limits = [part for route in routes for part in ("-t", f'requests{{route="{route}"}} >= 1')]
    done = run("check", source, *limits, "-f", "json", "--min-requests", "1")
    return [row["requests"] for row in json.loads(done.text)["tables"]["checks"]]


@pytest.mark.slow
def test_a_threshold_names_a_kind_that_some_values_lack(run: Run, documents: Path) -> None:
    by_look = apilog.report(documents, where="path LIKE '/docs/%'", tables=["overview"])
    assert by_look.tables["overview"]["requests"].item() == DOCUMENTS
    found = apilog.scan(documents, routes=["/docs/{any}"]).collect()["path"].unique()
    assert found.len() > DOCUMENTS
    assert routes_of(run, "report", documents) == {"/docs/{token}": DOCUMENTS, "/health": 20}
    assert requests_named(run, documents, "/docs/{token}", "/health") == [DOCUMENTS, 20]


def test_what_another_threshold_names_stays_apart(run: Run, log: Path) -> None:
    one = next(iter(COUNTED))
    assert requests_named(run, log, one, "/shop/{value}") == [1, len(COUNTED) - 1]


@pytest.mark.slow
def test_both_sides_of_a_comparison_have_the_routes_of_a_condition(
    log: Path, tmp_path: Path
) -> None:
    few = write_log(tmp_path / "few.log", {"/shop/new-hat": 5, "/health": 9}, day=21)
    compared = apilog.compare([log, few], where="route = '/shop/{value}'", min_requests=1)
    rows = compared.report.tables["comparison"].filter(pl.col("route").is_null())
    assert rows.select("a_requests", "b_requests").rows()[:1] == [(len(COUNTED), 5)]


CONFIG = """
[[alerts.rules]]
name = "shop"
threshold = 'requests{route="/shop/{value}"} < 1'
over = "1h"
"""


def alerts_of(run: Run, *argv: object) -> list[tuple[str, float | None]]:
    done = run("check", "--alerts", *argv, "-f", "json")
    rows: list[dict[str, Any]] = json.loads(done.text)["tables"]["alerts"]
    return [(row["state"], row["value"]) for row in rows]


@pytest.fixture(scope="module")
def known(log: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What knows the routes of the log: a store, and a baseline."""
    folder = tmp_path_factory.mktemp("known")
    apilog.ingest(log, store=folder / "store", final=True)
    (folder / "main.json").write_text(apilog.baseline(log).text, encoding="utf-8")
    (folder / "apilog.toml").write_text(CONFIG, encoding="utf-8")
    return {
        "store": folder / "store",
        "baseline": folder / "main.json",
        "config": folder / "apilog.toml",
    }


def test_alerts_have_the_routes_of_logs_and_stores(
    run: Run, log: Path, known: dict[str, Path]
) -> None:
    for source in (log, known["store"]):
        argv = (source, "--config", known["config"])
        assert alerts_of(run, *argv) == [("firing", len(COUNTED))]


@pytest.mark.parametrize("by", ["store", "baseline"])
def test_routes_of_a_store_or_a_baseline_are_known(
    run: Run, known: dict[str, Path], tmp_path: Path, by: str
) -> None:
    few = write_log(tmp_path / "few.log", {"/shop/new-hat": 5, "/shop/cart": 2}, day=21)
    routes = ("--routes", known[by])
    config = ("--config", known["config"])
    expected = {"/shop/{value}": 5, "/shop/cart": 2}
    assert routes_of(run, "report", few, *routes) == expected
    assert apilog.scan(few, routes_file=known[by]).collect()["route"].n_unique() == 2
    assert alerts_of(run, few, *routes, *config) == [("firing", 5)]
    watched = run("watch", few, *routes, *config, "--from-start", "--once", "--json")
    frame = json.loads(watched.text)
    assert {row["route"]: row["requests"] for row in frame["endpoints"]} == expected
    assert not watched.stderr
    new = tmp_path / "new"
    assert run("ingest", few, "--store", new, "--final", *routes).code == 0
    assert Store.open(new).manifest.templates
    assert routes_of(run, "report", new) == expected


@pytest.mark.slow
def test_a_watch_says_that_it_does_not_know_the_route_of_an_alert(
    run: Run, log: Path, known: dict[str, Path]
) -> None:
    argv = ("watch", log, "--config", known["config"], "--from-start", "--once", "--json")
    assert "shop names /shop/{value}, which only much traffic tells" in run(*argv).stderr


@pytest.mark.parametrize(
    ("text", "says"), [('{"a": 1}', "is no baseline"), ("{nothing", "is no baseline")]
)
def test_other_json_is_refused(text: str, says: str, run: Run, log: Path, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    done = run("report", log, "--routes", file)
    assert done.code == 2
    assert says in done.stderr


@pytest.mark.slow
@pytest.mark.process
def test_routes_of_standard_input_are_said_to_be_by_look(run_forked: Run, log: Path) -> None:
    lines = log.read_bytes()
    sql = "SELECT COUNT(*) AS n FROM requests WHERE route = '/shop/{value}'"
    for argv in (
        ("query", sql, "-"),
        ("report", "-", "--where", "route = '/shop/{value}'"),
    ):
        done = run_forked(*argv, "-f", "json", stdin=lines)
        assert "can't be read twice" in done.stderr
    done = run_forked("report", "-", "-f", "json", stdin=lines)
    assert "can't be read twice" not in done.stderr
    endpoints = json.loads(done.text)["tables"]["endpoints"]
    assert {row["route"]: row["requests"] for row in endpoints} == EXPECTED


def test_a_query_says_nothing_of_routes_that_it_learned(run: Run, log: Path) -> None:
    sql = "SELECT COUNT(*) AS n FROM requests WHERE route = '/shop/{value}'"
    assert tables(run, "query", sql, log)["result"] == [{"n": len(COUNTED)}]


def test_a_store_merges_no_route_that_was_declared(run: Run, log: Path, tmp_path: Path) -> None:
    one, other = list(COUNTED)[:2]
    store = tmp_path / "store"
    argv = ("ingest", log, "--store", store, "--final", "--route", one, "--route", other)
    assert run(*argv).code == 0
    assert routes_of(run, "report", store) == {
        **EXPECTED,
        one: 1,
        other: 1,
        "/shop/{value}": len(COUNTED) - 2,
    }
