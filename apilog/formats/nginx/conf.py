"""The log formats of an nginx.conf, with its includes.

Only `log_format` and `access_log` are read; nothing else of the configuration matters here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apilog.errors import InputError
from apilog.formats.nginx.grammar import Escape, parse
from apilog.formats.nginx.library import FORMATS

if TYPE_CHECKING:
    from apilog.formats.base import Format


@dataclass(frozen=True, slots=True)
class AccessLog:
    """An `access_log` directive: where it writes, and in which format."""

    path: str
    format: str


@dataclass(frozen=True, slots=True)
class NginxConf:
    """What a configuration says about its access logs."""

    formats: tuple[Format, ...]
    """Every format that some `access_log` uses; all that are defined where none does."""
    access_logs: tuple[AccessLog, ...]


def read_conf(path: str | os.PathLike[str]) -> NginxConf:
    """The access logs and log formats of an nginx.conf.

    Raises `InputError` for a file that is missing or no nginx configuration.
    """
    import crossplane  # only wanted with --nginx-conf, and slow to import

    path = Path(path)
    if not path.is_file():
        raise InputError(f"no nginx configuration at {path}", "check the path of --nginx-conf")
    parsed: dict[str, Any] = crossplane.parse(str(path), check_ctx=False, check_args=False)
    if parsed["status"] != "ok" and not any(c["parsed"] for c in parsed["config"]):
        reason = parsed["errors"][0]["error"] if parsed["errors"] else "unreadable"
        raise InputError(f"{path} is no nginx configuration: {reason}", "try `nginx -t` on it")
    directives = [d for c in parsed["config"] for d in _walk(c["parsed"])]
    defined = {f.name: f for f in map(_log_format, directives) if f is not None}
    logs = tuple(log for log in map(_access_log, directives) if log is not None)
    used = dict.fromkeys(log.format for log in logs)
    named = {f.name: f for f in FORMATS} | defined
    formats = tuple(named[name] for name in used if name in named)
    return NginxConf(formats or tuple(defined.values()), logs)


def _walk(block: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for directive in block:
        yield directive
        yield from _walk(directive.get("block", []))


def _log_format(directive: dict[str, Any]) -> Format | None:
    from apilog.formats.nginx.format import compiled

    if directive["directive"] != "log_format" or len(directive["args"]) < 2:
        return None
    name, *strings = directive["args"]
    escape: Escape = "default"
    if strings[0] in ("escape=default", "escape=json", "escape=none"):
        escape = strings.pop(0).removeprefix("escape=")
    return compiled(parse("".join(strings), escape), name=name)


def _access_log(directive: dict[str, Any]) -> AccessLog | None:
    if directive["directive"] != "access_log" or not directive["args"]:
        return None
    path, *options = directive["args"]
    if path == "off":
        return None
    is_name = bool(options) and "=" not in options[0] and options[0] != "gzip"
    return AccessLog(path, options[0] if is_name else "combined")
