"""What the page's script makes of its sums under a filter is what the command prints for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import apilog
import apilog.render.html
import apilog.report_model
from tests.page.drawing import SOURCES, STEP, asked, drawn, edges_of, embedded, random_filters

HTML = Path(apilog.render.html.__file__).parent
RUNNER = Path(__file__).with_name("run_filters.js")

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("node") is None, reason="the page's script runs in node here"),
]

TABLES = {"overview", "gateways", "traffic", "endpoints", "statuses", "errors", "latency"}
NEVER_TOLD = {"overview": {"clients"}}
"""Columns that can't be added up."""
VARIATIONS: dict[str, dict[str, Any]] = {
    "all": {},
    "few routes": {"max_routes": 4},
    "few rows": {"top": 3},
    "a zone": {"tz": "Europe/Berlin"},
    "known routes": {"routes": ["/v1/orders/{number}", "/.env"]},
    "a part": {"since": "2026-11-20T06:30", "where_of_page": "method = 'GET'"},
    "other keys": {"by": ["host", "status"]},
    "own metrics": {
        "apdex": "50ms",
        "metrics": ["ok_share", "all_share", "slow"],
        "own_metrics": {
            "ok_share": {"numerator": "status < 300", "denominator": "method = 'GET'"},
            "all_share": {"numerator": "status = 200"},
            "slow": {"sum": "duration_ms > 50"},
        },
    },
}


def filtered(report: apilog.report_model.Report, filters: list[dict[str, str]]) -> list[Any]:
    """What the script makes of the page of that report."""
    page = drawn(report)
    tables = json.loads(embedded(page, "page"))["tables"]
    limits = (report.filters.since, report.filters.until)
    micros = [None if m is None else round(m.timestamp() * 1e6) for m in limits]
    asked_of_it = {
        "text": embedded(page, "sums"),
        "tables": tables,
        "filters": filters,
        "given": dict(zip(("since", "until"), micros, strict=True)),
    }
    done = subprocess.run(
        ["node", str(RUNNER), str(HTML)],
        input=json.dumps(asked_of_it),
        capture_output=True,
        text=True,
        check=True,
    )
    results: list[Any] = json.loads(done.stdout)
    return results


def assert_equal(result: Any, expected: dict[str, Any], told: set[str]) -> None:
    assert result["problems"] == []
    for name in told:
        found = result["tables"][name]
        unknown = NEVER_TOLD.get(name, set())
        assert found["undecided"] is not True, name
        assert set(found["undecided"]) <= unknown, name
        assert len(found["rows"]) == len(expected[name]), name
        for row, right in zip(found["rows"], expected[name], strict=True):
            assert row | dict.fromkeys(unknown) == right | dict.fromkeys(unknown), name


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIATIONS)
def test_filters_give_the_tables_of_the_command(stored: list[str], name: str) -> None:
    options = dict(VARIATIONS[name])
    where, since = options.pop("where_of_page", None), options.pop("since", None)
    report = apilog.report(stored, bucket=STEP, for_page=True, where=where, since=since, **options)
    filters = random_filters(report, 4, seed=len(name))
    for state, result in zip(filters, filtered(report, filters), strict=True):
        both = {"since": since, **state} if since else state
        if where is None:
            expected = asked(stored, both, **options)
        else:
            expected = asked_with(stored, where, both)
        assert_equal(result, expected, {*TABLES, "consumers"})


def asked_with(sources: list[str], where: str, state: dict[str, str]) -> dict[str, Any]:
    """The tables for a filter on top of a condition of the page."""
    from tests.page import drawing

    condition = drawing.condition_of(state)
    both = f"({where}) AND {condition}" if condition else where
    report = apilog.report(
        sources, bucket=STEP, since=state.get("since"), until=state.get("until"), where=both
    )
    told: dict[str, Any] = json.loads(drawn(report, "json"))["tables"]
    return told


@pytest.mark.slow
def test_an_odd_filter_gives_no_figure_at_all() -> None:
    report = apilog.report(SOURCES[0], bucket=STEP, for_page=True)
    edges = edges_of(report)
    odd = [
        {"since": edges[0].replace(":00:00", ":10:00")},
        {"since": "yesterday"},
        {"since": edges[3], "until": edges[3]},
        {"status": "5"},
    ]
    for result in filtered(report, odd):
        assert result["problems"]
        assert all(t == {"rows": [], "undecided": True} for t in result["tables"].values())
    (nothing,) = filtered(report, [{"route": "/nowhere"}])
    assert nothing["tables"]["endpoints"]["rows"] == []
    assert nothing["tables"]["overview"]["rows"][0]["requests"] == 0
    assert nothing["tables"]["overview"]["rows"][0]["error_rate"] is None
