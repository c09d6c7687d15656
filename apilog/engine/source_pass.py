"""One pass over the sources: the caller decides what becomes of the records.

Options are understood before anything is read. Rejected lines are passed on and accounted for in
the same way for every caller.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar

import polars as pl

from apilog.aggregate import merge_in_batches
from apilog.engine.engines import make_run
from apilog.engine.known_routes import read_known_routes
from apilog.engine.learned_routes import ROUTES_BY_LOOK, can_read_again, with_learned_routes
from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec, summarise_inputs
from apilog.engine.store_parts import STORE_FORMAT, stored_templates
from apilog.engine.where import parse_where
from apilog.errors import UsageError
from apilog.formats.file_plan import parse_choice
from apilog.options import FormatOptions, ReadOptions, RecordOptions, Source
from apilog.privacy import Privacy
from apilog.report_model import InputSummary, ReportFilters
from apilog.routes import NO_TEMPLATES, RouteTemplates, parse_rules
from apilog.specifications import load_specifications
from apilog.time import ALL_TIME, TimeWindow

T = TypeVar("T")


def make_read_spec(options: RecordOptions, columns: frozenset[str] = frozenset()) -> ReadSpec:
    """Return what is to be made of every chunk, with these columns of the schema.

    Raises UsageError for options that can't be understood.
    """
    where = options.where if isinstance(options, ReadOptions) else None
    known = read_known_routes(options)
    return ReadSpec(
        columns=columns,
        rules=parse_rules(known.declared),
        templates=known.templates,
        specifications=load_specifications(options.openapi),
        where=None if where is None else parse_where(where),
        keep_query=options.keep_query,
        privacy=parse_privacy(options),
    )


def parse_privacy(options: RecordOptions) -> Privacy:
    """Return what is done to personal data; UsageError for a key that can't be read."""
    return Privacy.from_options(
        anonymize_ip=options.anonymize_ip, hash_consumers=options.hash_consumers
    )


def check_positive(option: str, number: int | None) -> None:
    """Raise UsageError for a number that is 0 or negative."""
    if number is not None and number < 1:
        raise UsageError(f"{option} {number} is not a positive number")


class SourcePass(Generic[T]):
    """Reads the sources as the options say; `input` and `notes` are there afterwards."""

    def __init__(
        self,
        sources: Sequence[Source],
        options: ReadOptions,
        columns: frozenset[str],
        work: Callable[[pl.DataFrame], T],
        *,
        window: TimeWindow = ALL_TIME,
        templates: RouteTemplates = NO_TEMPLATES,
        learns_first: bool = False,
        learn_from: Sequence[Source] = (),
    ) -> None:
        """`work` gets the records of each chunk, with these columns of the schema.

        It also gets records outside of `window`, where not reading them spares nothing. What is
        known of routes, first what the options name, comes before what stores know; a condition on
        the route, and `learns_first`, has to know all of it, so that the logs are read twice, or
        first those to `learn_from`. Raises UsageError for options that can't be understood.
        """
        check_positive("--max-routes", options.max_routes)
        self._choice = parse_choice(options)
        self._rejects = options.rejects
        self._has_condition = options.where is not None
        spec = make_read_spec(options, columns)
        if "route" in spec.needed_columns:
            known = spec.templates.before(templates).before(stored_templates(sources))
            spec = replace(spec, templates=known)
        learns_first = learns_first or bool(spec.where and "route" in spec.where.columns)
        told_by = learn_from or sources
        self._has_routes_by_look = learns_first and not can_read_again(told_by)
        if learns_first:
            spec = with_learned_routes(told_by, spec, options, choice=self._choice, window=window)
        self.templates = spec.templates
        """What was known of routes before the pass."""
        self._run = make_run(
            sources,
            spec,
            work,
            options,
            choice=self._choice,
            window=window,
        )

    def iter_results(self) -> Generator[T]:
        """Yield what the work makes of each chunk, in the order of the lines."""
        with closing(self._run.results()) as results:
            for result in results:
                if self._rejects and result.rejects.height:
                    self._rejects(result.rejects)
                yield result.value

    def merge_results(self, merge: Callable[[Sequence[T]], T]) -> T:
        """Read everything and return the merged results; only a few are held at a time."""
        if self._rejects is None and not isinstance(self._run, LocalRun):
            return merge(self._run.merged(merge))
        with closing(self.iter_results()) as results:
            return merge_in_batches(results, merge)

    @property
    def stored_times(self) -> tuple[datetime, ...]:
        """When the first and the last record of each file of the stores was, read or not.

        Nothing if there is a condition: nobody knows which of them meet it.
        """
        spans = () if self._has_condition else self.stored_spans
        return tuple(at for span in spans for at in span)

    @property
    def stored_spans(self) -> tuple[tuple[datetime, datetime], ...]:
        """When the first and the last record of each file of the stores was, whatever is asked."""
        return self._run.stored_spans

    @property
    def input(self) -> InputSummary:
        """The account of what was read so far."""
        return summarise_inputs(self._run.accounts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the lines that could not be read, and on what was guessed."""
        return (
            *describe_doubts(self.input),
            *describe_rejects(self.input, are_kept=self._rejects is not None),
            *((ROUTES_BY_LOOK,) if self._has_routes_by_look else ()),
            *self._describe_unused(),
        )

    def _describe_unused(self) -> Iterator[str]:
        """Say that columns were named where lines are no longer there."""
        stores = [file.path for file in self.input.files if file.format == STORE_FORMAT]
        if stores and self._choice and self._choice.hints.keys.columns:
            yield f"--column says nothing of {stores[0]}: a store keeps what was ingested"


# More doubts than this are counted in the notes, and spelt out in JSON.
_MOST_DOUBTS = 5


def describe_doubts(account: InputSummary) -> Iterator[str]:
    """Say what was guessed about the inputs: each doubt once, with the first of its inputs."""
    paths: dict[str, list[str]] = {}
    for file in account.files:
        for doubt in file.doubts:
            paths.setdefault(doubt, []).append(file.path)
    for doubt, (first, *others) in islice(paths.items(), _MOST_DOUBTS):
        yield f"{first}{f' and {len(others):,} more' if others else ''}: {doubt}"
    if len(paths) > _MOST_DOUBTS:
        count = f"{len(paths) - _MOST_DOUBTS:,} more doubts about how the inputs are read"
        yield f"{count}: `input.files` of `-f json` names them"


def describe_rejects(account: InputSummary, *, are_kept: bool) -> Iterator[str]:
    """Say how many lines could not be read, and unless they are kept how to keep them."""
    if account.rejects:
        total = account.rejects + account.records
        note = f"{account.rejects:,} of {total:,} lines could not be read"
        yield note if are_kept else f"{note}; --rejects FILE keeps them"


def filters_of(options: FormatOptions, window: TimeWindow) -> ReportFilters:
    """Return what options ask for; `window` has their limits."""
    given = options.as_arguments()
    return ReportFilters(
        where=given.get("where"),
        since=None if given.get("since") is None else window.since,
        until=None if given.get("until") is None else window.until,
        by=tuple(given.get("by", ())),
        tz=given.get("tz", "UTC"),
        config=options.config_file,
        metrics=(*given.get("metrics", ()), *(["apdex"] if given.get("apdex") else [])),
    )
