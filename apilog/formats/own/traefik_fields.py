"""Names of Traefik's access-log fields, which say that lines are its JSON.

Source: https://doc.traefik.io/traefik/observe/logs-and-access-logs/#available-fields
"""

from __future__ import annotations

import re
from collections.abc import Collection

from apilog.errors import UsageError
from apilog.options import ColumnMapping, OwnFormat
from apilog.text import did_you_mean

_FIELDS = frozenset(
    [
        "StartUTC",
        "StartLocal",
        "Duration",
        "RouterName",
        "ServiceName",
        "ServiceURL",
        "ServiceAddr",
        "ClientAddr",
        "ClientHost",
        "ClientPort",
        "ClientUsername",
        "RequestAddr",
        "RequestHost",
        "RequestPort",
        "RequestMethod",
        "RequestPath",
        "RequestProtocol",
        "RequestScheme",
        "RequestLine",
        "RequestContentSize",
        "OriginDuration",
        "OriginContentSize",
        "OriginStatus",
        "OriginStatusLine",
        "DownstreamStatus",
        "DownstreamStatusLine",
        "DownstreamContentSize",
        "RequestCount",
        "GzipRatio",
        "Overhead",
        "RetryAttempts",
        "TLSVersion",
        "TLSCipher",
        "TLSClientSubject",
        "TraceId",
        "SpanId",
        "entryPointName",
        "level",
        "msg",
        "time",
    ]
)
_HEADER = re.compile(r"(?:request|origin|downstream)_[A-Za-z0-9-]+\Z")
_BETWEEN = re.compile(r"[\s,]+")
# Durations are Go's: nanoseconds.
_DURATIONS = {"duration_ms": "Duration", "upstream_duration_ms": "OriginDuration"}


def is_traefik_fields(text: str) -> bool:
    """Return whether a text is nothing but names of Traefik's fields, several of them."""
    names = _names(text)
    known = [name for name in names if name in _FIELDS]
    return len(known) > 1 and all(name in _FIELDS or _HEADER.match(name) for name in names)


def parse_traefik_fields(text: str) -> tuple[str, ...]:
    """Return the names in a text; raises `UsageError` for one that Traefik does not have."""
    names = _names(text)
    for name in names:
        if not (name in _FIELDS or _HEADER.match(name)):
            hint = did_you_mean(
                name, sorted(_FIELDS), "headers are request_X-Name, origin_… downstream_…"
            )
            raise UsageError(f"Traefik has no field {name!r}", hint)
    return tuple(names)


def traefik_fields(text: str) -> OwnFormat:
    """Return the format of JSON lines with these fields."""
    columns = duration_mappings(_names(text))
    return OwnFormat(name="traefik", lines="json", gateway="traefik", columns=columns)


def duration_mappings(names: Collection[str]) -> tuple[ColumnMapping, ...]:
    """Return what is to be said of durations among these fields: their unit."""
    return tuple(
        ColumnMapping(column, name, unit="ns")
        for column, name in _DURATIONS.items()
        if name in names
    )


def _names(text: str) -> list[str]:
    return [name for name in _BETWEEN.split(text.strip()) if name]
