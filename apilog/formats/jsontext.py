"""Lines of JSON objects to columns of text.

Invariant: one bad line never costs its neighbours; every line is either decoded or
marked as bad, whatever its bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import BytesIO

import polars as pl

from apilog.formats.base import Lines, readable
from apilog.formats.jsonrepair import mend, repair

_BLOCK = 256
"""So many lines with a bad one among them are looked at one by one."""
_PARTS = 8
"""Into so many parts more lines are split."""

Schema = Mapping[str, pl.DataType | type[pl.DataType]]


def decode_objects(lines: pl.Series, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.Series]:
    """The values of these top-level keys of JSON objects, one object a line, and which
    lines are objects.

    The columns are String: texts decoded, numbers in plain decimal notation, true and
    false, nested values as JSON. A key that is absent or null is null, and so is every
    key of a line that is no object. The first of equal keys counts. Objects with small
    slips that servers make (see `repair`) are repaired.
    """
    return decode_lines(lines_of(lines), keys)


def decode_lines(lines: Lines, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.Series]:
    """`decode_objects` of the lines of a chunk; spares a copy where the bytes are there."""
    schema = dict.fromkeys(keys, pl.String)
    decoded = decode_whole(lines, schema)
    return decode_some(lines.series, schema) if decoded is None else (decoded, _all(lines.count))


def decode_whole(lines: Lines, schema: Schema) -> pl.DataFrame | None:
    """All lines by a schema, which may have structs; None if a line does not fit it."""
    # A reader without columns would not count the lines.
    frame = _read(lines.data, schema or {"": pl.String})
    if frame is None or frame.height != lines.count:
        return None
    return frame if schema else frame.select()


def lines_of(texts: pl.Series) -> Lines:
    """Lines of texts that may be null or hold newlines, which count as blanks."""
    texts = texts.fill_null("")
    if texts.str.contains("\n", literal=True).any():
        texts = texts.str.replace_all("\n", " ", literal=True)
    return Lines.of(texts)


def load(line: str) -> object:
    """What a line of JSON says; None if it is no JSON."""
    try:
        return json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> object:
    message = f"not JSON: {constant}"
    raise ValueError(message)


def _all(count: int) -> pl.Series:
    return pl.repeat(value=True, n=count, eager=True).alias("ok")


def _read(data: bytes, schema: Schema) -> pl.DataFrame | None:
    """The objects of the lines that are not blank, or None if one of them is bad."""
    try:
        return pl.read_ndjson(BytesIO(readable(data)[0]), schema=schema)
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):
        return None


def decode_some(s: pl.Series, schema: Schema) -> tuple[pl.DataFrame, pl.Series]:
    """Objects among lines of which some may not fit a schema, after repair where that helps, and
    which lines are objects that fit."""
    frame, rows = _decode_shaped(s, schema)
    place = _places(len(s), rows)
    bad = place.is_null().arg_true()
    mended, mended_rows = _decode_shaped(repair(s.gather(bad)), schema)
    frame = pl.concat([frame, mended])
    place = _places(len(s), pl.concat([rows, bad.gather(mended_rows)]))
    return frame.select(pl.all().gather(place)), place.is_not_null().alias("ok")


def _places(count: int, rows: pl.Series) -> pl.Series:
    """For each of so many lines its position among the rows, null where it is not there."""
    place = pl.repeat(None, count, dtype=pl.UInt32, eager=True)
    return place.scatter(rows, pl.int_range(len(rows), dtype=pl.UInt32, eager=True))


def _decode_shaped(s: pl.Series, schema: Schema) -> tuple[pl.DataFrame, pl.Series]:
    """The objects among the lines, and their rows."""
    bare = s.str.strip_chars(" \t\r")
    rows = (bare.str.starts_with("{") & bare.str.ends_with("}")).arg_true().cast(pl.UInt32)
    lines = s.gather(rows)
    frame = _read_all(lines, schema)
    if frame is None and (mended := mend(lines)) is not None:
        lines = mended
        frame = _read_all(lines, schema)
    # Python's parser is quicker at single lines; Polars alone knows what it can read
    # itself, which is less: the size of a number is limited.
    for block in (_BLOCK, 1):
        if frame is None:
            sound = pl.Series(_search(lines, schema, block), dtype=pl.UInt32)
            lines, rows = lines.gather(sound), rows.gather(sound)
            frame = _read_all(lines, schema)
    return pl.DataFrame(schema=schema) if frame is None else frame, rows


def _search(s: pl.Series, schema: Schema, block: int, start: int = 0) -> list[int]:
    """The rows that hold an object among lines that are not all sound."""
    if len(s) == 1 and block == 1:
        return []
    if len(s) <= block:
        return [row for row, line in enumerate(s, start) if isinstance(load(line), dict)]
    found: list[int] = []
    step = -(-len(s) // _PARTS)
    for at in range(0, len(s), step):
        part = s.slice(at, step)
        if _read_all(part, schema) is not None:
            found.extend(range(start + at, start + at + len(part)))
        else:
            found.extend(_search(part, schema, block, start + at))
    return found


def _read_all(s: pl.Series, schema: Schema) -> pl.DataFrame | None:
    """One row for each line, or None if one of them is no object."""
    if not len(s):
        return pl.DataFrame(schema=schema)
    return decode_whole(Lines.of(s), schema)
