"""Rows of the W3C extended format under known names, many at once, as JSON objects.

Values stand between tabs, or else blanks. Texts may be quoted, with quotes in them doubled, as
Tomcat and proxies write them (https://www.w3.org/TR/WD-logfile.html); servers such as IIS quote
nothing, so that a quote of theirs is a part of a value. Hence a row whose quotes are sound is read
with them if that gives as many values as there are names, and else without.

Invariant: what becomes of a row depends on the row and the names alone.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence

import polars as pl

from apilog.values.csv_cells import text_schema
from apilog.values.event_lines import EventLines, as_polars_text

SOFTWARE_KEY = "#Software"
"""The key of the software that wrote a row, where the log names it."""

_FEW_ROWS = 40
_MANY_NAMES = 500
"""Fewer rows, or more names, are taken one by one: a frame of these costs more than it saves.
So are rows with the mark that is set behind values here, which no server writes."""
_END_MARK = "\x01"
_UNSEPARATING = bytes(sorted({*range(0x20)} - {*b"\t\n"}))
"""The control characters that can stand in a value."""
_ESCAPES = {sign: json.dumps(sign)[1:-1] for sign in ('"', "\\", *map(chr, range(0x20)))}
"""What stands in JSON for what can't stand there as it is."""
_SOUND = {
    separator: rf'(?:"(?:[^"]|"")*"|[^"{separator}]*)'
    rf'(?:{separator}(?:"(?:[^"]|"")*"|[^"{separator}]*))*'
    for separator in ("\t", " ")
}
"""What a row is whose quotes stand around values."""


def to_objects(data: bytes, names: Sequence[str], software: str | None) -> bytes:
    """Return lines with each row as an object, and what is no row as it is.

    A value that is a dash is left out; of a name that stands twice the last value counts.
    """
    if not names or not data:
        return data
    given = {} if software is None else {SOFTWARE_KEY: software}
    is_few = data.count(b"\n") < _FEW_ROWS or len(names) > _MANY_NAMES
    if is_few or _END_MARK.encode() in data:
        return b"\n".join(_to_object(line, names, given) for line in data.split(b"\n"))
    alike = _convert_alike(data, names, software) if len(names) > 1 else None
    return _convert_unlike(data, names, software) if alike is None else alike


def _convert_alike(data: bytes, names: Sequence[str], software: str | None) -> bytes | None:
    """Return the objects of rows that all have a value for each name; None if some have not.

    Nearly all rows are such, and need no look at each of them beforehand.
    """
    if b'"' in data or data.startswith(b"#") or b"\n#" in data or not data.endswith(b"\n"):
        return None
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        if b"\r" in data:
            return None
    cells = _read_cells(data, "\t" if b"\t" in data else " ", len(names), None)
    if not cells["ok"].all():
        return None
    objects = _write_objects(cells, names, software, is_escaped=_has_escapes(data))
    return EventLines.from_series(objects).data


def _convert_unlike(data: bytes, names: Sequence[str], software: str | None) -> bytes:
    """Return lines with the rows among them as objects."""
    lines = EventLines(data).series
    rows = lines.str.strip_chars_end("\r")
    objects = pl.Series("line", [None], pl.String).new_from_index(0, len(rows))
    is_row = (rows != "") & ~rows.str.starts_with("#")
    is_tabbed = rows.str.contains("\t", literal=True)
    for separator, of_kind in (("\t", is_tabbed & is_row), (" ", ~is_tabbed & is_row)):
        is_sound = of_kind & rows.str.contains('"', literal=True)
        if is_sound.any():
            is_sound &= rows.str.contains(f"^{_SOUND[separator]}$")
        for quote, of_quoting in (('"', is_sound), (None, of_kind)):
            chosen = of_quoting & objects.is_null()
            if chosen.any():
                texts = EventLines.from_series(rows.filter(chosen)).data
                cells = _read_cells(texts, separator, len(names), quote)
                found = _write_objects(cells, names, software, is_escaped=_has_escapes(texts))
                objects = objects.scatter(chosen.arg_true(), found)
    joined = EventLines.from_series(objects.fill_null(lines)).data
    return joined if data.endswith(b"\n") else joined[:-1]


