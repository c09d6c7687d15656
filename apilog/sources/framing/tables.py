"""Answers of Log Analytics: tables whose columns are named once and whose rows are arrays.

A table opens only if its name, columns and rows come in the order in which the service writes
them. A row that does not fit the columns is left as it is.
"""

from __future__ import annotations

import json
import re

from apilog.sources.framing.frame import Frame
from apilog.sources.framing.scan import STRING

_COLON = rb"\s*+:\s*+"
_OUTSIDE = rb'[^"\[\]]*+(?:' + STRING + rb'[^"\[\]]*+)*+'
_NAME = rb'"name"' + _COLON + STRING
_COLUMNS = rb'"columns"' + _COLON + rb"(?P<columns>\[" + _OUTSIDE + rb"\])"
_ROWS = rb'"rows"' + _COLON + rb"\["
_TABLE = rb"\{\s*+" + rb"\s*+,\s*+".join((_NAME, _COLUMNS, _ROWS))
_FIRST_TABLE = re.compile(rb'\{\s*+"tables"' + _COLON + rb"\[\s*+" + _TABLE, re.DOTALL)
_NEXT_TABLE = re.compile(rb"\]\s*+\}\s*+,\s*+" + _TABLE, re.DOTALL)

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


def opened_table(data: bytes, start: int) -> tuple[Frame, int] | None:
    """The first table of the answer that starts here, and where its rows start."""
    return _opened(_FIRST_TABLE.match(data, start))


def next_table(data: bytes, start: int) -> tuple[Frame, int] | None:
    """The table that follows the rows whose closing bracket stands here."""
    return _opened(_NEXT_TABLE.match(data, start))


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


def _opened(found: re.Match[bytes] | None) -> tuple[Frame, int] | None:
    if found is None:
        return None
    try:
        columns = [json.dumps(column["name"]) for column in json.loads(found["columns"])]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    members = ",".join(name.replace("%", "%%") + ":%b" for name in columns)
    return Frame(braces=2, row=b"{" + members.encode() + b"}"), found.end()


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
