"""Every format by name, and what to configure in a gateway so that its log holds more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apilog.errors import UsageError
from apilog.formats import framework_advice, gateways, platform_advice, server_advice
from apilog.formats.generic.rails import RAILS_COLUMNS
from apilog.formats.nginx.library import SUGGESTION
from apilog.formats.text_formats import ALL_TEXT_FORMATS
from apilog.schema import SCHEMA
from apilog.text import did_you_mean


@dataclass(frozen=True, slots=True)
class FormatInfo:
    """A format as `apilog formats` lists it."""

    name: str
    gateway: str | None
    title: str
    columns: frozenset[str] | None
    """The columns it can fill; None: depends on the keys of the log."""
    url: str
    log_format: str = ""
    """nginx's `log_format` string, if it has one."""


FORMAT_INFOS: Mapping[str, FormatInfo] = {
    info.name: info
    for info in (
        *(
            FormatInfo(f.name, f.gateway, f.title, f.columns, f.url, f.log_format.string)
            for f in ALL_TEXT_FORMATS
        ),
        # Formats whose fields are found in the head of a file.
        FormatInfo(
            "json",
            None,
            "JSON lines with keys of any sensible name (nginx, Caddy, Traefik, Envoy, Kong)",
            columns=None,
            url="https://nginx.org/en/docs/http/ngx_http_log_module.html",
        ),
        FormatInfo(
            "rails",
            "rails",
            "Rails' own log: Started, Processing and Completed are one request",
            columns=RAILS_COLUMNS,
            url="https://guides.rubyonrails.org/debugging_rails_applications.html",
        ),
        FormatInfo("ltsv", None, "Labeled tab-separated values", None, "http://ltsv.org/"),
        FormatInfo("logfmt", None, "key=value pairs", None, "https://brandur.org/logfmt"),
        *(
            FormatInfo(
                g.name,
                g.gateway,
                g.title,
                columns=frozenset(c for c in g.column_sources if c in SCHEMA) | {"gateway"},
                url=g.url,
            )
            for g in gateways.GATEWAYS
        ),
    )
}
"""The formats that `--log-format` takes by name."""

ADVICE: Mapping[str, Mapping[str, str]] = {
    "nginx": {
        "duration_ms": "$request_time",
        "upstream_duration_ms": "$upstream_response_time",
        "upstream_status": "$upstream_status",
        "consumer": "$remote_user, or the header that names the caller: $http_x_consumer_id",
        "request_bytes": "$request_length",
        "host": "$host",
        "request_id": "$request_id",
    },
    **server_advice.ADVICE,
    **framework_advice.ADVICE,
    **platform_advice.ADVICE,
    **gateways.ADVICE,
}
"""The directive that fills each column, by gateway; the most useful column first."""

TEMPLATES: Mapping[str, str] = {
    "nginx": SUGGESTION,
    **server_advice.TEMPLATES,
    **framework_advice.TEMPLATES,
    **platform_advice.TEMPLATES,
    **gateways.TEMPLATES,
}
"""What `apilog formats NAME --template` prints, by gateway."""


def find_format(name: str) -> FormatInfo:
    """Return the format of that name; raises UsageError naming the nearest ones."""
    if name in FORMAT_INFOS:
        return FORMAT_INFOS[name]
    if of_gateway := formats_of_gateway(name):
        raise UsageError(
            f"there is no format {name!r}", f"{name} may write {', '.join(of_gateway)}"
        )
    known = [*FORMAT_INFOS, *dict.fromkeys(_SHARED_FORMATS)]
    hint = did_you_mean(name, known, "`apilog formats` lists them all")
    raise UsageError(f"there is no format {name!r}", hint)


_MOST_NAMED = 4
_SHARED_FORMATS = {
    "nginx": ("combined", "main"),
    "apache": ("combined", "common"),
    "caddy": ("json",),
    "httpd": ("combined", "common"),
}
"""Formats that say nothing of who writes them."""


def formats_of_gateway(name: str) -> list[str]:
    """Return some formats that a gateway writes; none for a name that is no gateway's.

    >>> formats_of_gateway("Apache")
    ['combined', 'common', 'apache-combined', 'apache-common']
    """
    gateway = name.casefold()
    own = (info.name for info in FORMAT_INFOS.values() if info.gateway == gateway)
    return [*_SHARED_FORMATS.get(gateway, ()), *own][:_MOST_NAMED]


def gateway_template(name: str | None) -> str:
    """Return what to configure in a gateway so that its log holds everything.

    The name is a gateway's, or that of a format of it. Raises UsageError for one that there is no
    template for.
    """
    if name is not None and name not in {*TEMPLATES, *FORMAT_INFOS}:
        listed = f"there are templates for {', '.join(sorted(TEMPLATES))}"
        raise UsageError(
            f"there is no template for {name!r}", did_you_mean(name, TEMPLATES, listed)
        )
    gateway = name if name is None or name in TEMPLATES else FORMAT_INFOS[name].gateway
    if gateway is None or gateway not in TEMPLATES:
        said = f", and {name} is a format of several or of one without" if name else ""
        raise UsageError(
            f"a template is of one gateway{said}", f"name one of {', '.join(sorted(TEMPLATES))}"
        )
    name = gateway
    return TEMPLATES[name].rstrip("\n") + "\n"
