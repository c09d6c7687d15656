"""A gateway's records as JSON objects, under the keys of one file.

Invariant: which keys those are is told by the records that are surely the gateway's, so that
other objects in the file change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from apilog.formats.base import Lines, Parsed, Stop
from apilog.formats.gateways.gateway import Gateway
from apilog.formats.gateways.naming import is_marked, named, spares
from apilog.formats.gateways.recipes import (
    accounted,
    fillable,
    made,
    needed_for,
    of_other_logs,
    recipe_of,
    with_spares,
)
from apilog.formats.jsonpaths import decode_paths, leaves, objects_in
from apilog.formats.jsontext import load
from apilog.formats.synonyms import Path, normalise
from apilog.schema import TIMESTAMP

_HEAD = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedFormat:
    """A gateway's records as JSON objects, with the keys of one file."""

    gateway_info: Gateway
    paths: Mapping[str, Path]
    """Name to the path of its key."""
    spares: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """Name to further paths, for records that have nothing at the first."""

    @property
    def name(self) -> str:
        """See `Format.name`."""
        return self.gateway_info.name

    @property
    def gateway(self) -> str:
        """See `Format.gateway`."""
        return self.gateway_info.gateway or self.gateway_info.name

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return fillable(self.gateway_info, self.paths)

    def parse(self, lines: Lines, columns: Collection[str]) -> Parsed:
        """See `Format.parse`."""
        recipe = recipe_of(self.gateway_info, columns, self.paths)
        values, ok = self._values(lines, needed_for(recipe, self.paths))
        records = made(recipe, values)
        return accounted(_timed(records, lines), ok, columns, self.gateway_info)

    def others_among(self, lines: Lines) -> pl.Series | None:
        """Which lines are of another log and to be skipped; None if that can't be told."""
        return of_other_logs(
            self.gateway_info, self.paths, lambda names: self._values(lines, names)[0]
        )

    def explain(self, line: str) -> Stop:
        """See `Format.explain`."""
        try:
            json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            return Stop(getattr(error, "pos", 0), "JSON")
        return Stop(len(line), f"the keys of {self.name}")

    def _values(
        self, lines: Lines, names: Collection[str]
    ) -> tuple[Mapping[str, pl.Series], pl.Series]:
        """The values of these names, and which lines they could be taken from."""
        several = {name: (self.paths[name], *self.spares.get(name, ())) for name in names}
        paths = sorted({path for paths in several.values() for path in paths})
        found, ok = decode_paths(lines, paths)
        if self.gateway_info.repair and not ok.all():
            found, ok = self._repaired(lines, found, ok)
        return {name: with_spares([found[p] for p in ps]) for name, ps in several.items()}, ok

    def _repaired(
        self, lines: Lines, found: Mapping[Path, pl.Series], ok: pl.Series
    ) -> tuple[Mapping[Path, pl.Series], pl.Series]:
        """The values, also of lines that are JSON only after repair."""
        assert self.gateway_info.repair
        bad = (~ok).arg_true()
        mended = Lines.of(self.gateway_info.repair(lines.series.gather(bad)))
        more, sound = decode_paths(mended, list(found))
        merged = {path: s.clone().scatter(bad, more[path]) for path, s in found.items()}
        return merged, ok.clone().scatter(bad, sound)


def infer(gateway: Gateway, head: pl.Series, *, is_timed: bool = False) -> KeyedFormat | None:
    """The format of a log of this gateway that begins with these lines, if it is one.

    `is_timed` tells that times come with the lines, so that they need none of their own.
    """
    records = [list(_fields(value)) for value in _objects(gateway, head.head(_HEAD))]
    names = [named(gateway, fields) for fields in records]
    if any(is_marked(gateway, several) for several in names):
        records = [
            r for r, several in zip(records, names, strict=True) if is_marked(gateway, several)
        ]
    fields = [path for several in records for path in several]
    paths = named(gateway, fields)
    if not is_marked(gateway, paths):
        return None
    found = KeyedFormat(
        gateway_info=gateway,
        paths=_rare(gateway, paths) | paths,
        spares=spares(gateway, fields, paths),
    )
    return found if is_timed or "timestamp" in found.columns else None


def _rare(gateway: Gateway, paths: Mapping[str, Path]) -> dict[str, Path]:
    """Where keys would stand that these records lack: what their head lacks may come later."""
    marked = next(marker for marker in gateway.markers if marker <= paths.keys())
    above = paths[min(marked)][:-1]
    return {normalise(key): (*above, key) for key in gateway.rare}


def _objects(gateway: Gateway, head: pl.Series) -> Sequence[Mapping[str, object]]:
    found = objects_in(head)
    if found or gateway.repair is None or not head.str.contains(r"^\s*\{").any():
        return found
    return objects_in(gateway.repair(head.drop_nulls()))


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
