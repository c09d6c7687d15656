"""Measuring sources: one pass for all measurements, and another where routes turn out to merge.

A threshold that names a route sees one request at a time, so that what traffic tells of the route
has to be known before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from apilog.checks.measurement import Measurement, MeasurementResult, MeasurementState
from apilog.checks.told_routes import learn_together, merges_into, named_templates, names_values
from apilog.engine.learned_routes import ROUTES_BY_LOOK, can_read_again
from apilog.engine.source_pass import SourcePass
from apilog.engine.time_notes import describe_emptiness, describe_strays
from apilog.options import ReadOptions, Source
from apilog.report_model import InputSummary
from apilog.routes import NO_TEMPLATES, RouteTemplates
from apilog.time import TimeWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSources:
    """The results of one pass over the sources."""

    results: tuple[MeasurementResult, ...]
    """One for each measurement."""
    states: tuple[MeasurementState, ...]
    """What they were made from."""
    templates: RouteTemplates
    """What was known of routes before."""
    input: InputSummary
    notes: tuple[str, ...]
    """Notes on the lines that could not be read, and on what was guessed or left out."""
    notes_on_times: tuple[str, ...]
    """Those of them that say what the window leaves out."""

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that were found, sorted."""
        return tuple(sorted({file.format for file in self.input.files if file.format}))


def measure_sources(
    sources: Sequence[Source],
    measurements: Sequence[Measurement],
    options: ReadOptions,
    *,
    templates: RouteTemplates = NO_TEMPLATES,
    learn_from: Sequence[Source] = (),
) -> MeasuredSources:
    """Make all measurements of the sources in one pass; templates are known of routes.

    They are read once more where only the requests tell what a threshold names, or a condition
    looks at; `learn_from` are the sources that tell it, unless these alone do. An input that can't
    be read has its error in the summary.
    """
    known = templates.keeping(frozenset().union(*(m.known_routes for m in measurements)))
    names_known = any(m.names_routes or names_values(m.wheres) for m in measurements)
    measured = _measure(
        sources, measurements, options, known, learns_first=names_known, learn_from=learn_from
    )
    named = named_templates(where for m in measurements for where in m.wheres)
    told = [m.tell_routes(state) for m, state in zip(measurements, measured.states, strict=True)]
    learned = learn_together(told) if named else NO_TEMPLATES
    if not any(merges_into(named, learned, one) for one in told):
        return measured
    if not can_read_again(sources):
        notes = dict.fromkeys((*measured.notes, ROUTES_BY_LOOK))
        return replace(measured, notes=tuple(notes))
    # Whatever is told of the lines was told by the first pass.
    again = replace(options, progress=None, rejects=options.rejects and (lambda _: None))
    return _measure(sources, measurements, again, known.before(learned))


def _measure(
    sources: Sequence[Source],
    measurements: Sequence[Measurement],
    options: ReadOptions,
    templates: RouteTemplates,
    *,
    learns_first: bool = False,
    learn_from: Sequence[Source] = (),
) -> MeasuredSources:
    source_pass = SourcePass(
        sources,
        options,
        frozenset[str]().union(*(measurement.columns for measurement in measurements)),
        lambda records: tuple(measurement.partial(records) for measurement in measurements),
        window=TimeWindow.enclosing(measurement.window for measurement in measurements),
        templates=templates,
        learns_first=learns_first,
        learn_from=learn_from,
    )
    states = source_pass.merge_results(
        lambda several: tuple(
            measurement.merge([one[i] for one in several])
            for i, measurement in enumerate(measurements)
        )
    )
    results = finish_alike(list(zip(measurements, states, strict=True)))
    first, stored = states[0][0].times, source_pass.stored_times
    on_times = (
        *describe_strays((result.strays for result in results), options.tz),
        *describe_emptiness(measurements[0].window, first, stored, options.tz),
    )
    return MeasuredSources(
        results=results,
        states=states,
        templates=source_pass.templates,
        input=source_pass.input,
        notes=(*source_pass.notes, *on_times),
        notes_on_times=on_times,
    )


def finish_alike(
    measured: Sequence[tuple[Measurement, MeasurementState]],
) -> tuple[MeasurementResult, ...]:
    """Return the results of several measurements, in all of which the same routes fold.

    A route that one of them shows to be there folds in none, so that one success more or less
    on one side does not decide whether both can be compared.
    """
    templates = learn_together(one.tell_routes(state) for one, state in measured)
    measured = [(one, one.merge_routes(state, templates)) for one, state in measured]
    known = frozenset[str]().union(*(one.kept_routes(state) for one, state in measured))
    return tuple(one.finish(state, known_routes=known) for one, state in measured)
