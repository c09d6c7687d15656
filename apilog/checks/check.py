"""`check`: thresholds held against sources, and a baseline if they ask for one.

Everything that can be refused without reading is refused before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from apilog.checks.baseline import SavedBaseline
from apilog.checks.catalogue import SCORED
from apilog.checks.comparable import check_before, check_measured
from apilog.checks.evaluate import Policy, State, evaluate, overall
from apilog.checks.measure import Measurable, Measurement, Window
from apilog.checks.reading import Read, Reading, notes, read
from apilog.checks.samples import Measured
from apilog.checks.tables import CHANGED, CHECKS, WORST, changed_table, checks_table, worst_table
from apilog.checks.threshold import ENDPOINT, GATEWAYS, ROUTES, Subject, Threshold
from apilog.checks.unusual import evaluate_hour, hours_until, last_hour
from apilog.model import Report
from apilog.version import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A report on thresholds, and what came out for all of them."""

    report: Report
    """Its tables are `checks`, `worst`, and with a baseline `changed`."""
    state: State
    """Fail if one failed, else inconclusive if one could not be decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What is checked, against what, and how sure it has to be; the defaults are the command's."""

    window: Window = field(default_factory=Window)
    baseline: SavedBaseline | Window | None = None
    """A saved one, or another time of the same sources."""
    policy: Policy = field(default_factory=Policy)
    reading: Reading = field(default_factory=Reading)
    tz: str = "UTC"
    """Zone in which times are shown."""
    min_elsewhere: int = 20
    """What `policy.min_requests` is for what was measured elsewhere, on fewer things."""


def check(
    sources: Sequence[str | os.PathLike[str]],
    thresholds: Sequence[Threshold],
    options: CheckOptions,
    *,
    elsewhere: Mapping[Threshold, Measured] | None = None,
) -> Checked:
    """Measure the sources and evaluate the thresholds.

    `elsewhere` has what was measured for thresholds that are about other things than requests.
    Raises UsageError for a comparison without a baseline or with one that can't tell it, before
    anything is read; after it for one of other gateways or another length of time.
    """
    known = dict(elsewhere or {})
    unusual = [t for t in thresholds if t.metric.name in SCORED]
    asked = [t for t in thresholds if t not in known and t not in unusual]
    check_before(asked, options.window, options.baseline, options.reading)
    measurements = _measurements(asked, options)
    measurements += [hours_until(options.window)] if unusual else []
    done = read(sources, measurements, options.reading)
    current, base = done.measures[0], _base(options, done)
    if base:
        check_measured(asked, current, base)
    known |= {t: current.of(t.subject) for t in asked}
    bases = {t: base.of(t.subject) for t in asked if base and t.is_comparison}
    hours = {t: [evaluate_hour(t, last_hour(t, done.measures[-1]))] for t in unusual}
    fewer = replace(options.policy, min_requests=options.min_elsewhere)
    policies = {t: fewer if elsewhere and t in elsewhere else options.policy for t in thresholds}
    results = {
        t: hours.get(t) or evaluate(t, known[t], bases.get(t), policies[t]) for t in thresholds
    }
    failed = [t for t in asked if not t.each and overall(results[t]) is State.FAIL]
    tables = {
        CHECKS: checks_table(results),
        WORST: worst_table([(t, current.of(_by_endpoint(t))) for t in failed]),
    }
    if base:
        tables[CHANGED] = changed_table(current.of(ROUTES), base.of(ROUTES))
    report = Report(
        version=__version__,
        command="check",
        since=current.window.since,
        until=current.window.until,
        input=done.input,
        tables=tables,
        timezone=options.tz,
        notes=(*_unnamed(known), *notes(done.input, kept=options.reading.rejects is not None)),
    )
    return Checked(report=report, state=_worst(map(overall, results.values())))


def _measurements(thresholds: Sequence[Threshold], options: CheckOptions) -> list[Measurement]:
    """Of the window, and of that of the baseline."""
    details = (_by_endpoint(t) for t in thresholds if not t.each)
    subjects = [*(t.subject for t in thresholds), *details, ROUTES, GATEWAYS]
    most = options.reading.max_routes
    found = [Measurement(subjects, options.window, max_routes=most)]
    if isinstance(options.baseline, Window):
        compared = [t.subject for t in thresholds if t.is_comparison]
        earlier = [*compared, ROUTES, GATEWAYS]
        found.append(Measurement(earlier, options.baseline, max_routes=most))
    return found


def _base(options: CheckOptions, done: Read) -> Measurable | None:
    return done.measures[1] if isinstance(options.baseline, Window) else options.baseline


def _by_endpoint(threshold: Threshold) -> Subject:
    """The same for each endpoint, as far as the threshold leaves that open."""
    chosen = {column for column, _ in threshold.where}
    each = tuple(column for column in ENDPOINT if column not in chosen)
    return replace(threshold.subject, each=each)


def _unnamed(measured: Mapping[Threshold, Measured]) -> Iterator[str]:
    """What a `for each` leaves out; told once for each choice of columns."""
    told = {t.each: m.unnamed for t, m in measured.items() if t.each and m.unnamed}
    for each, count in told.items():
        columns = " and ".join(each)
        yield f"{count:,} requests have no {columns} of their own: no `for each` is about them"


def _worst(states: Iterable[State]) -> State:
    found = set(states)
    return next((s for s in (State.FAIL, State.INCONCLUSIVE) if s in found), State.PASS)
