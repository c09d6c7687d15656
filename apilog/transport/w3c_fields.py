"""Logs in the W3C extended format: rows become objects, named by the `#Fields` before them.

IIS, CloudFront and Tomcat write them; which fields there are may change anywhere in a file. See
https://www.w3.org/TR/WD-logfile.html. A row that has not as many values as there are fields is
passed on as it is, and so are directives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from apilog.sources.byte_streams import BlockStream, ByteStream, StreamDamage
from apilog.transport.w3c_rows import to_objects

_WINDOW_BYTES = 1 << 20
_LEADING_DIRECTIVES = re.compile(rb"(?:#[^\n]*\n){0,20}?#Fields:[ \t]")
_NAMING_DIRECTIVE = re.compile(rb"^#(?:Fields|Software):[^\n]*\n?", re.MULTILINE)
_FIELDS = b"#Fields:"
_SOFTWARE = b"#Software:"


def has_fields_directive(head: bytes) -> bool:
    """Return whether a stream that begins like this names its fields."""
    return _LEADING_DIRECTIVES.match(head) is not None


def read_w3c(stream: ByteStream, limit: int) -> BlockStream:
    """Return the rows as objects, a line each; a line of more than `limit` bytes as it is."""
    return BlockStream(_convert(stream, limit))


@dataclass(frozen=True, slots=True)
class _Directives:
    """What the directives so far say of the rows that follow."""

    names: tuple[str, ...] = ()
    software: str | None = None

    def with_directive(self, line: bytes) -> _Directives:
        _, _, told = line.decode("utf-8", "replace").partition(":")
        if line.startswith(_FIELDS):
            return replace(self, names=tuple(told.split()))
        return replace(self, software=told.strip())

    def convert(self, data: bytes) -> tuple[bytes, _Directives]:
        """Return lines with rows as objects, and what holds behind them."""
        if not (data.startswith(b"#") or b"\n#" in data):
            return to_objects(data, self.names, self.software), self
        said = self
        out: list[bytes] = []
        end = 0
        for directive in _NAMING_DIRECTIVE.finditer(data):
            out += (
                to_objects(data[end : directive.start()], said.names, said.software),
                directive[0],
            )
            said = said.with_directive(directive[0])
            end = directive.end()
        out.append(to_objects(data[end:], said.names, said.software))
        return b"".join(out), said


def _convert(stream: ByteStream, limit: int) -> Iterator[bytes]:
    said = _Directives()
    held = b""
    is_too_long = False
    """Whether a line that is too long goes on."""
    damage: StreamDamage | None = None
    is_ended = False
    while not is_ended:
        blocks, missing = [held], _WINDOW_BYTES
        try:
            while missing > 0 and (block := stream.read(missing)):
                blocks.append(block)
                missing -= len(block)
        except StreamDamage as error:
            damage = error
        is_ended = missing > 0
        window = b"".join(blocks)
        if is_too_long:
            rest, newline, window = window.partition(b"\n")
            yield rest + newline
            is_too_long = not newline
        end = len(window) if is_ended else window.rfind(b"\n") + 1
        window, held = window[:end], window[end:]
        objects, said = said.convert(window)
        yield objects
        if len(held) > limit:
            yield held
            held, is_too_long = b"", True
    if damage is not None:
        raise damage
