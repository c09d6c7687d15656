"""What to compute, and the few cubes that it is computed from.

A cube holds the sums, histograms and sets for every value of its keys; each table is
rolled up from a cube whose keys include its own. A cube's `detail` are further keys with
few values that only its sums have, so that histograms stay small. This is the choice of
views to materialise in a data cube (Harinarayan, Rajaraman, Ullman 1996,
https://doi.org/10.1145/235968.233333), for tables that are known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import polars as pl

from apilog.aggregate.anomalies.counts import SHORT
from apilog.aggregate.bounded_sets import MOST_MEMBERS
from apilog.aggregate.table_specs import (
    ANOMALIES,
    BOUNDED_KEYS,
    COVERAGE,
    EXTRA_TABLES,
    HOUR_TABLES,
    OBJECTIVES,
    PERIOD,
    SPECIFIED_TABLES,
    TableSpec,
    coverage_cells,
)
from apilog.metrics import (
    ACCUMULATORS,
    BUILT_IN,
    METRICS,
    Accumulator,
    DerivedColumn,
    MergeRule,
    MetricDefinitions,
    summed_metric,
)
from apilog.schema import SPECIFIED_COLUMNS
from apilog.specifications import OperationCatalogue
from apilog.time import ALL_TIME, TimeWindow

_DETAIL_KEYS = frozenset({"status", "error_source"})
_DERIVED_FROM = dict.fromkeys((PERIOD, "hour", "weekday", "hour_of_day"), ("timestamp",))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPlan:
    """The tables of one report and what limits them; hashable, and the same everywhere."""

    tables: tuple[TableSpec, ...]
    definitions: MetricDefinitions = BUILT_IN
    """The metrics that the tables name."""
    bucket: str | None = None
    """Step of the time buckets as `parse_step` gives it; None means the shortest of `STEPS` that
    gives at most `most_buckets` of them."""
    most_buckets: int = 60
    timezone: str = "UTC"
    """IANA name of the zone that decides where buckets start."""
    window: TimeWindow = ALL_TIME
    """Records outside are left out."""
    max_routes: int = 1000
    """Routes kept of those that were guessed from paths."""
    known_routes: frozenset[str] = frozenset()
    """Routes that are there whatever their requests were answered, and don't fold."""
    learns_routes: bool = True
    """Whether routes made from paths merge where traffic shows that a segment holds a value."""
    top: int | None = None
    """Rows kept in each table over dimensions; None means `max_rows`."""
    max_rows: int = 10_000
    """The most rows that a table over dimensions keeps, without its row of the others."""
    max_keys: int = 100_000
    """The most keys that a cube keeps while it is computed; beyond, the idler half is folded."""
    max_cells: int = 2_000_000
    """The most lines of a histogram of a cube, likewise; of a set, whose members are fewer then."""
    max_members: int = MOST_MEMBERS
    """So many distinct values are counted one by one; how many more there are is estimated."""
    specifications: OperationCatalogue | None = None
    """The operations that calls are held against."""
    is_filtered: bool = False
    """Whether sums for the filters of a page are kept, too."""
    period_step: str | None = None
    """The step of periods, shorter than `SHORT`, whose sums are kept apart, so that there is a
    report of each. Then the step of buckets is fixed, and nothing is folded before the end."""

    @property
    def most_state_buckets(self) -> int:
        """The most buckets with requests that a state keeps: those of a window, and as many more
        for times that lie outside of what is shown."""
        return 2 * self.most_buckets

    @property
    def counts_hours(self) -> bool:
        """Whether anomalies may need the counts of hours: not where the limits are close."""
        seconds = self.window.seconds
        is_short = seconds is not None and seconds < SHORT.total_seconds()
        has_anomalies = any(table.name == ANOMALIES for table in self.tables)
        return has_anomalies and not is_short and self.period_step is None

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that are read, of `READ_COLUMNS`."""
        return frozenset().union(*(cube.columns for cube in cube_layout(self).cubes), {"timestamp"})

    @property
    def names_routes(self) -> bool:
        """Whether a metric looks at the route of each record, which has to be known before."""
        derived = (d for cube in cube_layout(self).cubes for d in cube.derived)
        return any("route" in column.columns for column in derived)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cube:
    """One grouping of the records."""

    keys: tuple[str, ...]
    detail: tuple[str, ...]
    sums: tuple[Accumulator, ...]
    """In the order of their names; `requests` is among them, if there are any."""
    histograms: tuple[str, ...]
    distinct: tuple[str, ...]
    derived: tuple[DerivedColumn, ...] = ()
    """The derived columns among those that the others name."""
    is_for_filters: bool = False
    """Whether it is whole or given up; no table is made of it."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that are read, of `READ_COLUMNS`."""
        keys = (_DERIVED_FROM.get(key, (key,)) for key in (*self.keys, *self.detail))
        named = {c for a in self.sums if (c := a.column)}.union(self.histograms, self.distinct)
        read = named - {d.name for d in self.derived}
        return frozenset().union(*keys, read, *(d.columns for d in self.derived))

    @property
    def constant_sums(self) -> tuple[Accumulator, ...]:
        """Accumulators that are the same for all records of a group, as a key decides them."""
        keys = (*self.keys, *self.detail)
        return tuple(a for a in self.sums if a.merge is MergeRule.SUM and a.column in keys)

    @property
    def by(self) -> tuple[str, ...]:
        """The key that keeps reports apart, if there are several."""
        return self.keys[:1] if PERIOD in self.keys else ()

    def places(self) -> pl.Expr:
        """Return the place of each row among those of its report."""
        place = pl.int_range(pl.len())
        return place.over(self.by) if self.by else place

    @property
    def is_bounded(self) -> bool:
        """Whether the cube stays small whatever the log holds."""
        return set(self.keys) <= BOUNDED_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeFamily:
    """Cubes that are rolled up from one while a chunk's groups are fewer than its records."""

    finest: Cube
    """Has the keys and sums of all members, and may be none of them."""
    members: tuple[int, ...]
    """Their places among the plan's cubes."""
    apart: tuple[tuple[int, Cube], ...] = ()
    """Histograms and sets of members that the finest lacks, by the place of the member: by the hour
    there would be many times as many, and nothing shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeLayout:
    """The cubes of a plan, and what each table is rolled up from."""

    cubes: tuple[Cube, ...]
    families: tuple[CubeFamily, ...]
    """Each cube is in one, those for filters in none."""
    cube_of_table: dict[str, int]
    """Maps a table to the cube of its sums and histograms."""
    cube_of_set: dict[tuple[str, str], int]
    """Maps a table and column to the cube of its sets."""


@dataclass(slots=True)
class _CubeDraft:
    keys: frozenset[str]
    detail: set[str] = field(default_factory=set)
    sums: set[Accumulator] = field(default_factory=set)
    histograms: set[str] = field(default_factory=set)
    distinct: set[str] = field(default_factory=set)
    derived: set[DerivedColumn] = field(default_factory=set)

    def add_sums(self, table: TableSpec, definitions: MetricDefinitions) -> None:
        """Add the sums and histograms of a table, and the extremes of these."""
        columns = definitions.histograms_of(table.metrics)
        self.histograms |= columns
        self.sums |= definitions.accumulators_of(table.metrics)
        self.sums.update(a for column in columns for a in definitions.extremes_of(column))
        self.derived |= definitions.derived_of(table.metrics)

    def holds(self, cube: Cube) -> bool:
        """Return whether the cube can be rolled up from this one."""
        if cube.histograms or cube.distinct:
            has_keys = self.keys.issuperset(cube.keys)
        else:
            has_keys = (self.keys | self.detail).issuperset(cube.keys)
        return (
            has_keys
            and (self.keys | self.detail).issuperset(cube.detail)
            and self.sums.issuperset(cube.sums)
            and self.histograms.issuperset(cube.histograms)
            and self.distinct.issuperset(cube.distinct)
        )

    def add_cube(self, cube: Cube) -> None:
        """Add what a cube has whose keys are among these."""
        self.detail |= {*cube.detail} - self.keys
        self.sums |= {*cube.sums}
        self.histograms |= {*cube.histograms}
        self.distinct |= {*cube.distinct}
        self.derived |= {*cube.derived}

    def to_cube(self) -> Cube:
        needed = {"requests"} | ({"not_found", "guessed"} if "route" in self.keys else set())
        sums = self.sums | {ACCUMULATORS[name] for name in needed}
        columns = {a.column for a in sums} | self.histograms | self.distinct
        return Cube(
            keys=tuple(sorted(self.keys)),
            detail=tuple(sorted(self.detail)),
            sums=tuple(sorted(sums, key=lambda a: a.name)),
            histograms=tuple(sorted(self.histograms)),
            distinct=tuple(sorted(self.distinct)),
            derived=tuple(
                sorted((d for d in self.derived if d.name in columns), key=lambda d: d.name)
            ),
        )


def cube_layout(plan: ReportPlan) -> CubeLayout:
    """Return the fewest cubes that serve all tables, none finer than its tables need."""
    return _lay_out(
        plan.tables,
        plan.definitions,
        counts_hours=plan.counts_hours,
        is_filtered=plan.is_filtered,
        is_split=plan.period_step is not None,
    )


@lru_cache(maxsize=64)
def _lay_out(
    specs: tuple[TableSpec, ...],
    definitions: MetricDefinitions,
    *,
    counts_hours: bool,
    is_filtered: bool,
    is_split: bool,
) -> CubeLayout:
    drafts: list[_CubeDraft] = []
    source: dict[str, int] = {}
    distinct: dict[tuple[str, str], int] = {}
    shown = specs
    specs += tuple(cells for t in shown if t.name == COVERAGE for cells in coverage_cells(t))
    fine = {table.name: _is_fine(table, definitions) for table in specs}
    # Tables with many keys come first, so that those with few find a cube to roll up from.
    tables = sorted(specs, key=lambda t: (not fine[t.name], -len(t.keys)))
    for table in tables:
        source[table.name] = index = _place_table(drafts, table, is_fine=fine[table.name])
        drafts[index].add_sums(table, definitions)
    for table in tables:
        for column in sorted(definitions.distinct_of(table.metrics)):
            index = _place_set(drafts, table, column, source[table.name])
            distinct[table.name, column] = index
            drafts[index].derived |= definitions.derived_of(table.metrics)
    if counts_hours:
        for table in HOUR_TABLES:
            source[table.name] = len(drafts)
            drafts.append(_CubeDraft(frozenset(table.keys)))
            drafts[-1].add_sums(table, definitions)
    cubes = [draft.to_cube() for draft in drafts]
    if is_filtered:
        cubes += _filter_cubes(shown, definitions)
    if is_split:
        cubes = [replace(cube, keys=(PERIOD, *cube.keys)) for cube in cubes]
    return CubeLayout(
        cubes=tuple(cubes),
        families=_find_families(cubes),
        cube_of_table=source,
        cube_of_set=distinct,
    )


def _find_families(cubes: Sequence[Cube]) -> tuple[CubeFamily, ...]:
    """Return the families of cubes; what only the hour tells apart is one, too."""
    families: list[tuple[_CubeDraft, list[int]]] = []
    apart: dict[int, Cube] = {}
    plain = [place for place, cube in enumerate(cubes) if not cube.is_for_filters]
    for place in sorted(plain, key=lambda place: -len(cubes[place].keys)):
        cube = cubes[place]
        for draft, members in families:
            if draft.holds(cube):
                draft.add_cube(cube)
                members.append(place)
                break
            if draft.keys == {*cube.keys, "hour"}:
                if beside := _beside(cube, draft):
                    apart[place] = beside
                draft.add_cube(replace(cube, histograms=(), distinct=()))
                members.append(place)
                break
        else:
            draft = _CubeDraft(frozenset(cube.keys))
            draft.add_cube(cube)
            families.append((draft, [place]))
    return tuple(
        CubeFamily(
            finest=draft.to_cube(),
            members=tuple(members),
            apart=tuple((place, apart[place]) for place in members if place in apart),
        )
        for draft, members in families
    )


def _beside(cube: Cube, draft: _CubeDraft) -> Cube | None:
    """Return the histograms and sets that only the cube has, as one of its keys; None if none."""
    histograms = tuple(c for c in cube.histograms if c not in draft.histograms)
    distinct = tuple(c for c in cube.distinct if c not in draft.distinct)
    if not histograms and not distinct:
        return None
    return replace(cube, detail=(), sums=(), histograms=histograms, distinct=distinct)


_ENDPOINT = ("gateway", "method", "route")
_STATUS = ("status", "error_source")
_FILTER_KEYS = (
    ("timestamp", *_ENDPOINT, "consumer", *_STATUS),
    ("timestamp", *_ENDPOINT, *_STATUS),
    (*_ENDPOINT, "consumer", *_STATUS),
    ("timestamp", "consumer", *_STATUS),
    (*_ENDPOINT, *_STATUS),
    ("consumer", *_STATUS),
    ("timestamp", "gateway", *_STATUS),
)
"""The keys of the cubes that filters choose from; each has the status, which tells errors."""
_TOLD_BY_STATUS = frozenset({"client_errors", "server_errors", "not_found"})


def filter_tables(specs: Sequence[TableSpec]) -> list[TableSpec]:
    """Return the tables whose figures a page finds anew under a filter."""
    left_out = (ANOMALIES, OBJECTIVES, *EXTRA_TABLES, *SPECIFIED_TABLES)
    return [t for t in specs if t.name not in left_out]


def _filter_cubes(specs: Sequence[TableSpec], definitions: MetricDefinitions) -> Iterator[Cube]:
    """Yield the cubes that filters choose from, the finest first.

    They are about the built-in metrics, and of others about those that are sums of small numbers.
    """
    tables = filter_tables(specs)
    further = {key for table in tables for key in table.keys} - {*_FILTER_KEYS[0]}
    metrics = sorted({m for table in tables for m in table.metrics if m in METRICS})
    sums = {a for a in BUILT_IN.accumulators_of(metrics) if a.name not in _TOLD_BY_STATUS}
    sums |= {ACCUMULATORS["first_seen"], ACCUMULATORS["last_seen"]}
    own = sorted({m for table in tables for m in table.metrics if m not in METRICS})
    for summed in filter(None, (summed_metric(definitions[m]) for m in own)):
        sums.update(a for a in definitions[summed.name].accumulators if a.name in summed.parts)
    columns = BUILT_IN.histograms_of(metrics)
    sums.update(a for column in columns for a in BUILT_IN.extremes_of(column))
    for keys in _FILTER_KEYS:
        has_further = "route" in keys and "timestamp" in keys
        draft = _CubeDraft(
            frozenset(keys) | (further if has_further else frozenset()),
            sums=set(sums),
            histograms=set(columns),
            derived={*definitions.derived_of(own)},
        )
        yield replace(draft.to_cube(), is_for_filters=True)


def _is_unbounded(table: TableSpec) -> bool:
    return not set(table.keys) <= BOUNDED_KEYS


def _is_fine(table: TableSpec, definitions: MetricDefinitions) -> bool:
    """Return whether the table needs more than sums at its own keys."""
    sets = _is_unbounded(table) and definitions.distinct_of(table.metrics)
    return bool(definitions.histograms_of(table.metrics) or sets)


def _place_table(drafts: list[_CubeDraft], table: TableSpec, *, is_fine: bool) -> int:
    keys = frozenset(table.keys)
    unbounded = keys - BOUNDED_KEYS
    for index, draft in enumerate(drafts):
        # Rolling up has to be exact even where the cube outgrows its limits. With one more
        # unbounded key it folds sooner, and the table's keys with it. Methods are unbounded as
        # text, but few.
        folds_alike = not unbounded or draft.keys - BOUNDED_KEYS - unbounded <= {"method"}
        if folds_alike and keys <= (draft.keys if is_fine else draft.keys | draft.detail):
            return index
    # Histograms and sets know no detail.
    detail = frozenset[str]() if is_fine else keys & _DETAIL_KEYS
    for index, draft in enumerate(drafts):
        # An operation is as good as decided by the method and route.
        if draft.keys - SPECIFIED_COLUMNS <= keys <= draft.keys | detail:
            draft.detail |= keys - draft.keys
            return index
    drafts.append(_CubeDraft(keys - detail, set(detail)))
    return len(drafts) - 1


def _place_set(drafts: list[_CubeDraft], table: TableSpec, column: str, source: int) -> int:
    # Few values: the set may lie in a cube of its own. Many: in the one that the rows come from,
    # because only there do they fold alike.
    if _is_unbounded(table):
        drafts[source].distinct.add(column)
        return source
    for index, draft in enumerate(drafts):
        if column in draft.distinct and draft.keys.issuperset(table.keys):
            return index
    for index, draft in enumerate(drafts):
        if draft.keys == frozenset(table.keys):
            draft.distinct.add(column)
            return index
    drafts.append(_CubeDraft(frozenset(table.keys), distinct={column}))
    return len(drafts) - 1
