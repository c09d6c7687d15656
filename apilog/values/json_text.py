"""JSON objects, one per line, to columns of text by key or by path of keys.

Invariant: one bad line never costs its neighbours; every line is either decoded or marked as bad,
whatever its bytes. A path is a tuple of keys, so that a dot in a key is nothing special.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from io import BytesIO

import polars as pl

from apilog.values.escapes import decode_hex_escapes
from apilog.values.event_lines import EventLines, as_polars_text

# A key whose value is missing or a bare dash. The key's quotes and what stands before
# them keep it from matching inside a text.
_NO_VALUE = r'([{,]\s*"[^"\\]*"\s*:)\s*-?\s*([,}])'
# Several values where one should be, as nginx's lists of attempts stand if nobody quotes them.
_BARE_LIST = (
    r'([{,]\s*"[^"\\]*"\s*:\s*)'
    r'([^\s",:{}\[\]][^\s",{}\[\]]*(?:(?:\s*,\s*|\s+:\s+)[^\s",{}\[\]]+)+)'
    r'(\s*(?:,\s*"|\}))'
)
_LEADING_ZEROS = r'([{,]\s*"[^"\\]*"\s*:\s*-?)0+([0-9])'
"""Leading zeros, such as those of nginx's status 000."""
_ILLEGAL_HEX = r"(?:^|[^\\])(?:\\\\)*\\x"
_CONTROL = r"[\x00-\x1f]"
_TEXT_OR_CONTROL = rf'("(?:[^"\\]|\\.)*")|{_CONTROL}'

_BLOCK_LINES = 256
"""How many lines with a bad one among them are looked at one by one."""
_SEARCH_PARTS = 8
"""Into how many parts a longer run of lines is split."""
_MAX_DEPTH = 5
_LOOKED_AT_BYTES = 32 << 10
"""How much of a chunk tells which keys have whole numbers."""
_FEWEST_FOR_INTEGERS = 2_000
"""Lines for which that look pays."""

JsonSchema = Mapping[str, pl.DataType | type[pl.DataType]]
KeyPath = tuple[str, ...]
"""The keys that lead to a value in nested objects, the outermost first."""
_INDEXED_KEY = re.compile(r"[^.\[\]']+(?:\[[0-9]{1,4}\])*(?:\.[^.\[\]']+(?:\[[0-9]{1,4}\])*)*")


class ListIndex(str):
    """A place in a list, as a part of a path: `[0]` is the first."""

    __slots__ = ()


def parse_indexed_key(key: str) -> KeyPath | None:
    """Return the path of a key that names places in lists; None for any other.

    >>> parse_indexed_key("calls[0].status")
    ('calls', '[0]', 'status')
    """
    if "[" not in key or not _INDEXED_KEY.fullmatch(key):
        return None
    parts = (part for name in key.split(".") for part in re.findall(r"[^\[\]]+|\[[0-9]+\]", name))
    return tuple(ListIndex(part) if part.startswith("[") else part for part in parts)


def repair_lines(lines: pl.Series) -> pl.Series:
    r"""Mend the slips of hand-made JSON in lines that are no JSON.

    nginx's `\xHH` become what they stand for, missing values and bare dashes null, bare lists
    texts; bare control characters are escaped in texts and blanks between them; a byte order mark,
    trailing commas and leading zeros go. An `escape=json` of nginx's log_format avoids most:
    https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format
    """
    mended = lines.str.strip_chars("\ufeff \t\r").str.strip_suffix(",")
    mended = escape_controls(mended.str.replace(r",\s*}$", "}"))
    for _ in range(2):  # a match takes the comma that the next one needs
        mended = mended.str.replace_all(_NO_VALUE, "${1}null$2")
    for _ in range(2):
        mended = mended.str.replace_all(_BARE_LIST, '$1"$2"$3')
    mended = mended.str.replace_all(_LEADING_ZEROS, "${1}$2")
    if not mended.str.contains(r"\x", literal=True).any():
        return mended
    # What a `\x` decodes to must not become JSON's own syntax, nor a backslash begin an escape.
    return decode_hex_escapes(
        mended.str.replace_all(r"\\", r"\u005c", literal=True)
        .str.replace_all(r"\\x([01][0-9A-Fa-f])", r"\u00$1")
        .str.replace_all(r"\x22", r"\"", literal=True)
        .str.replace_all(r"\\x5[Cc]", r"\u005c")
    )


