"""`check`: thresholds held against sources, and a baseline if they ask for one.

Everything that can be refused without reading is refused before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from apilog.checks.baseline import SavedBaseline
from apilog.checks.baseline_rules import check_after_reading, check_before_reading
from apilog.checks.check_tables import (
    CHANGED_TABLE,
    CHECKS_TABLE,
    WORST_TABLE,
    changed_table,
    checks_table,
    worst_table,
)
from apilog.checks.evaluate import (
    DecisionPolicy,
    evaluate_hour,
    evaluate_threshold,
    hours_until,
    last_whole_hour,
    overall_state,
)
from apilog.checks.measurement import (
    MeasuredSources,
    Measurement,
    MeasureOptions,
    SampleSource,
    SubjectSamples,
    measure_sources,
    reject_notes,
)
from apilog.checks.threshold import (
    ENDPOINT_COLUMNS,
    GATEWAY_SUBJECT,
    ROUTE_SUBJECT,
    SCORED_METRICS,
    MetricSubject,
    Threshold,
)
from apilog.report_model import CheckState, Report
from apilog.time import TimeWindow
from apilog.version import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """A report on thresholds, and what came out for all of them."""

    report: Report
    """Its tables are `checks`, `worst`, and with a baseline `changed`."""
    state: CheckState
    """Fail if one failed, else inconclusive if one could not be decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What is checked, against what, and how sure it has to be; the defaults are the command's."""

    window: TimeWindow = field(default_factory=TimeWindow)
    baseline: SavedBaseline | TimeWindow | None = None
    """A saved one, or another time of the same sources."""
    policy: DecisionPolicy = field(default_factory=DecisionPolicy)
    reading: MeasureOptions = field(default_factory=MeasureOptions)
    tz: str = "UTC"
    """Zone in which times are shown."""
    min_elsewhere: int = 20
    """What `policy.min_requests` is for what was measured elsewhere, on fewer things."""


def check_sources(
    sources: Sequence[str | os.PathLike[str]],
    thresholds: Sequence[Threshold],
    options: CheckOptions,
    *,
    elsewhere: Mapping[Threshold, SubjectSamples] | None = None,
) -> CheckResult:
    """Measure the sources and evaluate the thresholds.

    `elsewhere` has what was measured for thresholds that are about other things than requests.
    Raises UsageError for a comparison without a baseline or with one that can't tell it, before
    anything is read; after it for one of other gateways or another length of time.
    """
    known = dict(elsewhere or {})
    unusual = [t for t in thresholds if t.metric.name in SCORED_METRICS]
    asked = [t for t in thresholds if t not in known and t not in unusual]
    check_before_reading(asked, options.window, options.baseline, options.reading)
    measurements = _plan_measurements(asked, options)
    measurements += [hours_until(options.window)] if unusual else []
    done = measure_sources(sources, measurements, options.reading)
    current, base = done.results[0], _baseline_samples(options, done)
    if base:
        check_after_reading(asked, current, base)
    known |= {t: current.samples_of(t.subject) for t in asked}
    bases = {t: base.samples_of(t.subject) for t in asked if base and t.is_comparison}
    hours = {t: [evaluate_hour(t, last_whole_hour(t, done.results[-1]))] for t in unusual}
    fewer = replace(options.policy, min_requests=options.min_elsewhere)
    policies = {t: fewer if elsewhere and t in elsewhere else options.policy for t in thresholds}
    results = {
        t: hours.get(t) or evaluate_threshold(t, known[t], bases.get(t), policies[t])
        for t in thresholds
    }
    failed = [t for t in asked if not t.each and overall_state(results[t]) is CheckState.FAIL]
    tables = {
        CHECKS_TABLE: checks_table(results),
        WORST_TABLE: worst_table(
            [(t, current.samples_of(_subject_by_endpoint(t))) for t in failed]
        ),
    }
    if base:
        tables[CHANGED_TABLE] = changed_table(
            current.samples_of(ROUTE_SUBJECT), base.samples_of(ROUTE_SUBJECT)
        )
    report = Report(
        version=__version__,
        command="check",
        since=current.window.since,
        until=current.window.until,
        input=done.input,
        tables=tables,
        timezone=options.tz,
        notes=(
            *_unnamed_notes(known),
            *reject_notes(done.input, kept=options.reading.rejects is not None),
        ),
    )
    return CheckResult(report=report, state=_worst_state(map(overall_state, results.values())))


def _plan_measurements(thresholds: Sequence[Threshold], options: CheckOptions) -> list[Measurement]:
    """Of the window, and of that of the baseline."""
    details = (_subject_by_endpoint(t) for t in thresholds if not t.each)
    subjects = [*(t.subject for t in thresholds), *details, ROUTE_SUBJECT, GATEWAY_SUBJECT]
    most = options.reading.max_routes
    found = [Measurement(subjects, options.window, max_routes=most)]
    if isinstance(options.baseline, TimeWindow):
        compared = [t.subject for t in thresholds if t.is_comparison]
        earlier = [*compared, ROUTE_SUBJECT, GATEWAY_SUBJECT]
        found.append(Measurement(earlier, options.baseline, max_routes=most))
    return found


def _baseline_samples(options: CheckOptions, done: MeasuredSources) -> SampleSource | None:
    return done.results[1] if isinstance(options.baseline, TimeWindow) else options.baseline


def _subject_by_endpoint(threshold: Threshold) -> MetricSubject:
    """The same for each endpoint, as far as the threshold leaves that open."""
    chosen = {column for column, _ in threshold.where}
    each = tuple(column for column in ENDPOINT_COLUMNS if column not in chosen)
    return replace(threshold.subject, each=each)


def _unnamed_notes(measured: Mapping[Threshold, SubjectSamples]) -> Iterator[str]:
    """What a `for each` leaves out; told once for each choice of columns."""
    told = {t.each: m.unnamed for t, m in measured.items() if t.each and m.unnamed}
    for each, count in told.items():
        columns = " and ".join(each)
        yield f"{count:,} requests have no {columns} of their own: no `for each` is about them"


def _worst_state(states: Iterable[CheckState]) -> CheckState:
    found = set(states)
    return next(
        (s for s in (CheckState.FAIL, CheckState.INCONCLUSIVE) if s in found), CheckState.PASS
    )
