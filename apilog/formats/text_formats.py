"""Every named format whose lines are text, of whatever server."""

from __future__ import annotations

from apilog.formats import gateways
from apilog.formats.envoy.text_formats import ENVOY_FORMATS
from apilog.formats.haproxy.text_formats import HAPROXY_FORMATS
from apilog.formats.iis.native_format import IIS_FORMATS
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.library import NGINX_FORMATS

SERVERS_TEXT_FORMATS: tuple[NginxFormat, ...] = (
    *NGINX_FORMATS,
    *ENVOY_FORMATS,
    *HAPROXY_FORMATS,
    *IIS_FORMATS,
)
"""Those of servers that anyone can run."""

ALL_TEXT_FORMATS: tuple[NginxFormat, ...] = (*SERVERS_TEXT_FORMATS, *gateways.TEXT_FORMATS)
"""Those of gateways that vendors run, too."""
