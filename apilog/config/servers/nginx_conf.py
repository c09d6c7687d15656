"""The formats of access logs in nginx.conf, and in kong.conf, which hands them to its nginx.

Source: https://developer.konghq.com/gateway/configuration/#proxy_access_log
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from apilog.formats.nginx.conf import read_conf
from apilog.formats.nginx.format import JsonTemplateFormat, NginxFormat
from apilog.formats.nginx.grammar import EscapeMode
from apilog.formats.registry import FORMAT_INFOS
from apilog.options import OwnFormat

_SETTING = re.compile(r"^[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_NAMED_FORMAT = re.compile(r"(\S+)\s+(.+)", re.DOTALL)


def read_nginx_conf(path: Path) -> Iterator[OwnFormat]:
    """Yield every format that some access log uses; all that are defined where none does."""
    conf = read_conf(path)
    for log_format in conf.formats:
        defined = conf.strings.get(log_format.name)
        if defined is not None:
            escape, string = defined
            pattern = _directive(log_format.name, escape, string)
            gateway = log_format.gateway
            yield OwnFormat(
                name=f"nginx-{log_format.name}", lines="nginx", pattern=pattern, gateway=gateway
            )
        elif log_format.name in FORMAT_INFOS and isinstance(
            log_format, NginxFormat | JsonTemplateFormat
        ):
            yield OwnFormat(
                name=f"nginx-{log_format.name}", lines=log_format.name, gateway=log_format.gateway
            )


def _directive(name: str, escape: EscapeMode, string: str) -> str:
    """Return the directive that defines a format, with its text in single quotes."""
    quoted = string.replace("\\", "\\\\").replace("'", "\\'")
    return f"log_format {name} escape={escape} '{quoted}';"


def read_kong_conf(path: Path) -> Iterator[OwnFormat]:
    """Yield the format that `proxy_access_log` names, of those that are handed to nginx."""
    settings = dict(_SETTING.findall(path.read_text("utf-8", "replace")))
    target, *names = settings.get("proxy_access_log", "").split()[:2] or [""]
    defined = _NAMED_FORMAT.match(settings.get("nginx_http_log_format", "").strip("\"' "))
    if target == "off":
        return
    if defined and (not names or names[0] == defined[1]):
        pattern = f"log_format {settings['nginx_http_log_format'].rstrip(';')};"
        yield OwnFormat(name=f"kong-{defined[1]}", lines="nginx", pattern=pattern, gateway="kong")
    elif not names:
        yield OwnFormat(name="kong-default", lines="kong", gateway="kong")
    elif names[0] in FORMAT_INFOS:
        yield OwnFormat(name=f"kong-{names[0]}", lines=names[0], gateway="kong")
