"""The named formats of the nginx family, their variants of time, and the choice among them.

The samples run as tests and decide the order of detection: a format that reads another's samples,
but not the other way round, is the more general one and comes later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

import polars as pl

from apilog.formats.duration_units import UNIT_NAMES, decide_unit
from apilog.formats.nginx.advised_formats import ADVISED_FORMATS
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.frameworks import FRAMEWORK_FORMATS
from apilog.formats.nginx.grammar import (
    EscapeMode,
    FormatVariable,
    LogFormat,
    format_string,
    parse_log_format,
)
from apilog.formats.nginx.router_formats import ROUTER_FORMATS

SUGGESTION = (
    'log_format apilog \'$remote_addr - $remote_user [$time_local] "$request" $status '
    '$body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time '
    "$upstream_response_time $upstream_status $host $request_id';"
)
"""One nginx directive that fills every column nginx can fill without the callers' help."""

_APACHE = "https://httpd.apache.org/docs/current/mod/mod_log_config.html"
_NGINX = "https://nginx.org/en/docs/http/ngx_http_log_module.html"
_LINE_START = "$remote_addr - $remote_user [$time_local] "
_APACHE_START = "$remote_addr $ident $remote_user [$time_local] "
_REQUEST = '"$request" $status $body_bytes_sent'
_REFERER_AND_AGENT = ' "$http_referer" "$http_user_agent"'


def _nginx_format(
    name: str,
    string: str,
    title: str,
    *samples: str,
    gateway: str | None = "nginx",
    mark: str = "",
    escape: EscapeMode = "default",
    url: str = _NGINX,
) -> NginxFormat:
    return NginxFormat(
        name=name,
        log_format=parse_log_format(string, escape),
        gateway=gateway,
        mark=mark,
        title=title,
        url=url,
        samples=samples,
    )


_apache_format = partial(_nginx_format, gateway="apache", escape="apache", url=_APACHE)
_clf_format = partial(_nginx_format, gateway=None)
"""Of a layout that many servers write."""
# Apache escapes quotes with a backslash, and only it asks callers who they are (ident).
_APACHE_MARK = r'\\"|^[^ ]+ (?:[^ -]|-[^ ])'
_APACHE_VHOST_MARK = r'\\"|^[^ ]+ [^ ]+ (?:[^ -]|-[^ ])'


