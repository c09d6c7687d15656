"""Names of Traefik's access-log fields, which say that lines are its JSON.

Source: https://doc.traefik.io/traefik/observe/logs-and-access-logs/#available-fields
"""

from __future__ import annotations

import re

from apilog.options import ColumnMapping, OwnFormat

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


def traefik_fields(text: str) -> OwnFormat:
    """Return the format of JSON lines with these fields."""
    names = _names(text)
    columns = tuple(
        ColumnMapping(column, name, unit="ns")
        for column, name in _DURATIONS.items()
        if name in names
    )
    return OwnFormat(name="traefik", lines="json", gateway="traefik", columns=columns)


def _names(text: str) -> list[str]:
    return [name for name in _BETWEEN.split(text.strip()) if name]