def escape_controls(lines: pl.Series) -> pl.Series:
    """Escape bare control characters in the texts of JSON lines; between texts they are blanks."""
    if not lines.str.contains(_CONTROL).any():
        return lines
    lines = lines.str.replace_all(_TEXT_OR_CONTROL, "$1 ")
    for control in map(chr, range(0x20)):
        if lines.str.contains(control, literal=True).any():
            lines = lines.str.replace_all(control, f"\\u{ord(control):04x}", literal=True)
    return lines


def repair_slips(lines: pl.Series) -> pl.Series | None:
    """Repair the lines that show a slip which no JSON has; None if no line does."""
    has_slip = lines.str.contains(f"{_NO_VALUE}|{_BARE_LIST}|{_LEADING_ZEROS}|{_ILLEGAL_HEX}")
    if not has_slip.any():
        return None
    position = (has_slip.cum_sum().cast(pl.Int64) - 1).set(~has_slip, None)
    return repair_lines(lines.filter(has_slip)).gather(position).zip_with(has_slip, lines)


def decode_objects(lines: pl.Series, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.Series]:
    """Return the values of top-level keys of JSON objects, and which lines are objects.

    There is one object per line. The columns are String: texts decoded, numbers in plain decimal
    notation, true and false, nested values as JSON. A key that is absent or null is null, and so
    is every key of a line that is no object. The first of equal keys counts. Objects with small
    slips that servers make are repaired, see `repair_lines`.
    """
    return decode_object_lines(lines_from_texts(lines), keys)


def decode_object_lines(lines: EventLines, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.Series]:
    """Do as `decode_objects` with the lines of a chunk, without a copy if the bytes are there."""
    schema = dict.fromkeys(keys, pl.String)
    frame = decode_uniform(lines, schema)
    return decode_mixed(lines.series, schema) if frame is None else (frame, _all_true(lines.count))


class IntegerKeys:
    """Which keys of a file's objects have nothing but whole numbers, as far as was seen.

    It only saves time: what is read as integers is what the texts would be cast to, and where a
    value of such a key is no plain integer the lines are read again, as texts.
    """

    __slots__ = ("_is_integer",)

    def __init__(self) -> None:
        self._is_integer: dict[str, bool] = {}

    def decode(
        self, lines: EventLines, keys: Sequence[str], candidates: Collection[str]
    ) -> pl.DataFrame | None:
        """Decode top-level keys, some of these as Int64; None if texts alone serve or a line is no
        object."""
        if not candidates or lines.count < _FEWEST_FOR_INTEGERS:
            return None
        if unknown := [key for key in candidates if key not in self._is_integer]:
            self._look_at(lines, unknown)
        integers = {key for key in candidates if self._is_integer[key]}
        if not integers:
            return None
        schema = {key: pl.Int64 if key in integers else pl.String for key in keys}
        frame = decode_uniform(lines, schema)
        if frame is None:
            # One of them has something else, or a line is no object: what it was is not said.
            self._is_integer |= dict.fromkeys(integers, False)
        return frame

    def _look_at(self, lines: EventLines, keys: Sequence[str]) -> None:
        head = lines.data[:_LOOKED_AT_BYTES]
        first = EventLines(head[: head.rfind(b"\n") + 1])
        for key in keys:
            frame = decode_uniform(first, {key: pl.Int64}) if first.data else None
            self._is_integer[key] = frame is not None and frame[key].count() > 0


def decode_uniform(lines: EventLines, schema: JsonSchema) -> pl.DataFrame | None:
    """Decode all lines by a schema, which may have structs; None if a line does not fit it."""
    try:
        frame = pl.read_ndjson(
            BytesIO(as_polars_text(lines.data)[0]),
            # A reader without columns would not count the lines.
            schema=schema or {"": pl.String},
        )
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):
        return None
    if frame.height != lines.count:  # blank ones are left out
        return None
    return frame if schema else frame.select()


def lines_from_texts(texts: pl.Series) -> EventLines:
    """Return the lines of texts that may be null or hold newlines, which count as blanks."""
    texts = texts.fill_null("")
    if texts.str.contains("\n", literal=True).any():
        texts = texts.str.replace_all("\n", " ", literal=True)
    return EventLines.from_series(texts)


