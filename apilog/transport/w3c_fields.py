"""Logs in the W3C extended format: rows become objects, named by the `#Fields` before them.

IIS and CloudFront write them; which fields there are may change in the middle of a file. See
https://www.w3.org/TR/WD-logfile.html. A row that has not as many values as there are fields is
passed on as it is, and so are directives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from apilog.sources.byte_streams import BlockStream, ByteStream, StreamDamage

_STEP_BYTES = 256 << 10
_DIRECTIVES = re.compile(rb"(?:#[^\n]*\n){0,20}?#Fields:[ \t]")
_FIELDS = b"#Fields:"
_SOFTWARE = b"#Software:"
SOFTWARE_KEY = "#Software"
"""The key of the software that wrote a row, where the log names it."""


def has_fields_directive(head: bytes) -> bool:
    """Return whether a stream that begins like this names its fields."""
    return _DIRECTIVES.match(head) is not None


def read_w3c(stream: ByteStream, limit: int) -> BlockStream:
    """Return the rows as objects, a line each; a line of more than `limit` bytes as it is."""
    return BlockStream(_convert(stream, limit))


def _convert(stream: ByteStream, limit: int) -> Iterator[bytes]:
    names: list[str] = []
    software: dict[str, str] = {}
    held = b""
    damage: StreamDamage | None = None
    while True:
        try:
            block = stream.read(_STEP_BYTES)
        except StreamDamage as error:
            damage, block = error, b""
        *lines, held = (held + block).split(b"\n")
        out: list[bytes] = []
        for line in lines:
            if line.startswith(_FIELDS):
                names = line[len(_FIELDS) :].decode("utf-8", "replace").split()
            elif line.startswith(_SOFTWARE):
                told = line[len(_SOFTWARE) :].decode("utf-8", "replace").strip()
                software = {SOFTWARE_KEY: told}
            out.append(_to_object(line, names, software) + b"\n")
        if len(held) > limit or not block:  # too long, or all there is
            out.append(held if block else _to_object(held, names, software))
            held = b""
        yield b"".join(out)
        if damage is not None:
            raise damage
        if not block:
            return


def _to_object(line: bytes, names: list[str], software: dict[str, str]) -> bytes:
    row = line.rstrip(b"\r")
    values = row.decode("utf-8", "replace").split("\t" if b"\t" in row else " ")
    if not names or row.startswith(b"#") or len(values) != len(names):
        return line
    given = {name: value for name, value in zip(names, values, strict=True) if value != "-"}
    return json.dumps(software | given, ensure_ascii=False).encode("utf-8", "replace")
