"""The tables of a long report as a page carries them: columns, deflated, in base64.

Rows of JSON name each column again, and ratios have seventeen digits. A column is written as what
it follows from, where that gives the same numbers to the last bit: whole numbers by the row's
requests, a column of another table, a list of the values that it has. `tables.js` makes rows of it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

MOST_PLAIN = 150_000
"""Characters of a report's JSON that stand in a page as they are."""
_LONG_TABLE = 4_000
"""Characters of a table that is packed where the report is longer."""
_EXACT = 2**53
"""Whole numbers below it are exact as doubles (IEEE 754)."""
_FEW_VALUES = 0.7
"""Distinct values for each row at most, so that a list of them is shorter."""

Rows = Sequence[Mapping[str, Any]]


def pack_tables(tables: Mapping[str, Rows]) -> tuple[list[str], str]:
    """Return the names of the tables that are long, and these packed; no text without any."""
    long = [name for name, rows in tables.items() if len(_text(rows)) > _LONG_TABLE]
    if not long:
        return [], ""
    told: dict[str, tuple[str, str]] = {}
    columns = {name: _pack_table(name, tables[name], told) for name in long}
    packed = {"order": [*tables], "columns": columns}
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = packer.compress(_text(packed).encode()) + packer.flush()
    return long, base64.b64encode(raw).decode()


def _pack_table(
    table: str, rows: Rows, told: dict[str, tuple[str, str]]
) -> dict[str, dict[str, Any]]:
    requests = [row.get("requests") for row in rows]
    packed = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        text = _text(values)
        if text in told:
            packed[name] = {"same": told[text]}
            continue
        told[text] = table, name
        packed[name] = _by_requests(values, requests) or _by_list(values) or {"values": values}
    return packed


def _by_requests(values: Sequence[Any], requests: Sequence[Any]) -> dict[str, Any] | None:
    """Return the column as whole numbers by the requests, or as these by one number."""
    if not all(isinstance(n, int) and 0 <= n < _EXACT / 1000 for n in requests):
        return None
    if not any(isinstance(v, float) for v in values) or not all(map(_is_small, values)):
        return None
    if any(not n and v is not None for v, n in zip(values, requests, strict=True)):
        return None
    for scale in (1, 1000):
        parts = [
            None if v is None else round(v * n * scale)
            for v, n in zip(values, requests, strict=True)
        ]
        again = [
            None if part is None else part / (n * scale)
            for part, n in zip(parts, requests, strict=True)
        ]
        if again == values and all(part is None or abs(part) < _EXACT for part in parts):
            return {"scale": scale, "parts": parts}
    if all(values):
        seconds = round(requests[0] / values[0], 6)
        if seconds and all(n / seconds == v for v, n in zip(values, requests, strict=True)):
            return {"seconds": seconds}
    return None


def _is_small(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _by_list(values: Sequence[Any]) -> dict[str, Any] | None:
    """Return the column as places in a list of its values, where they are few."""
    texts = [*map(_text, values)]
    distinct = sorted(set(texts))
    if len(distinct) > _FEW_VALUES * len(values):
        return None
    places = {text: place for place, text in enumerate(distinct)}
    return {"list": [*map(json.loads, distinct)], "places": [places[text] for text in texts]}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
