"""Who wrote a log without fixed names, told by its keys.

Invariant: nothing is said of the gateway where no entry matches.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from apilog.formats.field_entry import NGINX_URL
from apilog.formats.generic.ai_dialects import AI_DIALECTS
from apilog.formats.generic.dialect import LogDialect, find_path
from apilog.formats.generic.framework_dialects import FRAMEWORK_DIALECTS
from apilog.formats.generic.gateway_dialects import GATEWAY_DIALECTS
from apilog.formats.key_paths import names_of_path, normalise_name
from apilog.values.json_text import KeyPath

NGINX_VARIABLES = frozenset(
    {
        *("body_bytes_sent", "time_iso8601", "time_local", "request_time", "request_length"),
        *("upstream_addr", "upstream_status", "upstream_response_time", "upstream_connect_time"),
        *("upstream_header_time", "upstream_response_length", "upstream_cache_status", "msec"),
        *("proxy_upstream_name", "gzip_ratio", "connection_requests", "http_x_forwarded_for"),
    }
)
"""Names that only nginx gives to what it logs; CGI's `remote_addr` and its kin are not among
them. Two of them tell nginx."""

DIALECTS = (*AI_DIALECTS, *GATEWAY_DIALECTS, *FRAMEWORK_DIALECTS)
"""All of them; the first that matches counts."""

_NGINX = LogDialect(name="nginx", gateway="nginx", names=(), sample="", url=NGINX_URL)


def find_dialect(values: Mapping[KeyPath, pl.Series]) -> LogDialect | None:
    """Return the software that fields with these values (String, no nulls) are of.

    A key tells who wrote it, also where no line has a value for it.
    """
    names = {name for path in values for name in names_of_path(path)}
    names |= {f".{normalise_name(path[-1])}" for path in values}
    for dialect in DIALECTS:
        if any(given <= names for given in dialect.names) and _has_values(dialect, values):
            return dialect
    variables = {path[-1].lstrip("$") for path in values} & NGINX_VARIABLES
    return _NGINX if len(variables) >= 2 else None


def _has_values(dialect: LogDialect, values: Mapping[KeyPath, pl.Series]) -> bool:
    for name, pattern in dialect.values.items():
        path = find_path(name, values)
        if path is None or not len(values[path]):
            return False
        if 2 * int(values[path].str.contains(pattern).sum()) < len(values[path]):
            return False
    return True