def load_json(line: str) -> object:
    """Return the value of a line of JSON; None if it is no JSON."""

    def refuse(constant: str) -> object:  # NaN and Infinity, which Python's parser admits
        raise ValueError(constant)

    try:
        return json.loads(line, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def _all_true(count: int) -> pl.Series:
    return pl.repeat(value=True, n=count, eager=True).alias("ok")


def decode_mixed(s: pl.Series, schema: JsonSchema) -> tuple[pl.DataFrame, pl.Series]:
    """Decode lines of which some may not fit a schema, after repair where that helps.

    Return one row per line, and which lines are objects that fit.
    """
    frame, rows = _decode_braced(s, schema)
    bad = _positions(len(s), rows).is_null().arg_true()
    repaired, repaired_rows = _decode_braced(repair_lines(s.gather(bad)), schema)
    frame = pl.concat([frame, repaired])
    position = _positions(len(s), pl.concat([rows, bad.gather(repaired_rows)]))
    return frame.select(pl.all().gather(position)), position.is_not_null().alias("ok")


def _positions(count: int, rows: pl.Series) -> pl.Series:
    """Return for each of `count` lines its position among the rows, null where it is not there."""
    position = pl.repeat(None, count, dtype=pl.UInt32, eager=True)
    return position.scatter(rows, pl.int_range(len(rows), dtype=pl.UInt32, eager=True))


def _decode_braced(s: pl.Series, schema: JsonSchema) -> tuple[pl.DataFrame, pl.Series]:
    """Return the objects among the lines, and their rows."""
    bare = s.str.strip_chars(" \t\r")
    rows = (bare.str.starts_with("{") & bare.str.ends_with("}")).arg_true().cast(pl.UInt32)
    lines = s.gather(rows)
    frame = _decode_all(lines, schema)
    if frame is None and (mended := repair_slips(lines)) is not None:
        lines = mended
        frame = _decode_all(lines, schema)
    # Python's parser is quicker at single lines; Polars alone knows what it can read itself, which
    # is less: the size of a number is limited.
    for block in (_BLOCK_LINES, 1):
        if frame is None:
            sound = pl.Series(_find_objects(lines, schema, block), dtype=pl.UInt32)
            lines, rows = lines.gather(sound), rows.gather(sound)
            frame = _decode_all(lines, schema)
    return pl.DataFrame(schema=schema) if frame is None else frame, rows


def _find_objects(s: pl.Series, schema: JsonSchema, block: int, start: int = 0) -> list[int]:
    """Return the rows that hold an object among lines that are not all sound.

    Bad lines are few, so lines are split until those without one can be taken as a whole.
    """
    if len(s) == 1 and block == 1:
        return []
    if len(s) <= block:
        return [row for row, line in enumerate(s, start) if isinstance(load_json(line), dict)]
    rows: list[int] = []
    step = -(-len(s) // _SEARCH_PARTS)
    for at in range(0, len(s), step):
        part = s.slice(at, step)
        if _decode_all(part, schema) is not None:
            rows.extend(range(start + at, start + at + len(part)))
        else:
            rows.extend(_find_objects(part, schema, block, start + at))
    return rows


def _decode_all(s: pl.Series, schema: JsonSchema) -> pl.DataFrame | None:
    """Return one row for each line, or None if one of them is no object."""
    # Polars refuses to read no bytes at all.
    return (
        decode_uniform(EventLines.from_series(s), schema) if len(s) else pl.DataFrame(schema=schema)
    )


def decode_paths(
    lines: EventLines,
    paths: Sequence[KeyPath],
    integers: Collection[KeyPath] = (),
    integer_keys: IntegerKeys | None = None,
) -> tuple[Mapping[KeyPath, pl.Series], pl.Series]:
    """Return the values at paths of JSON objects, and which lines are objects.

    The values are as `decode_objects` gives them, but that those of `integers` may be Int64.
    """
    if integer_keys and integers and all(len(path) == 1 for path in paths):
        keys = [path[0] for path in paths]
        frame = integer_keys.decode(lines, keys, [path[0] for path in integers])
        if frame is not None:
            return {path: frame[path[0]] for path in paths}, _all_true(lines.count)
    indexed = {
        path: next(at for at, key in enumerate(path) if isinstance(key, ListIndex))
        for path in paths
        if any(isinstance(key, ListIndex) for key in path)
    }
    if not indexed:
        return _decode_nested(lines, paths)
    lists = [path[:at] for path, at in indexed.items()]
    plain = dict.fromkeys([*(path for path in paths if path not in indexed), *lists])
    values, ok = _decode_nested(lines, list(plain))
    return {**values, **{p: _take_element(values[p[:at]], p[at:]) for p, at in indexed.items()}}, ok


def _take_element(lists: pl.Series, path: KeyPath) -> pl.Series:
    """Return what is at a path in lists, which are JSON."""
    parts = (key if isinstance(key, ListIndex) else f"['{key}']" for key in path)
    # What is no JSON would be an error for all of them.
    texts = lists.set(~lists.str.starts_with("[").fill_null(value=False), None)
    return texts.str.json_path_match(f"${''.join(parts)}")


def _decode_nested(
    lines: EventLines, paths: Sequence[KeyPath]
) -> tuple[Mapping[KeyPath, pl.Series], pl.Series]:
    schema = _struct_schema(paths)
    if schema is not None and any(len(path) > 1 for path in paths):
        frame = decode_uniform(lines, schema)
        if frame is not None:
            return {path: _struct_field(frame, path) for path in paths}, _all_true(lines.count)
    keys = list(dict.fromkeys(path[0] for path in paths))
    frame, ok = decode_object_lines(lines, keys)
    values: dict[KeyPath, pl.Series] = {(key,): frame[key] for key in keys}
    # The objects to look into, and the keys that are needed of each.
    inner_keys: dict[KeyPath, dict[str, None]] = {}
    for path in paths:
        for depth in range(1, len(path)):
            inner_keys.setdefault(path[:depth], {})[path[depth]] = None
    for outer in sorted(inner_keys, key=len):
        texts = values[outer]
        # Only objects have keys. Polars writes the control characters in their texts bare.
        is_object = texts.str.starts_with("{").fill_null(value=False)
        objects = escape_controls(texts.set(~is_object, "{}"))
        inner, _ = decode_objects(objects, list(inner_keys[outer]))
        values |= {(*outer, key): inner[key] for key in inner_keys[outer]}
    values |= _decode_backslashed(lines, paths, values)
    return {path: values[path] for path in paths}, ok


def load_objects(lines: pl.Series, limit: int = 200) -> list[dict[str, object]]:
    """Return the objects among the first lines, as Python has them."""
    head = lines.head(limit).drop_nulls()
    head = head.filter(head.str.contains("{", literal=True))
    loaded = [load_json(line) for line in head]
    if bad := [i for i, value in enumerate(loaded) if not value]:
        for i, mended in zip(bad, repair_lines(head.gather(bad)), strict=True):
            loaded[i] = load_json(mended)
    return [value for value in loaded if isinstance(value, dict)]


def iter_leaves(
    value: Mapping[str, object], above: KeyPath = ()
) -> Iterator[tuple[KeyPath, object]]:
    """Yield the plain values and lists in an object, with their paths.

    Keys that are no UTF-8, which an escaped half of a pair makes them, are left out.
    """
    for key, inner in value.items():
        if not key.isascii() and not _is_utf8(key):
            continue
        path = (*above, key)
        if isinstance(inner, dict) and len(path) < _MAX_DEPTH:
            yield from iter_leaves(inner, path)
        else:
            yield path, inner


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _struct_schema(paths: Sequence[KeyPath]) -> JsonSchema | None:
    """Return structs for the paths; None if one path goes on where another one ends."""
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
        # Not `struct.field`, which takes `*` and `^…$` for patterns.
        series = series.struct.unnest().get_column(key)
    return series


def _decode_backslashed(
    lines: EventLines, paths: Sequence[KeyPath], values: Mapping[KeyPath, pl.Series]
) -> dict[KeyPath, pl.Series]:
    """Return the values inside objects, those with a backslash as the lines have them.

    Polars does not escape backslashes in the objects that it gives as texts, so that the texts
    alone do not tell what they were: these lines are decoded once more, into structs.
    """
    inner = [path for path in paths if len(path) > 1]
    schema = _struct_schema(inner)
    if not schema:
        return {}
    outer = pl.DataFrame([values[(key,)].alias(key) for key in schema])
    texts = pl.all().str
    is_unsure = outer.select(
        pl.any_horizontal(texts.contains("\\", literal=True)).fill_null(value=False)
        & pl.all_horizontal(texts.starts_with("{").fill_null(value=True))
    )
    rows = is_unsure.to_series().arg_true()
    if not len(rows):
        return {}
    frame, fits = decode_mixed(lines.series.gather(rows), schema)
    frame, rows = frame.filter(fits), rows.filter(fits)
    return {path: values[path].clone().scatter(rows, _struct_field(frame, path)) for path in inner}
