"""A gateway whose records are named values: what each column is made of, as data.

Invariant: a column is the first of its sources that says something, record by record; a
value that no source gives is null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

import polars as pl

from apilog.formats import convert
from apilog.formats.base import Lines, Parsed, Stop
from apilog.formats.dictionary import encode, map_categories
from apilog.formats.jsonpaths import decode_paths, leaves, objects_in
from apilog.formats.jsontext import load
from apilog.formats.synonyms import Path, normalise
from apilog.formats.times import times
from apilog.schema import TIMESTAMP

_HEAD = 200
_BELONGS = "belongs"


@dataclass(frozen=True, slots=True)
class Source:
    """Values that a column can be made of.

    `names` are of `normalise`; a nested value goes by its whole path and by its last key.
    """

    names: tuple[str, ...]
    """Values that are needed, all of them."""
    convert: Callable[..., pl.Series]
    """Takes a String series for each name and gives one of the column's type."""
    optional: tuple[str, ...] = ()
    """Values that say more; `convert` is given None for one that the log does not have."""
    final: bool = False
    """Where the log has its names, no later source is asked, whatever the values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What is known of the records of one gateway."""

    name: str
    title: str
    url: str
    markers: tuple[frozenset[str], ...]
    """Names of values: a record that has all of one set is this gateway's."""
    sources: Mapping[str, tuple[Source, ...]]
    """Column to its sources, best first; `timestamp` is required of every record."""
    required: tuple[str, ...] = ("status", "method", "path", "route", "operation")
    """A record has one of these columns at least, or it is a reject."""
    belongs: tuple[Source, ...] = ()
    """Sources of whether a record is this gateway's (Boolean); where they are null, it is."""
    ignored: frozenset[str] = frozenset()
    """Names of values that are not looked into: headers, bodies."""
    apart: frozenset[str] = frozenset()
    """Names of objects about something else than the request as a whole: what is in them goes
    by its whole path alone."""
    wrappers: frozenset[str] = frozenset()
    """Names of objects that hold the record: what is in them goes by its path within."""
    suffixes: tuple[str, ...] = ()
    """Endings of keys that tell no more than the type of the value."""
    samples: tuple[str, ...] = ()


def texts(*names: str) -> tuple[Source, ...]:
    """Sources of a text column, one a name."""
    return tuple(Source((name,), _text) for name in names)


def each(function: Callable[[pl.Series], pl.Series], *names: str) -> tuple[Source, ...]:
    """Sources that one function reads, one a name."""
    return tuple(Source((name,), function) for name in names)


def instants(*names: str) -> tuple[Source, ...]:
    """Sources of a time, in whatever notation."""
    return each(times, *names)


def milliseconds(*names: str) -> tuple[Source, ...]:
    """Sources of a duration that is logged in milliseconds."""
    return each(partial(convert.durations_ms, unit="ms"), *names)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedFormat:
    """A gateway's records as JSON objects, with the keys of one file."""

    gateway_info: Gateway
    paths: Mapping[str, Path]
    """Name to the path of its key."""

    @property
    def name(self) -> str:
        """See `Format.name`."""
        return self.gateway_info.name

    @property
    def gateway(self) -> str:
        """See `Format.gateway`."""
        return self.gateway_info.name

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return fillable(self.gateway_info, self.paths)

    def parse(self, lines: Lines, columns: Collection[str]) -> Parsed:
        """See `Format.parse`."""
        recipe = recipe_of(self.gateway_info, columns, self.paths)
        needed = needed_for(recipe, self.paths)
        found, ok = decode_paths(lines, [self.paths[name] for name in sorted(needed)])
        records = made(recipe, {name: found[self.paths[name]] for name in needed})
        return accounted(_timed(records, lines), ok, columns, self.gateway_info)

    def explain(self, line: str) -> Stop:
        """See `Format.explain`."""
        try:
            json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            return Stop(getattr(error, "pos", 0), "JSON")
        return Stop(len(line), f"the keys of {self.name}")


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


def _known(sources: Iterable[Source], names: Collection[str]) -> list[Source]:
    """Those that a log with these names has, up to one that is final."""
    known = [s for s in sources if all(name in names for name in s.names)]
    last = next((i for i, source in enumerate(known, 1) if source.final), None)
    return known[:last]


def infer(gateway: Gateway, head: pl.Series, *, is_timed: bool = False) -> KeyedFormat | None:
    """The format of a log of this gateway that begins with these lines, if it is one.

    `is_timed` tells that times come with the lines, so that they need none of their own.
    """
    fields = (path for value in objects_in(head.head(_HEAD)) for path in _fields(value))
    paths = named(gateway, fields)
    if not any(marker <= paths.keys() for marker in gateway.markers):
        return None
    found = KeyedFormat(gateway_info=gateway, paths=paths)
    return found if is_timed or "timestamp" in found.columns else None


def named(gateway: Gateway, fields: Iterable[Path]) -> dict[str, Path]:
    """The names that fields go by, and their paths.

    Of several fields with one name the one whose whole path it is counts, then the outermost.
    """
    seen = (path for path in dict.fromkeys(fields) if not _is_ignored(gateway, path))
    paths = sorted(seen, key=len)
    inner = [path for path in paths if not _is_apart(gateway, path)]
    held = [path for path in paths if path[1:] and normalise(path[0]) in gateway.wrappers]
    ways = (
        ((normalise("".join(path[1:])), path) for path in held),
        ((normalise("".join(path)), path) for path in paths),
        ((normalise(path[-1]), path) for path in inner),
        ((normalise("".join(_bare(gateway, key) for key in path)), path) for path in paths),
        ((normalise(_bare(gateway, path[-1])), path) for path in inner),
    )
    found: dict[str, Path] = {}
    for name, path in chain.from_iterable(ways):
        found.setdefault(name, path)
    return found


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


def _fields(value: Mapping[str, object]) -> Iterator[Path]:
    """The paths of the values in an object, and in objects that are written as texts."""
    for path, inner in leaves(value):
        yield path
        if isinstance(inner, str) and inner.startswith("{"):
            within = load(inner)
            if isinstance(within, dict):
                yield from ((*path, *below) for below, _ in leaves(within))


def _timed(records: pl.DataFrame, lines: Lines) -> pl.DataFrame:
    """The records; those without a time of their own have the one that came with the line."""
    own = records["timestamp"] if "timestamp" in records.columns else None
    if own is not None and not own.null_count():
        return records
    given = lines.times
    if given is None:
        given = pl.Series([None], dtype=TIMESTAMP).new_from_index(0, lines.count)
    return records.with_columns((given if own is None else own.fill_null(given)).alias("timestamp"))


def _is_ignored(gateway: Gateway, path: Path) -> bool:
    return any(normalise(_bare(gateway, key)) in gateway.ignored for key in path)


def _is_apart(gateway: Gateway, path: Path) -> bool:
    return any(normalise(key) in gateway.apart for key in path[:-1])


def _bare(gateway: Gateway, key: str) -> str:
    """The key without the ending that tells its type."""
    return next((key.removesuffix(s) for s in gateway.suffixes if key.endswith(s)), key)


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


def _text(values: pl.Series) -> pl.Series:
    return map_categories(encode(values), convert.blank_to_null)
