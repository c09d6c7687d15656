"""Service level objectives against counts made row by row, and wherever their table goes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings

import apilog
from apilog.aggregate import ReportPlan, finish, merge, partial, select_tables
from apilog.errors import UsageError
from apilog.own_metrics import own_definitions
from apilog.time import PeriodLength
from tests.commands import Run
from tests.examples import about
from tests.own_metrics.record_rows import ROWS, Row, records_of
from tests.weblog import SAMPLE_LOGS

LOG = SAMPLE_LOGS / "api.log"
DECLARED: dict[str, dict[str, object]] = {
    "available": {"objective": "60%", "good": "status < 500"},
    "quick": {"objective": 0.5, "good": "duration_ms < 100", "where": "route = '/checkout'"},
    "spotless": {"objective": "100%", "good": "status < 400"},
}


def is_available(row: Row) -> bool | None:
    return None if row["status"] is None else int(str(row["status"])) < 500


def is_quick(row: Row) -> bool | None:
    return None if row["duration_ms"] is None else float(str(row["duration_ms"])) < 100


def is_spotless(row: Row) -> bool | None:
    return None if row["status"] is None else int(str(row["status"])) < 400


@settings(max_examples=about(25))
@given(rows=ROWS)
def test_rows_are_good_bad_or_unknown(rows: list[Row]) -> None:
    definitions = own_definitions(DECLARED)
    tables = select_tables(["objectives"], definitions=definitions)
    plan = ReportPlan(tables=tables, definitions=definitions)
    frame = records_of(rows)
    states = [partial(plan, frame.head(7)), partial(plan, frame.slice(7))]
    found = finish(plan, merge(plan, states)).tables["objectives"].rows(named=True)
    told = zip(found, (is_available, is_quick, is_spotless), DECLARED.values(), strict=True)
    for values, judge, declared in told:
        judged = [judge(r) for r in rows if "where" not in declared or r["route"] == "/checkout"]
        share = {"60%": Fraction(3, 5), 0.5: Fraction(1, 2), "100%": Fraction(1)}
        missed = 1 - share[declared["objective"]]
        known = [each for each in judged if each is not None]
        bad, allowed = known.count(False), len(known) * missed
        assert values["requests"] == len(judged)
        assert values["unknown"] == len(judged) - len(known)
        assert values["bad"] == bad
        good = pytest.approx(known.count(True) / len(known)) if known else None
        assert values["good_ratio"] == good
        assert values["allowed_bad"] == pytest.approx(float(allowed))
        assert values["budget_used"] == (pytest.approx(float(bad / allowed)) if allowed else None)
        assert values["met"] == (bad <= allowed if known else None)


@pytest.mark.slow
def test_stores_hours_and_all_outputs_have_the_table(tmp_path: Path) -> None:
    apilog.ingest(LOG, store=tmp_path / "store", final=True)
    table = apilog.report(LOG, own_metrics=DECLARED).tables["objectives"]
    assert table["requests"][0] == 1500
    stored = apilog.report(tmp_path / "store", own_metrics=DECLARED, tables=["objectives"])
    assert stored.tables["objectives"].equals(table)
    to, hourly = tmp_path / "export", PeriodLength.HOUR
    apilog.export(LOG, to=to, every=hourly, format="json", own_metrics=DECLARED)
    hours = [json.loads(file.read_text())["tables"] for file in to.glob("*/report.json")]
    assert len(hours) > 10
    bad = {row["name"]: 0 for row in hours[0]["objectives"]}
    for hour in hours:
        for row in hour["objectives"]:
            bad[row["name"]] += row["bad"]
    assert bad == dict(table.select("name", "bad").iter_rows())
    with pytest.raises(UsageError, match="was exported with the objectives available, quick"):
        apilog.export(LOG, to=to, every=hourly, format="json")


SETTINGS = """\
[slo.available]
objective = "99.9%"
good = "status < 500"
[slo.rare]
objective = 50
good = "duration_ms < 300"
where = "method = 'PATCH'"
"""


def test_the_terminal_checks_and_pages_tell_of_objectives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apilog.toml").write_text(SETTINGS)
    text = run("report", LOG).text
    section = text[text.index("Objectives") : text.index("Traffic")]
    _, _, first, second, *_ = section.split("\n")
    assert first.split()[:7] == ["NO", "available", "99.9", "%", "97.4667", "%", "38"]
    assert second.split()[:6] == ["?", "rare", "50", "%", "–", "0"]
    checked = run("check", LOG, "-t", "available >= 99%", "-f", "json")
    assert json.loads(checked.text)["tables"]["checks"][0]["value"] == pytest.approx(1 - 38 / 1500)
    page = run("report", LOG, "-f", "html").text
    assert 'data-table="objectives"' in page
    lines = run("report", LOG, "-f", "prometheus", "--table", "objectives").text.splitlines()
    assert 'apilog_objectives_met{name="available"} 0' in lines
    assert run("metrics", "available").text.count("99.9 %") == 1


def test_without_objectives_there_is_no_table(run: Run) -> None:
    assert "objectives" not in apilog.report(LOG).tables
    refused = run("report", LOG, "--table", "objectives")
    assert "[slo.NAME]" in refused.stderr
