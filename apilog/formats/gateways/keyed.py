"""A gateway's records as JSON objects, under the keys of one file.

Invariant: which keys those are is told by the records that are surely the gateway's, so that
other objects in the file change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from apilog.formats.contract import MatchFailure, ParsedRecords
from apilog.formats.gateways.column_builder import (
    account_for_lines,
    build_columns,
    choose_sources,
    fill_from_alternates,
    fillable_columns,
    find_foreign_records,
    needed_names,
)
from apilog.formats.gateways.gateway import Gateway
from apilog.formats.gateways.key_resolution import find_alternates, has_fingerprint, resolve_keys
from apilog.formats.generic.synonyms import FieldPath, normalise_name
from apilog.schema import TIMESTAMP
from apilog.values.event_lines import EventLines
from apilog.values.json_text import decode_paths, iter_leaves, load_json, load_objects

_HEAD_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedFormat:
    """A gateway's records as JSON objects, with the keys of one file."""

    spec: Gateway
    key_paths: Mapping[str, FieldPath]
    """Name to the path of its key."""
    alternates: Mapping[str, tuple[FieldPath, ...]] = field(default_factory=dict)
    """Name to further paths, for records that have nothing at the first."""

    @property
    def name(self) -> str:
        """See `Format.name`."""
        return self.spec.name

    @property
    def gateway(self) -> str:
        """See `Format.gateway`."""
        return self.spec.gateway or self.spec.name

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return fillable_columns(self.spec, self.key_paths)

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        """See `Format.parse`."""
        recipe = choose_sources(self.spec, columns, self.key_paths)
        values, ok = self._read_values(lines, needed_names(recipe, self.key_paths))
        records = build_columns(recipe, values)
        return account_for_lines(_with_delivery_times(records, lines), ok, columns, self.spec)

    def find_foreign_lines(self, lines: EventLines) -> pl.Series | None:
        """Which lines are of another log and to be skipped; None if that can't be told."""
        return find_foreign_records(
            self.spec, self.key_paths, lambda names: self._read_values(lines, names)[0]
        )

    def explain(self, line: str) -> MatchFailure:
        """See `Format.explain`."""
        try:
            json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            return MatchFailure(getattr(error, "pos", 0), "JSON")
        return MatchFailure(len(line), f"the keys of {self.name}")

    def _read_values(
        self, lines: EventLines, names: Collection[str]
    ) -> tuple[Mapping[str, pl.Series], pl.Series]:
        """The values of these names, and which lines they could be taken from."""
        several = {name: (self.key_paths[name], *self.alternates.get(name, ())) for name in names}
        paths = sorted({path for paths in several.values() for path in paths})
        found, ok = decode_paths(lines, paths)
        if self.spec.repair_json and not ok.all():
            found, ok = self._read_repaired(lines, found, ok)
        return {
            name: fill_from_alternates([found[p] for p in ps]) for name, ps in several.items()
        }, ok

    def _read_repaired(
        self, lines: EventLines, found: Mapping[FieldPath, pl.Series], ok: pl.Series
    ) -> tuple[Mapping[FieldPath, pl.Series], pl.Series]:
        """The values, also of lines that are JSON only after repair."""
        assert self.spec.repair_json
        bad = (~ok).arg_true()
        mended = EventLines.from_series(self.spec.repair_json(lines.series.gather(bad)))
        more, sound = decode_paths(mended, list(found))
        merged = {path: s.clone().scatter(bad, more[path]) for path, s in found.items()}
        return merged, ok.clone().scatter(bad, sound)


def infer_keyed(gateway: Gateway, head: pl.Series, *, is_timed: bool = False) -> KeyedFormat | None:
    """The format of a log of this gateway that begins with these lines, if it is one.

    `is_timed` tells that times come with the lines, so that they need none of their own.
    """
    records = [
        list(_field_paths(value)) for value in _objects_in_head(gateway, head.head(_HEAD_LINES))
    ]
    names = [resolve_keys(gateway, fields) for fields in records]
    if any(has_fingerprint(gateway, several) for several in names):
        records = [
            r
            for r, several in zip(records, names, strict=True)
            if has_fingerprint(gateway, several)
        ]
    fields = [path for several in records for path in several]
    paths = resolve_keys(gateway, fields)
    if not has_fingerprint(gateway, paths):
        return None
    found = KeyedFormat(
        spec=gateway,
        key_paths=_optional_key_paths(gateway, paths) | paths,
        alternates=find_alternates(gateway, fields, paths),
    )
    return found if is_timed or "timestamp" in found.columns else None


def _optional_key_paths(gateway: Gateway, paths: Mapping[str, FieldPath]) -> dict[str, FieldPath]:
    """Where keys would stand that these records lack: what their head lacks may come later."""
    marked = next(marker for marker in gateway.fingerprint_keys if marker <= paths.keys())
    above = paths[min(marked)][:-1]
    return {normalise_name(key): (*above, key) for key in gateway.optional_keys}


def _objects_in_head(gateway: Gateway, head: pl.Series) -> Sequence[Mapping[str, object]]:
    found = load_objects(head)
    if found or gateway.repair_json is None or not head.str.contains(r"^\s*\{").any():
        return found
    return load_objects(gateway.repair_json(head.drop_nulls()))


def _field_paths(value: Mapping[str, object]) -> Iterator[FieldPath]:
    """The paths of the values in an object, and in objects that are written as texts."""
    for path, inner in iter_leaves(value):
        yield path
        if isinstance(inner, str) and inner.startswith("{"):
            within = load_json(inner)
            if isinstance(within, dict):
                yield from ((*path, *below) for below, _ in iter_leaves(within))


def _with_delivery_times(records: pl.DataFrame, lines: EventLines) -> pl.DataFrame:
    """The records; those without a time of their own have the one that came with the line."""
    own = records["timestamp"] if "timestamp" in records.columns else None
    if own is not None and not own.null_count():
        return records
    given = lines.times
    if given is None:
        given = pl.Series([None], dtype=TIMESTAMP).new_from_index(0, lines.count)
    return records.with_columns((given if own is None else own.fill_null(given)).alias("timestamp"))