NGINX_FORMATS: tuple[NginxFormat, ...] = (
    _clf_format(
        "combined",
        _LINE_START + _REQUEST + _REFERER_AND_AGENT,
        "nginx's default, and Apache's combined",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 "-" '
        '"curl/8.1"',
        '2001:db8::1 - alice [21/Nov/2026:10:00:01 +0000] "\\x16\\x03\\x01" 400 0 "-" "-"',
    ),
    _clf_format(
        "main",
        _LINE_START + _REQUEST + _REFERER_AND_AGENT + ' "$http_x_forwarded_for"',
        "combined and X-Forwarded-For, as Debian's and Docker's nginx.conf have it",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 "-" '
        '"curl/8.1" "198.51.100.2, 10.0.0.1"',
    ),
    _clf_format(
        "common",
        _LINE_START + _REQUEST,
        "the Common Log Format",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512',
    ),
    _nginx_format(
        "timed-combined",
        "$remote_addr - $remote_user [$time_local]  "
        + _REQUEST
        + _REFERER_AND_AGENT
        + " $request_time "
        "$upstream_response_time $gzip_ratio $sent_http_x_cache $sent_http_location $http_host "
        "$ssl_protocol $ssl_cipher",
        "combined with times, cache, host and TLS (two blanks after the time)",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000]  "GET /v1/users/42 HTTP/1.1" 200 512 "-" '
        '"curl/8.1" 0.012 0.011 - - - api.example.com TLSv1.3 TLS_AES_256_GCM_SHA384',
    ),
    _nginx_format(
        "ingress-nginx",
        _LINE_START
        + _REQUEST
        + _REFERER_AND_AGENT
        + " $request_length $request_time [$proxy_upstream_name] "
        "[$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length "
        "$upstream_response_time $upstream_status $req_id",
        "Kubernetes ingress-nginx, upstreaminfo",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/2.0" 200 512 "-" '
        '"curl/8.1" 462 0.050 [shop-orders-8080] [] 10.0.50.80:8080 512 0.049 200 '
        "752178adb17130b291aefd8c386279e7",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/2.0" 502 150 "-" '
        '"curl/8.1" 462 1.002 [shop-orders-8080] [] [2001:db8::7]:5000, 10.0.50.80:8080 0, 150 '
        "0.000, 1.000 502, 502 752178adb17130b291aefd8c386279e7",
        url="https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/",
    ),
    _nginx_format(
        "ingress-nginx-old",
        _LINE_START
        + _REQUEST
        + _REFERER_AND_AGENT
        + " $request_length $request_time [$proxy_upstream_name] "
        "$upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id",
        "Kubernetes ingress-nginx, upstreaminfo before alternative upstreams",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/2.0" 200 512 "-" '
        '"curl/8.1" 462 0.050 [shop-orders-8080] 10.0.50.80:8080 512 0.049 200 '
        "752178adb17130b291aefd8c386279e7",
        url="https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/",
    ),
    _nginx_format(
        "nginx-proxy-manager",
        "[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme "
        '$host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] '
        '[Sent-to $server] "$http_user_agent" "$http_referer"',
        "nginx-proxy-manager, proxied hosts",
        '[21/Nov/2026:10:00:00 +0000] - 200 200 - GET https api.example.com "/v1/users/42" '
        '[Client 203.0.113.7] [Length 512] [Gzip 3.10] [Sent-to 10.0.0.15] "curl/8.1" "-"',
        url="https://nginxproxymanager.com/",
    ),
    _nginx_format(
        "nginx-proxy-manager-short",
        '[$time_local] $status - $request_method $scheme $host "$request_uri" '
        "[Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] "
        '"$http_user_agent" "$http_referer"',
        "nginx-proxy-manager, its own pages and dead hosts",
        '[21/Nov/2026:10:00:00 +0000] 444 - GET https 203.0.113.9 "/.env" [Client 203.0.113.7] '
        '[Length 0] [Gzip -] "curl/8.1" "-"',
        url="https://nginxproxymanager.com/",
    ),
    _nginx_format(
        "apilog",
        SUGGESTION,
        "what apilog advises: combined with sizes, times, the upstream's status, host and id",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 "-" '
        '"curl/8.1" 462 0.050 0.049 200 api.example.com 752178adb17130b291aefd8c386279e7',
        '203.0.113.7 - alice [21/Nov/2026:10:00:01 +0000] "GET /v1/users/42 HTTP/1.1" 503 150 "-" '
        '"curl/8.1" 462 0.001 - - api.example.com 752178adb17130b291aefd8c386279e8',
    ),
    _clf_format(
        "vhost-combined",
        "$host $remote_addr - $remote_user [$time_local] " + _REQUEST + _REFERER_AND_AGENT,
        "the virtual host, with or without its port, then combined",
        'api.example.com 203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 '
        'HTTP/1.1" 200 512 "-" "curl/8.1"',
        'api.example.com:443 203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" '
        '301 0 "-" "curl/8.1"',
    ),
    _clf_format(
        "vhost-forwarded",
        '$host "$http_x_forwarded_for" $remote_addr - $remote_user [$time_local] '
        + _REQUEST
        + _REFERER_AND_AGENT,
        "the virtual host and X-Forwarded-For, then combined",
        'example.com:80 "203.0.113.7, 10.0.0.1" 10.2.1.185 - - [21/Nov/2026:10:00:00 +0000] '
        '"GET /v1/users/42 HTTP/1.1" 200 512 "-" "curl/8.1"',
    ),
    _clf_format(
        "gandi",
        "$host $remote_addr - $remote_user [$time_local] ($request_time s) "
        + _REQUEST
        + _REFERER_AND_AGENT,
        "the virtual host, and whole seconds before the request",
        'api.example.com 203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] (0 s) "GET /v1/users/42 '
        'HTTP/1.1" 200 512 "-" "curl/8.1"',
    ),
    _clf_format(
        "combined-request-time",
        _LINE_START + '"$request" $status $body_bytes_sent $request_time' + _REFERER_AND_AGENT,
        "combined with the duration in seconds before the referer",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 0.012 '
        '"-" "curl/8.1"',
    ),
    _clf_format(
        "combined-no-ident",
        "$remote_addr - [$time_local] " + _REQUEST + _REFERER_AND_AGENT,
        "combined without a user",
        '203.0.113.7 - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 "-" '
        '"curl/8.1"',
    ),
    _clf_format(
        "request-fields",
        "[$time_local] $remote_addr $request_method $request_uri $status $request_length "
        "$body_bytes_sent $request_time $upstream_response_time",
        "time, address, method, path, status, sizes and times, set apart by blanks",
        "[21/Nov/2026:10:00:00 +0000] 203.0.113.7 GET /v1/users/42 200 512 1024 0.012 0.011",
    ),
    _apache_format(
        "apache-combined",
        _APACHE_START + _REQUEST + _REFERER_AND_AGENT,
        "Apache's combined, with an ident or `\\\"` in values",
        '203.0.113.7 ident alice [21/Nov/2026:10:00:00 +0000] "GET /a\\"b HTTP/1.1" 200 - "-" '
        '"say \\"hi\\""',
        mark=_APACHE_MARK,
    ),
    _apache_format(
        "apache-common",
        _APACHE_START + _REQUEST,
        "Apache's common, with an ident",
        '203.0.113.7 ident alice [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 304 -',
        mark=_APACHE_MARK,
    ),
    _apache_format(
        "apache-vhost-combined",
        "$host $remote_addr $ident $remote_user [$time_local] " + _REQUEST + _REFERER_AND_AGENT,
        "Apache's vhost_combined",
        'api.example.com:443 203.0.113.7 ident alice [21/Nov/2026:10:00:00 +0000] "GET '
        '/a\\"b HTTP/1.1" 200 - "-" "curl/8.1"',
        mark=_APACHE_VHOST_MARK,
    ),
    _apache_format(
        "apache-timed",
        _APACHE_START
        + '"$request" $status $body_bytes_sent ${request_time_us}'
        + _REFERER_AND_AGENT,
        "combined with the duration in microseconds (%D) before the referer",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 304 - 3551 '
        '"-" "curl/8.1"',
    ),
    _nginx_format(
        "traefik-clf",
        _LINE_START
        + _REQUEST
        + _REFERER_AND_AGENT
        + ' $requests_total "$router_name" "$server_url" $request_duration',
        "Traefik's access log in the Common Log Format",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 "-" '
        '"curl/8.1" 240 "orders@docker" "http://172.17.0.3:80" 12ms',
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 "" '
        '"curl/8.1" 241 "orders" "http://172.17.0.3:80" 1.053089843s',
        gateway="traefik",
        url="https://doc.traefik.io/traefik/observability/access-logs/",
    ),
    _nginx_format(
        "kong",
        _LINE_START + _REQUEST + _REFERER_AND_AGENT + ' kong_request_id: "$request_id"',
        "Kong's proxy access log",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 "-" '
        '"curl/8.1" kong_request_id: "752178adb17130b291aefd8c386279e7"',
        gateway="kong",
        url="https://github.com/Kong/kong/blob/master/kong/templates/nginx_kong.lua",
    ),
    _nginx_format(
        "apisix",
        "$remote_addr - $remote_user [$time_local] $http_host "
        '"$request" $status $body_bytes_sent $request_time'
        + _REFERER_AND_AGENT
        + " $upstream_addr $upstream_status $upstream_response_time"
        ' "$upstream_scheme://$upstream_host$upstream_uri" "$request_id"',
        "APISIX's access log",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] api.example.com "GET /v1/users/42 HTTP/1.1" '
        '200 512 0.012 "-" "curl/8.1" 10.0.0.7:80 200 0.011 "http://api.example.com/v1/users/42" '
        '"752178adb17130b291aefd8c386279e7"',
        '203.0.113.7 - - [21/Nov/2026:10:00:01 +0000] api.example.com "GET /v1/users/42 HTTP/1.1" '
        '502 154 0.004 "-" "curl/8.1" 10.0.0.7:80, 10.0.0.8:80 502, 502 0.001, 0.002 '
        '"http://api.example.com/v1/users/42" "752178adb17130b291aefd8c386279e8"',
        gateway="apisix",
        url="https://github.com/apache/apisix/blob/master/apisix/cli/config.lua",
    ),
    _nginx_format(
        "apisix-without-id",
        "$remote_addr - $remote_user [$time_local] $http_host "
        '"$request" $status $body_bytes_sent $request_time'
        + _REFERER_AND_AGENT
        + " $upstream_addr $upstream_status $upstream_response_time"
        ' "$upstream_scheme://$upstream_host$upstream_uri"',
        "APISIX's access log before request ids",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] api.example.com "GET /v1/users/42 HTTP/1.1" '
        '200 512 0.012 "-" "curl/8.1" 10.0.0.7:80 200 0.011 "http://api.example.com/v1/users/42"',
        gateway="apisix",
        url="https://github.com/apache/apisix/blob/master/apisix/cli/config.lua",
    ),
    _nginx_format(
        "squid",
        "$msec ${pad}$request_time_ms $remote_addr $squid_result/$status $body_bytes_sent "
        "$request_method $request_uri $remote_user $hierarchy $content_type",
        "Squid's native access.log",
        "1795255200.123     57 203.0.113.7 TCP_MISS/200 2736 GET "
        "http://api.example.com/v1/users/42 alice HIER_DIRECT/10.0.0.7 application/json",
        "1795255201.456   5004 203.0.113.7 TCP_TUNNEL/200 3039 CONNECT api.example.com:443 - "
        "HIER_DIRECT/10.0.0.7 -",
        gateway=None,
        url="https://wiki.squid-cache.org/Features/LogFormat",
    ),
    *FRAMEWORK_FORMATS,
    *ADVISED_FORMATS,
    *ROUTER_FORMATS,
)
"""Every named format that a `log_format` string describes."""


