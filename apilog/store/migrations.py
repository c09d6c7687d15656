"""Manifests of older versions made into what this version writes, one step a version.

A store is read through them as it lies; the first commit writes what they gave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Data = dict[str, Any]
"""A manifest as JSON holds it."""

_COLUMNS_OF_1 = {
    "timestamp": "Datetime(us, UTC)",
    **dict.fromkeys(("gateway", "api", "stage", "operation", "method", "path", "route"), "String"),
    **dict.fromkeys(("host", "protocol", "referer", "user_agent"), "String"),
    **dict.fromkeys(("status", "upstream_status"), "Int16"),
    **dict.fromkeys(("duration_ms", "upstream_duration_ms"), "Float64"),
    **dict.fromkeys(("request_bytes", "response_bytes"), "Int64"),
    **dict.fromkeys(("client_ip", "consumer", "plan", "request_id", "trace_id"), "String"),
    **dict.fromkeys(("error_type", "cache_status", "source"), "String"),
    "line_number": "Int64",
}


def _name_columns(data: Data) -> Data:
    """1 to 2: the manifest names the columns, so that no writer loses one that it doesn't know."""
    return data | {"columns": _COLUMNS_OF_1}


STEPS: Mapping[int, Callable[[Data], Data]] = {1: _name_columns}
"""From which version to the next."""


def migrated(data: Data, version: int) -> Data:
    """The manifest of that version as one of the newest."""
    while version in STEPS:
        data = STEPS[version](data) | {"version": version + 1}
        version += 1
    return data
