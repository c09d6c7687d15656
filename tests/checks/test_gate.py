"""The gate: endpoints that vanish fail, fewer errors don't, and a log is not its own baseline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import apilog
from apilog.report_model import CheckState
from tests.checks.traffic_logs import log, traffic
from tests.commands import Run
from tests.weblog import line

DAY = 86_400


def requests(path: str, good: int, bad: int = 0, **more: Any) -> Iterator[str]:
    """Some successes, then some requests that are answered 404."""
    total = good + bad
    return traffic(total, bad, path=path, **{"status": 404, "start": DAY, **more})


@pytest.fixture(scope="module")
def good_day(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The baseline of a day with two endpoints."""
    before = log(
        tmp_path_factory.mktemp("before") / "before.log",
        requests("/v1/orders", 600, start=0),
        requests("/v1/users", 1400, start=0),
    )
    return apilog.baseline(before).text


@pytest.fixture
def baseline(tmp_path: Path, good_day: str) -> Path:
    file = tmp_path / "baseline.json"
    file.write_text(good_day)
    return file


def states(path: Path, *thresholds: str, **options: Any) -> dict[str | None, str]:
    """The state of each route."""
    table = apilog.check(path, thresholds=thresholds, **options).report.tables["checks"]
    return dict(table.select("route", "state").rows())


LOST = {"/v1/orders": "fail", "/v1/users": "pass"}


LIMITS = [
    "error_rate <= baseline + 1pp for each route",
    "error_rate < 5% for each route",
    "client_error_rate <= baseline * 2 for each route",
    "latency_p95 <= baseline * 2 for each route",
    "latency_mean < 10s for each route",
    "server_error_rate <= baseline + 1pp for each route",
]


@pytest.mark.parametrize("threshold", LIMITS)
def test_an_endpoint_that_is_gone_fails(tmp_path: Path, baseline: Path, threshold: str) -> None:
    gone = log(tmp_path / "a.log", requests("/v1/orders", 0, 600), requests("/v1/users", 1400))
    assert states(gone, threshold, baseline=baseline) == LOST


def test_endpoints_that_are_there_pass(tmp_path: Path, baseline: Path) -> None:
    whole = log(tmp_path / "b.log", requests("/v1/orders", 600), requests("/v1/users", 1400))
    checked = apilog.check(whole, thresholds=LIMITS, baseline=baseline)
    assert set(checked.report.tables["checks"]["state"]) == {"pass"}


def test_an_endpoint_is_gone_by_method_too(tmp_path: Path, baseline: Path) -> None:
    gone = log(tmp_path / "a.log", requests("/v1/orders", 0, 600), requests("/v1/users", 1400))
    text = "latency_p95 <= baseline * 2 for each method, route"
    checked = apilog.check(gone, thresholds=[text], baseline=baseline)
    (failed,) = [
        row for row in checked.report.tables["checks"].to_dicts() if row["state"] == "fail"
    ]
    assert (failed["method"], failed["route"]) == ("GET", "/v1/orders")
    assert failed["reason"] == "all 600 requests failed, 0 of 600 in the baseline"


def test_a_route_that_is_gone_is_named_where_no_threshold_is_about_routes(
    tmp_path: Path, baseline: Path
) -> None:
    gone = log(tmp_path / "a.log", requests("/v1/orders", 0, 600), requests("/v1/users", 1400))
    checked = apilog.check(gone, thresholds=["latency_p95 < 10s"], baseline=baseline)
    assert checked.state is CheckState.PASS
    (note,) = checked.report.notes
    assert note.startswith("/v1/orders: all 600 requests failed, 0 of 600 in the baseline;")


def test_a_quiet_route_that_is_gone_is_named(tmp_path: Path, baseline: Path) -> None:
    gone = log(tmp_path / "a.log", requests("/v1/orders", 0, 50), requests("/v1/users", 1400))
    text = "error_rate <= baseline for each route"
    checked = apilog.check(gone, thresholds=[text], baseline=baseline)
    assert checked.state is CheckState.PASS
    (note,) = checked.report.notes
    assert note.startswith("/v1/orders: all 50 requests failed, 0 of 600 in the baseline;")
    assert note.endswith("--min-requests 100 lets that pass")
    fewer = apilog.check(gone, thresholds=[text], baseline=baseline, min_requests=50)
    assert fewer.state is CheckState.FAIL
    assert not fewer.report.notes


def test_an_earlier_time_of_the_same_sources_knows_routes_too(tmp_path: Path) -> None:
    both = log(
        tmp_path / "a.log",
        *(requests("/v1/orders", 600, start=0), requests("/v1/users", 1400, start=0)),
        *(requests("/v1/orders", 0, 600), requests("/v1/users", 1400)),
    )
    text = "error_rate <= baseline for each route"
    assert states(both, text, baseline_until="2026-11-21T00:00Z") == LOST


