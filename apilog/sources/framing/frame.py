"""What stands around the events: an array, and perhaps the object that holds it.

An event that can't be dressed is left as it is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_decoder = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)
_OF_REQUEST = re.compile("time|date|status|method|path|uri|url|latency|duration", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """An array that is open, and what it tells of its elements."""

    braces: int = 0
    """How many objects close after the array."""
    keeps: tuple[str, ...] = ()
    """Names of the members beside the array that belong to every event."""
    kept: tuple[tuple[bytes, bytes], ...] = ()
    """Those of them that are there: name in quotes, and value, as they stand."""
    row: bytes | None = None
    """What a row is as an object, `%b` for each value; None if the elements are objects."""

    def dressed(self, event: bytes) -> bytes:
        """An object with the members that it lacks of those that all have in common."""
        missing = [pair for pair in self.kept if not _has(event, pair[0])]
        if not missing:
            return event
        members = b",".join(name + b":" + value for name, value in missing)
        rest = event[1:].lstrip()
        return b"{" + members + (b"" if rest.startswith(b"}") else b",") + rest

    def means_nothing(self, tail: bytes) -> bool:
        """Whether what stands between the array and the end of its container is only its own."""
        opening = '{"":[{"":[]' if self.braces > 1 else '{"":[]'
        try:
            members = _decoder.decode(opening + tail.decode("latin-1"))
        except (ValueError, RecursionError):
            return False
        lost = set(self.keeps) - {name[1:-1].decode() for name, _ in self.kept}
        return not any(name in lost or tells_of_request(name) for name in members)


def tells_of_request(name: str) -> bool:
    """Whether a member of this name is one of an event rather than of what wraps events."""
    return _OF_REQUEST.search(name) is not None


def _has(event: bytes, name: bytes) -> bool:
    """Whether an object has a member of this name, in quotes, at its top."""
    if name not in event:
        return False
    try:
        return name[1:-1].decode() in _decoder.decode(event.decode("latin-1"))
    except (ValueError, RecursionError):
        return True
