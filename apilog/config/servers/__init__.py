"""Configurations of servers, for the formats of access logs that are in them.

What a file is a configuration of is told by its content: apilog's own is TOML that is nobody
else's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from apilog.errors import UsageError
from apilog.options import OwnFormat

_MOST_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class _Server:
    """A server whose configuration names the formats of its access logs."""

    name: str
    marks: re.Pattern[str]
    """What a configuration of it has, and no other's."""
    module: str
    """What reads it, imported when it is wanted: to read formats takes far more than settings."""
    function: str

    def read(self, path: Path) -> Iterable[OwnFormat]:
        """Yield the formats in a configuration."""
        read: Callable[[Path], Iterable[OwnFormat]] = getattr(
            import_module(f"{__name__}.{self.module}"), self.function
        )
        return read(path)


def _marks(*lines: str) -> re.Pattern[str]:
    return re.compile("|".join(rf"^[ \t]*(?:{line})" for line in lines), re.MULTILINE)


_SERVERS = (
    _Server(
        "haproxy",
        _marks(r"(?:global|defaults|frontend|backend|listen)(?:[ \t]+[\w.:-]+)?[ \t]*(?:#.*)?$"),
        "haproxy_cfg",
        "read_haproxy_cfg",
    ),
    _Server(
        "apache",
        _marks(
            r"(?:LogFormat|CustomLog|TransferLog|ServerRoot|LoadModule|Include(?:Optional)?)[ \t]",
            r"<(?:VirtualHost|IfModule|Directory)[ >]",
        ),
        "httpd_conf",
        "read_httpd_conf",
    ),
    _Server(
        "kong",
        _marks(
            r"(?:proxy_access_log|proxy_listen|admin_listen|nginx_http_log_format)[ \t]*=",
            r"(?:pg_host|declarative_config|nginx_proxy_\w+)[ \t]*=",
        ),
        "nginx_conf",
        "read_kong_conf",
    ),
    _Server(
        "traefik",
        _marks(
            r"""["']?(?:accessLog|entryPoints|providers)["']?[ \t]*:""",
            r"\[(?:accessLog|entryPoints|providers)(?:\.[^\]]*)?\]",
        ),
        "keyed_files",
        "read_traefik",
    ),
    _Server(
        "envoy",
        re.compile(
            r"""(?:access_log|accessLog|text_format|json_format|typed_json_format|static_resources"""
            r"""|accessLogFormat|accessLogFile|envoy_log_format|accesslog-format)["']?[ \t]*:"""
            r"""|%START_TIME"""
        ),
        "keyed_files",
        "read_envoy",
    ),
    _Server(
        "nginx",
        _marks(
            r"(?:log_format|access_log|include)[ \t][^;=]*;?",
            r"(?:http|server|events|location\b[^{]*)[ \t]*\{",
        ),
        "nginx_conf",
        "read_nginx_conf",
    ),
)


def read_server_formats(path: Path) -> dict[str, OwnFormat] | None:
    """Return the formats of access logs in a server's configuration, by name.

    None for a file that is no server's configuration. Raises UsageError for one in which no format
    is named, or one that can't be understood.
    """
    try:
        with path.open("rb") as opened:
            text = opened.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None  # the error is that of the settings
    server = _find_server(path, text)
    if server is None:
        return None
    formats: dict[str, OwnFormat] = {}
    for found in server.read(path):
        if not any(_is_same(found, known) for known in formats.values()):
            formats.setdefault(found.name, found)
    if not formats:
        raise UsageError(
            f"{path} is a configuration of {server.name} without a format of access logs",
            "leave it out: default formats are detected",
        )
    return formats


def _find_server(path: Path, text: str) -> _Server | None:
    is_own = path.suffix == ".toml" and not _SERVERS[3].marks.search(text)
    if is_own or re.search(r"^\[(?:defaults|formats|checks|tool\.apilog)\b", text, re.MULTILINE):
        return None
    return next((server for server in _SERVERS if server.marks.search(text)), None)


def _is_same(one: OwnFormat, other: OwnFormat) -> bool:
    return (one.lines, one.pattern, one.columns) == (other.lines, other.pattern, other.columns)
