"""Values inside nested JSON objects, by their path of keys.

Invariant: a path is a tuple of keys, so that a dot in a key is nothing special.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from apilog.formats.base import Lines
from apilog.formats.jsonrepair import escape_controls, repair
from apilog.formats.jsontext import (
    Schema,
    decode_lines,
    decode_objects,
    decode_some,
    decode_whole,
    load,
)

Path = tuple[str, ...]
_DEEPEST = 5


def decode_paths(lines: Lines, paths: Sequence[Path]) -> tuple[Mapping[Path, pl.Series], pl.Series]:
    """The values at these paths of JSON objects, as `decode_objects` gives them, and which
    lines are objects."""
    found: dict[Path, pl.Series] = {}
    schema = _schema(paths)
    if schema is not None and any(len(path) > 1 for path in paths):
        frame = decode_whole(lines, schema)
        if frame is not None:
            ok = pl.repeat(value=True, n=lines.count, eager=True)
            return {path: _field(frame, path) for path in paths}, ok
    keys = list(dict.fromkeys(path[0] for path in paths))
    frame, ok = decode_lines(lines, keys)
    found.update({(key,): frame[key] for key in keys})
    for outer, inner in _levels(paths):
        found.update(_within(found[outer], outer, inner))
    found.update(_exact(lines, paths, found))
    return {path: found[path] for path in paths}, ok


def objects_in(lines: pl.Series, limit: int = 200) -> list[dict[str, object]]:
    """The objects among the first lines, as Python has them."""
    head = lines.head(limit).drop_nulls()
    loaded = (load(line) for line in head)
    mended = (
        (load(line) if value is None else value)
        for line, value in zip(repair(head), loaded, strict=True)
    )
    return [value for value in mended if isinstance(value, dict)]


def leaves(value: Mapping[str, object], above: Path = ()) -> Iterator[tuple[Path, object]]:
    """The plain values and lists in an object, with their paths."""
    for key, inner in value.items():
        path = (*above, key)
        if isinstance(inner, dict) and len(path) < _DEEPEST:
            yield from leaves(inner, path)
        else:
            yield path, inner


def keys_of(lines: pl.Series, limit: int = 200) -> list[str]:
    """The keys in the first lines, in order; those of nested objects joined with dots."""
    found = (path for value in objects_in(lines, limit) for path, _ in leaves(value))
    return list(dict.fromkeys(".".join(path) for path in found))


def _schema(paths: Sequence[Path]) -> Schema | None:
    """Structs for the paths; None if one path goes on where another one ends."""
    if any(path[:n] in paths for path in paths for n in range(1, len(path))):
        return None
    inner: dict[str, list[Path]] = {}
    for path in paths:
        inner.setdefault(path[0], []).append(path[1:])
    schema: dict[str, pl.DataType | type[pl.DataType]] = {}
    for key, rest in inner.items():
        below = _schema([path for path in rest if path])
        schema[key] = pl.Struct(below) if below else pl.String
    return schema


def _field(frame: pl.DataFrame, path: Path) -> pl.Series:
    series = frame[path[0]]
    for key in path[1:]:
        series = series.struct.field(key)
    return series


def _levels(paths: Sequence[Path]) -> list[tuple[Path, list[str]]]:
    """The objects to look into, outer ones first, and the keys that are needed of each."""
    inner: dict[Path, dict[str, None]] = {}
    for path in paths:
        for depth in range(1, len(path)):
            inner.setdefault(path[:depth], {})[path[depth]] = None
    return sorted(((outer, list(keys)) for outer, keys in inner.items()), key=lambda e: len(e[0]))


def _within(texts: pl.Series, outer: Path, keys: Sequence[str]) -> dict[Path, pl.Series]:
    """The values of these keys of objects as texts, null where a text is no object.

    Polars writes the control characters in their texts bare.
    """
    is_object = texts.str.starts_with("{").fill_null(value=False)
    frame, _ = decode_objects(escape_controls(texts.set(~is_object, "{}")), keys)
    return {(*outer, key): frame[key] for key in keys}


def _exact(
    lines: Lines, paths: Sequence[Path], found: Mapping[Path, pl.Series]
) -> dict[Path, pl.Series]:
    """The values inside objects, those with a backslash as the lines have them.

    Polars does not escape backslashes in the objects that it gives as texts.
    """
    inner = [path for path in paths if len(path) > 1]
    schema = _schema(inner)
    if not schema:
        return {}
    outer = pl.DataFrame([found[(key,)].alias(key) for key in schema])
    texts = pl.all().str
    told = outer.select(
        pl.any_horizontal(texts.contains("\\", literal=True)).fill_null(value=False)
        & pl.all_horizontal(texts.starts_with("{").fill_null(value=True))
    )
    rows = told.to_series().arg_true()
    if not len(rows):
        return {}
    frame, fits = decode_some(lines.series.gather(rows), schema)
    frame, rows = frame.filter(fits), rows.filter(fits)
    return {path: found[path].clone().scatter(rows, _field(frame, path)) for path in inner}
