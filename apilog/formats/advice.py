"""What to write into a gateway so that its log fills a column."""

from __future__ import annotations

from collections.abc import Mapping

from apilog.formats import gateways

_NGINX = {
    "duration_ms": "$request_time",
    "upstream_duration_ms": "$upstream_response_time",
    "upstream_status": "$upstream_status",
    "consumer": "$remote_user, or the header that names the caller: $http_x_consumer_id",
    "request_bytes": "$request_length",
    "host": "$host",
    "request_id": "$request_id",
}
_APACHE = {
    "duration_ms": "%D before the referer, as in apache-timed",
    "consumer": "%u",
    "host": "%v first, as in apache-vhost-combined",
}
_TRAEFIK = {
    "duration_ms": "accessLog.format: json",
    "upstream_duration_ms": "accessLog.format: json",
    "upstream_status": "accessLog.format: json",
    "consumer": "accessLog.fields.names.ClientUsername: keep",
    "host": "accessLog.format: json",
}
ADVICE: Mapping[str, Mapping[str, str]] = {
    "nginx": _NGINX,
    "apache": _APACHE,
    "traefik": _TRAEFIK,
    **gateways.ADVICE,
}
"""Gateway to column to directive, the most useful column first."""

SUGGESTION = (
    'log_format apilog \'$remote_addr - $remote_user [$time_local] "$request" $status '
    '$body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time '
    "$upstream_response_time $upstream_status $host $request_id';"
)
"""One nginx directive that fills every column nginx can fill without the callers' help."""
