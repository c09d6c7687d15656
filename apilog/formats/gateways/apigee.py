"""Apigee (Edge, X, hybrid): analytics exports and records, and what MessageLogging writes.

The keys of MessageLogging are the author's; those of Google's templates, of the analytics
reference and of flow variables (`client.received.start.timestamp`) are known.
Invariant: everything of Apigee that other modules need is named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from apilog.formats import convert
from apilog.formats.gateways import apigee_values as values
from apilog.formats.gateways.apigee_balancer import LOAD_BALANCER
from apilog.formats.gateways.apigee_policy import LOGGED, POLICY
from apilog.formats.gateways.apigee_router import ROUTER_FORMATS
from apilog.formats.gateways.apigee_values import named
from apilog.formats.gateways.gateway import Gateway, Source, each, milliseconds

_FUNCTIONS = ("sum", "avg", "min", "max")
_METRICS = (
    "message_count",
    "total_response_time",
    "target_response_time",
    "request_processing_latency",
    "response_processing_latency",
    "request_size",
    "response_size",
    "is_error",
    "policy_error",
    "target_error",
    "cache_hit",
)
_APIGEES_OWN = (
    "apiproxy",
    "apiproxyname",
    "apiproxyrevision",
    "clientreceivedstarttimestamp",
    "proxyrequestreceived",
    "gatewayflowid",
    "developerapp",
    "developerappname",
)
_SUMS = [f"{f}({m.replace('_', '')})" for f in _FUNCTIONS for m in _METRICS]


def _spans(*pairs: tuple[str, str]) -> tuple[Source, ...]:
    return tuple(Source(pair, values.span_ms) for pair in pairs)


GATEWAY = Gateway(
    name="apigee",
    title="Apigee analytics exports and records, and MessageLogging as JSON",
    url="https://cloud.google.com/apigee/docs/api-platform/analytics/analytics-reference",
    markers=(
        *(frozenset({name}) for name in _APIGEES_OWN),
        frozenset({"organization", "environment", "proxy"}),
        frozenset({"organizationname", "environmentname"}),
    ),
    belongs=(*each(values.is_analytics, "recordtype"), *each(values.never, *_SUMS)),
    ignored=frozenset(
        f"{side}{part}"
        for side in ("", "request", "response", "message", "error", "fault")
        for part in ("content", "body", "payload", "headers")
    ),
    apart=frozenset({"target", "targetrequest", "targetresponse", "backend", "servicecallout"})
    | {"resource", "labels", "httprequest"},
    wrappers=frozenset({"jsonpayload"}),
    sources={
        "timestamp": each(
            values.moments,
            "clientreceivedstarttimestamp",
            "clientreceived",
            "clientreceivedendtimestamp",
            "proxyrequestreceived",
            "clientreceivedstarttime",
            "requesttimestamp",
            "systemtimestamp",
            "timestamp",
            "receivetimestamp",
            "time",
            "datetime",
            "systemtime",
            "axcreatedtime",
        ),
        "api": (
            Source(("apiproxy",), values.known, final=True),
            *named("apiproxyname", "proxyname", "proxy", "api"),
        ),
        "stage": named("environment", "environmentname", "env", "stage"),
        "operation": (
            *each(values.flows, "flowresource", "flow", "flowname", "proxyflow"),
            *each(values.flows, "proxyflowname", "currentflowname"),
            *named("operation", "operationname"),
        ),
        "method": named("requestverb", "verb", "requestmethod", "method", "httpmethod"),
        "path": (
            *each(values.paths, "requestpath", "path"),
            *each(values.paths, "requesturi", "uri", "requesturl", "url"),
            Source(("proxybasepath", "proxypathsuffix"), values.joined_path),
        ),
        "query": (
            *each(values.query_strings, "requestquerystring", "querystring"),
            *each(values.queries, "requesturi", "uri", "requesturl", "url"),
        ),
        "route": named("route", "routepath", "pathtemplate", "httproute"),
        "host": named("requestheaderhost", "requesthost", "host"),
        "protocol": each(values.protocols, "protocol", "requestversion", "httpversion"),
        "referer": named("requestheaderreferer", "referer", "referrer"),
        "user_agent": named("useragent", "requestheaderuseragent"),
        "status": (
            Source(
                ("proxyresponsecode",),
                values.client_status,
                optional=("targetresponsecode", "faultname"),
            ),
            *each(convert.statuses, "messagestatuscode", "responsestatuscode", "responsecode"),
            *each(convert.statuses, "responsestatus", "statuscode", "status", "httpstatus"),
            *each(convert.statuses, "errorstatuscode"),
        ),
        "upstream_status": (
            Source(
                ("targetresponsecode", "proxyresponsecode"),
                values.target_status,
                optional=("targetresponsereceived", "faultname"),
                final=True,
            ),
            Source(
                ("targetstatuscode",),
                values.status_if_received,
                optional=("targetreceivedendtimestamp",),
            ),
            *each(convert.statuses, "targetresponsecode", "targetresponsestatuscode"),
            *each(convert.statuses, "targetstatus", "backendstatus"),
        ),
        "duration_ms": (
            *milliseconds("totalresponsetime"),
            *_spans(
                ("proxyrequestreceived", "proxyresponsesent"),
                ("clientreceivedstarttimestamp", "clientsentendtimestamp"),
                ("clientreceivedendtimestamp", "clientsentendtimestamp"),
                ("clientreceived", "proxyresponsesent"),
                ("clientreceived", "clientsent"),
            ),
            *milliseconds("totaltime", "durationms", "latencyms", "duration", "latency"),
        ),
        "upstream_duration_ms": (
            Source(("targetresponsetime",), values.target_ms, optional=("targetresponsecode",)),
            *_spans(
                ("targetrequestsent", "targetresponsereceived"),
                ("targetsentstarttimestamp", "targetreceivedendtimestamp"),
                ("targetsentendtimestamp", "targetreceivedendtimestamp"),
            ),
            *milliseconds("targettime", "targetlatencyms", "targetlatency", "backendlatency"),
        ),
        "request_bytes": each(
            convert.sizes, "requestsize", "requestlength", "requestheadercontentlength"
        ),
        "response_bytes": each(
            convert.sizes, "responsesize", "responselength", "responseheadercontentlength"
        ),
        "client_ip": each(
            values.addresses, "axresolvedclientip", "clientip", "proxyclientip", "xforwardedforip"
        ),
        "consumer": (
            Source(("developerapp",), values.consumer, optional=("apiproduct", "clientid")),
            *named("developerappname", "appname", "clientid", "developer", "developerid"),
        ),
        "plan": named("apiproduct", "apiproductname", "product"),
        "request_id": each(
            values.given, "gatewayflowid", "messageid", "correlationid", "requestid"
        ),
        "trace_id": each(
            values.trace_ids,
            "traceid",
            "traceparent",
            "requestheadertraceparent",
            "requestheaderxcloudtracecontext",
        ),
        "error_type": (
            *named("axedgeexecutionfaultcode", "faultcode", "faultname", "errortype"),
            *each(partial(values.flag, "policy_error"), "policyerror"),
            *each(partial(values.flag, "target_error"), "targeterror"),
        ),
        "cache_status": (
            Source(("cachehit",), values.cache_status, optional=("axcacheexecuted",)),
            *named("cachestatus"),
        ),
    },
    samples=(
        (
            '{"organization":"shop","environment":"prod","apiproxy":"orders","request_path":'
            '"/v1/orders/42","request_verb":"GET","response_status_code":200,"target_response_code"'
            ':200,"client_received_start_timestamp":1795255200000,"total_response_time":57,'
            '"target_response_time":50,"developer_app":"mobile","api_product":"gold",'
            '"gateway_flow_id":"rt-1-42"}'
        ),
        (
            '{"recordType":"APIAnalytics","apiproxy":"orders","request_uri":"/v1/orders/42",'
            '"request_path":"/v1/orders/42","request_verb":"GET","response_status_code":200,'
            '"client_received_start_timestamp":1795255200000,"client_id":"k1","api_product":"gold",'
            '"organization":"shop","environment":"prod","gateway_source":"envoy"}'
        ),
        (
            '{"organization":"shop","environment":"prod","apiProxy":"orders","apiProduct":"gold",'
            '"developerApp":"mobile","clientId":"k1","requestUri":"/v1/orders/42","verb":"GET",'
            '"correlationId":"rt-1-42","proxyRequestReceived":"1795255200000","proxyResponseSent":'
            '"1795255200057","targetResponseReceived":"1795255200055","targetRequestSent":'
            '"1795255200005","targetResponseCode":"200","proxyResponseCode":"200","faultName":""}'
        ),
    ),
)

GATEWAYS = (GATEWAY, LOAD_BALANCER)
FORMATS = ROUTER_FORMATS
"""The formats of Apigee that a `log_format` string describes."""

TEMPLATES: Mapping[str, str] = {"apigee": POLICY}
"""Gateway to what to put into it so that its log fills every column."""

_ADVISED: Mapping[str, tuple[str, ...]] = {
    "duration_ms": ("client_received_start_timestamp", "client_sent_end_timestamp"),
    "upstream_duration_ms": ("target_sent_start_timestamp", "target_received_end_timestamp"),
    "upstream_status": ("target_status_code",),
    "consumer": ("developer_app",),
    "plan": ("api_product",),
    "operation": ("flow",),
    "error_type": ("fault_name",),
    "request_bytes": ("request_size",),
    "host": ("request_host",),
    "user_agent": ("useragent",),
    "client_ip": ("client_ip",),
    "request_id": ("message_id",),
}
ADVICE: Mapping[str, str] = {
    column: ", ".join(f'"{key}": "{LOGGED[key]}"' for key in keys)
    for column, keys in _ADVISED.items()
}
"""Column to what to add to the Message of a MessageLogging policy."""

SKIPS: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
"""Lines to skip: the reason, the pattern, samples."""

_WHAT = "an Apigee statistic holds totals, not requests"
_INSTEAD = (
    "export the raw data (the analytics exports API), or log each request: see "
    "`apilog formats apigee --template`"
)
REFUSALS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        rf'(?:^\ufeff?|[,|;\t"{{])\s*(?:{"|".join(_FUNCTIONS)})\((?:{"|".join(_METRICS)})\)',
        _WHAT,
        _INSTEAD,
        (
            "apiproxy,sum(message_count),avg(total_response_time)",
            '{"apiproxy":"orders","sum(message_count)":"42","timestamp":1795255200000}',
        ),
    ),
    (
        r'^\s*\{\s*"environments"\s*:\s*\[\s*\{.*"(?:dimensions|metrics)"\s*:',
        _WHAT,
        _INSTEAD,
        ('{"environments":[{"dimensions":[{"metrics":[{"name":"tps"}],"name":"orders"}]}]}',),
    ),
)
"""What can't be read: the pattern of a line, what it is, what to do instead, samples."""
