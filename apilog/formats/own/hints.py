"""What the user says of the logs besides their format: columns, the client's address, formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apilog.errors import UsageError
from apilog.formats.own.declarations import declare_formats, parse_columns
from apilog.options import ColumnMapping, FormatOptions, OwnFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHints:
    """Columns, the client's address and formats, as the user says."""

    columns: tuple[ColumnMapping, ...] = ()
    client_ip: str | None = None
    """A name that `--client-ip` takes."""
    formats: Mapping[str, OwnFormat] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.columns or self.client_ip or self.formats)


NO_HINTS = LogHints()


def parse_hints(options: FormatOptions) -> LogHints:
    """Return what the options say; raises `UsageError` for what can't be meant."""
    if options.client_ip is not None and not options.client_ip.strip():
        raise UsageError("--client-ip is empty", "such as --client-ip x-forwarded-for")
    return LogHints(
        columns=parse_columns(options.columns),
        client_ip=options.client_ip,
        formats=declare_formats(options.formats),
    )
