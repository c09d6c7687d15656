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
from apilog.formats.generic.recognition import RecognisedFields, recognise_fields
from apilog.formats.generic.records import fillable_columns, needed_names, parse_fields
from apilog.schema import GATEWAYS
from apilog.values.event_lines import EventLines
from apilog.values.json_text import decode_paths, iter_leaves, lines_from_texts, load_objects

_HEAD_LINES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLinesFormat:
    """JSON objects, one per line, whose keys were recognised in the head of a file."""

    fields: RecognisedFields
    name: str = "json"

    @staticmethod
    def infer(head: pl.Series) -> JsonLinesFormat | None:
        """Return the format of a log that begins with these lines.

        None if they hold no objects with a time and a request, a path or a status.
        """
        head = head.head(_HEAD_LINES)
        head = head.filter(head.str.contains(r"^[\ufeff \t]*\{"))
        objects = load_objects(head, _HEAD_LINES)
        if not objects:
            return None
        paths = list(dict.fromkeys(path for value in objects for path, _ in iter_leaves(value)))
        values, _ = decode_paths(lines_from_texts(head), paths)
        recognised = recognise_fields(values)
        return JsonLinesFormat(fields=recognised) if recognised else None

    @property
    def gateway(self) -> str:
        return self.fields.gateway if self.fields.gateway in GATEWAYS else "nginx"

    @property
    def doubts(self) -> tuple[str, ...]:
        return self.fields.doubts

    @property
    def columns(self) -> frozenset[str]:
        return fillable_columns(self.fields)

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        values, ok = self._read_names(lines, needed_names(columns, self.fields))
        return parse_fields(self.fields, values, ok, columns, unsound="not JSON")

    def explain(self, line: str) -> MatchFailure:
        try:
            json.loads(line)
        except json.JSONDecodeError as error:
            return MatchFailure(error.pos, "JSON")
        except RecursionError:
            return MatchFailure(0, "JSON that is not nested so deep")
        time = self.fields.time_name
        return MatchFailure(len(line), f"a time in {time!r} and a request or a status")

    def _read_names(
        self, lines: EventLines, names: Collection[str]
    ) -> tuple[Mapping[str, pl.Series], pl.Series]:
        places = {name: self.fields.places[name] for name in names}
        by_path, ok = decode_paths(lines, list(dict.fromkeys(places.values())))
        return {name: by_path[path] for name, path in places.items()}, ok
