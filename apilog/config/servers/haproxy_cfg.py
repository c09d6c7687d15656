"""The formats of access logs in a haproxy.cfg, frontend by frontend.

Source: https://docs.haproxy.org/3.2/configuration.html#4.1, with 8.2 for the formats and 8.8 for
the headers that a frontend captures.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from apilog.formats.haproxy.text_formats import CLF_LOG, HTTP_LOG, HTTPS_LOG
from apilog.options import OwnFormat

_SECTION = re.compile(r"(global|defaults|frontend|listen|backend|[a-z-]+)\b\s*(\S*)")
_OPTIONS = {("httplog",): HTTP_LOG, ("httpslog",): HTTPS_LOG, ("httplog", "clf"): CLF_LOG}
_CAPTURED = re.compile(r"%\[capture\.(req|res)\.hdr\((\d+)\)")
_LISTENING = ("frontend", "listen")


@dataclass(slots=True)
class _Proxy:
    """What a section says of the log."""

    kind: str
    name: str
    log_format: str | None = None
    request_headers: list[str] = field(default_factory=list)
    response_headers: list[str] = field(default_factory=list)
    is_http: bool = True

    def inherit(self, defaults: _Proxy) -> None:
        """Take what the section begins with from the defaults before it."""
        self.log_format = defaults.log_format
        self.is_http = defaults.is_http


def read_haproxy_cfg(path: Path) -> Iterator[OwnFormat]:
    """Yield the format of each frontend that says one, and of defaults where none does."""
    proxies = _read_sections(path.read_text("utf-8", "replace"))
    logging = [p for p in proxies if p.kind in _LISTENING] or proxies
    for proxy in logging:
        if proxy.log_format and proxy.is_http:
            pattern = _expand_captures(proxy.log_format, proxy)
            name = f"haproxy-{proxy.name or proxy.kind}"
            yield OwnFormat(name=name, lines="haproxy", pattern=pattern, gateway="haproxy")


def _read_sections(text: str) -> list[_Proxy]:
    proxies: list[_Proxy] = []
    defaults = _Proxy("defaults", "")
    for line in re.sub(r"\\\n[ \t]*", "", text).splitlines():
        if line[:1].strip() and line[:1] != "#" and (match := _SECTION.match(line)):
            current = _Proxy(match[1], match[2])
            if current.kind == "defaults":
                defaults = current
            else:
                current.inherit(defaults)
            proxies.append(current)
        elif proxies:
            _read_line(proxies[-1], line.strip())
    return proxies


def _read_line(proxy: _Proxy, line: str) -> None:
    word, _, rest = line.partition(" ")
    if word == "log-format":
        proxy.log_format = line
        return
    words = _split(rest)
    if word == "mode" and words:
        proxy.is_http = words[0] == "http"
    elif word == "option":
        proxy.log_format = _OPTIONS.get(tuple(words), proxy.log_format)
    elif word in ("capture", "declare") and "header" in words:
        headers = proxy.request_headers if words[0] == "request" else proxy.response_headers
        headers += words[words.index("header") + 1 :][:1]


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # a quote that is left open
        return text.split()


def _expand_captures(string: str, proxy: _Proxy) -> str:
    """Name the headers that were captured where the format has their places alone.

    Braces stand around the captures of a frontend, and bars between them.
    """

    def named(match: re.Match[str]) -> str:
        headers = proxy.request_headers if match[1] == "req" else proxy.response_headers
        number = int(match[2])
        if number >= len(headers):
            return match[0]
        return f"%[{match[1]}.hdr({headers[number]})"

    string = _CAPTURED.sub(named, string)
    for variable, kind, headers in (
        ("%hr", "req", proxy.request_headers),
        ("%hs", "res", proxy.response_headers),
    ):
        string = re.sub(rf"{variable}(?![A-Za-z])", _braced(kind, headers), string)
    return re.sub(r" {2,}", " ", string)


def _braced(kind: str, headers: Sequence[str]) -> str:
    """Return what stands for the captures of a frontend: nothing, if it has none."""
    return "{" + "|".join(f"%[{kind}.hdr({header})]" for header in headers) + "}" if headers else ""