def test_a_declared_route_and_one_that_another_threshold_names_are_there(tmp_path: Path) -> None:
    gone = log(tmp_path / "a.log", requests("/v1/orders", 0, 600), requests("/v1/users", 1400))
    text = "error_rate < 5% for each route"
    assert states(gone, text) == {"/v1/users": "pass"}
    assert states(gone, text, routes=["/v1/orders"]) == LOST
    named = 'requests{route="/v1/orders"} > 1'
    table = apilog.check(gone, thresholds=[text, named]).report.tables["checks"]
    assert ("/v1/orders", "fail") in table.select("route", "state").rows()


def test_busy_routes_that_nobody_found_are_named(tmp_path: Path) -> None:
    gone = log(
        tmp_path / "a.log",
        *(requests("/v1/orders", 0, 600), requests("/v1/users", 1400)),
        requests("/.env", 0, 99),
    )
    notes = apilog.check(gone, thresholds=["error_rate < 5% for each route"]).report.notes
    (note,) = [note for note in notes if "--route" in note]
    assert "all 600 requests to /v1/orders were answered 404" in note
    assert not [n for n in apilog.check(gone, thresholds=["errors > 1"]).report.notes if "40" in n]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 0), (1, 1), (2, 0), (0, 2)])
def test_there_is_no_jump_between_no_success_and_one(
    tmp_path: Path, before: int, after: int
) -> None:
    """One method of a route is answered 404, but for a few of its requests."""
    logs = [
        log(
            tmp_path / f"{name}.log",
            traffic(500, 0, path="/webhooks", method="POST", start=start),
            requests("/webhooks", good, 300 - good, start=start),
        )
        for name, good, start in (("before", before, 0), ("after", after, DAY))
    ]
    file = tmp_path / "baseline.json"
    file.write_text(apilog.baseline(logs[0]).text)
    for text in ("error_rate <= baseline for each route", 'errors{method="GET"} < 301'):
        state = apilog.check(logs[1], thresholds=[text], baseline=file).state
        assert state is CheckState.PASS, text


def test_a_route_folds_by_all_requests_not_by_those_that_a_threshold_chooses(
    tmp_path: Path,
) -> None:
    source = log(
        tmp_path / "a.log",
        traffic(500, 0, path="/webhooks", method="POST"),
        traffic(300, 300, path="/webhooks", status=404),
        traffic(300, 300, path="/scanned", status=404),
    )
    text = 'error_rate{method="GET"} < 5% for each route'
    assert states(source, text) == {"/webhooks": "fail"}


def test_both_sides_of_a_comparison_fold_alike(tmp_path: Path) -> None:
    a = log(tmp_path / "a.log", requests("/x", 0, 300), requests("/y", 300))
    b = log(tmp_path / "b.log", requests("/x", 1, 299), requests("/y", 300))
    tables = apilog.compare([a, b]).report.tables
    assert tables["changed"].is_empty()
    assert "/x" in tables["comparison"]["route"].to_list()


def second(after: float, count: int = 1) -> Iterator[str]:
    """Requests of one second."""
    return (line("/v1/users", after=after) for _ in range(count))


def is_refused(tmp_path: Path, before: Iterator[str] | str, after: Iterator[str]) -> bool:
    """Whether lines can't be checked against a baseline of earlier ones, or one that was made."""
    file = tmp_path / "base.json"
    if not isinstance(before, str):
        before = apilog.baseline(log(tmp_path / "before.log", before)).text
    file.write_text(before)
    later = log(tmp_path / "after.log", after)
    try:
        apilog.check(later, thresholds=["error_rate <= baseline"], baseline=file)
    except apilog.UsageError as error:
        return "overlap in time" in str(error)
    return False


