"""Rows of answers that give an event as an array, made into objects.

What does not fit is left as it is.
"""

from __future__ import annotations

import json
import re

from apilog.transport.json_scan import STRING

_OUTSIDE = rb'[^"\[\]]*+(?:' + STRING + rb'[^"\[\]]*+)*+'
LEVELS = 3
_decoder = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)
_BLANKS = " \t\r\n"


def nested_array(levels: int) -> bytes:
    """Return the pattern of an array with arrays in it, to so many levels."""
    pattern = rb"\[" + _OUTSIDE + rb"\]"
    for _ in range(levels):
        pattern = rb"\[" + _OUTSIDE + rb"(?:" + pattern + _OUTSIDE + rb")*+\]"
    return pattern


SHALLOW_ROW = re.compile(nested_array(LEVELS), re.DOTALL)


def named_values(row: bytes) -> bytes | None:
    """Return the fields of `[{"field": name, "value": text}, …]`, as Logs Insights gives them.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html
    """
    cells = _load_row(row)
    if not all(isinstance(cell, dict) and isinstance(cell.get("field"), str) for cell in cells):
        return None
    fields = {cell["field"]: cell.get("value") for cell in cells if isinstance(cell, dict)}
    return json.dumps(fields).encode() if fields else None


def timed_line(row: bytes) -> bytes | None:
    """Return time and line of `["nanoseconds", "line"]`, as Loki gives them.

    https://grafana.com/docs/loki/latest/reference/loki-http-api/#query-logs-within-a-range-of-time
    """
    cells = _load_row(row)
    if len(cells) < 2 or not all(isinstance(cell, str) for cell in cells[:2]):
        return None
    event = {"timestamp": cells[0], "line": cells[1]}
    return json.dumps(event).encode()


def array_elements(data: bytes) -> tuple[list[bytes], int]:
    """Return the elements of the JSON array that starts here, and where it ends.

    Nothing and 0 if this is no array, or not all of one.
    """
    text = data.decode("latin-1")
    elements: list[bytes] = []
    try:
        at = _skip_blanks(text, 1)
        while text[at] != "]":
            _, end = _decoder.raw_decode(text, at)
            elements.append(data[at:end])
            at = _skip_blanks(text, end)
            if text[at] == ",":
                at = _skip_blanks(text, at + 1)
            elif text[at] != "]":
                return [], 0
    except (ValueError, IndexError, RecursionError):
        return [], 0
    return elements, at + 1


def _skip_blanks(text: str, at: int) -> int:
    while text[at] in _BLANKS:
        at += 1
    return at


def _load_row(row: bytes) -> list[object]:
    try:
        cells = json.loads(row.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return []
    return cells if isinstance(cells, list) else []
