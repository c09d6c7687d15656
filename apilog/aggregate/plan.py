"""What to compute, and the few cubes that it is computed from.

A cube holds the sums, histograms and sets for every value of its keys; each table is
rolled up from a cube whose keys include its own. A cube's `detail` are further keys with
few values that only its sums have, so that histograms stay small. This is the choice of
views to materialise in a data cube (Harinarayan, Rajaraman, Ullman 1996,
https://doi.org/10.1145/235968.233333), for tables that are known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from apilog.aggregate.table_specs import (
    ANOMALIES,
    BOUNDED_KEYS,
    HOUR_TABLES,
    TableSpec,
    accumulators_of,
    distinct_of,
    histograms_of,
)
from apilog.metrics import ACCUMULATORS, MergeRule
from apilog.time import ALL_TIME, TimeWindow

_DETAIL_KEYS = frozenset({"status", "error_source"})
_DERIVED_FROM = {"hour": ("timestamp",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPlan:
    """The tables of one report and what limits them; hashable, and the same everywhere."""

    tables: tuple[TableSpec, ...]
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
    top: int | None = None
    """Rows kept in each table over dimensions; None means `max_rows`."""
    max_rows: int = 10_000
    """The most rows that a table over dimensions keeps, without its row of the others."""
    max_keys: int = 100_000
    """The most keys that a cube keeps while it is computed; beyond, the idler half is folded."""
    max_cells: int = 2_000_000
    """The most lines of a histogram or set of a cube, likewise."""

    @property
    def most_state_buckets(self) -> int:
        """The most buckets with requests that a state keeps: those of a window, and as many more
        for times that lie outside of what is shown."""
        return 2 * self.most_buckets

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that are read, of `READ_COLUMNS`."""
        return frozenset().union(*(cube.columns for cube in cube_layout(self).cubes), {"timestamp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cube:
    """One grouping of the records."""

    keys: tuple[str, ...]
    detail: tuple[str, ...]
    sums: tuple[str, ...]
    """Names of accumulators, `requests` among them."""
    histograms: tuple[str, ...]
    distinct: tuple[str, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The columns of records that are read, of `READ_COLUMNS`."""
        keys = (_DERIVED_FROM.get(key, (key,)) for key in (*self.keys, *self.detail))
        read = {c for a in self.sums if (c := ACCUMULATORS[a].column)}
        return frozenset().union(*keys, read, self.histograms, self.distinct)

    @property
    def constant_sums(self) -> tuple[str, ...]:
        """Accumulators that are the same for all records of a group, as a key decides them."""
        return tuple(
            a
            for a in self.sums
            if ACCUMULATORS[a].merge is MergeRule.SUM
            and ACCUMULATORS[a].column in (*self.keys, *self.detail)
        )

    @property
    def is_bounded(self) -> bool:
        """Whether the cube stays small whatever the log holds."""
        return set(self.keys) <= BOUNDED_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeLayout:
    """The cubes of a plan, and what each table is rolled up from."""

    cubes: tuple[Cube, ...]
    cube_of_table: dict[str, int]
    """Maps a table to the cube of its sums and histograms."""
    cube_of_set: dict[tuple[str, str], int]
    """Maps a table and column to the cube of its sets."""


@dataclass(slots=True)
class _CubeDraft:
    keys: frozenset[str]
    detail: set[str] = field(default_factory=set)
    sums: set[str] = field(default_factory=set)
    histograms: set[str] = field(default_factory=set)
    distinct: set[str] = field(default_factory=set)

    def to_cube(self) -> Cube:
        extremes = {name for column in self.histograms for name in extreme_accumulators(column)}
        folding = {"not_found", "guessed"} if "route" in self.keys else set()
        sums = self.sums | extremes | {"requests"} | folding
        return Cube(
            keys=tuple(sorted(self.keys)),
            detail=tuple(sorted(self.detail)),
            sums=tuple(a for a in ACCUMULATORS if a in sums),
            histograms=tuple(sorted(self.histograms)),
            distinct=tuple(sorted(self.distinct)),
        )


def cube_layout(plan: ReportPlan) -> CubeLayout:
    """Return the fewest cubes that serve all tables, none finer than its tables need."""
    return _lay_out(plan.tables)


@lru_cache(maxsize=64)
def _lay_out(specs: tuple[TableSpec, ...]) -> CubeLayout:
    drafts: list[_CubeDraft] = []
    source: dict[str, int] = {}
    distinct: dict[tuple[str, str], int] = {}
    # Tables with many keys come first, so that those with few find a cube to roll up from.
    tables = sorted(specs, key=lambda t: (not _is_fine(t), -len(t.keys)))
    for table in tables:
        source[table.name] = index = _place_table(drafts, table)
        drafts[index].sums |= accumulators_of(table.metrics)
        drafts[index].histograms |= histograms_of(table.metrics)
    for table in tables:
        for column in sorted(distinct_of(table.metrics)):
            distinct[table.name, column] = _place_set(drafts, table, column, source[table.name])
    if any(table.name == ANOMALIES for table in specs):
        for table in HOUR_TABLES:
            source[table.name] = len(drafts)
            draft = _CubeDraft(frozenset(table.keys), sums=set(accumulators_of(table.metrics)))
            draft.histograms |= histograms_of(table.metrics)
            drafts.append(draft)
    return CubeLayout(
        cubes=tuple(draft.to_cube() for draft in drafts), cube_of_table=source, cube_of_set=distinct
    )


def extreme_accumulators(column: str) -> tuple[str, str]:
    """Return the accumulators that keep the smallest and the largest value of the column."""
    by_rule = {a.merge: a.name for a in ACCUMULATORS.values() if a.column == column}
    return by_rule[MergeRule.MIN], by_rule[MergeRule.MAX]


def _is_unbounded(table: TableSpec) -> bool:
    return not set(table.keys) <= BOUNDED_KEYS


def _is_fine(table: TableSpec) -> bool:
    """Return whether the table needs more than sums at its own keys."""
    sets = _is_unbounded(table) and distinct_of(table.metrics)
    return bool(histograms_of(table.metrics) or sets)


def _place_table(drafts: list[_CubeDraft], table: TableSpec) -> int:
    keys, is_fine = frozenset(table.keys), _is_fine(table)
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
        if draft.keys <= keys <= draft.keys | detail:
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
