"""What to set in frameworks and their servers so that their logs hold more."""

from __future__ import annotations

from collections.abc import Mapping

_HYPERCORN = (
    """--access-logformat '%(h)s %(l)s %(l)s %(t)s "%(R)s" %(s)s %(b)s "%(f)s" "%(a)s" %(D)s'"""
)
_MORGAN = (
    """morgan(':remote-addr - :remote-user [:date[clf]] ":method :url HTTP/:http-version" """
    """:status :res[content-length] ":referrer" ":user-agent" :response-time ms')"""
)

ADVICE: Mapping[str, Mapping[str, str]] = {
    "uvicorn": {
        "timestamp": "docker logs -t, kubectl logs --timestamps, or %(asctime)s before "
        "%(levelprefix)s in a --log-config",
        "duration_ms": "hypercorn or gunicorn in its place: uvicorn knows no durations",
    },
    "hypercorn": {"duration_ms": _HYPERCORN},
    "morgan": {"timestamp": _MORGAN, "duration_ms": _MORGAN, "client_ip": _MORGAN},
    "rails": {
        "request_id": "config.log_tags = [:request_id]",
        "method": "config.log_tags = [:request_id]",
        "path": "config.log_tags = [:request_id]",
    },
    "kong": {
        "duration_ms": "the plugin file-log",
        "upstream_duration_ms": "the plugin file-log",
        "api": "the plugin file-log",
        "consumer": "an authentication plugin, and file-log",
    },
    "tyk": {"duration_ms": "access_logs.enabled: true", "client_ip": "access_logs.enabled: true"},
}
"""The directive that fills each column, by gateway; the most useful column first."""

TEMPLATES: Mapping[str, str] = {"hypercorn": _HYPERCORN, "morgan": _MORGAN}
"""What `apilog formats NAME --template` prints, by gateway."""
