"""`check`: thresholds held against sources, and a baseline if they ask for one.

Everything that can be refused without reading is refused before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from apilog.checks.baseline import SavedBaseline, baseline_measurement, check_kept_columns
from apilog.checks.baseline_file import format_baseline, read_baseline
from apilog.checks.check_tables import (
    CHANGED_TABLE,
    CHECKS_TABLE,
    WORST_TABLE,
    changed_table,
    checks_table,
    worst_table,
)
from apilog.checks.design_effect import is_dispersed_over_time
from apilog.checks.evaluate import (
    NOT_IN_BASELINE,
    DecisionPolicy,
    ThresholdResult,
    evaluate_hour,
    evaluate_threshold,
    hours_until,
    last_whole_hour,
)
from apilog.checks.lost_routes import fail_lost_routes, gone_notes, success_subjects
from apilog.checks.measured_sources import MeasuredSources, measure_sources
from apilog.checks.measurement import (
    Measurement,
    MeasurementResult,
    SampleSource,
)
from apilog.checks.overlap import refuse_overlap, shared_measurement
from apilog.checks.samples import SubjectSamples
from apilog.checks.threshold import (
    GATEWAY_SUBJECT,
    ROUTE_SUBJECT,
    SCORED_METRICS,
    FixedLimit,
    MetricSubject,
    Threshold,
    endpoint_columns_without,
)
from apilog.engine.known_routes import declared_routes
from apilog.engine.source_pass import filters_of
from apilog.errors import UsageError
from apilog.metrics import MetricDefinitions, MetricKind, Unit
from apilog.options import CheckOptions, ReadOptions, Source
from apilog.own_metrics import own_definitions
from apilog.report_model import CheckState, Report
from apilog.routes import NO_TEMPLATES
from apilog.storage.local_folder import atomic_file
from apilog.text import did_you_mean
from apilog.text.units import format_duration
from apilog.time import TimeWindow, parse_window
from apilog.version import __version__

_LENGTH_TOLERANCE = 0.01
"""The share by which the lengths of two windows may differ."""


def check_before_reading(
    thresholds: Sequence[Threshold],
    window: TimeWindow,
    baseline: SavedBaseline | TimeWindow | None,
    options: ReadOptions,
) -> None:
    """Raise UsageError for what can be refused before anything is read."""
    compared = [threshold for threshold in thresholds if threshold.is_comparison]
    match baseline:
        case None:
            if compared:
                raise UsageError(
                    f"{str(compared[0])!r} needs a baseline",
                    "give --baseline FILE as `apilog baseline` writes it, or --baseline-since",
                )
        case TimeWindow():
            ends_before = baseline.until and window.since and baseline.until <= window.since
            begins_after = baseline.since and window.until and window.until <= baseline.since
            if not (ends_before or begins_after):
                raise UsageError(
                    "the time that is checked and that of the baseline overlap",
                    "end the one where the other begins: --since, --until, --baseline-since, "
                    "--baseline-until",
                )
        case SavedBaseline():
            if baseline.where != options.where:
                made = f"--where {baseline.where!r}" if baseline.where else "no --where"
                given = f"--where {options.where!r}" if options.where else "none"
                raise UsageError(
                    f"the baseline was made with {made}, this is asked with {given}",
                    "choose the same requests on both sides",
                )
            for threshold in compared:
                baseline.check_subject(threshold.subject)


def check_after_reading(
    thresholds: Sequence[Threshold], current: SampleSource, base: SampleSource
) -> None:
    """Raise UsageError if the logs are of other gateways, or counts of another length of time."""
    ours, theirs = (
        {str(gateway) for (gateway,) in side.samples_of(GATEWAY_SUBJECT).samples}
        for side in (current, base)
    )
    if ours and theirs and not ours & theirs:
        raise UsageError(
            f"the baseline is of {' and '.join(sorted(theirs))}, "
            f"the requests checked are of {' and '.join(sorted(ours))}",
            "gateways measure differently: make a baseline from logs of the same one",
        )
    for threshold in thresholds:
        if threshold.is_comparison and threshold.metric.kind is MetricKind.COUNT:
            now, then = (side.samples_of(threshold.subject).seconds for side in (current, base))
            if now is None or then is None:
                continue
            if abs(now - then) > _LENGTH_TOLERANCE * max(now, then):
                raise UsageError(
                    f"{str(threshold)!r} compares {format_duration(now * 1000)} with a baseline of "
                    f"{format_duration(then * 1000)}",
                    "compare request_rate or a rate of errors, or windows of the same length",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The report on thresholds, and the state of all together."""

    report: Report
    """Its tables are `checks`, `worst`, and with a baseline `changed`."""
    state: CheckState
    """Fail if one failed, else inconclusive if one could not be decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """Thresholds and what they are held against, understood."""

    thresholds: Sequence[Threshold]
    options: CheckOptions
    window: TimeWindow
    baseline: SavedBaseline | TimeWindow | None
    """A saved one, or another time of the same sources."""
    is_first_run: bool = False
    """Whether the baseline's file is yet to be made, and comparisons pass without it."""
    policy: DecisionPolicy

    @property
    def definitions(self) -> MetricDefinitions:
        """The metrics that the options declare, beside the built-in ones."""
        return own_definitions(self.options.own_metrics, self.options.apdex, self.options.openapi)


