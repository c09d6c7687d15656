"""OpenTelemetry: spans of HTTP servers, and log records with the attributes of HTTP.

Names are those of the semantic conventions, the stable ones first, then those before them
(https://opentelemetry.io/docs/specs/semconv/non-normative/http-migration/). A span's time is that
of its start, its duration lies between its two times, in nanoseconds. Spans of clients, of inner
work and of other protocols are skipped: they are no requests to the service. The batches come taken
apart, see `apilog.transport.otlp`.
"""

from __future__ import annotations

import polars as pl

from apilog.formats.contract import SkipRule
from apilog.formats.gateways.edge_values import UNSET
from apilog.formats.gateways.gateway import (
    ColumnSource,
    Gateway,
    first_duration_ms,
    first_of,
    first_time,
)
from apilog.values.convert import to_sizes, to_statuses
from apilog.values.requests import (
    encode_client_address,
    encode_first,
    encode_host,
    encode_target_query,
    encode_url_host,
    encode_url_path,
    first_given,
    mask_query_column,
)

_CONVENTIONS = "https://opentelemetry.io/docs/specs/semconv/http/http-spans/"
_METHODS = ("httprequestmethod", "httpmethod")
_STATUSES = ("httpresponsestatuscode", "httpstatuscode")
_TARGETS = ("httptarget", "urlfull", "httpurl")
_SERVER_KINDS = ("2", "SPAN_KIND_SERVER", "SERVER")


def _elapsed_ms(starts: pl.Series, ends: pl.Series) -> pl.Series:
    """Return milliseconds between two times in nanoseconds of the epoch."""
    elapsed = ends.cast(pl.Int64, strict=False) - starts.cast(pl.Int64, strict=False)
    ms = (elapsed / 1e6).round(3)
    return ms.set((elapsed < 0).fill_null(value=False), None)


def _are_server_spans(kinds: pl.Series) -> pl.Series:
    """Return which spans are a server's; null for records without a kind, which are no spans."""
    return UNSET.map_set(kinds, lambda s: s.is_in(_SERVER_KINDS))


def _are_no_requests(spans: pl.Series, *told: pl.Series | None) -> pl.Series:
    """Return which spans have no attribute of HTTP, or are no server's."""
    kinds, *attributes = told
    values = [v.alias(str(at)) for at, v in enumerate(attributes) if v is not None]
    silent = spans.is_not_null()
    if values:
        silent &= pl.DataFrame(values).select(pl.all_horizontal(pl.all().is_null())).to_series()
    if kinds is None:
        return silent
    is_servers = kinds.is_in(_SERVER_KINDS).fill_null(value=False)
    return silent | (spans.is_not_null() & ~is_servers)


def _versions(versions: pl.Series) -> pl.Series:
    """Return protocols, versions such as `1.1` as HTTP/1.1."""
    return UNSET.map_set(versions, lambda s: s.str.replace(r"^([0-9](?:\.[0-9])?)$", "HTTP/$1"))


def _failure_names(types: pl.Series) -> pl.Series:
    """Return names of failures: for an answer the convention gives its status, which is no name."""
    return UNSET.map_set(
        types,
        lambda s: s.set(s.str.contains(r"^(?:[0-9]{3}|_OTHER)$").fill_null(value=False), None),
    )


