"""Answers of Log Analytics: tables whose columns are named once and whose rows are arrays.

The columns of a table may stand after its rows only if the table is no longer than a line may
be. A row that does not fit the columns is left as it is.
"""

from __future__ import annotations

import json
import re

from apilog.sources.framing.frame import Frame
from apilog.sources.framing.scan import PLAIN_OBJECT, STRING

_COLON = rb"\s*+:\s*+"
_OUTSIDE = rb'[^"\[\]]*+(?:' + STRING + rb'[^"\[\]]*+)*+'
_NAME = rb'"name"' + _COLON + STRING
_COLUMNS = rb'"columns"' + _COLON + rb"(?P<columns>\[" + _OUTSIDE + rb"\])"
_ROWS = rb'"rows"' + _COLON + rb"\["
_NEXT = rb"\s*+,\s*+"
_NAMED = rb"(?:" + _NAME + _NEXT + rb")?+"
_TABLE = re.compile(
    rb"\{\s*+" + _NAMED + rb"(?:" + _COLUMNS + _NEXT + _NAMED + rb")?+" + _ROWS, re.DOTALL
)
TABLE_FIRST_MEMBERS = ("tables", "error", "render", "statistics")
"""What an answer may start with."""
_BESIDE = rb'"(?:error|render|statistics)"' + _COLON + PLAIN_OBJECT + _NEXT
_FIRST_TABLE = re.compile(
    rb"\{\s*+(?:" + _BESIDE + rb')*+"tables"' + _COLON + rb"\[\s*+(?=\{)", re.DOTALL
)
_NEXT_TABLE = re.compile(
    rb"\](?:" + _NEXT + rb"(?:" + _NAME + rb'|"columns"' + _COLON + rb"\[" + _OUTSIDE + rb"\]))*+"
    rb"\s*+\}\s*+,\s*+(?=\{)",
    re.DOTALL,
)

_SCALAR = STRING + rb'|[^\s,"\[\]{}]++'
_SCALARS = re.compile(_SCALAR, re.DOTALL)
_FLAT_ROW = re.compile(
    rb"\[\s*+(?:" + _SCALAR + rb")\s*+(?:,\s*+(?:" + _SCALAR + rb")\s*+)*+\]", re.DOTALL
)
_LEVELS = 3
_BLANKS = " \t\r\n"
_decoder = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)


def _nested(levels: int) -> bytes:
    pattern = rb"\[" + _OUTSIDE + rb"\]"
    for _ in range(levels):
        pattern = rb"\[" + _OUTSIDE + rb"(?:" + pattern + _OUTSIDE + rb")*+\]"
    return pattern


_SHALLOW_ROW = re.compile(_nested(_LEVELS), re.DOTALL)
_LATE_COLUMNS = re.compile(_nested(_LEVELS + 1) + _NEXT + _NAMED + _COLUMNS, re.DOTALL)


def opened_table(data: bytes, start: int) -> tuple[Frame | None, int] | None:
    """The first table of the answer that starts here, and where its rows start.

    No frame if its columns are not in these bytes.
    """
    found = _FIRST_TABLE.match(data, start)
    return _opened(data, found.end()) if found else None


def next_table(data: bytes, start: int) -> tuple[Frame | None, int] | None:
    """`opened_table` of the one that follows the rows whose closing bracket stands here."""
    found = _NEXT_TABLE.match(data, start)
    return _opened(data, found.end()) if found else None


def row_as_object(data: bytes, start: int, template: bytes) -> tuple[bytes, int] | None:
    """The row that starts here, and where it ends; None if it does not."""
    if found := _FLAT_ROW.match(data, start):
        end = found.end()
        values = _SCALARS.findall(data, start, end)
    else:
        found = _SHALLOW_ROW.match(data, start)
        values, length = _elements(found[0] if found else data[start:])
        if found is None and not length:
            return None
        end = found.end() if found else start + length
    try:
        return template % tuple(values), end
    except TypeError:
        return data[start:end], end


def _opened(data: bytes, start: int) -> tuple[Frame | None, int] | None:
    table = _TABLE.match(data, start)
    if table is None:
        return None
    with_columns = table if table["columns"] else _LATE_COLUMNS.match(data, table.end() - 1)
    if with_columns is None:
        return None, table.end()
    try:
        columns = [json.dumps(column["name"]) for column in json.loads(with_columns["columns"])]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    members = ",".join(name.replace("%", "%%") + ":%b" for name in columns)
    return Frame(braces=2, row=b"{" + members.encode() + b"}"), table.end()


def _elements(data: bytes) -> tuple[list[bytes], int]:
    """The elements of the JSON array that starts here as they stand, and where it ends.

    Nothing and 0 if this is no array, or not all of one.
    """
    text = data.decode("latin-1")
    elements: list[bytes] = []
    try:
        at = _after_blanks(text, 1)
        while text[at] != "]":
            _, end = _decoder.raw_decode(text, at)
            elements.append(data[at:end])
            at = _after_blanks(text, end)
            if text[at] == ",":
                at = _after_blanks(text, at + 1)
            elif text[at] != "]":
                return [], 0
    except (ValueError, IndexError, RecursionError):
        return [], 0
    return elements, at + 1


def _after_blanks(text: str, at: int) -> int:
    while text[at] in _BLANKS:
        at += 1
    return at