def plan_check(thresholds: Sequence[Threshold], options: CheckOptions) -> CheckPlan:
    """Understand the options, and refuse what can be refused before anything is read.

    Raises UsageError for a comparison without a baseline, or with one that can't tell it.
    """
    policy = DecisionPolicy(
        min_requests=options.min_requests,
        confidence=options.confidence,
        strict_limits=options.strict_limits,
    )
    window, earlier = _parse_windows(options)
    if options.baseline is not None and earlier:
        raise UsageError(
            "--baseline and --baseline-since both give a baseline", "leave one of them out"
        )
    path = None if options.baseline is None else Path(options.baseline)
    if path is None and (options.baseline_optional or options.update_baseline):
        name = "--baseline-optional" if options.baseline_optional else "--update-baseline"
        raise UsageError(f"{name} is about a file, and there is none", "give --baseline FILE")
    if path and options.update_baseline and not path.parent.is_dir():
        raise UsageError(f"can't write {path}: there is no folder {path.parent}", "make it first")
    is_first_run = bool(path and options.baseline_optional and not path.exists())
    baseline = earlier if path is None or is_first_run else read_baseline(path)
    if is_first_run:
        for threshold in thresholds:
            if threshold.is_comparison:
                check_kept_columns(threshold.subject)
    else:
        check_before_reading(thresholds, window, baseline, options)
    return CheckPlan(
        thresholds=thresholds,
        options=options,
        window=window,
        baseline=baseline,
        policy=policy,
        is_first_run=is_first_run,
    )


def run_check(
    sources: Sequence[Source],
    plan: CheckPlan,
    account_samples: Mapping[Threshold, SubjectSamples] | None = None,
) -> CheckResult:
    """Measure the sources and evaluate the thresholds.

    `account_samples` has the samples of thresholds that are about accounts, not requests. Raises
    UsageError for a baseline of the same time, of other gateways or, where counts are compared, of
    another length.
    """
    samples = dict(account_samples or {})
    on_anomalies = [t for t in plan.thresholds if t.metric.name in SCORED_METRICS]
    on_requests = [t for t in plan.thresholds if t not in samples and t not in on_anomalies]
    measurements = _plan_measurements(on_requests, plan)
    shared_at = len(measurements)
    if isinstance(plan.baseline, SavedBaseline):
        measurements.append(shared_measurement(plan.baseline, plan.window))
    measurements += [hours_until(plan.window, on_anomalies)] if on_anomalies else []
    known = plan.baseline.templates if isinstance(plan.baseline, SavedBaseline) else NO_TEMPLATES
    measured = measure_sources(sources, measurements, plan.options, templates=known)
    current = measured.results[0]
    base = measured.results[1] if isinstance(plan.baseline, TimeWindow) else plan.baseline
    if base:
        check_after_reading(on_requests, current, base)
    if isinstance(base, SavedBaseline):
        refuse_overlap(current, measured.results[shared_at], base)
    samples |= {t: current.samples_of(t.subject) for t in on_requests}
    hours = measured.results[-1] if on_anomalies else None
    results = _evaluate_all(plan, samples, base, hours, account_samples or {})
    if base:
        for t in on_requests:
            results[t] = fail_lost_routes(t, results[t], current, base, plan.policy)
    if plan.is_first_run:
        results = {t: _pass_without_baseline(several) for t, several in results.items()}
    state = _worst_state(results.values())
    report = Report(
        version=__version__,
        command="check",
        since=current.window.since,
        until=current.window.until,
        input=measured.input,
        tables=_build_tables(results, on_requests, current, base),
        metrics=MetricDefinitions.of_metrics(t.metric for t in on_requests).describe(),
        timezone=plan.options.tz,
        filters=filters_of(plan.options, current.window),
        notes=(
            *_notes_on(samples, results),
            *_unmet_route_notes(on_requests, current),
            *gone_notes(on_requests, current, base, plan.policy),
            *_keep_baseline(plan, measured, state),
            *measured.notes,
        ),
        state=state,
    )
    return CheckResult(report=report, state=state)


