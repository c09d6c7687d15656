"""Columns out of named values, and what becomes of the lines that they were taken from.

Invariant: a column is the first of its sources that says something, record by record; a
value that no source gives is null. Every line is a record or a reject.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import polars as pl

from apilog.formats.contract import ParsedRecords
from apilog.formats.gateways.gateway import ColumnSource, Gateway

_IS_OWN = "belongs"
_IS_FOREIGN = "others"

ChosenSources = Mapping[str, list[ColumnSource]]
"""Columns, and the sources that a log has for each."""


def fillable_columns(gateway: Gateway, names: Collection[str]) -> frozenset[str]:
    """The columns that a log with values of these names can fill."""
    return frozenset(
        c for c, several in gateway.column_sources.items() if _usable_sources(several, names)
    )


def choose_sources(
    gateway: Gateway, columns: Collection[str], names: Collection[str]
) -> ChosenSources:
    """What these columns are made of, and those that tell records from rejects."""
    wanted = {"timestamp", *columns, *gateway.required_columns}
    sources = {**gateway.column_sources, _IS_OWN: gateway.is_own_record}
    chosen = {c: _usable_sources(several, names) for c, several in sources.items()}
    return {c: several for c, several in chosen.items() if several and c in {*wanted, _IS_OWN}}


def needed_names(recipe: ChosenSources, names: Collection[str]) -> set[str]:
    """The values that a recipe takes of a log that has these names."""
    every = (s for several in recipe.values() for s in several)
    return {name for s in every for name in (*s.names, *s.optional_names) if name in names}


def build_columns(recipe: ChosenSources, values: Mapping[str, pl.Series]) -> pl.DataFrame:
    """The columns of a recipe from the values that it needs."""
    return pl.DataFrame(
        [_coalesce_sources(s, values).alias(column) for column, s in recipe.items()]
    )


def fill_from_alternates(values: Sequence[pl.Series]) -> pl.Series:
    """The first values; where they are null or blank the next, and so on."""
    first, *others = values
    for other in others:
        nothing = first.is_null() | (first == "")
        if not nothing.any():
            break
        first = other.zip_with(nothing.fill_null(value=True), first)
    return first


def find_foreign_records(
    gateway: Gateway,
    names: Collection[str],
    values_of: Callable[[Collection[str]], Mapping[str, pl.Series]],
) -> pl.Series | None:
    """Which records are of another log than an access log; None if that can't be told."""
    recipe = {_IS_FOREIGN: _usable_sources(gateway.is_foreign_record, names)}
    if not recipe[_IS_FOREIGN]:
        return None
    return build_columns(recipe, values_of(needed_names(recipe, names)))[_IS_FOREIGN].fill_null(
        value=False
    )


def _usable_sources(sources: Iterable[ColumnSource], names: Collection[str]) -> list[ColumnSource]:
    """Those that a log with these names has, up to one that is final."""
    known = [s for s in sources if all(name in names for name in s.names)]
    last = next((i for i, source in enumerate(known, 1) if source.exclusive), None)
    return known[:last]


def account_for_lines(
    records: pl.DataFrame,
    ok: pl.Series,
    columns: Collection[str],
    gateway: Gateway,
    *,
    unsound: str | pl.Series = "not JSON",
) -> ParsedRecords:
    """Records that have a time and say something of a request; all others as rejects.

    `ok` says which lines the values could be taken from, `unsound` why not from the others.
    """
    says = [records[c].is_not_null() for c in gateway.required_columns if c in records.columns]
    timed = records["timestamp"].is_not_null()
    told = pl.DataFrame([s.alias(str(i)) for i, s in enumerate(says)])
    something = told.select(pl.any_horizontal(pl.all())).to_series() if says else ~timed
    belongs = records[_IS_OWN].fill_null(value=True) if _IS_OWN in records.columns else ok
    good = ok & timed & something & belongs
    kept = records.select(c for c in records.columns if c in columns or c == "timestamp")
    if good.all():
        return ParsedRecords(records=kept)
    rows = pl.int_range(len(good), dtype=pl.UInt32, eager=True)
    states = pl.DataFrame({"row": rows, "ok": ok, "timed": timed, "belongs": belongs})
    reasons = states.select(
        "row",
        pl.when(~pl.col("ok"))
        .then(pl.lit(unsound))
        .when(~pl.col("belongs"))
        .then(pl.lit(f"a record of something else than {gateway.name}"))
        .when(~pl.col("timed"))
        .then(pl.lit("no time that can be understood"))
        .otherwise(pl.lit(f"no request of {gateway.name}"))
        .alias("reason"),
    )
    return ParsedRecords(
        records=kept.filter(good),
        rows=rows.filter(good),
        rejects=reasons.filter(~good),
    )


def _coalesce_sources(sources: list[ColumnSource], values: Mapping[str, pl.Series]) -> pl.Series:
    """The sources' values, later ones where earlier ones are null."""
    converted = (
        s.convert(*(values[name] for name in s.names), *map(values.get, s.optional_names))
        for s in sources
    )
    result = next(converted)
    for more in converted:
        if not result.null_count():
            break
        result = _without_encoding(result).zip_with(result.is_not_null(), _without_encoding(more))
    return result


def _without_encoding(series: pl.Series) -> pl.Series:
    return series.cast(pl.String) if isinstance(series.dtype, pl.Categorical) else series
