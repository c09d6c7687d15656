"""Routes that lost all their successes: a gate that sees an endpoint die, whatever it measures.

An endpoint that answers nothing but errors is often fast, so that its latency keeps every limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from apilog.checks.evaluate import DecisionPolicy, ThresholdResult
from apilog.checks.measurement import MeasurementResult, SampleSource
from apilog.checks.samples import SampleKey
from apilog.checks.significance import NullHypothesis, p_value
from apilog.checks.threshold import ENDPOINT_COLUMNS, MetricSubject, Threshold
from apilog.metrics import METRICS, MetricKind
from apilog.report_model import CheckState
from apilog.statistics.two_samples import Alternative, benjamini_hochberg
from apilog.text.units import format_count

_ERROR_RATE = METRICS["error_rate"]
_KINDS = (MetricKind.PROPORTION, MetricKind.QUANTILE, MetricKind.MEAN)
"""What is about how well requests were answered, not how many there were."""
_MOST_NAMED = 3


_ALL_ROUTES = MetricSubject(metric=_ERROR_RATE, each=("route",))


def success_subjects(thresholds: Iterable[Threshold]) -> Iterator[MetricSubject]:
    """Yield what has to be measured on both sides to see which routes lost their successes."""
    yield _ALL_ROUTES
    yield from _subjects_of(thresholds)


def _subjects_of(thresholds: Iterable[Threshold]) -> Iterator[MetricSubject]:
    for threshold in thresholds:
        # A baseline file tells no more columns apart.
        columns = {column for column, _ in threshold.where} | {*threshold.each}
        is_about_endpoints = "route" in threshold.each and columns <= {*ENDPOINT_COLUMNS}
        if is_about_endpoints and threshold.metric.kind in _KINDS:
            yield replace(threshold.subject, metric=_ERROR_RATE)


def fail_lost_routes(
    threshold: Threshold,
    results: Sequence[ThresholdResult],
    current: SampleSource,
    baseline: SampleSource,
    policy: DecisionPolicy,
) -> list[ThresholdResult]:
    """Return the results, failed where each request to a route failed and fewer did before.

    That no request succeeds has to be significant, as for `error_rate <= baseline`. Results that
    failed already keep their reason.
    """
    subjects = [*_subjects_of([threshold])]
    if not subjects:
        return [*results]
    lost = _lost_keys(subjects[0], current, baseline, policy)
    return [
        replace(result, state=CheckState.FAIL, reason=lost[result.key])
        if result.key in lost and result.state is not CheckState.FAIL
        else result
        for result in results
    ]


def _lost_keys(
    subject: MetricSubject, current: SampleSource, baseline: SampleSource, policy: DecisionPolicy
) -> dict[SampleKey, str]:
    """Return why, for each value all of whose requests fail now and not before."""
    before = baseline.samples_of(subject).samples
    least = max(1, policy.min_requests)
    pairs = {
        key: (now, before[key])
        for key, now in current.samples_of(subject).samples.items()
        if key in before
        and min(now.size, before[key].size) >= least
        and now.events == now.size
        and (before[key].events or 0) < before[key].size
    }
    raw = [
        p_value(_ERROR_RATE, now, then, NullHypothesis(), Alternative.GREATER)
        for now, then in pairs.values()
    ]
    adjusted = benjamini_hochberg(raw)
    return {
        key: f"all {format_count(now.size)} requests failed, "
        f"{format_count(then.events or 0)} of {format_count(then.size)} in the baseline"
        for (key, (now, then)), p in zip(pairs.items(), adjusted, strict=True)
        if p is not None and p < 1 - policy.confidence
    }


def gone_notes(
    thresholds: Sequence[Threshold],
    current: MeasurementResult,
    baseline: SampleSource | None,
    policy: DecisionPolicy,
) -> Iterator[str]:
    """Name the busiest routes that may be gone, where no threshold sees it."""
    if any("route" in threshold.each for threshold in thresholds):
        yield from _unfound_notes(current, policy)
    if baseline is None:
        return
    failed = _lost_keys(_ALL_ROUTES, current, baseline, policy)
    # Few requests may be telling; that they fail nothing is what the user asked for.
    anyhow = replace(policy, min_requests=1)
    lost = _lost_keys(_ALL_ROUTES, current, baseline, anyhow)
    if any(_subjects_of(thresholds)):
        lost = {key: reason for key, reason in lost.items() if key not in failed}
    for key, reason in [*lost.items()][:_MOST_NAMED]:
        why = (
            "a threshold `for each route` fails for that"
            if key in failed
            else f"--min-requests {policy.min_requests} lets that pass"
        )
        yield f"{key[0]}: {reason}; {why}"
    if len(lost) > _MOST_NAMED:
        yield f"{len(lost) - _MOST_NAMED} more routes lost all their successes"


def _unfound_notes(measured: MeasurementResult, policy: DecisionPolicy) -> Iterator[str]:
    """Name the routes that nobody found, on as many requests as decide something."""
    least = max(1, policy.min_requests)
    busy = [(route, n) for route, n in measured.unfound_routes.items() if n >= least]
    for route, n in busy[:_MOST_NAMED]:
        yield (
            f"all {format_count(n)} requests to {route} were answered 404, which makes it no "
            f"route; if it is one, say so with --route"
        )
    if len(busy) > _MOST_NAMED:
        yield f"so were all to {len(busy) - _MOST_NAMED} more with {least} requests or more"