def _evaluate_all(
    plan: CheckPlan,
    samples: Mapping[Threshold, SubjectSamples],
    base: SampleSource | None,
    hours: MeasurementResult | None,
    account_samples: Mapping[Threshold, SubjectSamples],
) -> dict[Threshold, list[ThresholdResult]]:
    """Return the results of each threshold; `hours` is there if one is on anomalies."""
    on_accounts = replace(plan.policy, min_requests=plan.options.min_accounts)
    return {
        t: [evaluate_hour(t, last_whole_hour(t, hours, plan.options.tz))]
        if hours and t.metric.name in SCORED_METRICS
        else evaluate_threshold(
            t,
            samples[t],
            base.samples_of(t.subject) if base and t.is_comparison else None,
            on_accounts if t in account_samples else plan.policy,
        )
        for t in plan.thresholds
    }


def _worst_state(results: Iterable[Sequence[ThresholdResult]]) -> CheckState:
    states = {_overall(several) for several in results}
    worst = (s for s in (CheckState.FAIL, CheckState.INCONCLUSIVE) if s in states)
    return next(worst, CheckState.PASS)


def _pass_without_baseline(results: Sequence[ThresholdResult]) -> list[ThresholdResult]:
    """Return the results of a first run: what lacks nothing but a baseline passes."""
    return [
        replace(result, state=CheckState.PASS, reason="no baseline yet")
        if result.reason == NOT_IN_BASELINE
        else result
        for result in results
    ]


def _build_tables(
    results: Mapping[Threshold, Sequence[ThresholdResult]],
    on_requests: Sequence[Threshold],
    current: SampleSource,
    base: SampleSource | None,
) -> dict[str, pl.DataFrame]:
    tables = {
        CHECKS_TABLE: checks_table(results),
        WORST_TABLE: worst_table(
            (t, current.samples_of(_subject_by_endpoint(t)))
            for t in on_requests
            if not t.each and _overall(results[t]) is CheckState.FAIL
        ),
    }
    if base:
        tables[CHANGED_TABLE] = changed_table(
            current.samples_of(ROUTE_SUBJECT), base.samples_of(ROUTE_SUBJECT)
        )
    return tables


def _keep_baseline(plan: CheckPlan, measured: MeasuredSources, state: CheckState) -> Iterator[str]:
    """Write the baseline if that is asked for and the check passed; yield notes on it."""
    path = plan.options.baseline
    if plan.is_first_run:
        compared = sum(threshold.is_comparison for threshold in plan.thresholds)
        what = "1 threshold is" if compared == 1 else f"{compared} thresholds are"
        yield f"there is no baseline {path} yet: {what} compared with nothing"
    if path is None or not plan.options.update_baseline:
        return
    is_whole = not any(file.error for file in measured.input.files)
    if state is not CheckState.PASS or not is_whole:
        why = "not all inputs were read" if state is CheckState.PASS else "the check did not pass"
        yield f"{path} is as it was: {why}"
        return
    baseline = SavedBaseline.from_result(
        measured.results[1],
        version=__version__,
        formats=measured.formats,
        where=plan.options.where,
        definitions=plan.definitions,
        known=measured.templates,
    )
    with atomic_file(Path(path), force=True) as stream:
        stream.write(format_baseline(baseline).encode())
    yield f"{path} is now the baseline of these requests"


def _parse_windows(options: CheckOptions) -> tuple[TimeWindow, TimeWindow | None]:
    """Return the time that is checked, and that of the baseline, which ends where it begins."""
    since, baseline_since, baseline_until = (
        options.since,
        options.baseline_since,
        options.baseline_until,
    )
    if baseline_since is None and baseline_until is None:
        return parse_window(since, options.until, options.tz), None
    if since is None and baseline_until is None:
        raise UsageError(
            "--baseline-since alone does not say where the baseline ends",
            "give --since, where what is checked begins, or --baseline-until",
        )
    window = parse_window(baseline_until if since is None else since, options.until, options.tz)
    try:
        earlier = parse_window(
            baseline_since, since if baseline_until is None else baseline_until, options.tz
        )
    except UsageError as error:
        # The options of the baseline window have names of their own.
        message = re.sub("--(since|until)", r"--baseline-\1", str(error))
        raise UsageError(message, error.hint) from error
    return window, earlier


