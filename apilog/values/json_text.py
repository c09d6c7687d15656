"""JSON objects, one per line, to columns of text by key or by path of keys.

Invariant: one bad line never costs its neighbours; every line is either decoded or marked as bad,
whatever its bytes. A path is a tuple of keys, so that a dot in a key is nothing special.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO

import polars as pl

from apilog.values.escapes import decode_hex_escapes
from apilog.values.event_lines import EventLines, as_polars_text

# A key whose value is missing or a bare dash. The key's quotes and what stands before
# them keep it from matching inside a text.
_NO_VALUE = r'([{,]\s*"[^"\\]*"\s*:)\s*-?\s*([,}])'
_LEADING_ZEROS = r'([{,]\s*"[^"\\]*"\s*:\s*-?)0+([0-9])'
"""Leading zeros, such as those of nginx's status 000."""
_ILLEGAL_HEX = r"(?:^|[^\\])(?:\\\\)*\\x"
_CONTROL = r"[\x00-\x1f]"
_TEXT_OR_CONTROL = rf'("(?:[^"\\]|\\.)*")|{_CONTROL}'


def repair_lines(lines: pl.Series) -> pl.Series:
    r"""Lines with the slips of hand-made JSON mended.

    nginx's `\xHH` become what they stand for, missing values and bare dashes null; bare control
    characters are escaped in texts and blanks between them; a byte order mark, trailing commas
    and leading zeros go.
    """
    mended = lines.str.strip_chars("\ufeff \t\r").str.strip_suffix(",")
    mended = escape_controls(mended.str.replace(r",\s*}$", "}"))
    for _ in range(2):  # a match takes the comma that the next one needs
        mended = mended.str.replace_all(_NO_VALUE, "${1}null$2")
    mended = mended.str.replace_all(_LEADING_ZEROS, "${1}$2")
    if not mended.str.contains(r"\x", literal=True).any():
        return mended
    return decode_hex_escapes(
        mended.str.replace_all(r"\\", r"\u005c", literal=True)
        .str.replace_all(r"\\x([01][0-9A-Fa-f])", r"\u00$1")
        .str.replace_all(r"\x22", r"\"", literal=True)
        .str.replace_all(r"\\x5[Cc]", r"\u005c")
    )


def escape_controls(lines: pl.Series) -> pl.Series:
    """Lines of JSON with bare control characters escaped in texts, and blanks between them."""
    if not lines.str.contains(_CONTROL).any():
        return lines
    lines = lines.str.replace_all(_TEXT_OR_CONTROL, "$1 ")
    for control in map(chr, range(0x20)):
        if lines.str.contains(control, literal=True).any():
            lines = lines.str.replace_all(control, f"\\u{ord(control):04x}", literal=True)
    return lines


def repair_slips(lines: pl.Series) -> pl.Series | None:
    """The lines, those repaired that show a slip which no JSON has; None if none does."""
    slips = lines.str.contains(f"{_NO_VALUE}|{_LEADING_ZEROS}") | lines.str.contains(_ILLEGAL_HEX)
    if not slips.any():
        return None
    position = (slips.cum_sum().cast(pl.Int64) - 1).set(~slips, None)
    return repair_lines(lines.filter(slips)).gather(position).zip_with(slips, lines)


_BLOCK_LINES = 256
"""So many lines with a bad one among them are looked at one by one."""
_SEARCH_PARTS = 8
"""Into so many parts more lines are split."""

JsonSchema = Mapping[str, pl.DataType | type[pl.DataType]]


def decode_objects(lines: pl.Series, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.Series]:
    """The values of these top-level keys of JSON objects, one object a line, and which
    lines are objects.

    The columns are String: texts decoded, numbers in plain decimal notation, true and
    false, nested values as JSON. A key that is absent or null is null, and so is every
    key of a line that is no object. The first of equal keys counts. Objects with small
    slips that servers make (see `repair`) are repaired.
    """
    return decode_object_lines(lines_from_texts(lines), keys)


def decode_object_lines(lines: EventLines, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.Series]:
    """`decode_objects` of the lines of a chunk; spares a copy where the bytes are there."""
    schema = dict.fromkeys(keys, pl.String)
    decoded = decode_uniform(lines, schema)
    return (
        decode_mixed(lines.series, schema) if decoded is None else (decoded, _all_true(lines.count))
    )


