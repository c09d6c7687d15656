"""The quick ways through objects that follow each other and nothing else.

What they can't be certain of they leave to the scan, untouched.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from apilog.sources.framing.containers import FIRST_MEMBERS
from apilog.sources.framing.oneline import without_breaks
from apilog.sources.framing.scan import PLAIN_OBJECT, has_seams

SEPARATORS = rb"[\s,]*+"
"""What may stand between objects and means nothing."""

STAMP = (
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d++)?+(?:Z|[+-]\d\d:?\d\d)?+"
    rb"(?:[ \t]++[^\s{]\S*+)?+[ \t]*+(?:\r?\n)?+[ \t]*+"
)
"""What log tools put before an object: a time, perhaps a stream, perhaps on its own line."""

_CONTAINER_START = rb'\{\s*+"(?:' + FIRST_MEMBERS + rb')"'
_CONTAINER = re.compile(_CONTAINER_START)
_PLAIN = re.compile(
    SEPARATORS
    + rb"((?:(?<=\n)" + STAMP + rb")?+)"
    + rb"((?!" + _CONTAINER_START + rb')(?=\{\s*+["}])' + PLAIN_OBJECT + rb")"
)  # fmt: skip
_NO_SYNTAX = bytes(set(range(256)) - set(b'"{}\n'))
_EMPTY_OBJECTS = (b'"}{}', b"}}{}", b"\n{}")


def glued_objects(data: bytes) -> tuple[bytes, int] | None:
    r"""The objects that surely end in these bytes, a line each, and where the next one starts.

    None if anything but `}{` and `}\n{` separates objects, if a string ends like an object,
    or if an object may be a container.

    >>> glued_objects(b'{"a":1}{"b":{"c":2}}\n{"d":')
    (b'{"a":1}\n{"b":{"c":2}}\n', 21)
    """
    if not data.startswith(b'{"') or b'}{"' not in data or _CONTAINER.search(data):
        return None
    lines = data.replace(b'}{"', b'}\n{"')
    if not _is_one_object_a_line(_without_escapes(lines).translate(None, _NO_SYNTAX)):
        return None
    end = lines.rfind(b"\n") + 1
    return lines[:end], len(data) - (len(lines) - end)


def _without_escapes(text: bytes) -> bytes:
    return text.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in text else text


def _is_one_object_a_line(syntax: bytes) -> bool:
    """Whether each line is one object, going by its quotes and braces; the last may be a part.

    With an even number of quotes before it, the end of a line is outside of strings.
    """
    return (
        b'}{"' not in syntax
        and syntax.count(b"\n") == syntax.count(b'}\n{"')
        and not any(empty in syntax for empty in _EMPTY_OBJECTS)
        and _is_balanced(syntax[: syntax.rfind(b"\n") + 1])
        and not any(line.count(b'"') & 1 for line in syntax.split(b"\n")[:-1])
    )


def _is_balanced(syntax: bytes) -> bool:
    return syntax.count(b"{") == syntax.count(b"}")


def plain_objects(
    data: bytes, at: int, dress: Callable[[bytes], bytes] | None, out: list[bytes]
) -> int:
    """Append a line for each object from here on as long as they are plain; where they end.

    Not plain is what is broken or may be, what is nested deep, and what may be a container.
    """
    match = _PLAIN.match
    while found := match(data, at):
        start, end = found.span(2)
        if has_seams(data, start + 1, end):
            break
        stamp, event = found.groups()
        event = without_breaks(event)
        if dress is not None:
            event = dress(event)
        if stamp:
            event = stamped(stamp, event)
        out.append(event)
        out.append(b"\n")
        at = end
    return at


def stamped(stamp: bytes, event: bytes) -> bytes:
    """An object after the stamp that was found before it, which may be empty."""
    return stamp.rstrip() + b" " + event if stamp else event
