"""JSON lines whose keys have any sensible names.

Invariant: the keys are chosen once, from the head of a file; a line that lacks them is a
reject and changes nothing for the others.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from apilog.formats.contract import MatchFailure, ParsedRecords
from apilog.formats.generic.recognition import recognise_fields
from apilog.formats.generic.records import (
    RecognisedFormat,
    find_foreign,
    may_be_integers,
    needed_names,
    parse_fields,
)
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.values.event_lines import EventLines
from apilog.values.json_text import (
    IntegerKeys,
    decode_paths,
    iter_leaves,
    lines_from_texts,
    load_objects,
    parse_indexed_key,
)

_HEAD_LINES = 500
MESSAGE_PATHS = tuple(
    (key,)
    for key in (
        *("msg", "message", "Message", "@mt", "@m", "event", "textPayload", "jsonPayload"),
        *("protoPayload", "level", "severity", "error"),
    )
)
"""Where programs put what they say; an object with one of these and no request is their own log."""
_STATUS_KEY = r'(?i)"[^"\\]*(?:status|code)[^"\\]*"\s*:'
_PATH_KEY = r'(?i)"[^"\\]*(?:method|verb|uri|url|path|request)[^"\\]*"\s*:'


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLinesFormat(RecognisedFormat):
    """JSON objects, one per line, whose keys were recognised in the head of a file."""

    name: str = "json"
    integer_keys: IntegerKeys = field(default_factory=IntegerKeys, compare=False, repr=False)

    @staticmethod
    def infer(
        head: pl.Series, hints: KeyHints = NO_KEY_HINTS, *, is_timed: bool = False
    ) -> JsonLinesFormat | None:
        """Return the format of a log that begins with these lines; `hints` come first.

        None if they hold no objects with a time and a request, a path or a status. `is_timed` says
        that times come with the lines.
        """
        head = head.head(_HEAD_LINES)
        head = head.filter(head.str.contains(r"^[\ufeff \t]*\{"))
        objects = load_objects(head, _HEAD_LINES)
        if not objects:
            return None
        paths = list(dict.fromkeys(path for value in objects for path, _ in iter_leaves(value)))
        indexed = (parse_indexed_key(mapping.key) for mapping in hints.columns)
        paths += [path for path in indexed if path and path not in paths]
        values, _ = decode_paths(lines_from_texts(head), paths)
        recognised = recognise_fields(values, hints, is_timed=is_timed)
        return JsonLinesFormat(fields=recognised) if recognised else None

    @property
    def pairs_lines(self) -> bool:
        return bool(self.fields.pair_names)

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        names = needed_names(columns, self.fields)
        values, ok = self._read_names(lines, names, may_be_integers(names, self.fields))
        return parse_fields(self.fields, values, ok, columns, unsound="not JSON", lines=lines)

    def explain(self, line: str) -> MatchFailure:
        try:
            json.loads(line)
        except json.JSONDecodeError as error:
            return MatchFailure(error.pos, "JSON")
        except RecursionError:
            return MatchFailure(0, "JSON that is not nested so deep")
        time = self.fields.time_name
        return MatchFailure(len(line), f"a time in {time!r} and a request or a status")

    def find_foreign_lines(self, lines: EventLines) -> pl.Series | None:
        names = needed_names(("timestamp",), self.fields)
        places = [self.fields.places[name] for name in names]
        messages = [path for path in MESSAGE_PATHS if path not in places]
        by_path, ok = decode_paths(lines, [*dict.fromkeys(places), *messages])
        values = {name: by_path[self.fields.places[name]] for name in names}
        has_message = pl.DataFrame([by_path[path].alias(path[0]) for path in messages]).select(
            pl.any_horizontal(pl.all().is_not_null())
        )
        # Another program's access lines are no application lines: other formats may read them.
        is_plain = ~(lines.series.str.contains(_STATUS_KEY) & lines.series.str.contains(_PATH_KEY))
        return ok & find_foreign(self.fields, values, has_message.to_series() & is_plain)

    def _read_names(
        self, lines: EventLines, names: Collection[str], integers: Collection[str]
    ) -> tuple[Mapping[str, pl.Series], pl.Series]:
        places = {name: self.fields.places[name] for name in names}
        by_path, ok = decode_paths(
            lines,
            list(dict.fromkeys(places.values())),
            [places[name] for name in integers],
            self.integer_keys,
        )
        return {name: by_path[path] for name, path in places.items()}, ok