def decode_uniform(lines: EventLines, schema: JsonSchema) -> pl.DataFrame | None:
    """All lines by a schema, which may have structs; None if a line does not fit it."""
    # A reader without columns would not count the lines.
    frame = _read_ndjson(lines.data, schema or {"": pl.String})
    if frame is None or frame.height != lines.count:
        return None
    return frame if schema else frame.select()


def lines_from_texts(texts: pl.Series) -> EventLines:
    """Lines of texts that may be null or hold newlines, which count as blanks."""
    texts = texts.fill_null("")
    if texts.str.contains("\n", literal=True).any():
        texts = texts.str.replace_all("\n", " ", literal=True)
    return EventLines.from_series(texts)


def load_json(line: str) -> object:
    """What a line of JSON says; None if it is no JSON."""
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(constant: str) -> object:
    message = f"not JSON: {constant}"
    raise ValueError(message)


def _all_true(count: int) -> pl.Series:
    return pl.repeat(value=True, n=count, eager=True).alias("ok")


def _read_ndjson(data: bytes, schema: JsonSchema) -> pl.DataFrame | None:
    """The objects of the lines that are not blank, or None if one of them is bad."""
    try:
        return pl.read_ndjson(BytesIO(as_polars_text(data)[0]), schema=schema)
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):
        return None


def decode_mixed(s: pl.Series, schema: JsonSchema) -> tuple[pl.DataFrame, pl.Series]:
    """Objects among lines of which some may not fit a schema, after repair where that helps, and
    which lines are objects that fit."""
    frame, rows = _decode_braced(s, schema)
    place = _positions(len(s), rows)
    bad = place.is_null().arg_true()
    mended, mended_rows = _decode_braced(repair_lines(s.gather(bad)), schema)
    frame = pl.concat([frame, mended])
    place = _positions(len(s), pl.concat([rows, bad.gather(mended_rows)]))
    return frame.select(pl.all().gather(place)), place.is_not_null().alias("ok")


def _positions(count: int, rows: pl.Series) -> pl.Series:
    """For each of so many lines its position among the rows, null where it is not there."""
    place = pl.repeat(None, count, dtype=pl.UInt32, eager=True)
    return place.scatter(rows, pl.int_range(len(rows), dtype=pl.UInt32, eager=True))


def _decode_braced(s: pl.Series, schema: JsonSchema) -> tuple[pl.DataFrame, pl.Series]:
    """The objects among the lines, and their rows."""
    bare = s.str.strip_chars(" \t\r")
    rows = (bare.str.starts_with("{") & bare.str.ends_with("}")).arg_true().cast(pl.UInt32)
    lines = s.gather(rows)
    frame = _decode_nonempty(lines, schema)
    if frame is None and (mended := repair_slips(lines)) is not None:
        lines = mended
        frame = _decode_nonempty(lines, schema)
    # Python's parser is quicker at single lines; Polars alone knows what it can read
    # itself, which is less: the size of a number is limited.
    for block in (_BLOCK_LINES, 1):
        if frame is None:
            sound = pl.Series(_find_objects(lines, schema, block), dtype=pl.UInt32)
            lines, rows = lines.gather(sound), rows.gather(sound)
            frame = _decode_nonempty(lines, schema)
    return pl.DataFrame(schema=schema) if frame is None else frame, rows


