"""Lines as nginx writes them: a log format and values to bytes, one byte after the other."""

from __future__ import annotations

from collections.abc import Mapping

from apilog.formats.nginx.grammar import LiteralText, LogFormat

_JSON = {0x08: b"\\b", 0x09: b"\\t", 0x0A: b"\\n", 0x0C: b"\\f", 0x0D: b"\\r"}


def escaped(value: bytes | None, escape: str) -> bytes:
    """Return a value as the log module writes it; None is a variable that was not found."""
    if value is None:
        return b"-" if escape == "default" else b""
    if escape == "none":
        return value
    one = _default if escape == "default" else _json
    return b"".join(map(one, value))


def _default(byte: int) -> bytes:
    if byte in b'"\\' or byte < 0x20 or byte > 0x7E:
        return f"\\x{byte:02X}".encode()
    return bytes([byte])


def _json(byte: int) -> bytes:
    if byte in b'"\\':
        return b"\\" + bytes([byte])
    if byte < 0x20:
        return _JSON.get(byte, f"\\u{byte:04X}".encode())
    return bytes([byte])


def line(log_format: LogFormat, values: Mapping[str, bytes | None]) -> bytes:
    """Return the line that nginx would write, without its newline."""
    return b"".join(
        part.text.encode()
        if isinstance(part, LiteralText)
        else escaped(values[part.name], log_format.escape)
        for part in log_format.parts
    )
