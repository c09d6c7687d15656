"""A `log_format` whose string is a JSON object: read as JSON, its keys known by variable."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from apilog.formats.base import Lines, Parsed, Stop
from apilog.formats.jsonpaths import decode_paths
from apilog.formats.nginx.account import accounted
from apilog.formats.nginx.expression import Expression, expression
from apilog.formats.nginx.grammar import LogFormat, Part, Text, Variable
from apilog.formats.nginx.variables import Mapper

_MARK = re.compile("\x01(\\d+)\x01")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonTemplateFormat:
    """A `log_format` that writes JSON objects."""

    name: str
    values: Mapping[Path, LogFormat]
    """Path of keys to the parts of the value there."""
    gateway: str = "nginx"
    mapper: Mapper = field(init=False)

    def __post_init__(self) -> None:
        variables = frozenset(v for value in self.values.values() for v in value.variables)
        object.__setattr__(self, "mapper", Mapper(variables, lambda texts: texts))

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return self.mapper.columns

    def parse(self, lines: Lines, columns: Collection[str]) -> Parsed:
        """See `Format.parse`."""
        asked = [c for c in columns if c in self.columns]
        needed = self.mapper.needed({*asked, "timestamp"})
        paths = [p for p, value in self.values.items() if needed & set(value.variables)]
        texts, ok = decode_paths(lines, paths)
        values = self._variables(texts, needed)
        records = self.mapper.records(values, [*dict.fromkeys([*asked, "timestamp"])])
        rows = None if ok.all() else pl.int_range(len(ok), dtype=pl.UInt32, eager=True).filter(ok)
        frame = pl.DataFrame(records)
        if rows is not None:
            frame = frame.filter(ok)
        return accounted(frame, rows, lines.count, self.name, set(asked), wants="no JSON object")

    def explain(self, line: str) -> Stop:
        """See `Format.explain`."""
        try:
            json.loads(line)
        except json.JSONDecodeError as error:
            return Stop(error.pos, "JSON")
        return Stop(len(line), "a time")

    def _variables(self, texts: Mapping[Path, pl.Series], needed: set[str]) -> pl.DataFrame:
        found: dict[str, pl.Series] = {}
        for path, series in texts.items():
            value = self.values[path]
            if len(value.parts) == 1:
                found.setdefault(value.variables[0], series)
                continue
            parts: Expression = expression(value)
            for column in parts.read(series, needed).drop("ok"):
                found.setdefault(column.name, column)
        return pl.DataFrame([series.alias(name) for name, series in found.items()])


def template(log_format: LogFormat, name: str) -> JsonTemplateFormat | None:
    """The format of a string that is a JSON object; None if it is none."""
    variables: list[Variable] = []
    text = ""
    for part in log_format.parts:
        if isinstance(part, Text):
            text += part.text
            continue
        mark = f"\x01{len(variables)}\x01"
        in_text = len(re.findall(r'(?<!\\)"', text)) % 2 == 1
        text += mark if in_text else f'"{mark}"'
        variables.append(part)
    try:
        parsed = json.loads(text, strict=False)
    except json.JSONDecodeError:
        return None
    if not isinstance(parsed, dict):
        return None
    values = {
        path: LogFormat(parts, "none")
        for path, value in _leaves(parsed, ())
        if (parts := _parts(value, variables)) and any(isinstance(p, Variable) for p in parts)
    }
    return JsonTemplateFormat(name=name, values=values) if values else None


def _leaves(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, str):
        yield path, value


def _parts(text: str, variables: list[Variable]) -> tuple[Part, ...]:
    pieces = _MARK.split(text)  # text and mark numbers in turn
    parts = (variables[int(p)] if i % 2 else Text(p) for i, p in enumerate(pieces))
    return tuple(p for p in parts if isinstance(p, Variable) or p.text)