def _read_cells(data: bytes, separator: str, count: int, quote: str | None) -> pl.DataFrame:
    """Return values by position (`f0`), and `ok`: whether there are as many as names.

    A dash is null; missing values are empty texts.
    """
    # A last value that is added to every row tells an empty value from a missing one.
    end = f"{separator}{_END_MARK}\n".encode()
    text, skipped_lines = as_polars_text(EventLines(data).utf8.replace(b"\n", end))
    columns = text_schema(range(count))
    cells = pl.scan_csv(
        text,
        skip_lines=skipped_lines,
        has_header=False,
        separator=separator,
        quote_char=quote,
        schema={**columns, "end": pl.String},
        null_values=dict.fromkeys(columns, "-"),
        empty_string_is_null=False,
        truncate_ragged_lines=True,
        # Polars counts values in the first row, which may have any number of them.
        missing_columns="insert",
        extra_columns="ignore",
    )
    return cells.with_columns(ok=pl.col("end") == _END_MARK).collect().rechunk()


def _has_escapes(data: bytes) -> bool:
    """Return whether a value of these rows has to be escaped in JSON."""
    if b'"' in data or b"\\" in data:
        return True
    return len(data.translate(None, _UNSEPARATING)) < len(data)


def _write_objects(
    cells: pl.DataFrame, names: Sequence[str], software: str | None, *, is_escaped: bool
) -> pl.Series:
    """Return the objects of values, null for rows that are not `ok`."""
    places: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        places.setdefault(name, []).append(at)
    told: list[tuple[str, pl.Series]] = []
    for name, positions in places.items():
        value, *earlier = (cells[f"f{at}"] for at in reversed(positions))
        for other in earlier:
            value = other.zip_with(value.is_null(), value)
        told.append((f"{_quote(name)}: ", value))
    texts = pl.DataFrame([value.alias(f"v{at}") for at, (_, value) in enumerate(told)])
    if is_escaped:
        texts = texts.with_columns(pl.all().str.replace_many(_ESCAPES))
    whole = _join_members(told, None if SOFTWARE_KEY in places else software)
    return texts.select(pl.when(cells["ok"]).then(whole).alias("line")).to_series()


def _join_members(told: Sequence[tuple[str, pl.Series]], software: str | None) -> pl.Expr:
    """Return objects of the texts `v0` and so on, each behind its key; nulls are left out."""
    begin = "{" if software is None else f"{{{_quote(SOFTWARE_KEY)}: {_quote(software)}"
    # To join texts in one go costs a quarter of joining them member by member. Each member begins
    # with a separator, which is taken off afterwards unless the first one is known to be there.
    is_separated = software is not None
    is_cut = False
    pieces: list[pl.Expr] = [pl.lit(begin)]
    for at, (key, value) in enumerate(told):
        if value.null_count() == len(value):
            continue
        is_given = not value.null_count()
        is_cut |= not (is_separated or is_given)
        is_separated |= not is_given
        separator = ", " if is_separated else ""
        members = [pl.lit(f'{separator}{key}"'), pl.col(f"v{at}"), pl.lit('"')]
        pieces += members if is_given else [pl.concat_str(members).fill_null("")]
        is_separated = True
    whole = pl.concat_str(*pieces, pl.lit("}"))
    return whole.str.replace("{, ", "{", literal=True) if is_cut else whole


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _to_object(line: bytes, names: Sequence[str], given: Mapping[str, str]) -> bytes:
    """Do as `to_objects` with a single line."""
    row = line.rstrip(b"\r")
    text = row.decode("utf-8", "replace")
    separator = "\t" if "\t" in text else " "
    values = text.split(separator)
    if '"' in text and re.fullmatch(_SOUND[separator], text):
        # Rows whose quotes are sound are what this reader takes.
        quoted = next(csv.reader([text], delimiter=separator, doublequote=True), [])
        values = quoted if len(quoted) == len(names) else values
    if not row or row.startswith(b"#") or len(values) != len(names):
        return line
    told = {name: value for name, value in zip(names, values, strict=True) if value != "-"}
    return json.dumps({**given, **told}, ensure_ascii=False).encode("utf-8", "replace")
