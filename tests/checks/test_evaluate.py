"""Whether a threshold holds for what was measured."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from apilog.aggregate.histogram import bucket_of, value_of
from apilog.checks import (
    Catalogue,
    Key,
    Measured,
    Policy,
    Sample,
    State,
    evaluate,
    overall,
    parse_threshold,
)
from apilog.metrics import Kind, Metric, Unit


def errors(events: int, size: int) -> Sample:
    return Sample(value=events / size if size else None, size=size, events=events)


def latency(*durations: float, value: float | None = None) -> Sample:
    histogram: dict[int, int] = {}
    for ms in durations:
        histogram[bucket_of(ms)] = histogram.get(bucket_of(ms), 0) + 1
    ranked = sorted(durations)
    p95 = value_of(bucket_of(ranked[int(0.95 * (len(ranked) - 1))])) if ranked else None
    return Sample(value=p95 if value is None else value, size=len(durations), histogram=histogram)


def one(sample: Sample) -> Measured:
    return Measured(samples={(): sample}, total=max(1, sample.size))


def each(samples: Mapping[Key, Sample]) -> Measured:
    return Measured(samples=samples, total=sum(sample.size for sample in samples.values()))


NOTHING = Measured(samples={(): Sample(value=None, size=0)}, total=0)


@pytest.mark.parametrize(
    ("text", "sample", "state"),
    [
        ("error_rate < 1%", errors(9, 1000), State.PASS),
        ("error_rate < 1%", errors(10, 1000), State.FAIL),
        ("error_rate <= 1%", errors(10, 1000), State.PASS),
        ("error_rate > 1%", errors(10, 1000), State.FAIL),
        ("error_rate >= 1%", errors(10, 1000), State.PASS),
        ("error_rate < 1%", errors(0, 100), State.PASS),
        ("error_rate < 1%", errors(0, 99), State.INCONCLUSIVE),
        ("error_rate < 1%", errors(99, 99), State.INCONCLUSIVE),
        ("latency_p95 < 300ms", latency(*[100.0] * 100), State.PASS),
        ("latency_p95 < 300ms", latency(*[400.0] * 100), State.FAIL),
        ("latency_p95 < 300ms", latency(*[400.0] * 99), State.INCONCLUSIVE),
        ("latency_p95 < 300ms", latency(), State.INCONCLUSIVE),
        ("latency_max < 1s", Sample(value=999, size=500), State.PASS),
        ("requests >= 10", Sample(value=9, size=9), State.FAIL),
        ("requests >= 10", Sample(value=10, size=10), State.PASS),
        ("requests < 5", Sample(value=0, size=0), State.PASS),
        ("requests >= 1", Sample(value=0, size=0), State.FAIL),
        ("request_rate >= 1/min", Sample(value=0.01, size=9), State.FAIL),
        ("request_rate >= 1/min", Sample(value=None, size=9), State.INCONCLUSIVE),
        ("consumers >= 2", Sample(value=None, size=500), State.INCONCLUSIVE),
    ],
)
def test_a_limit_that_is_a_number(text: str, sample: Sample, state: State) -> None:
    (result,) = evaluate(parse_threshold(text), one(sample))
    assert result.state is state
    assert (result.value, result.requests) == (sample.value, sample.size)
    assert bool(result.reason) is (state is State.INCONCLUSIVE)


@pytest.mark.parametrize(
    "text", ["error_rate < 1%", "latency_p95 < 1s", "requests >= 0", "requests < 10"]
)
def test_no_data_at_all_is_never_a_pass(text: str) -> None:
    (result,) = evaluate(parse_threshold(text), NOTHING, policy=Policy(min_requests=0))
    assert (result.state, result.reason) == (State.INCONCLUSIVE, "no requests")


def test_no_value_at_all_is_inconclusive() -> None:
    threshold = parse_threshold("error_rate < 1% for each route")
    (result,) = evaluate(threshold, Measured(samples={}, total=5))
    assert (result.state, result.key) == (State.INCONCLUSIVE, (None,))


def test_the_interval_of_a_value_is_shown() -> None:
    (result,) = evaluate(parse_threshold("error_rate < 5%"), one(errors(10, 1000)))
    assert result.low is not None
    assert result.high is not None
    assert 0 < result.low < 0.01 < result.high < 0.03
    assert result.p_value is None


@pytest.mark.parametrize(
    ("text", "current", "base", "state"),
    [
        ("error_rate <= baseline", errors(100, 5000), errors(200, 20_000), State.FAIL),
        ("error_rate <= baseline", errors(52, 5000), errors(200, 20_000), State.PASS),
        ("error_rate <= baseline", errors(10, 5000), errors(200, 20_000), State.PASS),
        ("error_rate <= baseline + 0.5pp", errors(70, 5000), errors(200, 20_000), State.PASS),
        ("error_rate <= baseline + 0.5pp", errors(100, 5000), errors(200, 20_000), State.FAIL),
        ("error_rate <= baseline * 2.5", errors(100, 5000), errors(200, 20_000), State.PASS),
        ("error_rate >= baseline", errors(10, 5000), errors(200, 20_000), State.FAIL),
        ("error_rate >= baseline", errors(100, 5000), errors(200, 20_000), State.PASS),
        ("error_rate <= baseline", errors(5, 90), errors(200, 20_000), State.INCONCLUSIVE),
        ("error_rate <= baseline", errors(100, 5000), errors(0, 90), State.INCONCLUSIVE),
        ("error_rate <= baseline", errors(100, 5000), errors(0, 0), State.INCONCLUSIVE),
        ("requests >= baseline * 0.5", Sample(value=40, size=40, events=40),
         Sample(value=200, size=200, events=200), State.FAIL),
        ("requests >= baseline * 0.5", Sample(value=0, size=0, events=0),
         Sample(value=200, size=200, events=200), State.FAIL),
        ("requests >= baseline * 0.5", Sample(value=95, size=95, events=95),
         Sample(value=200, size=200, events=200), State.PASS),
        ("latency_p95 <= baseline", latency(*[200.0] * 500), latency(*[100.0] * 500), State.FAIL),
        ("latency_p95 <= baseline", latency(*[100.0] * 500), latency(*[100.0] * 500), State.PASS),
        ("latency_p95 <= baseline * 2.2", latency(*[200.0] * 500), latency(*[100.0] * 500),
         State.PASS),
        ("latency_p95 <= baseline + 50ms", latency(*[200.0] * 500), latency(*[100.0] * 500),
         State.FAIL),
        ("latency_p95 >= baseline", latency(*[50.0] * 500), latency(*[100.0] * 500), State.FAIL),
        ("latency_mean <= baseline * 1.1", latency(*[200.0, 210.0] * 99, value=205),
         latency(*[100.0, 110.0] * 99, value=105), State.FAIL),
        ("latency_mean <= baseline * 1.1", latency(*[100.0, 210.0] * 99, value=155),
         latency(*[100.0, 220.0] * 99, value=160), State.PASS),
    ],
)  # fmt: skip
def test_a_limit_that_is_the_baselines(
    text: str, current: Sample, base: Sample, state: State
) -> None:
    (result,) = evaluate(parse_threshold(text), one(current), one(base))
    assert result.state is state
    if state is State.FAIL:
        assert result.p_value is not None
        assert result.p_value < 0.01
        assert result.baseline == base.value
        assert result.low is not None or result.high is not None


def test_more_than_the_limit_by_chance_passes_and_says_so() -> None:
    threshold = parse_threshold("error_rate <= baseline")
    (result,) = evaluate(threshold, one(errors(55, 5000)), one(errors(200, 20_000)))
    assert (result.state, result.reason) == (State.PASS, "chance alone may make the difference")
    assert result.p_value is not None
    assert result.p_value > 0.01


def test_for_each_has_a_result_for_every_value_and_corrects_for_their_number() -> None:
    threshold = parse_threshold("error_rate <= baseline for each route")
    base = each({(f"/{i}",): errors(10, 1000) for i in range(40)})
    current = each(
        {(f"/{i}",): errors(10, 1000) for i in range(39)}
        | {("/39",): errors(22, 1000), ("/new",): errors(500, 1000)}
    )
    alone = parse_threshold("error_rate <= baseline")
    (single,) = evaluate(
        alone, one(errors(22, 1000)), one(errors(10, 1000)), Policy(confidence=0.95)
    )
    assert single.state is State.FAIL
    results = {r.key: r for r in evaluate(threshold, current, base, Policy(confidence=0.95))}
    assert len(results) == 41
    assert results["/39",].state is State.PASS
    assert results["/new",].state is State.INCONCLUSIVE
    assert results["/new",].reason == "not in the baseline"
    assert single.p_value is not None
    assert single.p_value < 0.05 < (results["/39",].p_value or 0)


def test_what_has_vanished_has_no_requests() -> None:
    threshold = parse_threshold("requests >= baseline * 0.5 for each route")
    count = Sample(value=200, size=200, events=200)
    current, base = each({("/a",): count}), each({("/a",): count, ("/b",): count})
    states = {result.key: result.state for result in evaluate(threshold, current, base)}
    assert states == {("/a",): State.PASS, ("/b",): State.FAIL}
    rates = parse_threshold("error_rate <= baseline for each route")
    before = {("/a",): errors(1, 200), ("/b",): errors(1, 200)}
    (rate,) = evaluate(rates, each({("/a",): errors(1, 200)}), each(before))
    assert rate.key == ("/a",)


def test_a_for_each_is_inconclusive_only_if_nothing_could_be_decided() -> None:
    threshold = parse_threshold("error_rate < 1% for each route")
    few, good, bad = errors(9, 9), errors(0, 500), errors(50, 500)
    for samples, state in (
        ({("/a",): few}, State.INCONCLUSIVE),
        ({("/a",): few, ("/b",): good}, State.PASS),
        ({("/a",): few, ("/b",): good, ("/c",): bad}, State.FAIL),
    ):
        assert overall(evaluate(threshold, each(samples))) is state


def test_metrics_that_are_measured_elsewhere() -> None:
    conversion = Metric(
        name="trial_conversion_rate",
        unit=Unit.RATIO,
        definition="Trials that converted.",
        kind=Kind.PROPORTION,
    )
    trials = Catalogue(metrics={conversion.name: conversion}, columns=("trial_kind",))
    threshold = parse_threshold('trial_conversion_rate{trial_kind="reverse"} >= 20%', (trials,))
    for converted, state in ((30, State.PASS), (10, State.FAIL)):
        (result,) = evaluate(threshold, one(errors(converted, 100)))
        assert result.state is state
