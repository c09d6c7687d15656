"""Envoy's access-log format strings, as log formats of the nginx family.

Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from apilog.errors import UsageError
from apilog.formats.nginx.grammar import FormatPart, FormatVariable, LiteralText, LogFormat
from apilog.text import did_you_mean

_OPERATOR = re.compile(r"%(?:%|(?P<name>[A-Z][A-Z0-9_]*)(?:\((?P<argument>[^)]*)\))?(?::\d+)?%)")


def _words(text: str) -> list[str]:
    return text.split()


_VARIABLES: Mapping[str, str] = {
    "START_TIME": "time_iso8601",
    "START_TIME_LOCAL": "time_any",
    "PROTOCOL": "server_protocol",
    "RESPONSE_CODE": "status",
    "RESPONSE_FLAGS": "response_flags",
    "RESPONSE_FLAGS_LONG": "response_flags",
    "RESPONSE_CODE_DETAILS": "response_code_details",
    "BYTES_RECEIVED": "request_length",
    "BYTES_SENT": "body_bytes_sent",
    "DURATION": "request_time_ms",
    "UPSTREAM_HOST": "upstream_host",
    "UPSTREAM_REMOTE_ADDRESS": "server_addr_port",
    "UPSTREAM_CLUSTER": "upstream_cluster",
    "UPSTREAM_CLUSTER_RAW": "upstream_cluster",
    "UPSTREAM_REQUEST_ATTEMPT_COUNT": "attempt_count",
    "ROUTE_NAME": "route_name",
    "REQUESTED_SERVER_NAME": "requested_server_name",
    "DOWNSTREAM_REMOTE_ADDRESS": "remote_addr_port",
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": "remote_addr",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": "direct_addr_port",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": "realip_remote_addr",
    "DOWNSTREAM_PEER_SUBJECT": "ssl_client_s_dn",
    "TRACE_ID": "opentelemetry_trace_id",
    "STREAM_ID": "stream_id",
    "PATH": "request_uri",
}
"""What an operator writes, in nginx's terms."""

_OTHERS = frozenset(
    _words(
        """
    ACCESS_LOG_TYPE BYTES_RETRANSMITTED CEL CLUSTER_METADATA COMMON_DURATION CONNECTION_ID
    CONNECTION_TERMINATION_DETAILS DOWNSTREAM_DETECTED_CLOSE_TYPE
    DOWNSTREAM_DIRECT_LOCAL_ADDRESS DOWNSTREAM_DIRECT_REMOTE_PORT
    DOWNSTREAM_HANDSHAKE_DURATION DOWNSTREAM_HEADER_BYTES_RECEIVED
    DOWNSTREAM_HEADER_BYTES_SENT DOWNSTREAM_LOCAL_ADDRESS
    DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT
    DOWNSTREAM_LOCAL_CLOSE_REASON DOWNSTREAM_LOCAL_DNS_SAN DOWNSTREAM_LOCAL_IP_SAN
    DOWNSTREAM_LOCAL_PORT DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN
    DOWNSTREAM_PEER_CERT DOWNSTREAM_PEER_CERT_V_END DOWNSTREAM_PEER_CERT_V_START
    DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1 DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256
    DOWNSTREAM_PEER_CHAIN_SERIALS DOWNSTREAM_PEER_DNS_SAN DOWNSTREAM_PEER_EMAIL_SAN
    DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_IP_SAN
    DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_OTHERNAME_SAN DOWNSTREAM_PEER_SERIAL
    DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_REMOTE_ADDRESS_ENDPOINT_ID DOWNSTREAM_REMOTE_PORT
    DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_VERSION
    DOWNSTREAM_TRANSPORT_FAILURE_REASON DOWNSTREAM_WIRE_BYTES_RECEIVED
    DOWNSTREAM_WIRE_BYTES_SENT DYNAMIC_METADATA EMIT_TIME EMIT_TIME_LOCAL ENVIRONMENT
    FILTER_CHAIN_NAME FILTER_STATE GRPC_STATUS GRPC_STATUS_NUMBER HOSTNAME LISTENER_METADATA
    LOCAL_REPLY_BODY METADATA PEER_ADDRESS QUERY_PARAM QUERY_PARAMS REQ REQUEST_DURATION
    REQUEST_HEADER REQUEST_HEADERS REQUEST_HEADERS_BYTES REQUEST_TX_DURATION
    REQ_WITHOUT_QUERY RESP RESPONSE_DURATION RESPONSE_HEADER RESPONSE_HEADERS
    RESPONSE_HEADERS_BYTES RESPONSE_TRAILER RESPONSE_TRAILERS_BYTES RESPONSE_TX_DURATION
    ROUNDTRIP_DURATION SECRET TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT TRAILER UNIQUE_ID
    UPSTREAM_CLUSTER_METADATA UPSTREAM_CONNECTION_ID UPSTREAM_CONNECTION_POOL_READY_DURATION
    UPSTREAM_DETECTED_CLOSE_TYPE UPSTREAM_FILTER_STATE UPSTREAM_HEADER_BYTES_RECEIVED
    UPSTREAM_HEADER_BYTES_SENT UPSTREAM_HOSTS_ATTEMPTED
    UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT UPSTREAM_HOST_NAME UPSTREAM_HOST_NAMES_ATTEMPTED
    UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT UPSTREAM_HOST_NAME_WITHOUT_PORT
    UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_CLOSE_REASON
    UPSTREAM_LOCAL_DNS_SAN UPSTREAM_LOCAL_IP_SAN UPSTREAM_LOCAL_PORT UPSTREAM_LOCAL_SUBJECT
    UPSTREAM_LOCAL_URI_SAN UPSTREAM_METADATA UPSTREAM_PEER_CERT UPSTREAM_PEER_CERT_V_END
    UPSTREAM_PEER_CERT_V_START UPSTREAM_PEER_DNS_SAN UPSTREAM_PEER_IP_SAN
    UPSTREAM_PEER_ISSUER UPSTREAM_PEER_SUBJECT UPSTREAM_PEER_URI_SAN UPSTREAM_PROTOCOL
    UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_PORT UPSTREAM_TLS_CIPHER
    UPSTREAM_TLS_SESSION_ID UPSTREAM_TLS_VERSION UPSTREAM_TRANSPORT_FAILURE_REASON
    UPSTREAM_WIRE_BYTES_RECEIVED UPSTREAM_WIRE_BYTES_SENT VIRTUAL_CLUSTER_NAME
    VIRTUAL_HOST_METADATA
    """
    )
)
"""Operators that no column is made of."""

