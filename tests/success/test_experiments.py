"""Verdicts on experiments: direction and p-value are of one quantity, and splits may be planned."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from apilog.developer_success import build_success_report
from apilog.developer_success.tables.experiments import parse_split
from apilog.errors import UsageError
from apilog.options import SuccessOptions
from apilog.report_model import Report
from tests.success.random_worlds import world, write
from tests.success.success_oracle import Call, Row, World
from tests.success.test_oracle import options

START = datetime(2026, 11, 1, tzinfo=UTC)


def experiment(
    calls: Sequence[tuple[str, int]],
    folder: Path,
    *,
    min_accounts: int = 100,
    split: str | None = None,
) -> Report:
    """The report on accounts, each with its variant and number of calls."""
    template = world(1, 1, 0).accounts[0] | dict.fromkeys(
        ("trial_started_at", "trial_ends_at", "converted_at", "churned_at", "mrr_before", "mrr")
    )
    accounts: list[Row] = []
    requests: list[Call] = []
    for number, (variant, count) in enumerate(calls):
        name = f"{variant}{number}"
        accounts.append(
            template
            | {"account": name, "consumers": [], "signed_up_at": START, "variant": variant}
            | {"poc_started_at": None, "poc_completed_at": None}
        )
        requests += [Call(START + timedelta(minutes=i), name, 200, 5.0) for i in range(count)]
    one = World(accounts, requests, START + timedelta(days=9), min_accounts=min_accounts)
    log, table = write(one, folder)
    return build_success_report([log], options(one, table, split=split))


def row_of(report: Report, metric: str) -> Row:
    table = report.tables["experiments"]
    wanted = (pl.col("metric") == metric) & (pl.col("verdict") != "control")
    return table.filter(wanted).row(0, named=True)


@pytest.mark.slow
@pytest.mark.parametrize("heavy", [2, 7])
def test_a_few_that_call_without_end_do_not_make_most_better(tmp_path: Path, heavy: int) -> None:
    calls = [("A", 10)] * 120 + [("B", 5)] * (120 - heavy) + [("B", 900)] * heavy
    report = experiment(calls, tmp_path)
    row = row_of(report, "requests_per_account")
    assert row["value"] > 10
    assert (row["verdict"], row["lift"], row["typical"]) == ("worse", -0.5, 5)
    assert row["high"] < 0
    assert row["superiority"] == pytest.approx(heavy / 120)
    note = "is lower for most accounts of B, but higher for all of them together"
    assert any(note in text for text in report.notes)


@pytest.mark.slow
def test_many_more_of_one_side_are_uneven_unless_planned(tmp_path: Path) -> None:
    calls = [("new", 20)] * 20 + [("control", 8)] * 180
    uneven = experiment(calls, tmp_path, min_accounts=20)
    assert row_of(uneven, "activation")["verdict"] == "uneven split"
    assert any("--split" in note for note in uneven.notes)
    for split in ("90:10", "control=9,new=1", "new=10%, control=90%"):
        planned = row_of(experiment(calls, tmp_path, min_accounts=20, split=split), "activation")
        assert (planned["verdict"], planned["split_p_value"]) == ("better", 1)
    # Planned the other way round, the control being named.
    other = experiment(calls, tmp_path, min_accounts=20, split="10:90")
    assert row_of(other, "activation")["verdict"] == "uneven split"


def test_what_nobody_of_the_control_does_is_judged(tmp_path: Path) -> None:
    report = experiment([("A", 1)] * 100 + [("B", 1)] * 70 + [("B", 10)] * 30, tmp_path)
    row = row_of(report, "activation")
    assert (row["lift"], row["verdict"]) == (None, "better")


@pytest.mark.parametrize(
    "text", ["", "90", "90:10:0", "90:-10", "a:b", "control=90", "control=90,other=10", "90:10:5"]
)
def test_splits_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--split"):
        parse_split(text, ["control", "new"])


def test_the_control_of_a_group_is_that_of_all(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    rows = [f"a{i},{'AB'[i % 2]},one" for i in range(8)] + ["a8,B,two", "a9,C,two"]
    table.write_text("\n".join(["account,variant,team", *rows]))
    log = tmp_path / "access.log"
    log.write_text('192.0.2.1 - a1 [02/Nov/2026:10:00:00 +0000] "GET /v1 HTTP/1.1" 200 5 "-" "-"\n')
    report = build_success_report(
        [log], SuccessOptions(accounts=str(table), by=["team"], as_of="2026-11-03")
    )
    two = report.tables["experiments"].filter(pl.col("team") == "two")
    assert not two["p_value"].count()
    assert "control" not in two["verdict"]


@pytest.mark.slow
def test_equal_variants_are_rarely_told_apart(tmp_path: Path) -> None:
    """Heavy tails and a split of 4 to 1: each verdict is wrong in about 5 % of tables at most."""
    rng = random.Random(8)
    rounds, wrong = 30, 0
    for _ in range(rounds):
        calls = [
            ("A" if i % 5 else "B", 1 + round(rng.lognormvariate(0.8, 1.3))) for i in range(250)
        ]
        report = experiment(calls, tmp_path, min_accounts=20, split="80:20")
        wrong += not {"better", "worse"}.isdisjoint(report.tables["experiments"]["verdict"])
    # 5 % of 30, and four standard errors.
    assert wrong <= 6