@cache
def iso_variants() -> tuple[NginxFormat, ...]:
    """Return the named formats with `$time_iso8601` in the place of `$time_local`."""
    return tuple(_with_time_replaced("$time_local", "$time_iso8601"))


@cache
def untimed_variants() -> tuple[NginxFormat, ...]:
    """Return the named formats without a time, for lines in an envelope that has one."""
    return tuple(_with_time_replaced("[$time_local] ", ""))


def _with_time_replaced(old: str, new: str) -> Iterator[NginxFormat]:
    for named in NGINX_FORMATS:
        if old not in named.log_format.string:
            continue
        string = named.log_format.string.replace(old, new)
        yield NginxFormat(
            name=string,
            log_format=parse_log_format(string, named.log_format.escape),
            gateway=named.gateway,
            mark=named.mark,
            title=named.title,
            url=named.url,
        )


_SAMPLE_LINES = 25
"""The number of lines that show which formats to try at all."""


def candidate_formats(texts: pl.Series, formats: Sequence[NginxFormat]) -> list[NginxFormat]:
    """Return the formats that some of the texts may be of, the most specific first.

    A few of the texts are looked at.
    """
    step = len(texts) // _SAMPLE_LINES
    sample = texts.gather_every(step) if step > 1 else texts
    # Polars keeps 32 compiled expressions per thread. Were all of the formats asked, they would be
    # compiled again for each file, which takes longer than everything else.
    lines = sample.to_list()
    expressions = [f.strict_expression for f in formats]
    # Texts that no line has leave most formats out. One that a line seems to have across the end
    # of another is no harm: lines are asked one by one for the rest.
    text = "\n".join(lines)
    literals = frozenset[str]().union(*(e.literal_set for e in expressions))
    lacking = frozenset(literal for literal in literals if literal not in text)
    times = {
        time
        for time in {e.time_pattern for e in expressions if lacking.isdisjoint(e.literal_set)}
        if any(map(_finder_of_time(time), lines))
    }
    held = [
        (log_format, expression)
        for log_format, expression in zip(formats, expressions, strict=True)
        if expression.time_pattern in times and lacking.isdisjoint(expression.literal_set)
    ]
    # Lines of one log have the same texts between their values: they are asked in groups of these.
    left = frozenset[str]().union(*(e.literal_set for _, e in held))
    groups: dict[frozenset[str], list[str]] = {}
    for line in lines:
        groups.setdefault(frozenset(t for t in left if t in line), []).append(line)
    likely = [
        log_format
        for log_format, expression in held
        if any(
            expression.literal_set <= group and expression.may_match_any(alike)
            for group, alike in groups.items()
        )
    ]
    if not likely:
        return []
    # All in one query: what a query costs by itself is more than looking at so few lines.
    found = sample.to_frame("line").select_seq(
        f.strict_expression.begins(pl.col("line")).any().alias(str(i)) for i, f in enumerate(likely)
    )
    begun = [f for f, is_begun in zip(likely, found.row(0), strict=True) if is_begun]
    return sort_by_specificity(begun)


