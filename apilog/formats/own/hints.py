"""What the user says of the logs besides which format they are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apilog.errors import UsageError
from apilog.formats.own.declarations import declare_formats, parse_columns
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.options import FormatOptions, OwnFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHints:
    """What is said of keys, and formats."""

    keys: KeyHints = NO_KEY_HINTS
    formats: Mapping[str, OwnFormat] = field(default_factory=dict)
    """The user's own, by name."""

    def __bool__(self) -> bool:
        return bool(self.keys or self.formats)


NO_HINTS = LogHints()


def parse_hints(options: FormatOptions) -> LogHints:
    """Return what the options say; raises `UsageError` for what can't be meant."""
    client_ip = options.client_ip
    if client_ip is not None and not client_ip.strip():
        raise UsageError("--client-ip is empty", "such as --client-ip x-forwarded-for")
    return LogHints(
        keys=KeyHints(parse_columns(options.columns), client_ip),
        formats=declare_formats(options.formats),
    )