def _find_objects(s: pl.Series, schema: JsonSchema, block: int, start: int = 0) -> list[int]:
    """The rows that hold an object among lines that are not all sound."""
    if len(s) == 1 and block == 1:
        return []
    if len(s) <= block:
        return [row for row, line in enumerate(s, start) if isinstance(load_json(line), dict)]
    found: list[int] = []
    step = -(-len(s) // _SEARCH_PARTS)
    for at in range(0, len(s), step):
        part = s.slice(at, step)
        if _decode_nonempty(part, schema) is not None:
            found.extend(range(start + at, start + at + len(part)))
        else:
            found.extend(_find_objects(part, schema, block, start + at))
    return found


def _decode_nonempty(s: pl.Series, schema: JsonSchema) -> pl.DataFrame | None:
    """One row for each line, or None if one of them is no object."""
    if not len(s):
        return pl.DataFrame(schema=schema)
    return decode_uniform(EventLines.from_series(s), schema)


KeyPath = tuple[str, ...]
_MAX_DEPTH = 5


def decode_paths(
    lines: EventLines, paths: Sequence[KeyPath]
) -> tuple[Mapping[KeyPath, pl.Series], pl.Series]:
    """The values at these paths of JSON objects, as `decode_objects` gives them, and which
    lines are objects."""
    found: dict[KeyPath, pl.Series] = {}
    schema = _struct_schema(paths)
    if schema is not None and any(len(path) > 1 for path in paths):
        frame = decode_uniform(lines, schema)
        if frame is not None:
            ok = pl.repeat(value=True, n=lines.count, eager=True)
            return {path: _struct_field(frame, path) for path in paths}, ok
    keys = list(dict.fromkeys(path[0] for path in paths))
    frame, ok = decode_object_lines(lines, keys)
    found.update({(key,): frame[key] for key in keys})
    for outer, inner in _keys_by_object(paths):
        found.update(_decode_inner(found[outer], outer, inner))
    found.update(_decode_backslashed(lines, paths, found))
    return {path: found[path] for path in paths}, ok


def load_objects(lines: pl.Series, limit: int = 200) -> list[dict[str, object]]:
    """The objects among the first lines, as Python has them."""
    head = lines.head(limit).drop_nulls()
    loaded = (load_json(line) for line in head)
    mended = (
        (load_json(line) if value is None else value)
        for line, value in zip(repair_lines(head), loaded, strict=True)
    )
    return [value for value in mended if isinstance(value, dict)]


def iter_leaves(
    value: Mapping[str, object], above: KeyPath = ()
) -> Iterator[tuple[KeyPath, object]]:
    """The plain values and lists in an object, with their paths."""
    for key, inner in value.items():
        path = (*above, key)
        if isinstance(inner, dict) and len(path) < _MAX_DEPTH:
            yield from iter_leaves(inner, path)
        else:
            yield path, inner


def keys_of(lines: pl.Series, limit: int = 200) -> list[str]:
    """The keys in the first lines, in order; those of nested objects joined with dots."""
    found = (path for value in load_objects(lines, limit) for path, _ in iter_leaves(value))
    return list(dict.fromkeys(".".join(path) for path in found))


def _struct_schema(paths: Sequence[KeyPath]) -> JsonSchema | None:
    """Structs for the paths; None if one path goes on where another one ends."""
    if any(path[:n] in paths for path in paths for n in range(1, len(path))):
        return None
    inner: dict[str, list[KeyPath]] = {}
    for path in paths:
        inner.setdefault(path[0], []).append(path[1:])
    schema: dict[str, pl.DataType | type[pl.DataType]] = {}
    for key, rest in inner.items():
        below = _struct_schema([path for path in rest if path])
        schema[key] = pl.Struct(below) if below else pl.String
    return schema


def _struct_field(frame: pl.DataFrame, path: KeyPath) -> pl.Series:
    series = frame[path[0]]
    for key in path[1:]:
        series = series.struct.field(key)
    return series


def _keys_by_object(paths: Sequence[KeyPath]) -> list[tuple[KeyPath, list[str]]]:
    """The objects to look into, outer ones first, and the keys that are needed of each."""
    inner: dict[KeyPath, dict[str, None]] = {}
    for path in paths:
        for depth in range(1, len(path)):
            inner.setdefault(path[:depth], {})[path[depth]] = None
    return sorted(((outer, list(keys)) for outer, keys in inner.items()), key=lambda e: len(e[0]))


def _decode_inner(
    texts: pl.Series, outer: KeyPath, keys: Sequence[str]
) -> dict[KeyPath, pl.Series]:
    """The values of these keys of objects as texts, null where a text is no object.

    Polars writes the control characters in their texts bare.
    """
    is_object = texts.str.starts_with("{").fill_null(value=False)
    frame, _ = decode_objects(escape_controls(texts.set(~is_object, "{}")), keys)
    return {(*outer, key): frame[key] for key in keys}


def _decode_backslashed(
    lines: EventLines, paths: Sequence[KeyPath], found: Mapping[KeyPath, pl.Series]
) -> dict[KeyPath, pl.Series]:
    """The values inside objects, those with a backslash as the lines have them.

    Polars does not escape backslashes in the objects that it gives as texts.
    """
    inner = [path for path in paths if len(path) > 1]
    schema = _struct_schema(inner)
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
    frame, fits = decode_mixed(lines.series.gather(rows), schema)
    frame, rows = frame.filter(fits), rows.filter(fits)
    return {path: found[path].clone().scatter(rows, _struct_field(frame, path)) for path in inner}
