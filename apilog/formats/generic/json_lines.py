"""JSON lines whose keys have any sensible names.

Invariant: the keys are chosen once, from the head of a file; a line that lacks them is a
reject and changes nothing for the others.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.contract import MatchFailure, ParsedRecords
from apilog.formats.generic.recognition import recognise_fields
from apilog.formats.generic.records import fillable_columns, needed_targets, parse_fields
from apilog.values.event_lines import EventLines
from apilog.values.json_text import (
    KeyPath,
    decode_paths,
    iter_leaves,
    lines_from_texts,
    load_objects,
)

_HEAD_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLinesFormat:
    """JSON objects, one per line, whose keys were recognised in the head of a file."""

    field_paths: Mapping[str, KeyPath]
    """What is read (a target of `SYNONYMS`, durations with their unit), and the path of its key."""
    gateway: str = "nginx"
    name: str = "json"
    doubts: tuple[str, ...] = ()

    @staticmethod
    def infer(head: pl.Series) -> JsonLinesFormat | None:
        """Return the format of a log that begins with these lines.

        None if they hold no objects with a time and a request, a path or a status.
        """
        head = head.head(_HEAD_LINES)
        head = head.filter(head.str.contains(r"^[\ufeff \t]*\{"))
        objects = load_objects(head)
        if not objects:
            return None
        paths = list(dict.fromkeys(path for value in objects for path, _ in iter_leaves(value)))
        values, _ = decode_paths(lines_from_texts(head), paths)
        recognised = recognise_fields(values)
        if not recognised:
            return None
        return JsonLinesFormat(field_paths=recognised[0], gateway=recognised[1])

    @property
    def columns(self) -> frozenset[str]:
        return fillable_columns(self.field_paths)

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        targets = needed_targets(columns, self.field_paths)
        by_path, ok = decode_paths(lines, [self.field_paths[target] for target in targets])
        values = {target: by_path[self.field_paths[target]] for target in targets}
        return parse_fields(values, ok, columns, unsound="not JSON", time_key=self._time_key)

    def explain(self, line: str) -> MatchFailure:
        try:
            json.loads(line)
        except json.JSONDecodeError as error:
            return MatchFailure(error.pos, "JSON")
        except RecursionError:
            return MatchFailure(0, "JSON that is not nested so deep")
        return MatchFailure(len(line), f"a time in {self._time_key!r} and a request or a status")

    @property
    def _time_key(self) -> str:
        return ".".join(self.field_paths["time"])
