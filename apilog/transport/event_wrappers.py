"""Wrappers of events in JSON: what a wrapper says of its events, and tables of Log Analytics.

What does not fit is left as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from apilog.transport.json_scan import PLAIN_OBJECT, STRING
from apilog.transport.result_rows import (
    LEVELS,
    SHALLOW_ROW,
    array_elements,
    nested_array,
)

_COLON = rb"\s*+:\s*+"
_decoder = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)
_OF_REQUEST = re.compile("time|date|status|method|path|uri|url|latency|duration", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapperFrame:
    """An array that is open, and what its wrapper says about its elements."""

    closers: str = ""
    """What closes after the array, the innermost first."""
    common_names: tuple[str, ...] = ()
    """Names of the members beside the array that belong to every event."""
    common_members: tuple[tuple[bytes, bytes], ...] = ()
    """Those of them that are present: name in quotes, and value, as they stand."""
    row_template: bytes | None = None
    """A row as an object, with `%b` for each value; None if the elements are objects."""
    row_object: Callable[[bytes], bytes | None] | None = None
    """Makes an object of an element that is an array."""
    holds_containers: bool = False
    """Whether its elements are containers in turn."""
    own_names: frozenset[str] = frozenset()
    """Names of the wrapper's own that look like those of events."""

    def add_common_members(self, event: bytes) -> bytes:
        """Return an object with the members that it lacks of those that all have in common."""
        missing = [pair for pair in self.common_members if pair[0] not in event]
        if len(missing) < len(self.common_members):  # a name may also stand deeper, or in a text
            try:
                names = _decoder.decode(event.decode("latin-1"))
            except (ValueError, RecursionError):
                pass
            else:
                missing = [
                    p
                    for p in self.common_members
                    if p in missing or p[0][1:-1].decode() not in names
                ]
        if not missing:
            return event
        members = b",".join(name + b":" + value for name, value in missing)
        rest = event[1:].lstrip()
        return b"{" + members + (b"" if rest.startswith(b"}") else b",") + rest

    def is_bare_tail(self, tail: bytes) -> bool:
        """Return whether nothing of an event stands between the array and its container's end."""
        opening = _OPENINGS[self.closers]
        try:
            members = _decoder.decode(opening + tail.decode("latin-1"))
        except (ValueError, RecursionError):
            return False
        lost = set(self.common_names) - {name[1:-1].decode() for name, _ in self.common_members}
        return not any(
            name in lost or (name not in self.own_names and is_request_member(name))
            for name in members
        )


_OPENINGS = {"}": '{"":[]', "}]}": '{"":[{"":[]', "}}": '{"":{"":[]'}
"""What stands before the end of an array, by what closes after it."""


def is_request_member(name: str) -> bool:
    """Return whether a member of this name belongs to an event rather than to a wrapper."""
    return _OF_REQUEST.search(name) is not None


# Answers of Log Analytics name the columns once and give rows as arrays:
# https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format
_OUTSIDE = rb'[^"\[\]]*+(?:' + STRING + rb'[^"\[\]]*+)*+'
_TABLE_NAME = rb'"name"' + _COLON + STRING
_COLUMNS = rb'"columns"' + _COLON + rb"(?P<columns>\[" + _OUTSIDE + rb"\])"
_ROWS = rb'"rows"' + _COLON + rb"\["
_NEXT = rb"\s*+,\s*+"
_NAMED = rb"(?:" + _TABLE_NAME + _NEXT + rb")?+"
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
    rb"\](?:"
    + _NEXT
    + rb"(?:"
    + _TABLE_NAME
    + rb'|"columns"'
    + _COLON
    + rb"\["
    + _OUTSIDE
    + rb"\]))*+"
    rb"\s*+\}\s*+,\s*+(?=\{)",
    re.DOTALL,
)

_CELL = STRING + rb'|[^\s,"\[\]{}]++'
_CELLS = re.compile(_CELL, re.DOTALL)
_FLAT_ROW = re.compile(
    rb"\[\s*+(?:" + _CELL + rb")\s*+(?:,\s*+(?:" + _CELL + rb")\s*+)*+\]", re.DOTALL
)
_LATE_COLUMNS = re.compile(nested_array(LEVELS + 1) + _NEXT + _NAMED + _COLUMNS, re.DOTALL)


def open_table(data: bytes, start: int) -> tuple[WrapperFrame | None, int] | None:
    """Return the first table of the answer that starts here, and where its rows start.

    No frame if its columns are not in these bytes.
    """
    match = _FIRST_TABLE.match(data, start)
    return _open_table_at(data, match.end()) if match else None


def open_next_table(data: bytes, start: int) -> tuple[WrapperFrame | None, int] | None:
    """Return the table after the rows whose closing bracket stands here, like `open_table`."""
    match = _NEXT_TABLE.match(data, start)
    return _open_table_at(data, match.end()) if match else None


def row_as_object(data: bytes, start: int, template: bytes) -> tuple[bytes, int] | None:
    """Return the row that starts here, and where it ends; None if it does not."""
    if match := _FLAT_ROW.match(data, start):
        end = match.end()
        values = _CELLS.findall(data, start, end)
    else:
        match = SHALLOW_ROW.match(data, start)
        values, length = array_elements(match[0] if match else data[start:])
        if match is None and not length:
            return None
        end = match.end() if match else start + length
    try:
        return template % tuple(values), end
    except TypeError:  # a row that does not fit the columns is left as it is
        return data[start:end], end


def _open_table_at(data: bytes, start: int) -> tuple[WrapperFrame | None, int] | None:
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
    return WrapperFrame(closers="}]}", row_template=b"{" + members.encode() + b"}"), table.end()
