"""The shape of a line: what it shows of the program that wrote it, whatever its values are.

It is no format: lines of one format may differ in shape, as where a list of addresses is longer. It
tells cheaply that two files need not be of the same program, although their names are alike.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

_FIELD = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s,;|]+')
_NAMED_FIELD = re.compile(r"([A-Za-z_][\w.-]*)[=:]")
_FEWEST_NAMES = 3
_LOOKED_AT = 1 << 13
"""How many characters of a line are looked at."""

LineShape = frozenset[str] | int
"""The names that its values have, or where they have none, how many there are."""


def shape_of_line(line: str) -> LineShape:
    """Return the shape of a line.

    >>> shape_of_line('203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 5')
    7
    >>> sorted(shape_of_line('time=13:55:36 level=info path="/a b" status=200'))
    ['level', 'path', 'status', 'time']
    """
    if line.startswith("{"):
        try:
            return frozenset(json.loads(line))
        except (ValueError, RecursionError):
            pass  # it is cut off, or no JSON at all
    fields = _FIELD.findall(line[:_LOOKED_AT])
    names = frozenset(named[1] for field in fields if (named := _NAMED_FIELD.match(field)))
    return names if len(names) >= _FEWEST_NAMES else len(fields)


def find_usual_shapes(shapes: Sequence[LineShape]) -> list[bool]:
    """Return which shapes are as most of them are: names may lack here and there."""
    usual, _ = Counter(shapes).most_common(1)[0]
    return [_are_alike(shape, usual) for shape in shapes]


def _are_alike(one: LineShape, other: LineShape) -> bool:
    if isinstance(one, int) or isinstance(other, int):
        return one == other
    return 2 * len(one & other) >= len(one | other)
