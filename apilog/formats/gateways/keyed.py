"""A gateway's records as JSON objects, under the keys of one file.

Invariant: the records that carry the gateway's fingerprint alone decide which keys are read, so
that other objects in the file change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

from apilog.formats.contract import MatchFailure
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.gateways.gateway import (
    Gateway,
    has_fingerprint,
    locate_values,
    may_hold_fingerprint,
    resolve_keys,
)
from apilog.formats.key_paths import normalise_name
from apilog.values.event_lines import EventLines
from apilog.values.json_text import (
    IntegerKeys,
    KeyPath,
    decode_paths,
    iter_leaves,
    load_json,
    load_objects,
)

RecordShape = tuple[KeyPath, ...]
"""The paths of the values in an object, in their order."""

# How many lines decide: rare keys need more than a few, and each is loaded by Python.
_HEAD_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedFormat(GatewayFormat):
    """A gateway's records as JSON objects, with the keys of one file."""

    takes_delivery_times = True

    locations: Mapping[str, tuple[KeyPath, ...]]
    integer_keys: IntegerKeys = field(default_factory=IntegerKeys, compare=False, repr=False)

    def _key_of(self, name: str) -> str:
        return ".".join(self.locations[name][0])

    def places_by_key(self) -> Mapping[str, KeyPath]:
        paths = dict.fromkeys(path for alternates in self.locations.values() for path in alternates)
        return {".".join(path): path for path in paths}

    def explain(self, line: str) -> MatchFailure:
        try:
            json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            return MatchFailure(getattr(error, "pos", 0), "JSON")
        return MatchFailure(len(line), f"the keys of {self.name}")

    def _read_locations(
        self, lines: EventLines, locations: list[KeyPath]
    ) -> tuple[Mapping[KeyPath, pl.Series], pl.Series]:
        values, is_read = decode_paths(lines, locations)
        if self.spec.repair_json is None or is_read.all():
            return values, is_read
        # Only what does not decode is repaired: a repair may change a line that is sound.
        bad = (~is_read).arg_true()
        repaired = EventLines.from_series(self.spec.repair_json(lines.series.gather(bad)))
        more_values, is_repaired = decode_paths(repaired, locations)
        merged = {p: s.clone().scatter(bad, more_values[p]) for p, s in values.items()}
        return merged, is_read.clone().scatter(bad, is_repaired)

    def _read_numbers(
        self, lines: EventLines, locations: list[KeyPath], integers: Collection[KeyPath]
    ) -> tuple[Mapping[KeyPath, pl.Series], pl.Series]:
        if self.spec.repair_json is not None:
            return self._read_locations(lines, locations)
        return decode_paths(lines, locations, integers, self.integer_keys)

    def _unread_reasons(self, lines: EventLines) -> str:
        return "not JSON"


def find_shapes(head: pl.Series) -> Collection[RecordShape]:
    """Return the shapes of the objects among these lines; most records of a log have the same."""
    objects = load_objects(head.head(_HEAD_LINES))
    return dict.fromkeys(tuple(_iter_field_paths(value)) for value in objects)


def infer_keyed(
    gateway: Gateway,
    head: pl.Series,
    *,
    is_timed: bool = False,
    shapes: Collection[RecordShape] | None = None,
) -> KeyedFormat | None:
    """Return the format of a log of this gateway that begins with these lines, if it is one.

    `is_timed` says that times come with the lines, so that they need none of their own; `shapes`
    are those of the lines, if they are known.
    """
    head = head.head(_HEAD_LINES)
    records = find_shapes(head) if shapes is None else shapes
    if not records and gateway.repair_json and head.str.contains(gateway.repairable).any():
        records = find_shapes(gateway.repair_json(head.drop_nulls()))
    # Most gateways lack a name of their fingerprint in any text of keys, which is quick to see.
    if not may_hold_fingerprint(gateway, _joined_names(tuple(records))):
        return None
    own = [paths for paths in records if has_fingerprint(gateway, resolve_keys(gateway, paths))]
    # Without a record that has a whole fingerprint, all of them together may have one.
    located = locate_values(gateway, dict.fromkeys(p for paths in own or records for p in paths))
    if not has_fingerprint(gateway, located):
        return None
    fingerprint = next(keys for keys in gateway.fingerprint_keys if keys <= located.keys())
    # A key that the head lacks would stand in the same object as those of the fingerprint, any of
    # which will do: the least, so that the plan does not depend on the order of a set.
    scope = located[min(fingerprint)][0][:-1]
    optional = {normalise_name(key): ((*scope, key),) for key in gateway.optional_keys}
    log_format = KeyedFormat(spec=gateway, locations=optional | located)
    if not (is_timed or "timestamp" in log_format.columns):
        return None
    # Services of one vendor share the keys, but for a value that tells them apart.
    return log_format.fitted(head) if log_format.has_own_lines(head) else None


@lru_cache(maxsize=4)
def _joined_names(shapes: tuple[RecordShape, ...]) -> str:
    """Return the paths of all values in one text."""
    return "|".join({"".join(path) for shape in shapes for path in shape})


def _iter_field_paths(value: Mapping[str, object]) -> Iterator[KeyPath]:
    """Yield the paths of the values in an object, and in objects that are written as texts."""
    for path, leaf in iter_leaves(value):
        yield path
        if isinstance(leaf, str) and leaf.startswith("{"):
            inner = load_json(leaf)
            if isinstance(inner, dict):
                yield from ((*path, *below) for below, _ in iter_leaves(inner))
