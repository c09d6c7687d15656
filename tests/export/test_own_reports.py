"""Exports of a report of one's own: each period is the report on it, and the index is as ever."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import apilog
from apilog.errors import UsageError
from tests.export.sample_exports import START, log, mark, names, run, state

METRICS: dict[str, dict[str, object]] = {
    "fast_share": {"numerator": "duration_ms <= 30", "denominator": "duration_ms IS NOT NULL"},
}
DECLARED: dict[str, Any] = {
    "title": "The shop",
    "tables": [
        {"metrics": ["requests", "fast_share", "latency_p95"]},
        {
            "name": "orders",
            "by": ["route", "status"],
            "metrics": ["requests", "fast_share"],
            "where": "route LIKE '/v1/orders%' AND status < 500",
            "sort": "fast_share asc",
            "chart": "bar",
        },
        {
            "name": "callers",
            "sql": "SELECT consumer, COUNT(*) AS n FROM requests GROUP BY consumer ORDER BY n",
        },
    ],
}
OWN: dict[str, Any] = {
    "report": "shop",
    "reports": {"shop": DECLARED},
    "own_metrics": METRICS,
    "tables": None,
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return log(tmp_path_factory.mktemp("logs") / "a.log", [1, 2, 25, 26.5, 24 * 9])


@pytest.fixture(scope="module")
def archive(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("own") / "site"
    run(source, to, format="html", where="status <> 404", **OWN)
    return to


@pytest.mark.slow
def test_each_period_is_the_report_on_it(source: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    run(source, to, format="parquet", where="status <> 404", **OWN)
    assert len(names(to)) == 3
    for name in names(to):
        given = mark(to / name)
        asked = {"since": given["since"], "until": given["until"], "where": "status <> 404"}
        report = apilog.report(source, **asked, **OWN)
        files = {path.stem: pl.read_parquet(path) for path in (to / name).glob("*.parquet")}
        assert {*files} == {"total", "orders", "callers"} == {*report.tables}
        for table, frame in files.items():
            assert frame.equals(report.tables[table]), (name, table)
        assert files["total"]["requests"].item() == given["requests"]
        assert files["callers"]["n"].sum() == given["requests"]
        assert given["requests"] > files["orders"]["requests"].sum() > 0


@pytest.mark.slow
def test_pages_have_its_tables_and_the_index_the_usual_figures(
    source: Path, archive: Path, tmp_path: Path
) -> None:
    usual = tmp_path / "usual"
    run(source, usual, format="html", where="status <> 404", tables=None)
    assert (archive / "index.html").read_bytes() == (usual / "index.html").read_bytes()
    for name in names(archive):
        page = (archive / name / "report.html").read_text("utf-8")
        assert "<h1>The shop</h1>" in page
        assert 'data-chart="orders-0"' in page
        assert 'href="../index.html"' in page
        tables = re.findall('<table data-figures="([a-z]+)"', page)
        assert sorted(tables) == ["callers", "orders", "total"]
        # Those of the usual report are in its pages, whatever the index is made of.
        page = (usual / name / "report.html").read_text("utf-8")
        assert re.findall('data-chart="([a-z]+)"', page)[2:] == ["histogram", "heatmap"]
        assert '"histogram":[' not in page


@pytest.mark.slow
def test_a_declaration_that_changed_is_told(source: Path, archive: Path) -> None:
    before = state(archive)
    assert not run(source, archive, format="html", where="status <> 404", **OWN).rewritten
    other = {"shop": {**DECLARED, "tables": DECLARED["tables"][:2]}}
    meant = {"fast_share": {**METRICS["fast_share"], "numerator": "duration_ms <= 31"}}
    for changed in ({"reports": other}, {"own_metrics": meant}, {"report": None}):
        with pytest.raises(UsageError, match="was exported with --report shop"):
            run(source, archive, format="html", where="status <> 404", **(OWN | changed))
    assert state(archive) == before


@pytest.mark.slow
def test_of_a_store_only_what_changed_is_made_again(source: Path, tmp_path: Path) -> None:
    store, to = tmp_path / "store", tmp_path / "to"
    apilog.ingest(source, store=store, final=True)
    run(store, to, format="json", **(OWN | {"tables": ["callers"]}))
    document = json.loads((to / names(to)[0] / "report.json").read_bytes())
    assert [*document["tables"]] == ["callers"]
    late = log(tmp_path / "late.log", [9 * 24 + 3])
    apilog.ingest(late, store=store, final=True)
    again = run(store, to, format="json", **(OWN | {"tables": ["callers"]}))
    assert again.rewritten == [f"{START + timedelta(days=9):%Y-%m-%d}"]
    assert len(again.unchanged) == 2


def test_what_cant_be_meant_is_refused_before_anything_is_made(
    source: Path, tmp_path: Path
) -> None:
    to = tmp_path / "to"
    for wrong, told in (
        ({"report": "shob"}, "no report 'shob'"),
        ({"by": ["route"]}, "--by does not go with --report"),
        ({"tables": ["endpoints"]}, "has no table 'endpoints'"),
    ):
        with pytest.raises(UsageError, match=told):
            run(source, to, **(OWN | wrong))
    with pytest.raises(UsageError, match="can't be read twice"):
        run([Path("-")], to, **OWN)
    assert not to.exists()
