"""How often a threshold is wrong, by simulation.

Identical traffic must fail in at most 1 % of runs at the defaults, in at most 2 % where it wanders,
and what docs/checks.md says is found in four of five runs must be. For proportions the rate of
false alarms is also added up exactly. Rates of runs are held against 1 % within their own chance.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from apilog.aggregate.ddsketch import GAMMA, bucket_of, bucket_value_ms
from apilog.checks import MetricSample, SubjectSamples, evaluate_threshold, parse_threshold
from apilog.checks.samples import SampleKey
from apilog.checks.threshold import Threshold
from apilog.checks.time_slices import TimeSlices
from apilog.report_model import CheckState
from apilog.statistics.dispersion import SliceCount
from apilog.time import TimeWindow

BASELINE = 20_000


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


@pytest.mark.parametrize(
    ("n", "rate"),
    [
        *((5000, 0.01), (100, 0.0005), (1000, 0.0005), (20_000, 0.0005)),
        *((100, 0.01), (1000, 0.05), (20_000, 0.05), (100, 0.3), (5000, 0.3)),
    ],
)
def test_error_rates_of_identical_traffic(n: int, rate: float) -> None:
    threshold = parse_threshold("error_rate <= baseline")
    found = alarms(threshold, binomial(1, n, rate), binomial(2, BASELINE, rate), 1000)
    assert found <= binomial_limit(0.01, 1000)


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

    return lambda: sample_of(rng.lognormal(3.5, 0.9, n) * scale, q)


Values = NDArray[np.float64]


def sample_of(values: Values, q: float | None) -> MetricSample:
    """The sample of a percentile, or without one of the mean."""
    n = len(values)
    found, counts = np.unique(np.ceil(np.log(values) / np.log(GAMMA)), return_counts=True)
    histogram = dict(zip(found.astype(int).tolist(), counts.tolist(), strict=True))
    value = float(values.mean())
    if q is not None:
        value = bucket_value_ms(
            bucket_of(float(np.partition(values, rank := int(q * (n - 1)))[rank]))
        )
    return MetricSample(value=value, size=n, histogram=histogram)


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
    found = alarms(threshold, durations(11, 2000, q), base, 80)
    slower = alarms(threshold, durations(12, 5000, q, 1.4), base, 25)
    assert found <= binomial_limit(0.01, 80)
    assert slower >= 0.95


def test_requests_of_identical_traffic() -> None:
    rng = np.random.default_rng(15)
    threshold = parse_threshold("request_rate >= baseline")

    def draw() -> MetricSample:
        n = int(rng.poisson(BASELINE))
        return MetricSample(value=n / 3600, size=n, events=n, seconds=3600.0)

    assert alarms(threshold, draw, draw, 1000) <= 0.01


def binomial_limit(rate: float, runs: int) -> float:
    """What so many runs exceed in 1 % of cases, if each is an alarm at that rate."""
    return float(stats.binom.ppf(0.99, runs, rate)) / runs


def p95_of(seed: int, n: int, scale: float = 1.0) -> Callable[[], MetricSample]:
    return durations(seed, n, 0.95, scale)


@pytest.mark.parametrize("n", [200, pytest.param(5000, marks=pytest.mark.slow)])
def test_a_p95_at_the_edge_of_its_margin_fails_by_chance_alone(n: int) -> None:
    threshold = parse_threshold("latency_p95 <= baseline * 1.1")
    runs = 150
    found = alarms(threshold, p95_of(20, n, 1.1), p95_of(21, 4 * n), runs)
    assert found <= binomial_limit(0.01, runs)


@pytest.mark.slow
def test_a_p95_that_is_a_fifth_slower_is_found_beyond_a_margin_of_a_tenth() -> None:
    rng = np.random.default_rng(22)

    def draw(n: int, scale: float) -> Callable[[], MetricSample]:
        return lambda: sample_of(rng.lognormal(3.7, 1.0, n) * scale, 0.95)

    threshold = parse_threshold("latency_p95 <= baseline * 1.1")
    # An order-statistic test of that size finds 62 %.
    assert alarms(threshold, draw(5000, 1.2), draw(20_000, 1.0), 100) >= 0.53


TAILS: dict[str, Callable[[np.random.Generator, int], Values]] = {
    "lognormal": lambda rng, n: rng.lognormal(3, 1.5, n),
    "pareto": lambda rng, n: 20 * (rng.pareto(1.2, n) + 1),
    "rare": lambda rng, n: np.where(rng.random(n) < 0.001, 2000, 20) * rng.lognormal(0, 0.5, n),
    "exponential": lambda rng, n: rng.exponential(30, n),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tail", "n", "m"),
    [
        *(("lognormal", 5000, 200), ("lognormal", 1000, 1000), ("pareto", 200, 5000)),
        *(("pareto", 5000, 200), ("rare", 1000, 1000), ("rare", 200, 5000)),
        ("exponential", 5000, 200),
    ],
)
def test_means_of_long_tails_fail_by_chance_alone(tail: str, n: int, m: int) -> None:
    rng = np.random.default_rng(23)
    threshold = parse_threshold("latency_mean <= baseline")
    found = alarms(
        threshold,
        lambda: sample_of(TAILS[tail](rng, n), None),
        lambda: sample_of(TAILS[tail](rng, m), None),
        120,
    )
    assert found <= binomial_limit(0.01, 120)


def test_limits_that_are_numbers_fail_by_chance_alone() -> None:
    threshold = parse_threshold("error_rate < 1%")
    base = SubjectSamples(samples={}, total=0)
    rng = np.random.default_rng(24)
    for n in (100, 1000, 20_000):
        failed = 0
        for events in rng.binomial(n, 0.01, 1000):
            side = SubjectSamples(samples={(): errors(int(events), n)}, total=n)
            (result,) = evaluate_threshold(threshold, side, base)
            failed += result.state is CheckState.FAIL
        assert failed / 1000 <= binomial_limit(0.01, 1000)


def test_fifty_routes_rarely_fail_by_chance() -> None:
    threshold = parse_threshold("error_rate < 1% for each route")
    rng = np.random.default_rng(25)
    runs = 200
    failed = 0
    for counts in rng.binomial(200, 0.005, (runs, 50)):
        samples: dict[SampleKey, MetricSample] = {
            (f"/{i}",): errors(int(k), 200) for i, k in enumerate(counts)
        }
        results = evaluate_threshold(threshold, SubjectSamples(samples=samples, total=10_000))
        failed += CheckState.overall(r.state for r in results) is CheckState.FAIL
    assert failed / runs <= 0.01


POWER_OF_RATES = [
    (0.001, 0.002, 16_000),
    (0.001, 0.005, 2_000),
    (0.01, 0.0125, 21_000),
    (0.01, 0.015, 5_600),
    (0.01, 0.02, 1_800),
    (0.01, 0.05, 200),
    (0.05, 0.06, 6_200),
    (0.05, 0.075, 1_200),
    (0.05, 0.1, 340),
]
"""As docs/checks.md has them: the rate of the baseline, that of the window, its requests."""


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after", "n"), POWER_OF_RATES)
def test_so_many_requests_tell_a_rate_of_errors(before: float, after: float, n: int) -> None:
    threshold = parse_threshold("error_rate <= baseline")
    found = alarms(threshold, binomial(26, n, after), binomial(27, 10 * n, before), 300)
    assert found >= 0.8 - 0.06


POWER_OF_P95 = [(1.1, 6_200), (1.2, 1_800), (1.5, 400), (2.0, 160)]


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "n"), POWER_OF_P95)
def test_so_many_requests_tell_a_p95(scale: float, n: int) -> None:
    rng = np.random.default_rng(28)
    threshold = parse_threshold("latency_p95 <= baseline")
    found = alarms(
        threshold,
        lambda: sample_of(rng.lognormal(3, 1, n) * scale, 0.95),
        lambda: sample_of(rng.lognormal(3, 1, 10 * n), 0.95),
        150,
    )
    assert found >= 0.8 - 0.085


START = datetime(2026, 11, 2, tzinfo=UTC)


def over_time(pairs: NDArray[np.int64], *, is_rate: bool = False) -> MetricSample:
    """The sample of hours with so many requests and events each."""
    hours = [START + timedelta(hours=i) for i in range(len(pairs))]
    n, events = (int(total) for total in pairs.sum(axis=0))
    seconds = 3600.0 * len(pairs)
    return MetricSample(
        value=events / (seconds if is_rate else n),
        size=n,
        events=events,
        seconds=seconds,
        slices=TimeSlices(
            step="1h",
            window=TimeWindow(since=START, until=START + timedelta(seconds=seconds)),
            counts={
                at: SliceCount(int(n), int(k)) for at, (n, k) in zip(hours, pairs, strict=True)
            },
        ),
    )


def wandering_errors(rng: np.random.Generator, hours: int, sigma: float) -> MetricSample:
    n = rng.poisson(250, hours)
    rates = 0.02 * rng.lognormal(-(sigma**2) / 2, sigma, hours)
    return over_time(np.stack([n, rng.binomial(n, np.minimum(rates, 1))], axis=1))


@pytest.mark.parametrize(
    ("sigma", "hours", "runs", "at_most"),
    [
        (0.5, 168, 100, 0.02),
        pytest.param(0.3, 168, 80, 0.02, marks=pytest.mark.slow),
        pytest.param(0.5, 72, 100, 0.02, marks=pytest.mark.slow),
        pytest.param(0.5, 24, 100, 0.02, marks=pytest.mark.slow),
        # More than is asked for, as the documentation says.
        pytest.param(1.0, 168, 80, 0.025, marks=pytest.mark.slow),
        pytest.param(1.0, 24, 150, 0.037, marks=pytest.mark.slow),
    ],
)
def test_errors_that_wander_from_hour_to_hour(
    sigma: float, hours: int, runs: int, at_most: float
) -> None:
    rng = np.random.default_rng(29)
    threshold = parse_threshold("error_rate <= baseline")
    found = alarms(
        threshold,
        lambda: wandering_errors(rng, 24, sigma),
        lambda: wandering_errors(rng, hours, sigma),
        runs,
    )
    assert found <= binomial_limit(at_most, runs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("days", "after", "spread", "runs"),
    [
        (7, 1, 0.05, 50),
        (7, 1, 0.2, 60),
        (28, 7, 0.2, 40),
    ],
)
def test_requests_that_wander_from_day_to_day(
    days: int, after: int, spread: float, runs: int
) -> None:
    rng = np.random.default_rng(30)
    threshold = parse_threshold("request_rate >= baseline")
    shape = 50 * (1 + 0.7 * np.sin(np.arange(24) / 24 * 2 * np.pi))

    def draw(length: int) -> MetricSample:
        levels = np.repeat(rng.normal(1, spread, length), 24).clip(0.05)
        n = rng.poisson(levels * np.tile(shape, length))
        return over_time(np.stack([n, n], axis=1), is_rate=True)

    found = alarms(threshold, lambda: draw(after), lambda: draw(days), runs)
    assert found <= binomial_limit(0.02, runs)