@cache
def _finder_of_time(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """Return what finds a time in a line, in a time linear in its length."""
    # Python's expressions do, as times begin with so many digits or letters. The exception are
    # epoch seconds, of which one digit on each side of the point is as good.
    return re.compile(pattern.replace(r"([0-9]+\.[0-9]+)", r"[0-9]\.[0-9]"), re.ASCII).search


def settle_format(log_format: NginxFormat, texts: pl.Series) -> NginxFormat:
    """Return the format as these lines show it: who wrote them, and the unit of their durations."""
    if log_format.mark and not texts.str.contains(log_format.mark).any():
        log_format = replace(log_format, gateway=None)
    if "request_time_us" not in log_format.log_format.variables:
        return log_format
    # Apache's %D are microseconds, Tomcat's were milliseconds until version 10.
    values = log_format.strict_expression.read_values(texts, ["request_time_us"])
    unit, doubt = decide_unit(values["request_time_us"], "%D", usual="us")
    if unit == "us" and doubt is None:
        return log_format
    microseconds, told = (
        FormatVariable("request_time_us"),
        FormatVariable("request_time" if unit == "s" else f"request_time_{unit}"),
    )
    parts = tuple(told if part == microseconds else part for part in log_format.log_format.parts)
    by_size = (
        f"the duration is read as {UNIT_NAMES[unit]}, by the size of its numbers: `-l` with the "
        "format's string says what it is"
    )
    return NginxFormat(
        name=log_format.name if unit == "us" else format_string(parts),
        log_format=LogFormat(parts, log_format.log_format.escape),
        gateway=log_format.gateway if unit == "us" else None,
        title=log_format.title,
        url=log_format.url,
        doubts=(by_size,),
    )


def sort_by_specificity(formats: Sequence[NginxFormat]) -> list[NginxFormat]:
    """Return the formats, those before others whose samples they don't read.

    A format that reads the samples of another, but not the other way round, is the more
    general one.
    """

    # Python's expressions will do here: the samples are apilog's own, and no attacker's.
    def generality(log_format: NginxFormat) -> int:
        pattern = re.compile(f"{log_format.strict_expression.pattern}\\Z")
        return sum(
            all(pattern.match(line) for line in other.samples)
            for other in formats
            if other is not log_format and other.samples
        )

    return sorted(formats, key=generality)
