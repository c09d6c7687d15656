"""HAProxy's default access logs, and the lines that lie beside them.

Source: https://docs.haproxy.org/3.2/configuration.html#8.2
"""

from __future__ import annotations

from apilog.formats.contract import SkipRule
from apilog.formats.haproxy.log_format import parse_haproxy_format
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import FormatVariable, LogFormat

_URL = "https://docs.haproxy.org/3.2/configuration.html"
HTTP_LOG = (
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq "
    "%hr %hs %{+Q}r"
)
"""What `option httplog` writes."""
HTTPS_LOG = (
    HTTP_LOG + " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] "
    "%[ssl_fc_sni]/%sslv/%sslc"
)
"""What `option httpslog` writes."""
CLF_LOG = (
    '%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc '
    "%bc %sc %rc %sq %bq %CC %CS"
)
"""What `option httplog clf` writes, but for captured headers, which may follow."""

_LINE = (
    "203.0.113.7:51310 [21/Nov/2026:10:00:00.066] fe_api~ be_orders/app3 0/0/1/65/67 200 512 - - "
    "---- 12/10/3/1/0 0/0 "
)
_FAILED = (
    "203.0.113.7:51310 [21/Nov/2026:10:00:01.801] fe_api~ be_orders/<NOSRV> 0/0/-1/-1/1 503 212 - "
    "- SC-- 12/10/3/0/0 0/0 "
)
_REQUEST = '"GET /v1/users/42 HTTP/1.1"'

ZONE_DOUBT = (
    "the times have no zone and are read as UTC: `timestamp = {key = …, format = …, tz = …}` in "
    "`[formats.NAME.columns]` says which zone they are of"
)


_STAMP = FormatVariable("syslog_stamp")
"""What `log stdout format short`, `timed`, `iso` and `priority` write before each line."""

_CAPTURES = FormatVariable("captures")
_CAPTURED = FormatVariable("captured_headers")
_CAPTURES_DOUBT = (
    "the host and the user agent are those of the captured headers that look like one: `--config` "
    "with haproxy.cfg says which headers are captured"
)


def _haproxy_format(
    name: str,
    string: str,
    title: str,
    section: str,
    *samples: str,
    is_zoned: bool = False,
    captured: bool = False,
) -> NginxFormat:
    parsed = parse_haproxy_format(string)
    parts = [_CAPTURED if captured and part == _CAPTURES else part for part in parsed.parts]
    parts = parts if is_zoned else [_STAMP, *parts]
    doubts = () if is_zoned else (ZONE_DOUBT,)
    return NginxFormat(
        name=name,
        log_format=LogFormat(tuple(parts), parsed.escape),
        gateway="haproxy",
        title=title,
        url=f"{_URL}#{section}",
        samples=samples,
        doubts=(*doubts, _CAPTURES_DOUBT) if captured else doubts,
    )


HAPROXY_FORMATS: tuple[NginxFormat, ...] = (
    _haproxy_format(
        "haproxy",
        HTTP_LOG.replace("%hr %hs ", ""),
        "HAProxy's option httplog",
        "8.2.3",
        _LINE + _REQUEST,
        _FAILED + _REQUEST,
    ),
    _haproxy_format(
        "haproxy-captures",
        HTTP_LOG,
        "HAProxy's option httplog with captured headers",
        "8.8",
        f"{_LINE}{{api.example.com|curl/8.1 (a b)}} {{nginx}} {_REQUEST}",
        f"{_FAILED}{{|}} {_REQUEST}",
        captured=True,
    ),
    _haproxy_format(
        "haproxy-https",
        HTTPS_LOG,
        "HAProxy's option httpslog",
        "8.2.4",
        f"{_LINE}{_REQUEST} 0/0000000000000000/0/0/0 api.example.com/TLSv1.3/"
        "TLS_AES_256_GCM_SHA384",
    ),
    _haproxy_format(
        "haproxy-clf",
        CLF_LOG,
        "HAProxy's option httplog clf",
        "8.2",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 "" "" '
        '51310 066 "fe_api~" "be_orders" "app3" 0 0 0 65 67 ---- 12 10 3 1 0 0 0 "" ""',
        '203.0.113.7 - - [21/Nov/2026:10:00:01 +0000] "GET /v1/users/42 HTTP/1.1" 503 212 "" "" '
        '51310 801 "fe_api~" "be_orders" "<NOSRV>" 0 0 -1 -1 0 SC-- 12 10 3 1 0 0 0 "" ""',
        is_zoned=True,
    ),
)
"""HAProxy's access logs of HTTP."""

_AT = r"\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:.]+\]"
_CALLER = "203.0.113.7:56059 [21/Nov/2026:10:00:00.380]"
_TCP_LINE = f"{_CALLER} fe_db be_db/db1 0/0/5007 212 --"
_TIMERS = r"-?[0-9]+/-?[0-9]+/\+?-?[0-9]+"

SKIP_RULES: tuple[SkipRule, ...] = (
    SkipRule(
        "connection without a request",
        rf"^\S+:[0-9]+ {_AT} \S+ \S+/\S+ {_TIMERS} \+?[0-9]+ \S\S [0-9]+/[0-9]+/[0-9]+/[0-9]+/\+?"
        r"[0-9]+ [0-9]+/[0-9]+$|^Connect from \S+:[0-9]+ to \S+:[0-9]+ \(\S+/(?:TCP|HTTP)\)$"
        rf"|^\S+:[0-9]+ {_AT} \S+/\S+: [A-Z]",
        (
            f"{_TCP_LINE} 0/0/0/0/3 0/0",
            "Connect from 203.0.113.7:33312 to 10.0.3.31:8012 (www/HTTP)",
            f"{_CALLER} fe_api/1: Connection error during SSL handshake",
        ),
    ),
    SkipRule(
        "line of the server's own log",
        r"^(?:Proxy \S+ (?:started|stopped)"
        r"|(?:Stopping|Pausing|Enabling) (?:proxy|frontend|backend) "
        r"|(?:Backup )?(?:Server|Health check for (?:backup )?server) \S+/\S+ "
        r"|(?:backend|proxy) \S+ has no server available!"
        r"|\[(?:NOTICE|WARNING|ALERT)\] +(?:[0-9]+/[0-9]+ +)?\([0-9]+\) : )",
        (
            "Proxy fe_api started.",
            "Server be_orders/app1 is DOWN, reason: Layer4 connection problem.",
            "Health check for server be_orders/app1 failed, reason: Layer4 timeout.",
            "backend be_orders has no server available!",
            "[NOTICE]   (7) : New worker (9) forked",
        ),
    ),
)
"""Lines of HAProxy that are of no HTTP request."""
