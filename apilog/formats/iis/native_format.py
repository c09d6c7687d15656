"""The format that is IIS's own: fifteen values with commas between them, and one at the end.

Source: https://learn.microsoft.com/windows/win32/http/iis-logging
"""

from __future__ import annotations

from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import parse_log_format

_SERVER = "W3SVC2, WEB1, 10.0.0.4"
_ALICE = r"203.0.113.7, SHOP\alice, 11/21/2026, 19:55:21"
_TIME_DOUBT = (
    "the dates are read month first, and the times, which have no zone, as UTC: `timestamp = {key "
    "= …, format = …, tz = …}` in `[formats.NAME.columns]` says how they are written"
)

IIS_FORMATS: tuple[NginxFormat, ...] = (
    NginxFormat(
        name="iis-native",
        log_format=parse_log_format(
            "$remote_addr, $remote_user, $time_month_first, $service_and_instance, $computer, "
            "$server_addr, $request_time_ms, $request_length, $body_bytes_sent, $status, "
            "$win32_status, $request_method, $request_uri, $query_string,"
        ),
        gateway="iis",
        title="IIS's own format (W3C's is told by its #Fields)",
        url="https://learn.microsoft.com/windows/win32/http/iis-logging",
        samples=(
            f"203.0.113.7, -, 11/21/26, 7:55:20, {_SERVER}, 57, 163, 512, 200, 0, GET, /v1/a, -,",
            f"{_ALICE}, {_SERVER}, 5004, 163, 91, 504, 64, GET, /v1/reports, page=2,",
        ),
        doubts=(_TIME_DOUBT,),
    ),
)
"""What IIS writes beside W3C extended logs, and NCSA's common format."""
