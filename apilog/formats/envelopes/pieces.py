"""Events that log drivers cut into pieces, one a line: CRI's tag `P`, Docker's missing newline.

The pieces of an event are joined where they stand together; this tells where they don't.
"""

from __future__ import annotations

import json
import re

_MARKS = (b" stdout P", b" stderr P", b'"stream":')
_CRI = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T\S+ (stdout|stderr) ([FP])(?:[: ]|$)")
_TAIL_BYTES = 1 << 20
_TAIL_LINES = 200
"""How far an event is looked for its beginning; pieces are of 16 KiB."""
_PROBED_BYTES = 1 << 16
"""Where a file has to show that it has events in pieces."""


def unfinished(data: bytes) -> int:
    """How many bytes these lines have from an event on that goes on behind them; 0: none does."""
    end = data[-_PROBED_BYTES:]
    if not any(mark in end for mark in _MARKS):
        return 0
    tail = data[-_TAIL_BYTES:]
    lines = tail.split(b"\n")[:-1][-_TAIL_LINES:]
    left = sum(map(len, lines)) + len(lines)
    begun: dict[tuple[str, str], int] = {}
    ended: set[str] = set()
    for line in lines:
        if piece := _cri(line) or _docker(line):
            driver, stream, is_last = piece
            if is_last:
                begun.pop((driver, stream), None)
                ended.add(driver)
            else:
                begun.setdefault((driver, stream), left)
        left -= len(line) + 1
    # Where no text of Docker's ends in a newline, all of them are whole.
    return max((at for (driver, _), at in begun.items() if driver in {"cri", *ended}), default=0)


_Piece = tuple[str, str, bool]
"""Driver, stream, and whether it is the last of its event."""


def _cri(line: bytes) -> _Piece | None:
    found = _CRI.match(line)
    return ("cri", found[1].decode(), found[2] == b"F") if found else None


def _docker(line: bytes) -> _Piece | None:
    if not (line.startswith(b"{") and b'"stream":' in line):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    text, stream = value.get("log"), value.get("stream")
    if not (isinstance(text, str) and isinstance(stream, str)):
        return None
    return "docker", stream, text.endswith("\n")
