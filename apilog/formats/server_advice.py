"""What to configure in servers so that their logs hold more, in each server's own language.

Invariant: a template stands as it is in a configuration that its server accepts, and apilog reads
what is logged by it without an option.
"""

from __future__ import annotations

from collections.abc import Mapping

_TRAEFIK_JSON = "accessLog.format: json"

ADVICE: Mapping[str, Mapping[str, str]] = {
    "apache": {
        "duration_ms": "%D before the referer, as in apache-timed",
        "consumer": "%u",
        "host": "%v first, as in apache-vhost-combined",
    },
    "traefik": {
        "duration_ms": _TRAEFIK_JSON,
        "upstream_duration_ms": _TRAEFIK_JSON,
        "upstream_status": _TRAEFIK_JSON,
        "consumer": "accessLog.fields.names.ClientUsername: keep",
        "host": _TRAEFIK_JSON,
        "user_agent": "accessLog.fields.headers.names.User-Agent: keep",
    },
    "envoy": {
        "duration_ms": "%DURATION%",
        "upstream_duration_ms": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
        "upstream_status": "%RESPONSE_CODE_DETAILS%, which tells whose answer %RESPONSE_CODE% is",
        "upstream_attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "error_type": "%RESPONSE_FLAGS%",
        "api": "%UPSTREAM_CLUSTER%",
        "operation": "%ROUTE_NAME%",
        "consumer": (
            "the header or claim that names the caller: %REQ(X-CONSUMER-ID)%, or "
            "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%"
        ),
        "host": "%REQ(:AUTHORITY)%",
        "user_agent": "%REQ(USER-AGENT)%",
        "request_id": "%REQ(X-REQUEST-ID)%",
    },
    "haproxy": {
        "duration_ms": "option httplog, or %Ta",
        "upstream_duration_ms": "option httplog, or %Tr",
        "host": "http-request set-var(txn.host) req.hdr(Host), and %[var(txn.host)]",
        "user_agent": "http-request set-var(txn.user_agent) req.hdr(User-Agent), and "
        "%[var(txn.user_agent)]",
        "consumer": "http-request set-var(txn.x_consumer_id) req.hdr(X-Consumer-ID), and "
        "%[var(txn.x_consumer_id)]",
        "request_bytes": "%U",
        "request_id": "unique-id-format, and %ID",
    },
    "iis": {
        "duration_ms": "the field time-taken (TimeTaken)",
        "consumer": "the field cs-username (UserName)",
        "host": "the field cs-host (Host)",
        "request_bytes": "the field cs-bytes (BytesRecv)",
        "response_bytes": "the field sc-bytes (BytesSent)",
        "user_agent": "the field cs(User-Agent) (UserAgent)",
        "protocol": "the field cs-version (ProtocolVersion)",
    },
}
"""Column to what to log so that it is filled, by gateway; the most useful column first."""

_APACHE = r"""# httpd.conf: combined with microseconds before the referer
LogFormat "%h %l %u %t \"%r\" %>s %b %D \"%{Referer}i\" \"%{User-Agent}i\"" apilog
CustomLog logs/access.log apilog
"""

_HAPROXY = """# haproxy.cfg, in the frontend
    http-request set-var(txn.host) req.hdr(Host)
    http-request set-var(txn.user_agent) req.hdr(User-Agent)
    log-format '{"time":%Ts.%ms,"client_ip":"%ci","method":"%HM","uri":"%[capture.req.uri,\
json(utf8s)]","protocol":"%HV","status":%ST,"bytes_received":%U,"bytes_sent":%B,\
"server_time_ms":%Tr,"active_time_ms":%Ta,"frontend":"%f","backend":"%b","server":"%s",\
"retries":%rc,"termination_state":"%ts","host":"%[var(txn.host),json(utf8s)]",\
"user_agent":"%[var(txn.user_agent),json(utf8s)]"}'
"""

_ENVOY = """# envoy.yaml, in the HTTP connection manager
access_log:
- name: envoy.access_loggers.file
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
    path: /dev/stdout
    log_format:
      json_format:
        start_time: "%START_TIME%"
        method: "%REQ(:METHOD)%"
        path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"
        protocol: "%PROTOCOL%"
        authority: "%REQ(:AUTHORITY)%"
        response_code: "%RESPONSE_CODE%"
        response_code_details: "%RESPONSE_CODE_DETAILS%"
        response_flags: "%RESPONSE_FLAGS%"
        bytes_received: "%BYTES_RECEIVED%"
        bytes_sent: "%BYTES_SENT%"
        duration: "%DURATION%"
        upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"
        upstream_host: "%UPSTREAM_HOST%"
        upstream_cluster: "%UPSTREAM_CLUSTER%"
        upstream_request_attempt_count: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"
        route_name: "%ROUTE_NAME%"
        downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%"
        x_forwarded_for: "%REQ(X-FORWARDED-FOR)%"
        user_agent: "%REQ(USER-AGENT)%"
        request_id: "%REQ(X-REQUEST-ID)%"
        consumer: "%REQ(X-CONSUMER-ID)%"
"""

_TRAEFIK = """# traefik.yml
accessLog:
  format: json
  fields:
    defaultMode: keep
    headers:
      defaultMode: drop
      names:
        User-Agent: keep
        Referer: keep
        X-Request-Id: keep
"""

_IIS = """# in a console of an administrator
%windir%\\system32\\inetsrv\\appcmd set config -section:system.applicationHost/sites \
/siteDefaults.logFile.logFormat:W3C \
/siteDefaults.logFile.logExtFileFlags:Date,Time,ClientIP,UserName,Method,UriStem,UriQuery,\
HttpStatus,HttpSubStatus,Win32Status,BytesSent,BytesRecv,TimeTaken,ProtocolVersion,Host,UserAgent,\
Referer /commit:apphost
"""

TEMPLATES: Mapping[str, str] = {
    "apache": _APACHE,
    "haproxy": _HAPROXY,
    "envoy": _ENVOY,
    "traefik": _TRAEFIK,
    "iis": _IIS,
}
"""What to put into each server's configuration so that it logs everything that it can."""