_HEADERS: Mapping[str, str] = {
    ":method": "request_method",
    ":authority": "http_host",
    ":scheme": "scheme",
    ":path": "request_uri",
    "x-envoy-original-path": "request_uri",
    "x-envoy-origin-path": "request_uri",
    "path": "request_uri",
}
_CLF_TIME = re.compile(r"%d/%b/%Y:(?:%H:%M:%S|%T) %z\Z")
_ISO_TIME = re.compile(r"(?:%Y-%m-%d|%F)T(?:%H:%M:%S|%T)(?:\.%[1-9]?f)?(?:Z|%z|%Ez)\Z")
_EPOCH_TIME = re.compile(r"%s\.%[1-9]?f\Z")
_REQUEST = (
    FormatVariable("request_method"),
    LiteralText(" "),
    FormatVariable("request_uri"),
    LiteralText(" "),
    FormatVariable("server_protocol"),
)
_JWT_CLAIM = re.compile(r"envoy\.filters\.http\.jwt_authn:.*:(?P<claim>sub|client_id|azp)\Z")


def is_envoy_string(string: str) -> bool:
    """Return whether a text is meant as a format of Envoy: it has an operator between signs."""
    return any(len(m["name"] or "") > 2 for m in _OPERATOR.finditer(string))


def parse_envoy_format(string: str) -> LogFormat:
    """Parse a format string of Envoy.

    Raises `UsageError` for an operator that Envoy does not have, or a string without any.

    >>> parse_envoy_format('[%START_TIME%] "%REQ(:METHOD)% %PATH% %PROTOCOL%" %DURATION%').string
    '[$time_iso8601] "$request" $request_time_ms'
    """
    string = re.sub(r"(?:\\n|\s)+\Z", "", string).replace("\\t", "\t").replace('\\"', '"')
    parts: list[FormatPart] = []
    end = 0
    for match in _OPERATOR.finditer(string):
        if match.start() > end:
            parts.append(LiteralText(string[end : match.start()]))
        name = match["name"]
        parts.append(
            FormatVariable(_variable_of(name, match["argument"] or ""))
            if name
            else LiteralText("%")
        )
        end = match.end()
    if end < len(string):
        parts.append(LiteralText(string[end:]))
    if not any(isinstance(part, FormatVariable) for part in parts):
        raise UsageError(
            f"log format {string!r} has no operator in it", "such as %START_TIME%, %RESPONSE_CODE%"
        )
    return LogFormat(tuple(_join_requests(parts)), "envoy")


def _variable_of(name: str, argument: str) -> str:
    if name == "START_TIME" and argument:
        return _time_variable(argument)
    if name in ("REQ", "REQUEST_HEADER", "REQ_WITHOUT_QUERY"):
        return _header_variable(argument)
    if name in ("RESP", "RESPONSE_HEADER"):
        header = argument.partition("?")[0].lower()
        is_time = header == "x-envoy-upstream-service-time"
        return "upstream_response_time_ms" if is_time else f"sent_http_{_identifier(header)}"
    if name in ("DYNAMIC_METADATA", "METADATA") and (claim := _JWT_CLAIM.search(argument)):
        return "jwt_claim_sub" if claim["claim"] == "sub" else "jwt_claim_client_id"
    if name in _VARIABLES:
        return _VARIABLES[name]
    if name not in _OTHERS:
        known = [f"%{operator}%" for operator in (*_VARIABLES, *_OTHERS)]
        raise UsageError(
            f"Envoy has no operator %{name}%",
            did_you_mean(f"%{name}%", known) or "a percent sign itself is written %%",
        )
    return f"envoy_{_identifier(f'{name} {argument}'.strip().lower())}"


def _header_variable(argument: str) -> str:
    """Return the variable of a request header, or of the first of two that is known."""
    names = [name.strip().lower() for name in argument.split("?")]
    known = next((_HEADERS[name] for name in names if name in _HEADERS), None)
    return known or f"http_{_identifier(names[0])}"


def _identifier(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text).strip("_")


def _time_variable(layout: str) -> str:
    """Return the variable for a time in a layout of strftime."""
    if _CLF_TIME.match(layout):
        return "time_local"
    if _EPOCH_TIME.match(layout):
        return "msec"
    return "time_iso8601" if _ISO_TIME.match(layout) else "time_any"


def _join_requests(parts: Sequence[FormatPart]) -> list[FormatPart]:
    """Take method, path and protocol in a row for what they are together: a request line."""
    joined: list[FormatPart] = []
    for part in parts:
        joined.append(part)
        if tuple(joined[-len(_REQUEST) :]) == _REQUEST:
            joined[-len(_REQUEST) :] = [FormatVariable("request")]
    return joined