OPEN_TELEMETRY = Gateway(
    name="otel",
    gateway="otel",
    title="OpenTelemetry, spans of HTTP servers and access logs as OTLP JSON",
    url=_CONVENTIONS,
    fingerprint_keys=(
        frozenset({"traceid", "spanid", "starttimeunixnano", "endtimeunixnano"}),
        *(frozenset({"timeunixnano", name}) for name in (*_METHODS, *_STATUSES, "urlpath")),
    ),
    required_columns=("status", "method", "path", "route"),
    is_own_record=first_of(_are_server_spans, "kind"),
    is_foreign_record=(
        ColumnSource(
            ("starttimeunixnano",),
            _are_no_requests,
            optional_names=("kind", *_METHODS, *_STATUSES),
        ),
    ),
    column_sources={
        "timestamp": first_time("starttimeunixnano", "timeunixnano"),
        "api": UNSET.first_known("resourceservicename", "servicename"),
        "stage": UNSET.first_known(
            "resourcedeploymentenvironmentname", "resourcedeploymentenvironment"
        ),
        "operation": UNSET.first_known("name"),
        "method": UNSET.first_known("httprequestmethodoriginal", *_METHODS),
        "path": first_of(encode_url_path, "urlpath", *_TARGETS),
        "query": (
            *first_of(mask_query_column, "urlquery"),
            *first_of(encode_target_query, *_TARGETS),
        ),
        "route": UNSET.first_known("httproute"),
        "host": (
            *first_of(encode_host, "serveraddress", "httphost", "httpservername", "nethostname"),
            *first_of(encode_url_host, "urlfull", "httpurl"),
        ),
        "protocol": first_of(_versions, "networkprotocolversion", "httpflavor"),
        "referer": first_of(encode_first, "httprequestheaderreferer"),
        "user_agent": first_of(encode_first, "useragentoriginal", "httpuseragent"),
        "status": first_of(to_statuses, *_STATUSES),
        "duration_ms": (
            ColumnSource(("starttimeunixnano", "endtimeunixnano"), _elapsed_ms),
            *first_duration_ms("httpserverrequestduration", unit="s"),
        ),
        "request_bytes": first_of(
            to_sizes, "httprequestsize", "httprequestbodysize", "httprequestcontentlength"
        ),
        "response_bytes": first_of(
            to_sizes, "httpresponsebodysize", "httpresponsecontentlength", "httpresponsesize"
        ),
        "client_ip": first_of(
            encode_client_address,
            "clientaddress",
            "httpclientip",
            "networkpeeraddress",
            "netsockpeeraddr",
            "netpeerip",
        ),
        "consumer": UNSET.first_known("enduserid", "userid", "username"),
        "request_id": first_of(first_given, "httprequestheaderxrequestid"),
        "trace_id": UNSET.first_id("traceid"),
        "error_type": first_of(_failure_names, "errortype", "exceptiontype"),
    },
    samples=(
        (
            '{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":'
            '"GET /v1/users/{id}","kind":2,"startTimeUnixNano":"1795255200123000000",'
            '"endTimeUnixNano":"1795255200180000000","attributes":{"http.request.method":"GET",'
            '"url.path":"/v1/users/42","url.query":"page=2","http.route":"/v1/users/{id}",'
            '"server.address":"api.example.com","network.protocol.version":"1.1",'
            '"user_agent.original":"curl/8.1","http.response.status_code":200,"client.address":'
            '"203.0.113.7"},"resource":{"service.name":"orders"}}'
        ),
        (
            '{"timeUnixNano":"1795255201123000000","attributes":{"http.method":"POST","http.target":'
            '"/v1/orders?a=b","http.status_code":500,"http.flavor":"1.1","http.user_agent":'
            '"curl/8.1"},"resource":{"service.name":"orders","deployment.environment":"prod"}}'
        ),
    ),
    skip_rules=(
        SkipRule(
            "metrics of OpenTelemetry",
            r'^\s*\{\s*"resourceMetrics"\s*:',
            ('{"resourceMetrics":[{"resource":{},"scopeMetrics":[]}]}',),
        ),
    ),
    advice={
        "route": "an instrumentation that knows the framework's routes (http.route)",
        "consumer": "the attribute enduser.id on the server's span",
        "client_ip": "the attribute client.address",
        "request_bytes": "the attribute http.request.size",
        "response_bytes": "the attribute http.response.body.size",
        "upstream_duration_ms": "the gateway before the service: a server's span is its own",
    },
    template=(
        "# https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/"
        "fileexporter\n"
        "exporters:\n"
        "  file:\n"
        "    path: /var/log/otel/spans.jsonl\n"
        "    rotation: {max_megabytes: 100, max_days: 30}\n"
        "service:\n"
        "  pipelines:\n"
        "    traces: {receivers: [otlp], exporters: [file]}\n"
    ),
)
