"""Every format by name. A new gateway is one module and one entry here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apilog.formats.nginx import library


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatInfo:
    """A format as `apilog formats` lists it."""

    name: str
    gateway: str
    title: str
    columns: frozenset[str] | None
    """The columns it can fill; None: depends on the keys of the log."""
    url: str
    log_format: str = ""
    """nginx's `log_format` string, if it has one."""


INFERRED = (
    FormatInfo(
        name="json",
        gateway="nginx",
        title="JSON lines with keys of any sensible name (nginx, Caddy, Traefik, Envoy, Kong)",
        columns=None,
        url="https://nginx.org/en/docs/http/ngx_http_log_module.html",
    ),
    FormatInfo(
        name="ltsv",
        gateway="nginx",
        title="Labeled tab-separated values",
        columns=None,
        url="http://ltsv.org/",
    ),
    FormatInfo(
        name="logfmt",
        gateway="nginx",
        title="key=value pairs",
        columns=None,
        url="https://brandur.org/logfmt",
    ),
)
"""Formats whose fields are found in the head of a file."""

FORMATS: Mapping[str, FormatInfo] = {
    info.name: info
    for info in (
        *(
            FormatInfo(
                name=f.name,
                gateway=f.gateway,
                title=f.title,
                columns=f.columns,
                url=f.url,
                log_format=f.log_format.string,
            )
            for f in library.FORMATS
        ),
        *INFERRED,
    )
}
"""What `--log-format` takes by name."""
