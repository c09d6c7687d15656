"""`apilog routes`, and that other commands have the routes that it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import apilog
from apilog.store import Store
from tests.commands import Run

SLUGS = [f"{a}-{b}" for a in ("red", "blue", "warm", "thin", "old") for b in ["hat", "mug", "sock"]]
COUNTED = {f"/shop/{slug}-{i}x{i}": 1 for slug in SLUGS for i in range(8)}
BESIDE = {"/shop/cart": 60, "/shop/me": 2, "/v1/users/{}": 40, "/health": 9}


def write_log(path: Path, counts: dict[str, int], day: int = 20) -> Path:
    paths = [p.format(i) for p, n in counts.items() for i in range(n)]
    rows = [
        {
            "timestamp": f"2026-11-{day}T10:{i // 60 % 60:02}:{i % 60:02}Z",
            "method": "GET",
            "path": p,
        }
        for i, p in enumerate(paths)
    ]
    path.write_text("".join(json.dumps(row | {"status": 200}) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("routes") / "shop.log", COUNTED | BESIDE)


EXPECTED = {
    "/shop/{value}": len(COUNTED),
    "/shop/cart": 60,
    "/shop/me": 2,
    "/v1/users/{id}": 40,
    "/health": 9,
}


def tables(run: Run, *argv: object) -> dict[str, list[dict[str, Any]]]:
    done = run(*argv, "-f", "json", "--quiet")
    assert done.code == 0, done.stderr
    found: dict[str, list[dict[str, Any]]] = json.loads(done.text)["tables"]
    return found


def routes_of(run: Run, *argv: object) -> dict[str, int]:
    return {row["route"]: row["requests"] for row in tables(run, *argv)["endpoints"]}


def query_routes(run: Run, source: Path) -> dict[str, int]:
    sql = "SELECT route, COUNT(*) AS n FROM requests GROUP BY route"
    return {row["route"]: row["n"] for row in tables(run, "query", sql, source)["result"]}


def test_it_tells_paths_reasons_and_examples(run: Run, log: Path) -> None:
    rows = {row["route"]: row for row in tables(run, "routes", log)["routes"]}
    assert {route: row["requests"] for route, row in rows.items()} == EXPECTED
    assert rows["/shop/{value}"]["paths"] == len(COUNTED)
    assert rows["/shop/{value}"]["why"] == f"traffic ({len(COUNTED)} values)"
    assert {*rows["/shop/{value}"]["examples"].split(" ")} <= {*COUNTED}
    assert (rows["/v1/users/{id}"]["paths"], rows["/v1/users/{id}"]["why"]) == (40, "look")
    assert (rows["/health"]["paths"], rows["/health"]["why"]) == (1, None)


@pytest.mark.slow
def test_a_query_and_a_condition_have_the_routes_of_a_report(run: Run, log: Path) -> None:
    assert routes_of(run, "report", log) == EXPECTED
    assert query_routes(run, log) == EXPECTED
    chosen = routes_of(run, "report", log, "--where", "route = '/shop/{value}'")
    assert chosen == {"/shop/{value}": len(COUNTED)}


OWN = {
    "shopping": {"numerator": "route = '/shop/{value}'"},
    "places": {"distinct": "route"},
}


@pytest.mark.slow
def test_own_metrics_have_the_routes_of_a_report(log: Path) -> None:
    names = ["shopping_ratio", "places"]
    report = apilog.report(log, metrics=[*OWN], own_metrics=OWN, tables=["overview", "endpoints"])
    share = len(COUNTED) / sum(EXPECTED.values())
    (row,) = report.tables["overview"].select(names).rows()
    assert row == (pytest.approx(share), len(EXPECTED))
    by_route = dict(report.tables["endpoints"].select("route", *names).rows_by_key("route"))
    assert by_route == {r: [(float(r == "/shop/{value}"), 1)] for r in EXPECTED}
    thresholds = ["shopping >= 50%", "places <= 5"]
    checked = apilog.check(log, thresholds=thresholds, own_metrics=OWN, min_requests=1)
    values = checked.report.tables["checks"]["value"].to_list()
    assert values == [pytest.approx(share), len(EXPECTED)]


def test_what_is_pinned_stays_for_a_few_requests(run: Run, log: Path, tmp_path: Path) -> None:
    pinned, few = (
        tmp_path / "routes.txt",
        write_log(tmp_path / "few.log", {"/shop/new": 3, **BESIDE}),
    )
    assert run("routes", log, "--pin", pinned).code == 0
    lines = [line for line in pinned.read_text().splitlines() if not line.startswith("#")]
    assert lines == ["/shop/cart", "/shop/me", "/shop/{value}"]
    assert routes_of(run, "report", few)["/shop/new"] == 3
    declared = routes_of(run, "report", few, "--routes", pinned)
    assert declared["/shop/{value}"] == 3
    assert declared["/shop/cart"] == 60
    assert run("routes", log, "--pin", pinned).code == 2  # it is there already


def test_a_store_learns_and_a_later_day_has_its_routes(run: Run, log: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert run("ingest", log, "--store", store, "--final").code == 0
    assert Store.open(store).manifest.templates
    later = write_log(tmp_path / "later.log", {"/shop/just-one": 1})
    assert run("ingest", later, "--store", store, "--final").code == 0
    expected = EXPECTED | {"/shop/{value}": len(COUNTED) + 1}
    assert routes_of(run, "report", store) == expected
    assert query_routes(run, store) == expected
    assert Store.open(store).manifest.templates


@pytest.mark.slow
def test_a_check_has_the_routes_of_its_baseline(run: Run, log: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "main.json"
    few = write_log(tmp_path / "few.log", {"/shop/new-hat": 5}, day=21)
    assert run("baseline", log, "-o", baseline).code == 0
    argv = ("check", few, "-t", "error_rate <= baseline for each route", "--baseline", baseline)
    done = run(*argv, "--min-requests", "1", "-f", "json", "--quiet")
    checks = json.loads(done.text)["tables"]["checks"]
    assert [row["route"] for row in checks if row["requests"]] == ["/shop/{value}"]


def test_a_threshold_may_name_a_route_that_traffic_tells(run: Run, log: Path) -> None:
    threshold = 'error_rate{route="/shop/{value}"} < 1%'
    checks = tables(run, "check", log, "-t", threshold, "--min-requests", "1")["checks"]
    assert [row["requests"] for row in checks] == [len(COUNTED)]


def test_hostile_paths_are_harmless_and_not_pinned(run: Run, tmp_path: Path) -> None:
    hostile = {f"/x\x1b[31m/{path.rpartition('/')[2]}\u202e": 1 for path in COUNTED}
    log, pinned = write_log(tmp_path / "hostile.log", hostile), tmp_path / "routes.txt"
    done = run("routes", log, "--pin", pinned)
    assert done.code == 0
    assert "\x1b" not in done.text
    assert "\u202e" not in done.text
    assert [line for line in pinned.read_text().splitlines() if not line.startswith("#")] == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("users/{id}", "routes.txt:2: "),
        ("/a/{b", "routes.txt:2: "),
        (None, "can't read the routes"),
    ],
)
def test_a_file_of_routes_that_is_none_is_refused(
    text: str | None, says: str, run: Run, log: Path, tmp_path: Path
) -> None:
    file = tmp_path / "routes.txt"
    if text is not None:
        file.write_text(f"/fine\n{text}\n")
    done = run("report", log, "--routes", file)
    assert done.code == 2
    assert says in done.stderr
