"""How often a threshold against a baseline of 20 000 requests is wrong, by simulation.

Identical traffic must fail in at most 1 % of runs at the defaults; twice a 1 % error rate at 5000
requests must be found in 95 %. For proportions the rate of false alarms is also added up exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from apilog.aggregate.ddsketch import GAMMA, bucket_of, bucket_value_ms
from apilog.checks import MetricSample, SubjectSamples, evaluate_threshold, parse_threshold
from apilog.checks.threshold import Threshold
from apilog.report_model import CheckState

BASELINE = 20_000
BINOMIAL_LIMIT = 0.0155
"""What 2000 runs exceed in 1 % of cases, where 1 % of them are false alarms."""


def errors(events: int, n: int) -> MetricSample:
    return MetricSample(value=events / n, size=n, events=events)


def fails(threshold: Threshold, current: MetricSample, base: MetricSample) -> bool:
    side, other = (SubjectSamples(samples={(): s}, total=s.size) for s in (current, base))
    (result,) = evaluate_threshold(threshold, side, other)
    assert result.state is not CheckState.INCONCLUSIVE
    return result.state is CheckState.FAIL


def alarms(
    threshold: Threshold,
    draw: Callable[[], MetricSample],
    base: Callable[[], MetricSample],
    runs: int,
) -> float:
    return sum(fails(threshold, draw(), base()) for _ in range(runs)) / runs


def binomial(seed: int, n: int, rate: float) -> Callable[[], MetricSample]:
    rng = np.random.default_rng(seed)
    return lambda: errors(int(rng.binomial(n, rate)), n)


@pytest.mark.parametrize("n", [100, pytest.param(1000, marks=pytest.mark.slow), 5000, 20_000])
@pytest.mark.parametrize("rate", [0.0005, 0.01, pytest.param(0.05, marks=pytest.mark.slow), 0.3])
def test_error_rates_of_identical_traffic(n: int, rate: float) -> None:
    threshold = parse_threshold("error_rate <= baseline")
    found = alarms(threshold, binomial(1, n, rate), binomial(2, BASELINE, rate), 2000)
    assert found <= BINOMIAL_LIMIT


@pytest.mark.parametrize("n", [100, 5000])
@pytest.mark.parametrize("rate", [0.001, 0.01])
def test_false_alarms_added_up_over_all_outcomes(n: int, rate: float) -> None:
    threshold = parse_threshold("error_rate <= baseline")
    chance = 0.0
    for x in _likely(n, rate):
        for y in _likely(BASELINE, rate):
            if fails(threshold, errors(x, n), errors(y, BASELINE)):
                chance += stats.binom.pmf(x, n, rate) * stats.binom.pmf(y, BASELINE, rate)
    assert 0 < chance <= 0.01


def _likely(n: int, rate: float) -> range:
    low, high = stats.binom.ppf([1e-6, 1 - 1e-6], n, rate)
    return range(int(low), int(high) + 1)


def test_a_doubled_error_rate_is_found() -> None:
    threshold = parse_threshold("error_rate <= baseline")
    found = alarms(threshold, binomial(3, 5000, 0.02), binomial(4, BASELINE, 0.01), 2000)
    assert found >= 0.95


def test_a_margin_is_not_exceeded_at_its_edge() -> None:
    threshold = parse_threshold("error_rate <= baseline + 0.5pp")
    at_edge = alarms(threshold, binomial(5, 5000, 0.015), binomial(6, BASELINE, 0.01), 2000)
    beyond = alarms(threshold, binomial(7, 5000, 0.03), binomial(8, BASELINE, 0.01), 500)
    assert at_edge <= 0.01
    assert beyond >= 0.95


def durations(seed: int, n: int, q: float | None, scale: float = 1.0) -> Callable[[], MetricSample]:
    """Durations as services have them: most short, some very long."""
    rng = np.random.default_rng(seed)

    def draw() -> MetricSample:
        values = rng.lognormal(3.5, 0.9, n) * scale
        found, counts = np.unique(np.ceil(np.log(values) / np.log(GAMMA)), return_counts=True)
        histogram = dict(zip(found.astype(int).tolist(), counts.tolist(), strict=True))
        value = float(values.mean())
        if q is not None:
            value = bucket_value_ms(
                bucket_of(float(np.partition(values, rank := int(q * (n - 1)))[rank]))
            )
        return MetricSample(value=value, size=n, histogram=histogram)

    return draw


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("latency_p50 <= baseline", 0.5),
        ("latency_p95 <= baseline", 0.95),
        ("latency_p99 <= baseline", 0.99),
        ("latency_mean <= baseline", None),
    ],
)
def test_latencies_of_identical_traffic_and_of_slower(text: str, q: float | None) -> None:
    threshold = parse_threshold(text)
    base = durations(10, BASELINE, q)
    found = alarms(threshold, durations(11, 2000, q), base, 400)
    slower = alarms(threshold, durations(12, 5000, q, 1.4), base, 60)
    assert found <= 0.01
    assert slower >= 0.95


def test_requests_of_identical_traffic() -> None:
    rng = np.random.default_rng(15)
    threshold = parse_threshold("request_rate >= baseline")

    def draw() -> MetricSample:
        n = int(rng.poisson(BASELINE))
        return MetricSample(value=n / 3600, size=n, events=n, seconds=3600.0)

    assert alarms(threshold, draw, draw, 1000) <= 0.01
