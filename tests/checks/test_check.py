"""A whole check over a log: what it reports, and thresholds on what others measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.aggregate.ddsketch import bucket_value_ms
from apilog.checks import (
    DecisionPolicy,
    MetricCatalogue,
    MetricSample,
    SubjectSamples,
    evaluate_threshold,
    parse_threshold,
)
from apilog.checks.check import plan_check, run_check
from apilog.metrics import Metric, MetricKind, Unit
from apilog.options import CheckOptions
from apilog.report_model import CheckState
from tests.checks.traffic_logs import log, traffic

CONVERSION = Metric(
    name="trial_conversion_rate",
    unit=Unit.RATIO,
    definition="Trials that converted.",
    kind=MetricKind.PROPORTION,
    better="higher",
)
TRIALS = MetricCatalogue(metrics={CONVERSION.name: CONVERSION}, columns=("trial_kind",))


@pytest.mark.parametrize(
    ("converted", "state"),
    [(30, CheckState.PASS), (10, CheckState.FAIL), (None, CheckState.INCONCLUSIVE)],
)
def test_thresholds_on_what_others_measured(
    tmp_path: Path, converted: int | None, state: CheckState
) -> None:
    path = log(tmp_path / "access.log", traffic(200, 0))
    errors = parse_threshold("error_rate < 1%")
    trials = parse_threshold('trial_conversion_rate{trial_kind="reverse"} >= 20%', (TRIALS,))
    size = 0 if converted is None else 100
    value = None if converted is None else converted / size
    sample = MetricSample(value=value, size=size, events=converted)
    elsewhere = {trials: SubjectSamples(samples={(): sample}, total=300)}
    checked = run_check([path], plan_check([errors, trials], CheckOptions()), elsewhere)
    assert checked.state is state
    rows = checked.report.tables["checks"]
    assert rows["state"].to_list() == ["pass", state.value]
    assert rows["trial_kind"].to_list() == [None, "reverse"]
    assert rows["value"].to_list() == [0.0, value]


def test_what_is_in_no_value_is_told(tmp_path: Path) -> None:
    path = log(
        tmp_path / "access.log",
        traffic(200, 0),
        traffic(7, 7, path="/wp-login.php", status=404, seed=2),
    )
    thresholds = [parse_threshold("error_rate < 1% for each route")]
    checked = run_check([path], plan_check(thresholds, CheckOptions()))
    assert checked.state is CheckState.PASS
    assert checked.report.notes == (
        "7 requests have no route of their own: no `for each` is about them",
    )


COUNTS = st.integers(0, 3_000)


@st.composite
def samples(draw: st.DrawFn) -> MetricSample:
    """Of a latency and of a proportion at once, so that any threshold can read it."""
    histogram = draw(st.dictionaries(st.integers(-300, 500), st.integers(1, 500), max_size=5))
    size = sum(histogram.values())
    value = bucket_value_ms(draw(st.sampled_from(sorted(histogram)))) if histogram else None
    return MetricSample(
        value=value, size=size, events=draw(st.integers(0, size)), histogram=histogram, seconds=60.0
    )


LIMITS = st.sampled_from(["baseline", "baseline * 1.5", "baseline + 10", "baseline - 1", "50"])
METRICS = st.sampled_from(
    ["latency_p50", "latency_p99", "latency_mean", "requests", "request_rate"]
)


@given(samples(), samples(), METRICS, st.sampled_from(["<", "<=", ">", ">="]), LIMITS, COUNTS)
def test_verdicts_are_consistent(
    current: MetricSample, base: MetricSample, metric: str, operator: str, limit: str, least: int
) -> None:
    threshold = parse_threshold(f"{metric} {operator} {limit}")
    side, other = (SubjectSamples(samples={(): s}, total=s.size) for s in (current, base))
    results = evaluate_threshold(threshold, side, other, DecisionPolicy(min_requests=least))
    (result,) = results
    assert CheckState.overall(r.state for r in results) is result.state
    assert result.p_value is None or 0 <= result.p_value <= 1
    if result.state is CheckState.INCONCLUSIVE:
        assert result.reason
        return
    assert current.size
    assert result.value is not None
    assert result.limit is not None
    holds = threshold.operator.holds(result.value, result.limit)
    if result.state is CheckState.FAIL:
        assert not holds
        assert result.p_value is None or result.p_value < 0.01
    elif not holds:
        assert result.reason == (
            "chance alone may put it beyond the limit"
            if limit == "50"
            else "chance alone may make the difference"
        )


@given(st.integers(1, 3_000), st.integers(1, 3_000), st.data())
def test_error_rates_are_compared_both_ways(n: int, m: int, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    side, other = (
        SubjectSamples(samples={(): MetricSample(value=k / size, size=size, events=k)}, total=size)
        for k, size in ((x, n), (y, m))
    )
    for text in (
        "error_rate <= baseline + 1pp",
        "error_rate >= baseline * 0.9",
        "error_rate < baseline",
    ):
        (result,) = evaluate_threshold(
            parse_threshold(text), side, other, DecisionPolicy(min_requests=0)
        )
        assert result.state is not CheckState.INCONCLUSIVE
        assert result.p_value is not None
        assert 0 <= result.p_value <= 1
        assert result.low is not None
        assert result.high is not None
        assert result.low <= x / n - y / m <= result.high
