"""Columns out of named values, and what becomes of the lines that they were taken from.

Invariant: a column is the first of its sources that says something, record by record; a
value that no source gives is null. Every line is a record or a reject.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import polars as pl

from apilog.formats.base import Parsed
from apilog.formats.gateways.gateway import Gateway, Source

_BELONGS = "belongs"
_OTHERS = "others"

Recipe = Mapping[str, list[Source]]
"""Columns, and the sources that a log has for each."""


def fillable(gateway: Gateway, names: Collection[str]) -> frozenset[str]:
    """The columns that a log with values of these names can fill."""
    return frozenset(c for c, several in gateway.sources.items() if _known(several, names))


def recipe_of(gateway: Gateway, columns: Collection[str], names: Collection[str]) -> Recipe:
    """What these columns are made of, and those that tell records from rejects."""
    wanted = {"timestamp", *columns, *gateway.required}
    sources = {**gateway.sources, _BELONGS: gateway.belongs}
    chosen = {c: _known(several, names) for c, several in sources.items()}
    return {c: several for c, several in chosen.items() if several and c in {*wanted, _BELONGS}}


def needed_for(recipe: Recipe, names: Collection[str]) -> set[str]:
    """The values that a recipe takes of a log that has these names."""
    every = (s for several in recipe.values() for s in several)
    return {name for s in every for name in (*s.names, *s.optional) if name in names}


def made(recipe: Recipe, values: Mapping[str, pl.Series]) -> pl.DataFrame:
    """The columns of a recipe from the values that it needs."""
    return pl.DataFrame([_first(s, values).alias(column) for column, s in recipe.items()])


def with_spares(values: Sequence[pl.Series]) -> pl.Series:
    """The first values; where they are null or blank the next, and so on."""
    first, *others = values
    for other in others:
        nothing = first.is_null() | (first == "")
        if not nothing.any():
            break
        first = other.zip_with(nothing.fill_null(value=True), first)
    return first


def of_other_logs(
    gateway: Gateway,
    names: Collection[str],
    values_of: Callable[[Collection[str]], Mapping[str, pl.Series]],
) -> pl.Series | None:
    """Which records are of another log than an access log; None if that can't be told."""
    recipe = {_OTHERS: _known(gateway.others, names)}
    if not recipe[_OTHERS]:
        return None
    return made(recipe, values_of(needed_for(recipe, names)))[_OTHERS].fill_null(value=False)


def _known(sources: Iterable[Source], names: Collection[str]) -> list[Source]:
    """Those that a log with these names has, up to one that is final."""
    known = [s for s in sources if all(name in names for name in s.names)]
    last = next((i for i, source in enumerate(known, 1) if source.final), None)
    return known[:last]


def accounted(
    records: pl.DataFrame,
    ok: pl.Series,
    columns: Collection[str],
    gateway: Gateway,
    *,
    unsound: str | pl.Series = "not JSON",
) -> Parsed:
    """Records that have a time and say something of a request; all others as rejects.

    `ok` says which lines the values could be taken from, `unsound` why not from the others.
    """
    says = [records[c].is_not_null() for c in gateway.required if c in records.columns]
    timed = records["timestamp"].is_not_null()
    told = pl.DataFrame([s.alias(str(i)) for i, s in enumerate(says)])
    something = told.select(pl.any_horizontal(pl.all())).to_series() if says else ~timed
    belongs = records[_BELONGS].fill_null(value=True) if _BELONGS in records.columns else ok
    good = ok & timed & something & belongs
    kept = records.select(c for c in records.columns if c in columns or c == "timestamp")
    if good.all():
        return Parsed(records=kept)
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
    return Parsed(
        records=kept.filter(good),
        rows=rows.filter(good),
        rejects=reasons.filter(~good),
    )


def _first(sources: list[Source], values: Mapping[str, pl.Series]) -> pl.Series:
    """The sources' values, later ones where earlier ones are null."""
    converted = (
        s.convert(*(values[name] for name in s.names), *map(values.get, s.optional))
        for s in sources
    )
    result = next(converted)
    for more in converted:
        if not result.null_count():
            break
        result = _plain(result).zip_with(result.is_not_null(), _plain(more))
    return result


def _plain(series: pl.Series) -> pl.Series:
    return series.cast(pl.String) if isinstance(series.dtype, pl.Categorical) else series