def evenly(first: float, last: float, count: int = 400) -> Iterator[str]:
    """Requests from one second to another, both included."""
    yield from traffic(count - 1, 0, start=first, seconds=last - first)
    yield from second(last)


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The baseline of an hour."""
    return apilog.baseline(log(tmp_path_factory.mktemp("hour") / "a.log", evenly(0, 3600))).text


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        *((0, 3600, True), (1800, 5400, True), (-1800, 1800, True), (600, 1200, True)),
        *((-600, 9000, True), (3600, 7200, False), (-3600, 0, False), (4000, 9000, False)),
        *((3590, 7200, False), (3500, 7200, True), (-3600, 10, False), (-3600, 100, True)),
    ],
)
def test_a_log_of_the_time_of_the_baseline_is_refused(
    tmp_path: Path, hour: str, first: float, last: float, expected: bool
) -> None:
    assert is_refused(tmp_path, hour, evenly(first, last)) is expected


@pytest.mark.parametrize(("after", "expected"), [(10, True), (9, False), (11, False), (20, False)])
def test_requests_of_one_second_may_be_those_of_the_baseline(
    tmp_path: Path, after: float, expected: bool
) -> None:
    assert is_refused(tmp_path, second(10, 5), second(after, 5)) is expected
    if after == 20:
        assert is_refused(tmp_path, evenly(0, 3600), second(after, 5))
        assert is_refused(tmp_path, second(after, 5), evenly(0, 3600))


def test_a_baseline_without_times_overlaps_nothing(tmp_path: Path, baseline: Path) -> None:
    document = json.loads(baseline.read_text())
    untimed = dict.fromkeys(("since", "until", "first", "last"))
    baseline.write_text(json.dumps({**document, **untimed}))
    later = log(tmp_path / "after.log", requests("/v1/users", 1400))
    text = "error_rate <= baseline"
    assert apilog.check(later, thresholds=[text], baseline=baseline).state is CheckState.PASS


@pytest.mark.slow
def test_a_wrong_clock_shares_nothing(tmp_path: Path) -> None:
    stray = [line("/v1/users", after=-300 * DAY)]
    assert not is_refused(tmp_path, evenly(0, 3600), iter([*stray, *evenly(DAY, DAY + 3600)]))
    assert not is_refused(tmp_path, iter([*stray, *evenly(0, 3600)]), evenly(DAY, DAY + 3600))


def checked(run: Run, *argv: object) -> tuple[int, dict[str, Any], str]:
    result = run("check", *argv, "-f", "json")
    return result.code, json.loads(result.stdout), result.stderr


FIRST = ["-t", "error_rate <= baseline", "-t", "error_rate <= baseline for each route"]
KEPT = [*FIRST, "--baseline", "base.json", "--baseline-optional", "--update-baseline"]


@pytest.fixture
def days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Logs of days: two alike, one that is worse, one like the first."""
    monkeypatch.chdir(tmp_path)
    for day, errors in enumerate((20, 21, 400, 20)):
        log(tmp_path / f"{day}.log", traffic(2000, errors, start=day * DAY, seed=day))
    return tmp_path


@pytest.mark.slow
def test_a_first_run_passes_and_each_good_one_is_the_next_baseline(days: Path, run: Run) -> None:
    code, document, notes = checked(run, "0.log", *KEPT)
    assert (code, document["state"]) == (0, "pass")
    assert {row["reason"] for row in document["tables"]["checks"]} == {"no baseline yet"}
    assert "there is no baseline base.json yet: 2 thresholds are compared with nothing" in notes
    assert "base.json is now the baseline of these requests" in notes
    first = (days / "base.json").read_text()
    assert first == run("baseline", "0.log").text

    code, document, notes = checked(run, "1.log", *KEPT)
    assert (code, document["state"]) == (0, "pass")
    assert document["tables"]["checks"][0]["baseline"] == 0.01
    second = (days / "base.json").read_text()
    assert second == run("baseline", "1.log").text

    code, document, notes = checked(run, "2.log", *KEPT)
    assert (code, document["state"]) == (1, "fail")
    assert "base.json is as it was: the check did not pass" in notes
    assert (days / "base.json").read_text() == second
    # Run again, the log of the baseline is refused.
    assert run("check", "1.log", *KEPT).code == 2


@pytest.mark.slow
def test_a_first_run_passes_nothing_else(days: Path, run: Run) -> None:
    for text, code in (("error_rate < 0.1%", 1), ('requests{route="/x"} > 1', 1)):
        assert run("check", "0.log", *KEPT, "-t", text).code == code
    assert run("check", "0.log", *KEPT, "--min-requests", "3000").code == 3
    (days / "empty.log").write_text("")
    assert run("check", "empty.log", *KEPT).code == 3
    assert run("check", "0.log", "none.log", *KEPT).code == 2
    assert not (days / "base.json").exists()


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["--baseline-optional"], "--baseline-optional is about a file"),
        (["--update-baseline"], "--update-baseline is about a file"),
        (["--update-baseline", "--baseline", "base.json"], "can't read the baseline base.json"),
        (["--baseline-optional", "--update-baseline", "--baseline", "no/b.json"], "no folder no"),
        (
            ["--baseline-optional", "--baseline", "b.json", "-t", "errors < baseline for each api"],
            "does not keep errors by api",
        ),
    ],
)
def test_what_can_not_begin_is_refused(days: Path, run: Run, argv: list[str], problem: str) -> None:
    result = run("check", "0.log", "-t", "error_rate < 5%", *argv)
    assert result.code == 2
    assert problem in result.stderr


@pytest.mark.parametrize(
    ("argv", "code", "state"),
    [
        (["-t", "error_rate < 5%"], 0, "pass"),
        (["-t", "error_rate < 5%", "-t", "requests > 5000"], 1, "fail"),
        (["-t", "error_rate < 5%", "--min-requests", "9000"], 3, "inconclusive"),
        (["-t", "error_rate < 5%", "--min-requests", "9000", "--inconclusive", "pass"], 0, "pass"),
        (["-t", "error_rate < 5%", "--min-requests", "9000", "--inconclusive", "fail"], 1, "fail"),
    ],
)
def test_the_document_says_what_the_exit_code_does(
    days: Path, run: Run, argv: list[str], code: int, state: str
) -> None:
    found = checked(run, "0.log", *argv)
    assert (found[0], found[1]["state"]) == (code, state)
    assert [*found[1]][:5] == ["apilog", "filters", "window", "state", "input"]
