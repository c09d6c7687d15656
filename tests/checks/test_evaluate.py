"""Whether a threshold holds for what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from apilog.aggregate.ddsketch import bucket_of, bucket_value_ms
from apilog.checks import (
    DecisionPolicy,
    MetricCatalogue,
    MetricSample,
    SubjectSamples,
    evaluate_threshold,
    parse_threshold,
)
from apilog.metrics import Metric, MetricKind, Unit
from apilog.report_model import CheckState


def errors(events: int, size: int) -> MetricSample:
    return MetricSample(value=events / size if size else None, size=size, events=events)


def latency(*durations: float, value: float | None = None) -> MetricSample:
    histogram: dict[int, int] = {}
    for ms in durations:
        histogram[bucket_of(ms)] = histogram.get(bucket_of(ms), 0) + 1
    ranked = sorted(durations)
    p95 = bucket_value_ms(bucket_of(ranked[int(0.95 * (len(ranked) - 1))])) if ranked else None
    return MetricSample(
        value=p95 if value is None else value, size=len(durations), histogram=histogram
    )


def one(sample: MetricSample) -> SubjectSamples:
    return SubjectSamples(samples={(): sample}, total=max(1, sample.size))


def each(samples: Mapping[Any, MetricSample]) -> SubjectSamples:
    return SubjectSamples(samples=samples, total=sum(sample.size for sample in samples.values()))


CHANCE = "chance alone may put it beyond the limit"
NOTHING = SubjectSamples(samples={(): MetricSample(value=None, size=0)}, total=0)


@pytest.mark.parametrize(
    ("text", "sample", "state"),
    [
        ("error_rate < 1%", errors(9, 1000), CheckState.PASS),
        ("error_rate < 1%", errors(30, 1000), CheckState.FAIL),
        ("error_rate <= 1%", errors(10, 1000), CheckState.PASS),
        ("error_rate > 1%", errors(2, 1000), CheckState.FAIL),
        ("error_rate >= 1%", errors(10, 1000), CheckState.PASS),
        ("error_rate < 1%", errors(0, 100), CheckState.PASS),
        ("error_rate < 1%", errors(0, 99), CheckState.INCONCLUSIVE),
        ("error_rate < 1%", errors(99, 99), CheckState.INCONCLUSIVE),
        ("latency_p95 < 300ms", latency(*[100.0] * 100), CheckState.PASS),
        ("latency_p95 < 300ms", latency(*[400.0] * 100), CheckState.FAIL),
        ("latency_p95 < 300ms", latency(*[400.0] * 99), CheckState.INCONCLUSIVE),
        ("latency_p95 < 300ms", latency(), CheckState.INCONCLUSIVE),
        ("latency_max < 1s", MetricSample(value=999, size=500), CheckState.PASS),
        ("requests >= 10", MetricSample(value=9, size=9), CheckState.FAIL),
        ("requests >= 10", MetricSample(value=10, size=10), CheckState.PASS),
        ("requests < 5", MetricSample(value=0, size=0), CheckState.PASS),
        ("requests >= 1", MetricSample(value=0, size=0), CheckState.FAIL),
        ("request_rate >= 1/min", MetricSample(value=0.01, size=9), CheckState.FAIL),
        ("request_rate >= 1/min", MetricSample(value=None, size=9), CheckState.INCONCLUSIVE),
        ("consumers >= 2", MetricSample(value=None, size=500), CheckState.INCONCLUSIVE),
    ],
)
def test_a_limit_that_is_a_number(text: str, sample: MetricSample, state: CheckState) -> None:
    (result,) = evaluate_threshold(parse_threshold(text), one(sample))
    assert result.state is state
    assert (result.value, result.requests) == (sample.value, sample.size)
    assert bool(result.reason) is (state is CheckState.INCONCLUSIVE)


@pytest.mark.parametrize(
    "text", ["error_rate < 1%", "latency_p95 < 1s", "requests >= 0", "requests < 10"]
)
def test_no_data_at_all_is_never_a_pass(text: str) -> None:
    (result,) = evaluate_threshold(
        parse_threshold(text), NOTHING, policy=DecisionPolicy(min_requests=0)
    )
    assert (result.state, result.reason) == (CheckState.INCONCLUSIVE, "no requests")


def test_no_value_at_all_is_inconclusive() -> None:
    threshold = parse_threshold("error_rate < 1% for each route")
    (result,) = evaluate_threshold(threshold, SubjectSamples(samples={}, total=5))
    assert (result.state, result.key) == (CheckState.INCONCLUSIVE, (None,))


STRICT = DecisionPolicy(strict_limits=True)


@pytest.mark.parametrize(
    ("text", "sample"),
    [
        ("error_rate < 1%", errors(2, 100)),
        ("error_rate < 1%", errors(10, 1000)),
        ("error_rate > 1%", errors(10, 1000)),
        ("latency_p95 < 300ms", latency(*[100.0] * 94, *[400.0] * 6)),
        ("latency_p95 >= 300ms", latency(*[100.0] * 97, *[400.0] * 3)),
        ("latency_mean < 120ms", latency(*[100.0] * 180, *[400.0] * 20, value=130)),
        ("latency_mean >= 140ms", latency(*[100.0] * 180, *[400.0] * 20, value=130)),
    ],
)
def test_what_chance_may_explain_fails_only_strict_limits(text: str, sample: MetricSample) -> None:
    threshold = parse_threshold(text)
    (result,) = evaluate_threshold(threshold, one(sample))
    assert (result.state, result.reason) == (CheckState.PASS, CHANCE)
    assert result.p_value is not None
    assert result.p_value > 0.01
    (strict,) = evaluate_threshold(threshold, one(sample), policy=STRICT)
    assert (strict.state, strict.reason, strict.p_value) == (CheckState.FAIL, "", None)


@pytest.mark.parametrize(
    ("text", "sample"),
    [
        ("error_rate < 1%", errors(10, 100)),
        ("error_rate <= 0%", errors(1, 100)),
        ("error_rate >= 20%", errors(10, 100)),
        ("latency_p95 < 300ms", latency(*[100.0] * 85, *[400.0] * 15)),
        ("latency_p95 < 400ms", latency(*[401.0] * 100, value=401)),
        ("latency_p95 >= 300ms", latency(*[100.0] * 100)),
        ("latency_mean < 110ms", latency(*[100.0] * 180, *[400.0] * 20, value=130)),
        ("latency_mean >= 160ms", latency(*[100.0] * 180, *[400.0] * 20, value=130)),
        ("requests >= 100", MetricSample(value=99, size=99, events=99)),
        ("errors < 2", MetricSample(value=2, size=500, events=2)),
        ("request_rate >= 1/s", MetricSample(value=0.99, size=99, events=99, seconds=100)),
    ],
)
def test_what_is_sure_fails_any_limit(text: str, sample: MetricSample) -> None:
    for policy in (DecisionPolicy(), STRICT):
        (result,) = evaluate_threshold(parse_threshold(text), one(sample), policy=policy)
        assert result.state is CheckState.FAIL


def test_many_limits_are_not_failed_by_the_unluckiest_value() -> None:
    threshold = parse_threshold("error_rate < 1% for each route")
    unlucky = {(f"/{i}",): errors(6 if i == 7 else 1, 200) for i in range(50)}
    sure = DecisionPolicy(confidence=0.98)
    (alone,) = evaluate_threshold(threshold, each({("/7",): unlucky["/7",]}), policy=sure)
    assert alone.state is CheckState.FAIL
    results = evaluate_threshold(threshold, each(unlucky), policy=sure)
    assert {result.state for result in results} == {CheckState.PASS}
    bad = unlucky | {("/8",): errors(23, 200)}
    failed = [r.key for r in evaluate_threshold(threshold, each(bad)) if r.state is CheckState.FAIL]
    assert failed == [("/8",)]


def test_the_interval_of_a_value_is_shown() -> None:
    (result,) = evaluate_threshold(parse_threshold("error_rate < 5%"), one(errors(10, 1000)))
    assert result.low is not None
    assert result.high is not None
    assert 0 < result.low < 0.01 < result.high < 0.03
    assert result.p_value is not None
    assert result.p_value > 0.99


@pytest.mark.parametrize(
    ("text", "current", "base", "state"),
    [
        ("error_rate <= baseline", errors(100, 5000), errors(200, 20_000), CheckState.FAIL),
        ("error_rate <= baseline", errors(52, 5000), errors(200, 20_000), CheckState.PASS),
        ("error_rate <= baseline", errors(10, 5000), errors(200, 20_000), CheckState.PASS),
        ("error_rate <= baseline + 0.5pp", errors(70, 5000), errors(200, 20_000), CheckState.PASS),
        ("error_rate <= baseline + 0.5pp", errors(100, 5000), errors(200, 20_000), CheckState.FAIL),
        ("error_rate <= baseline * 2.5", errors(100, 5000), errors(200, 20_000), CheckState.PASS),
        ("error_rate >= baseline", errors(10, 5000), errors(200, 20_000), CheckState.FAIL),
        ("error_rate >= baseline", errors(100, 5000), errors(200, 20_000), CheckState.PASS),
        ("error_rate <= baseline", errors(5, 90), errors(200, 20_000), CheckState.INCONCLUSIVE),
        ("error_rate <= baseline", errors(100, 5000), errors(0, 90), CheckState.INCONCLUSIVE),
        ("error_rate <= baseline", errors(100, 5000), errors(0, 0), CheckState.INCONCLUSIVE),
        ("requests >= baseline * 0.5", MetricSample(value=40, size=40, events=40),
         MetricSample(value=200, size=200, events=200), CheckState.FAIL),
        ("requests >= baseline * 0.5", MetricSample(value=0, size=0, events=0),
         MetricSample(value=200, size=200, events=200), CheckState.FAIL),
        ("requests >= baseline * 0.5", MetricSample(value=95, size=95, events=95),
         MetricSample(value=200, size=200, events=200), CheckState.PASS),
        ("latency_p95 <= baseline", latency(*[200.0] * 500), latency(*[100.0] * 500),
         CheckState.FAIL),
        ("latency_p95 <= baseline", latency(*[100.0] * 500), latency(*[100.0] * 500),
         CheckState.PASS),
        ("latency_p95 <= baseline * 2.2", latency(*[200.0] * 500), latency(*[100.0] * 500),
         CheckState.PASS),
        ("latency_p95 <= baseline + 50ms", latency(*[200.0] * 500), latency(*[100.0] * 500),
         CheckState.FAIL),
        ("latency_p95 >= baseline", latency(*[50.0] * 500), latency(*[100.0] * 500),
         CheckState.FAIL),
        ("latency_mean <= baseline * 1.1", latency(*[200.0, 210.0] * 99, value=205),
         latency(*[100.0, 110.0] * 99, value=105), CheckState.FAIL),
        ("latency_mean <= baseline * 1.1", latency(*[100.0, 210.0] * 99, value=155),
         latency(*[100.0, 220.0] * 99, value=160), CheckState.PASS),
    ],
)  # fmt: skip
def test_a_limit_that_is_the_baselines(
    text: str, current: MetricSample, base: MetricSample, state: CheckState
) -> None:
    (result,) = evaluate_threshold(parse_threshold(text), one(current), one(base))
    assert result.state is state
    if state is CheckState.FAIL:
        assert result.p_value is not None
        assert result.p_value < 0.01
        assert result.baseline == base.value
        assert result.low is not None or result.high is not None


def test_more_than_the_limit_by_chance_passes_and_says_so() -> None:
    threshold = parse_threshold("error_rate <= baseline")
    (result,) = evaluate_threshold(threshold, one(errors(55, 5000)), one(errors(200, 20_000)))
    assert (result.state, result.reason) == (
        CheckState.PASS,
        "chance alone may make the difference",
    )
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
    (single,) = evaluate_threshold(
        alone, one(errors(22, 1000)), one(errors(10, 1000)), DecisionPolicy(confidence=0.95)
    )
    assert single.state is CheckState.FAIL
    results = {
        r.key: r
        for r in evaluate_threshold(threshold, current, base, DecisionPolicy(confidence=0.95))
    }
    assert len(results) == 41
    assert results["/39",].state is CheckState.PASS
    assert results["/new",].state is CheckState.INCONCLUSIVE
    assert results["/new",].reason == "not in the baseline"
    assert single.p_value is not None
    assert single.p_value < 0.05 < (results["/39",].p_value or 0)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("clients < 1005000", CheckState.PASS),
        ("clients < 999000", CheckState.PASS),
        ("clients < 990000", CheckState.FAIL),
        ("clients >= 1001000", CheckState.PASS),
        ("clients >= 1010000", CheckState.FAIL),
        ("clients < 0", CheckState.FAIL),
    ],
)
def test_an_estimate_fails_only_what_its_error_does_not_explain(
    text: str, state: CheckState
) -> None:
    sample = MetricSample(value=1_000_000, size=2_000_000, relative_error=0.0032)
    (result,) = evaluate_threshold(parse_threshold(text), one(sample))
    assert result.state is state
    assert result.reason
    strict = DecisionPolicy(strict_limits=True)
    (result,) = evaluate_threshold(parse_threshold(text), one(sample), None, strict)
    limit = float(text.split()[-1])
    holds = limit > 1_000_000 if "<" in text else limit <= 1_000_000
    assert result.state is (CheckState.PASS if holds else CheckState.FAIL)


def test_what_has_vanished_has_no_requests() -> None:
    threshold = parse_threshold("requests >= baseline * 0.5 for each route")
    count = MetricSample(value=200, size=200, events=200)
    current, base = each({("/a",): count}), each({("/a",): count, ("/b",): count})
    states = {result.key: result.state for result in evaluate_threshold(threshold, current, base)}
    assert states == {("/a",): CheckState.PASS, ("/b",): CheckState.FAIL}
    # One of very many consumers may be there, summed up with others.
    many = parse_threshold("requests >= baseline * 0.5 for each consumer")
    folded = replace(current, others={("(other)",): count})
    assert [r.key for r in evaluate_threshold(many, folded, base)] == [("/a",)]
    assert len(evaluate_threshold(threshold, folded, base)) == 2
    rates = parse_threshold("error_rate <= baseline for each route")
    before = {("/a",): errors(1, 200), ("/b",): errors(1, 200)}
    (rate,) = evaluate_threshold(rates, each({("/a",): errors(1, 200)}), each(before))
    assert rate.key == ("/a",)


def test_a_for_each_is_inconclusive_only_if_nothing_could_be_decided() -> None:
    threshold = parse_threshold("error_rate < 1% for each route")
    few, good, bad = errors(9, 9), errors(0, 500), errors(50, 500)
    for samples, state in (
        ({("/a",): few}, CheckState.INCONCLUSIVE),
        ({("/a",): few, ("/b",): good}, CheckState.PASS),
        ({("/a",): few, ("/b",): good, ("/c",): bad}, CheckState.FAIL),
    ):
        results = evaluate_threshold(threshold, each(samples))
        assert CheckState.overall(result.state for result in results) is state


def test_metrics_that_are_measured_elsewhere() -> None:
    conversion = Metric(
        name="trial_conversion_rate",
        unit=Unit.RATIO,
        definition="Trials that converted.",
        kind=MetricKind.PROPORTION,
    )
    trials = MetricCatalogue(metrics={conversion.name: conversion}, columns=("trial_kind",))
    threshold = parse_threshold('trial_conversion_rate{trial_kind="reverse"} >= 20%', (trials,))
    for converted, state in ((30, CheckState.PASS), (10, CheckState.FAIL)):
        (result,) = evaluate_threshold(threshold, one(errors(converted, 100)))
        assert result.state is state
