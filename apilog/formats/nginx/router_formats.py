"""Named text formats of routers, delivery networks and small servers, in nginx's language."""

from __future__ import annotations

from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import parse_log_format

_GOROUTER = (
    '$dotted_host - [$time_any] "$request" $status $bytes_uploaded $body_bytes_sent '
    '"$http_referer" "$http_user_agent" "$direct_addr_port" "$upstream_addr" '
    'x_forwarded_for:"$http_x_forwarded_for" x_forwarded_proto:"$tail_scheme" '
    'vcap_request_id:"$request_id" response_time:$request_time_seconds '
)
_GOROUTER_URL = "https://docs.cloudfoundry.org/concepts/http-routing.html"
_GOROUTER_SAMPLE = (
    'shop.example.com - [2026-11-21T10:00:00.123456789Z] "POST /v1/users?a=b HTTP/1.1" 201 87 512 '
    '"-" "curl/8.1" "10.0.4.7:20810" "10.0.48.6:61555" x_forwarded_for:"203.0.113.7" '
    'x_forwarded_proto:"https" vcap_request_id:"6a9b0c1d-0000-4000-8000-00000000002a" '
    "response_time:0.012345 "
)


def _router_format(name: str, string: str, title: str, url: str, *samples: str) -> NginxFormat:
    return NginxFormat(
        name=name,
        log_format=parse_log_format(string, "default"),
        gateway=None,
        title=title,
        url=url,
        samples=samples,
    )


ROUTER_FORMATS: tuple[NginxFormat, ...] = (
    _router_format(
        "gorouter",
        _GOROUTER + 'gorouter_time:$tail_router app_id:"$tail_app" app_index:"$tail_index"$tail',
        "Cloud Foundry's Gorouter",
        _GOROUTER_URL,
        _GOROUTER_SAMPLE + 'gorouter_time:0.000104 app_id:"13ee085e" app_index:"0" '
        'instance_id:"3595985a" x_cf_routererror:"-"',
    ),
    _router_format(
        "gorouter-old",
        _GOROUTER + 'app_id:"$tail_app" app_index:"$tail_index"$tail',
        "Cloud Foundry's Gorouter before it told its own time",
        _GOROUTER_URL,
        _GOROUTER_SAMPLE + 'app_id:"13ee085e" app_index:"0"',
    ),
    _router_format(
        "bunny",
        "$upstream_cache_status|$status|$epoch_ms|$body_bytes_sent|$zone_to_bar|$remote_addr|"
        "$referer_to_bar|$absolute_url|$edge_to_bar|$agent_to_bar|$request_id|$tail",
        "bunny.net, log files of its delivery network",
        "https://docs.bunny.net/docs/cdn-log-format",
        "HIT|200|1795255200123|512|390|203.0.113.7|-|https://shop.b-cdn.net/v1/users/42?a=b|WA|"
        "curl/8.1|322b688bd63fb63f2babe9de30a5d262|DE",
    ),
    _router_format(
        "lighttpd",
        '$remote_addr $dotted_host $remote_user [$time_local] "$request" $status $body_bytes_sent '
        '"$http_referer" "$http_user_agent"',
        "lighttpd's default: combined with the host behind the address",
        "https://doc.lighttpd.net/lighttpd2/mod_accesslog.html",
        '203.0.113.7 shop.example.com - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42?a=b '
        'HTTP/1.1" 200 512 "-" "curl/8.1"',
    ),
    _router_format(
        "negroni",
        "[negroni] $time_iso8601 | $status | ${tabs}$request_duration | $host | "
        "$request_method $target",
        "Negroni's Logger",
        "https://pkg.go.dev/github.com/urfave/negroni/v3#Logger",
        "[negroni] 2026-11-21T10:00:00Z | 200 | \t 1.2345ms | shop.example.com | GET /v1/users/42",
    ),
)
