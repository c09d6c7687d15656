"""JSON lines whose keys have any sensible names.

Invariant: the keys are chosen once, from the head of a file; a line that lacks them is a
reject and changes nothing for the others.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.base import Lines, Parsed, Stop
from apilog.formats.fields import columns_of, parsed, targets_of
from apilog.formats.jsonpaths import decode_paths, leaves, objects_in
from apilog.formats.jsontext import lines_of
from apilog.formats.recognise import recognise
from apilog.formats.synonyms import Path

_HEAD = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLinesFormat:
    """JSON objects, one a line, with known keys for known things."""

    fields: Mapping[str, Path]
    """What is read (a name of `SYNONYMS`, durations with their unit), and the path of its key."""
    gateway: str = "nginx"
    name: str = "json"

    @staticmethod
    def infer(head: pl.Series) -> JsonLinesFormat | None:
        """The format of a log that begins with these lines.

        None if they hold no objects with a time and a request, a path or a status.
        """
        head = head.head(_HEAD)
        head = head.filter(head.str.contains(r"^[\ufeff \t]*\{"))
        objects = objects_in(head)
        if not objects:
            return None
        paths = list(dict.fromkeys(path for value in objects for path, _ in leaves(value)))
        values, _ = decode_paths(lines_of(head), paths)
        found = recognise(values)
        return JsonLinesFormat(fields=found[0], gateway=found[1]) if found else None

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return columns_of(self.fields)

    def parse(self, lines: Lines, columns: Collection[str]) -> Parsed:
        """See `Format.parse`."""
        targets = targets_of(columns, self.fields)
        found, ok = decode_paths(lines, [self.fields[target] for target in targets])
        values = {target: found[self.fields[target]] for target in targets}
        return parsed(values, ok, columns, unsound="not JSON", time_key=self._time_key)

    def explain(self, line: str) -> Stop:
        """See `Format.explain`."""
        try:
            json.loads(line)
        except json.JSONDecodeError as error:
            return Stop(error.pos, "JSON")
        except RecursionError:
            return Stop(0, "JSON that is not nested so deep")
        return Stop(len(line), f"a time in {self._time_key!r} and a request or a status")

    @property
    def _time_key(self) -> str:
        return ".".join(self.fields["time"])
