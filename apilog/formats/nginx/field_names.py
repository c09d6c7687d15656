"""Keys that lines give their fields, and the variables these stand for if the values agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from apilog.formats.field_map import KEYS
from apilog.formats.key_paths import normalise_name
from apilog.formats.nginx.field_looks import is_list_of, looks_like, mostly_looks_like
from apilog.formats.nginx.line_fields import FieldColumn

VARIABLE_OF_KEY: Mapping[str, str] = {
    "ut": "upstream_response_time",
    "us": "upstream_status",
    "ua": "upstream_addr",
    "upstream": "upstream_addr",
    "upstreamaddr": "upstream_addr",
    "uct": "upstream_connect_time",
    "uht": "upstream_header_time",
    "rl": "request_length",
    "bytessent": "bytes_sent",
    "request": "request",
    "kongrequestid": "request_id",
    "traceparent": "http_traceparent",
    "cs": "upstream_cache_status",
    "ucs": "upstream_cache_status",
    "clientid": "http_x_client_id",
    "xff": "http_x_forwarded_for",
    "xforwardedfor": "http_x_forwarded_for",
    "forwardedfor": "http_x_forwarded_for",
    "user": "remote_user",
    "remoteuser": "remote_user",
}
"""Names of `key=value` fields that mean something else here than in the field map, or are only
used here, and the variable each stands for."""

_TOLD_BY_KEY = (
    *("host", "client_ip", "method", "path", "protocol", "status", "upstream_status"),
    *("duration_ms", "upstream_duration_ms", "request_bytes", "response_bytes", "referer"),
    *("user_agent", "consumer", "request_id", "trace_id", "cache_status"),
)
"""Columns that keys between other fields tell; the names of the others mean too much."""
_HEADERS_OF_CLIENTS = tuple(
    source.variable for entry in KEYS["client_ip"][1:] for source in entry.variables
)


@cache
def variables_by_key() -> Mapping[str, str]:
    """Return the names of keys, as `normalise_name` gives them, and the variables they stand for.

    They are those of the field map, each for the first variable of its column that is a key;
    addresses in headers, which clients can write, stand for themselves. Of columns that share a
    name the first has it.
    """
    mapped = dict(VARIABLE_OF_KEY)
    mapped |= {normalise_name(variable): variable for variable in _HEADERS_OF_CLIENTS}
    for column in _TOLD_BY_KEY:
        variable = KEYS[column][0].variables[0].variable
        for entry in KEYS[column]:
            # A part of a request line or of a URL has no variable of its own.
            if not (entry.request_part or (entry.kind and column == "host")):
                for name in entry.names:
                    mapped.setdefault(name, variable)
    return mapped


_TIMED_WITH_A_UNIT: Mapping[str, str] = {
    "time": "request_time",
    "dur": "request_time",
    "lat": "request_time",
    "resp_time": "request_time",
    "response_time": "request_time",
    "total": "request_time",
    "resp": "request_time",
    "upstream": "upstream_response_time",
    "backend": "upstream_response_time",
    "target": "upstream_response_time",
    "origin": "upstream_response_time",
    "service": "upstream_response_time",
}
"""Keys that are durations only with a unit, in the key or in the values."""
_APACHE_DURATION = "D"
"""https://httpd.apache.org/docs/current/mod/mod_headers.html#header: `D=` before microseconds."""

UNITS: Mapping[str, str] = {
    "ns": "ns",
    "us": "us",
    "usec": "us",
    "micros": "us",
    "ms": "ms",
    "msec": "ms",
    "millis": "ms",
    "s": "s",
    "sec": "s",
    "secs": "s",
    "seconds": "s",
}
"""Last words of keys that say the unit of a duration."""
_UNIT_OF_KEY = re.compile(rf"(.*?)_?({'|'.join(sorted(UNITS, key=len, reverse=True))})\Z")

DURATIONS = frozenset({"request_time", "upstream_response_time"})
TIMED_VARIABLES = DURATIONS | {"upstream_connect_time", "upstream_header_time"}


def _is_status(column: FieldColumn) -> bool:
    return is_list_of(column, "status")


def _are_addresses(column: FieldColumn) -> bool:
    return mostly_looks_like(column.given, "forwarded")


def _is_one_word(column: FieldColumn) -> bool:
    return not any(" " in value for value in column.given)


def _is_bare_name(column: FieldColumn) -> bool:
    return _is_one_word(column) and not any("/" in value for value in column.given)


_LOOK_OF_VARIABLE: Mapping[str, Callable[[FieldColumn], bool]] = {
    "upstream_status": _is_status,
    "status": lambda column: looks_like(column.given, "status"),
    "upstream_addr": lambda column: is_list_of(column, "upstream"),
    "request_length": lambda column: looks_like(column.given, "integer"),
    "bytes_sent": lambda column: looks_like(column.given, "integer"),
    "body_bytes_sent": lambda column: looks_like(column.given, "integer"),
    "upstream_cache_status": lambda column: is_list_of(column, "cache"),
    **dict.fromkeys(_HEADERS_OF_CLIENTS, _are_addresses),
    "remote_addr": lambda column: looks_like(column.given, "address"),
    "request_method": lambda column: mostly_looks_like(column.given, "method"),
    "request": lambda column: mostly_looks_like(column.given, "request"),
    "request_uri": lambda column: mostly_looks_like(column.given, "path"),
    "server_protocol": lambda column: looks_like(column.given, "protocol"),
    "request_id": _is_one_word,
    "opentelemetry_trace_id": _is_one_word,
    "host": lambda column: not looks_like(column.given, "upstream") and _is_bare_name(column),
}
"""Variable to whether values may be its: a name alone is no proof."""


def variable_of_key(column: FieldColumn) -> tuple[str, str]:
    """Return the variable that a field's name stands for, and the unit in the name.

    Both are empty where the name says nothing, or says what the values contradict.
    """
    if column.name == _APACHE_DURATION and looks_like(column.given, "integer"):
        return "request_time", "us"
    name = re.sub(r"[.-]", "_", column.name.lstrip("$")).lower()
    by_key = variables_by_key()
    variable, unit = by_key.get(normalise_name(name), ""), ""
    if (parts := _UNIT_OF_KEY.match(name)) and normalise_name(name) not in VARIABLE_OF_KEY:
        # A unit in the name says more than the whole name does.
        base = normalise_name(parts[1])
        timed = _TIMED_WITH_A_UNIT.get(parts[1]) or by_key.get(base, "")
        if timed in TIMED_VARIABLES:
            variable, unit = timed, UNITS[parts[2]]
    if not column.given:
        return variable, unit
    if variable == "upstream_addr" and mostly_looks_like(column.given, "user_agent"):
        return "http_user_agent", ""
    fits = _LOOK_OF_VARIABLE.get(variable)
    if variable and (fits is None or fits(column)):
        return variable, unit
    timed = _TIMED_WITH_A_UNIT.get(name, "")
    return (timed, "") if timed and is_list_of(column, "united", "go_duration") else ("", "")