def _plan_measurements(thresholds: Sequence[Threshold], plan: CheckPlan) -> list[Measurement]:
    """Return the measurements of the window and of the baseline window."""
    # Where a threshold on many endpoints fails, those that did most for it are named. Routes and
    # gateways tell what changed, and whether the baseline is of the same gateways.
    details = (_subject_by_endpoint(t) for t in thresholds if not t.each)
    both = [ROUTE_SUBJECT, GATEWAY_SUBJECT]
    if plan.baseline:
        both += success_subjects(thresholds)
    subjects = [*(t.subject for t in thresholds), *details, *both]
    compared = [t.subject for t in thresholds if t.is_comparison]
    # How values vary over time tells what a difference to the baseline is worth.
    over_time = [subject for subject in compared if is_dispersed_over_time(subject.metric)]
    windows = [(subjects, plan.window)]
    known_routes = {*declared_routes(plan.options)}
    if isinstance(plan.baseline, TimeWindow):
        windows.append(([*compared, *both], plan.baseline))
    elif plan.baseline:
        known_routes |= plan.baseline.known_routes
    measurements = [
        Measurement(
            chosen,
            window,
            over_time=over_time,
            max_routes=plan.options.max_routes,
            known_routes=known_routes,
        )
        for chosen, window in windows
    ]
    if plan.options.update_baseline:
        max_routes = plan.options.max_routes
        measurements.append(
            baseline_measurement(plan.window, max_routes, known_routes, plan.definitions)
        )
    return measurements


def _subject_by_endpoint(threshold: Threshold) -> MetricSubject:
    """Return the subject of each endpoint, as far as the threshold leaves that open."""
    return replace(threshold.subject, each=endpoint_columns_without(threshold.where))


def _notes_on(
    samples: Mapping[Threshold, SubjectSamples],
    results: Mapping[Threshold, Sequence[ThresholdResult]],
) -> Iterator[str]:
    yield from _unitless_limit_notes(samples)
    yield from _unnamed_notes(samples)
    yield from _independence_notes(results)


def _unitless_limit_notes(thresholds: Iterable[Threshold]) -> Iterator[str]:
    """Note limits without a unit that may be slips: `error_rate < 1`, `latency_p95 < 0.3`."""
    for t in thresholds:
        limit = t.limit.quantity if isinstance(t.limit, FixedLimit) else None
        if (
            limit is not None
            and t.operator.is_upper
            and (t.metric.unit, limit.unit, limit.value) == (Unit.RATIO, "", 1)
        ):
            yield f"{t}: a limit of 1 is 100 %; write {limit.number}% for one in a hundred"
        if (
            limit is not None
            and t.operator.is_upper
            and (t.metric.unit, limit.unit) == (Unit.MILLISECONDS, "")
            and 0 < limit.value < 10
        ):
            yield f"{t}: no unit means milliseconds; write {limit.number}s for seconds"


def _unmet_route_notes(
    thresholds: Iterable[Threshold], current: MeasurementResult
) -> Iterator[str]:
    """Note routes that a threshold names and no request has, with those that look like them."""
    asked = {value for t in thresholds for column, value in t.where if column == "route"}
    if not asked:
        return
    sampled = current.samples_of(ROUTE_SUBJECT)
    place = ROUTE_SUBJECT.each.index("route")
    known = {str(key[place]) for key in (*sampled.samples, *sampled.others)}
    for route in sorted(asked - known):
        near = did_you_mean(route, known, "`apilog routes` lists those there are", at_most=1)
        yield f"no request has the route {route}: {near}"


def _unnamed_notes(measured: Mapping[Threshold, SubjectSamples]) -> Iterator[str]:
    """Note what a `for each` leaves out, once for each choice of columns."""
    unnamed = {t.each: m.unnamed for t, m in measured.items() if t.each and m.unnamed}
    for each, count in unnamed.items():
        columns = " and ".join(each)
        yield f"{count:,} requests have no {columns} of their own: no `for each` is about them"


def _independence_notes(
    results: Mapping[Threshold, Sequence[ThresholdResult]],
) -> Iterator[str]:
    """Note the comparisons of which too little history tells how they vary over time."""
    unknown = [
        str(threshold)
        for threshold, several in results.items()
        if is_dispersed_over_time(threshold.metric)
        and any(r.p_value is not None and r.baseline is not None and not r.design for r in several)
    ]
    if unknown:
        yield (
            f"too little history tells how values vary from hour to hour or day to day, so that "
            f"requests are taken as independent: {', '.join(unknown)}"
        )


def _overall(results: Sequence[ThresholdResult]) -> CheckState:
    return CheckState.overall(result.state for result in results)
