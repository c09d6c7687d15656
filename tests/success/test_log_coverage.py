"""What the log does not cover is unknown, and said; --since limits what is counted alone."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from apilog.developer_success import build_success_report
from apilog.developer_success.log_coverage import LogCoverage
from apilog.options import PlanTerms, SuccessOptions
from apilog.report_model import Report
from tests.examples import about
from tests.success.random_worlds import AS_OF, START, world, worlds, write
from tests.success.success_oracle import World
from tests.success.test_oracle import options, success_report

NOV = datetime(2026, 11, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return NOV + timedelta(days=number - 1)


def report_of(
    accounts: str, calls: list[tuple[datetime, str]], folder: Path, **more: object
) -> Report:
    table, log = folder / "accounts.csv", folder / "access.log"
    table.write_text(accounts)
    log.write_text(
        "".join(
            f'192.0.2.1 - {who} [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /v1 HTTP/1.1" 200 5 "-" "-"\n'
            for at, who in sorted(calls)
        )
    )
    wanted = SuccessOptions(accounts=str(table), as_of=day(20), **more)  # type: ignore[arg-type]
    return build_success_report([log], wanted)


@pytest.mark.slow
@settings(max_examples=about(3))
@given(worlds, st.integers(0, 90), st.integers(1, 60))
@example(world(9, 25, 300), 30, 20)
def test_since_and_until_do_not_change_what_is_known(one: World, start: int, days: int) -> None:
    whole = success_report(replace(one, since=None, until=None))
    since = START + timedelta(days=start)
    part = success_report(replace(one, since=since, until=since + timedelta(days=days)))
    for name in ("funnel", "onboarding", "onboarding_histogram", "bottlenecks", "trials"):
        assert_frame_equal(part.tables[name], whole.tables[name])
    for name in ("plans", "candidates", "poc", "retention"):
        assert_frame_equal(part.tables[name], whole.tables[name])
    requests = [r.tables["revenue"]["requests"][-1] for r in (part, whole)]
    assert requests[0] <= requests[1]


@pytest.mark.slow
def test_a_store_tells_what_was_before_since_too(tmp_path: Path) -> None:
    from apilog import ingest

    one = replace(world(10, 25, 300), since=AS_OF - timedelta(days=20), until=None)
    log, table = write(one, tmp_path)
    ingest(log, store=tmp_path / "store", final=True)
    reports = [build_success_report([s], options(one, table)) for s in (log, tmp_path / "store")]
    for name, frame in reports[0].tables.items():
        assert_frame_equal(reports[1].tables[name], frame)


def test_older_accounts_are_in_no_rate_and_noted(tmp_path: Path) -> None:
    accounts = (
        "account,signed_up_at\nold,2026-01-01\nidle,2026-02-01\nnew,2026-11-05\nnone,2026-11-06\n"
    )
    calls = [(day(n), "old") for n in range(1, 20)] + [(day(5.5), "new")]
    report = report_of(accounts, calls, tmp_path)
    first = report.tables["funnel"].row(1, named=True)
    assert (first["accounts"], first["at_risk"], first["reached"]) == (2, 2, 1)
    assert (first["rate"], first["median_hours"]) == (0.5, 12)
    assert report.tables["onboarding_histogram"]["accounts"].sum() == 2  # call and success of one
    assert report.tables["bottlenecks"]["accounts"].sum() == 2
    assert any("2 accounts signed up before the log begins (2026-11-01" in n for n in report.notes)


def test_a_log_that_ends_early_is_noted_and_its_weeks_are_unknown(tmp_path: Path) -> None:
    accounts = "account,signed_up_at\na,2026-10-26\nb,2026-11-15\n"
    report = report_of(accounts, [(day(n), "a") for n in range(-6, 4)], tmp_path)
    assert any("the log ends 16 days before the report is made" in note for note in report.notes)
    cells = report.tables["retention"].filter(pl.col("accounts") == 1)
    of_a = cells.filter(pl.col("cohort") == date(2026, 10, 26))
    assert of_a["active"].to_list() == [1, 1, None, None]
    assert of_a["complete"].to_list() == [True, False, False, False]
    # Of b, who signed up when the log had ended, nothing is known.
    assert report.tables["funnel"]["at_risk"][0] == 1


def test_a_week_without_any_record_is_a_hole_and_no_zero(tmp_path: Path) -> None:
    calls = [(day(n), "a") for n in (-6, -5, 9, 10, 16)]
    report = report_of("account,signed_up_at\na,2026-10-26\n", calls, tmp_path)
    assert report.tables["retention"]["active"].to_list() == [1, None, 1, 1]


@pytest.mark.parametrize(("days", "idle"), [(1, None), (20, None), (28, 1), (40, 1)])
def test_who_hardly_uses_a_plan_is_known_of_a_month_only(
    tmp_path: Path, days: int, idle: int | None
) -> None:
    calls = [(day(20) - timedelta(hours=n), "busy") for n in range(1, 24 * days, 2)]
    accounts = "account,signed_up_at,plan\nbusy,2026-01-01,pro\nidle,2026-01-01,pro\n"
    report = report_of(accounts, calls, tmp_path, plans={"pro": PlanTerms(quota=300)})
    assert report.tables["plans"]["hardly_used"].to_list() == [idle]
    candidates = report.tables["candidates"].select("account", "candidate_for").rows()
    assert (("idle", "churn") in candidates) is bool(idle)
    # Who has used the plan up within a part of the month has used it up.
    assert (("busy", "upgrade") in candidates) is (days >= 20)
    assert any("who hardly uses a plan is unknown" in n for n in report.notes) is (idle is None)


def test_an_account_of_which_only_later_calls_are_known_is_not_there_yet(tmp_path: Path) -> None:
    accounts = (
        "account,signed_up_at,converted_at\na,2026-11-01,\nlater,,\npaid,,2026-11-03\nidle,,\n"
    )
    calls = [(day(2), "a"), (day(25), "later"), (day(25), "paid")]
    report = report_of(accounts, calls, tmp_path)
    assert report.tables["revenue"]["accounts"][-1] == 3
    assert "1 account signed up after 2026-11-20 00:00 UTC: left out" in report.notes


def test_calls_of_trials_before_the_log_are_unknown(tmp_path: Path) -> None:
    head = "account,signed_up_at,trial_kind,trial_started_at,trial_ends_at,converted_at\n"
    old = [
        f"old{n},2026-01-01,x,2026-01-01,2026-01-15,{'2026-01-09' if n else ''}" for n in range(4)
    ]
    new = "new,2026-11-02,x,2026-11-02,2026-11-16,\n"
    calls = [(day(n), "new") for n in range(1, 20)]
    report = report_of(head + "\n".join(old) + "\n" + new, calls, tmp_path)
    row = report.tables["trials"].row(0, named=True)
    assert (row["started"], row["converted"]) == (5, 3)
    assert (row["requests_per_account"], row["requests_per_account_lost"]) == (14, 14)
    assert row["requests_per_account_converted"] is row["requests_p_value"] is None
    assert any("4 trials began before the log" in note for note in report.notes)


@pytest.mark.parametrize("cohort", ["week", "month"])
def test_a_stray_line_of_long_ago_is_not_where_the_log_begins(tmp_path: Path, cohort: str) -> None:
    stray = (datetime(1970, 1, 1, tzinfo=UTC), "b")
    calls = [stray, *((day(n), "a") for n in range(1, 20))]
    report = report_of("account,signed_up_at\na,2026-01-01\n", calls, tmp_path, cohort=cohort)
    assert report.tables["funnel"]["at_risk"][0] == 0
    assert any("1 account signed up before the log begins (2026-1" in n for n in report.notes)
    assert report.since is not None
    assert timedelta() <= day(1) - report.since < timedelta(days=31)


def test_a_window_beyond_the_log_has_no_calls_and_no_end_before_its_start(tmp_path: Path) -> None:
    calls = [(day(n), "a") for n in range(1, 5)]
    after = report_of("account\na\n", calls, tmp_path, since=day(10))
    before = report_of("account\na\n", calls, tmp_path, until=day(-3))
    assert (after.since, after.until) == (day(10), None)
    assert (before.since, before.until) == (None, day(-3))
    assert after.tables["revenue"]["requests"][-1] == before.tables["revenue"]["requests"][-1] == 0


def test_coverage_of_nothing() -> None:
    nothing = LogCoverage(first=None, last=None, as_of=NOV)
    assert (nothing.begins, nothing.ends, nothing.counted) == (None, None, None)
    assert nothing.share_of(NOV - timedelta(days=1), NOV) == 0


def test_revenue_and_calls_are_of_the_same_time() -> None:
    with tempfile.TemporaryDirectory() as folder:
        accounts = (
            "account,signed_up_at,converted_at,churned_at,mrr\n"
            "all,2026-01-01,2026-02-01,,300\n"
            "half,2026-01-01,2026-11-13,,300\n"
            "left,2026-01-01,2026-02-01,2026-11-11,300\n"
            "gone,2026-01-01,2026-02-01,2026-03-01,300\n"
        )
        calls = [(day(10) + timedelta(hours=n), "all") for n in range(6 * 24 + 1)]
        report = report_of(accounts, calls, Path(folder))
        # Six, three and one of the days from the 10th to the 16th, at 10 a day.
        (paid,) = report.tables["revenue"]["revenue_per_1000_requests"].tail(1).to_list()
        assert paid == pytest.approx((60 + 30 + 10) / 145 * 1000)
        shorter = report_of(accounts, calls[:24], Path(folder))
        assert shorter.tables["revenue"]["revenue_per_1000_requests"].to_list() == [None, None]
