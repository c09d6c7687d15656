"""The log formats of an nginx.conf, with its includes.

Only `log_format` and `access_log` are read; nothing else of the configuration matters here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apilog.errors import InputError, UsageError
from apilog.formats.nginx.format import compile_log_format
from apilog.formats.nginx.grammar import EscapeMode, parse_log_format, unescape_string
from apilog.formats.nginx.library import NGINX_FORMATS

if TYPE_CHECKING:
    from apilog.formats.contract import Format


@dataclass(frozen=True, slots=True)
class AccessLogDirective:
    """An `access_log` directive: where it writes, and in which format."""

    path: str
    format: str


@dataclass(frozen=True, slots=True)
class NginxConf:
    """The access logs of a configuration, and their formats."""

    formats: tuple[Format, ...]
    """Every format that some `access_log` uses; all that are defined where none does; where
    none is defined, `combined`."""
    access_logs: tuple[AccessLogDirective, ...]
    strings: Mapping[str, tuple[EscapeMode, str]] = field(default_factory=dict)
    """Name of each format that is defined to how it escapes, and its string."""


_LOG_DIRECTIVES = frozenset(
    {"http", "server", "location", "include", "log_format", "access_log", "events"}
)
"""A file without any of these is no nginx configuration, whatever its syntax."""
_OTHER_PROTOCOLS = frozenset({"stream", "mail"})
"""Blocks whose log formats are of other protocols."""

_Directive = dict[str, Any]


def read_conf(path: str | os.PathLike[str]) -> NginxConf:
    """Read the access logs and log formats of an nginx.conf; files that it includes may be missing.

    Raises `InputError` for a file that is missing or no nginx configuration.
    """
    import crossplane  # only wanted with --nginx-conf, and slow to import

    path = Path(path)
    if not path.is_file():
        raise InputError(f"no nginx configuration at {path}", "check the path of --nginx-conf")
    try:
        parsed = crossplane.parse(str(path), check_ctx=False, check_args=False)
    except (OSError, ValueError, RecursionError) as error:
        raise _bad_conf(path, str(error)) from error
    configs: list[dict[str, Any]] = parsed["config"]
    names = {d["directive"] for config in configs for d in config["parsed"]}
    if not names & _LOG_DIRECTIVES and any(config["parsed"] for config in configs):
        raise _bad_conf(path, "no directive that says anything about logs")
    for config in configs:
        if config["errors"] and not config["parsed"]:
            raise _bad_conf(path, config["errors"][0]["error"])
    defined: dict[str, Format] = {}
    written: dict[str, tuple[EscapeMode, str]] = {}
    logs: list[AccessLogDirective] = []
    for directive in _walk_directives(configs[0]["parsed"], configs, {0}):
        arguments = directive["args"]
        if directive["directive"] == "access_log" and arguments and arguments[0] != "off":
            target, *options = arguments
            is_name = bool(options) and "=" not in options[0] and options[0] != "gzip"
            logs.append(AccessLogDirective(target, options[0] if is_name else "combined"))
        elif directive["directive"] == "log_format" and len(arguments) >= 2:
            name, *strings = arguments
            escape: EscapeMode = "default"
            if strings[0] in ("escape=default", "escape=json", "escape=none"):
                escape = strings.pop(0).removeprefix("escape=")
            string = "".join(map(unescape_string, strings))
            with contextlib.suppress(UsageError):  # text without a variable
                log_format = parse_log_format(string, escape)
                defined[name] = compile_log_format(log_format, name=name)
                written[name] = escape, string
    named = {f.name: f for f in NGINX_FORMATS} | defined
    used = tuple(named[name] for name in dict.fromkeys(log.format for log in logs) if name in named)
    return NginxConf(used or tuple(defined.values()) or (named["combined"],), tuple(logs), written)


def _bad_conf(path: Path, reason: str) -> InputError:
    reason = reason or "it is no list of directives"
    return InputError(f"{path} is no nginx configuration: {reason}", "try `nginx -t` on it")


def _walk_directives(
    block: Sequence[_Directive], configs: Sequence[dict[str, Any]], seen: set[int]
) -> Iterator[_Directive]:
    """Yield every directive for HTTP, those of included files where they are included."""
    for directive in block:
        if directive["directive"] in _OTHER_PROTOCOLS:
            continue
        yield directive
        yield from _walk_directives(directive.get("block", ()), configs, seen)
        for number in directive.get("includes", ()):
            if number not in seen:  # files may include each other
                seen.add(number)
                yield from _walk_directives(configs[number]["parsed"], configs, seen)
