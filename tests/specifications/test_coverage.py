"""What is planted is found, and nothing else: on documents of the shapes that there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

import apilog
from apilog.report_model import Report
from tests import weblog
from tests.specifications.shapes import SHAPES, PlantedCalls, plant, save


@dataclass(frozen=True)
class Example:
    """A document, calls and the report on both."""

    document: Path
    log: Path
    planted: PlantedCalls
    report: Report

    def coverage(self, state: str) -> pl.DataFrame:
        """Return the rows of a state."""
        return self.report.tables["coverage"].filter(pl.col("state") == state)


@pytest.fixture(scope="module", params=[*SHAPES])
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = tmp_path_factory.mktemp(request.param)
    spec = SHAPES[request.param]()
    suffix = "json" if request.param == "github" else "yaml"
    document = save(folder / f"api.{suffix}", spec)
    planted = plant(spec, seed=17)
    log = weblog.write(folder / "access.log", planted.lines)
    report = apilog.report(log, openapi=[str(document)], tables=["coverage", "deprecated"])
    return Example(document, log, planted, report)


def _counts(frame: pl.DataFrame) -> dict[tuple[str, str], int]:
    return {(m, r): n for m, r, n in frame.select("method", "route", "requests").iter_rows()}


def test_every_call_is_of_its_operation(example: Example) -> None:
    assert _counts(example.coverage("used")) == example.planted.used


def test_what_nobody_calls_is_unused(example: Example) -> None:
    unused = example.coverage("unused")
    assert _counts(unused) == dict.fromkeys(example.planted.unused, 0)
    assert unused["last_seen"].null_count() == unused.height


def test_undocumented_calls_are_found_and_scans_are_apart(example: Example) -> None:
    assert _counts(example.coverage("undocumented")) == example.planted.undocumented
    assert _counts(example.coverage("not_found")) == {("GET", "(not found)"): 20}


def test_who_calls_what_is_deprecated(example: Example) -> None:
    found = example.report.tables["deprecated"].select("method", "route", "consumer", "requests")
    assert {row[:3]: row[3] for row in found.iter_rows()} == example.planted.deprecated


def test_statuses_that_are_not_declared(example: Example) -> None:
    told = example.report.tables["coverage"].drop_nulls("undeclared_statuses")
    rows = told.select("method", "route", "undeclared_statuses").iter_rows()
    found = {(m, r, int(status)) for m, r, texts in rows for status in texts.split(", ")}
    assert found == example.planted.undeclared


def test_metrics_and_thresholds_count_the_same(example: Example) -> None:
    planted = example.planted
    expected = {
        "undocumented_requests": planted.undocumented.total(),
        "undocumented_routes": len(planted.undocumented),
        "deprecated_requests": planted.deprecated.total(),
        "unused_operations": len(planted.unused),
        "undeclared_statuses": len(planted.undeclared),
    }
    holding = [f"{name} <= {value}" for name, value in expected.items()]
    broken = [f"{name} < {value}" for name, value in expected.items() if value]
    result = apilog.check(
        example.log,
        thresholds=[*holding, *broken],
        openapi=[str(example.document)],
        min_requests=1,
    )
    checks = result.report.tables["checks"]
    assert checks["value"].to_list() == [
        *expected.values(),
        *(value for value in expected.values() if value),
    ]
    states = ["pass"] * len(holding) + ["fail"] * len(broken)
    assert [str(state) for state in checks["state"]] == states


@pytest.mark.parametrize("by", ["status", "route"])
def test_by_any_column_adds_up(example: Example, by: str) -> None:
    report = apilog.report(
        example.log, openapi=[str(example.document)], tables=["coverage"], by=[by]
    )
    coverage = report.tables["coverage"]
    called = coverage.filter(pl.col("state") == "used").group_by("method", "route")
    assert _counts(called.agg(pl.col("requests").sum())) == example.planted.used


def test_by_tells_all_callers_of_all_operations(example: Example) -> None:
    report = apilog.report(
        example.log, openapi=[str(example.document)], tables=["coverage"], by=["consumer"]
    )
    coverage = report.tables["coverage"]
    called = coverage.filter(pl.col("state") == "used").group_by("method", "route")
    assert _counts(called.agg(pl.col("requests").sum())) == example.planted.used
    ended = coverage.filter("deprecated", pl.col("requests") > 0)
    found = ended.select("method", "route", "consumer", "requests").iter_rows()
    assert {row[:3]: row[3] for row in found} == example.planted.deprecated
