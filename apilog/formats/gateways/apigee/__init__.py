"""Apigee (Edge, X, hybrid): analytics exports and records, and what MessageLogging writes.

Authors of a MessageLogging policy choose its keys; those of Google's templates, of the analytics
reference and of flow variables (`client.received.start.timestamp`) are known.
Flow variables: https://cloud.google.com/apigee/docs/api-platform/reference/variables-reference
"""

from __future__ import annotations

from functools import partial

from apilog.formats.contract import Refusal
from apilog.formats.gateways.apigee import analytics_values as values
from apilog.formats.gateways.apigee.analytics_values import UNSET
from apilog.formats.gateways.apigee.load_balancer import LOAD_BALANCER
from apilog.formats.gateways.apigee.router import ROUTER_FORMATS
from apilog.formats.gateways.apigee.totals import ALIASED_TOTALS, are_totals
from apilog.formats.gateways.gateway import ColumnSource, Gateway, first_duration_ms, first_of
from apilog.formats.key_paths import normalise_name
from apilog.values import convert

LOGGED_VARIABLES = {
    "organization": "{organization.name}",
    "environment": "{environment.name}",
    "apiproxy": "{apiproxy.name}",
    "apiproxy_revision": "{apiproxy.revision}",
    "flow": "{apilog.flow}",
    "request_verb": "{request.verb}",
    "request_path": "{escapeJSON(proxy.basepath)}{escapeJSON(proxy.pathsuffix)}",
    "request_host": "{escapeJSON(request.header.host)}",
    "request_version": "{request.version}",
    "referer": "{escapeJSON(request.header.referer)}",
    "useragent": "{escapeJSON(request.header.user-agent)}",
    "client_ip": "{client.ip}",
    "response_status_code": "{message.status.code}",
    "target_status_code": "{response.status.code}",
    "client_received_start_timestamp": "{client.received.start.timestamp}",
    "client_sent_end_timestamp": "{client.sent.end.timestamp}",
    "target_sent_start_timestamp": "{target.sent.start.timestamp}",
    "target_received_end_timestamp": "{target.received.end.timestamp}",
    "request_size": "{request.header.content-length}",
    "response_size": "{response.header.content-length}",
    "developer_app": "{developer.app.name}",
    "developer": "{developer.id}",
    "api_product": "{apiproduct.name}",
    "message_id": "{messageid}",
    "traceparent": "{escapeJSON(request.header.traceparent)}",
    "fault_name": "{fault.name}",
    "cache_hit": "{responsecache.Response-Cache-1.cachehit}",
}
"""Key to flow variable, or to several of them one after the other, of the MessageLogging policy.

Each stands in quotes, so that a variable that is not resolved is an empty text.
"""

_MESSAGE = (
    "{\n"
    + ",\n".join(f'      "{key}": "{value}"' for key, value in LOGGED_VARIABLES.items())
    + "\n    }"
)

MESSAGE_LOGGING_POLICY = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!--
  Attach this policy to the PostClientFlow of the ProxyEndpoint, so that the times are known.
  apilog.flow: set it in each conditional flow with AssignMessage, to name the operation.
  Response-Cache-1: put the name of your ResponseCache policy there.
  Apigee Edge: use Syslog with Host and Port in place of CloudLogging and LogName.
-->
<MessageLogging name="ML-apilog" continueOnError="true" enabled="true">
  <DisplayName>ML-apilog</DisplayName>
  <CloudLogging>
    <LogName>projects/{{organization.name}}/logs/apigee</LogName>
    <Message contentType="application/json">{_MESSAGE}</Message>
  </CloudLogging>
</MessageLogging>
"""

_AGGREGATES = ("sum", "avg", "min", "max")
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
_APIGEE_KEYS = (
    "apiproxy",
    "apiproxyname",
    "apiproxyrevision",
    "clientreceivedstarttimestamp",
    "proxyrequestreceived",
    "gatewayflowid",
    "developerapp",
    "developerappname",
    # The shared flow of Axway's agents: https://github.com/Axway/agents-apigee
    "clientstarttimestamp",
)
_AGGREGATE_NAMES = [normalise_name(f"{f}({m})") for f in _AGGREGATES for m in _METRICS]

_TOTALS = "an Apigee statistic holds totals, not requests"
_RAW_DATA_INSTEAD = (
    "export the raw data (the analytics exports API), or log each request: see "
    "`apilog formats apigee --template`"
)


def _policy_members(*keys: str) -> str:
    """Return what to add to the Message of the policy."""
    return ", ".join(f'"{key}": "{LOGGED_VARIABLES[key]}"' for key in keys)


def _first_elapsed_ms(*pairs: tuple[str, str]) -> tuple[ColumnSource, ...]:
    return tuple(ColumnSource(pair, values.elapsed_ms) for pair in pairs)


ANALYTICS = Gateway(
    name="apigee",
    gateway="apigee",
    title="Apigee analytics exports and records, and MessageLogging as JSON",
    url="https://cloud.google.com/apigee/docs/api-platform/analytics/analytics-reference",
    fingerprint_keys=(
        *(frozenset({name}) for name in _APIGEE_KEYS),
        frozenset({"organization", "environment", "proxy"}),
        frozenset({"organizationname", "environmentname"}),
    ),
    is_own_record=(
        *first_of(values.is_analytics, "recordtype"),
        *first_of(values.never_a_record, *_AGGREGATE_NAMES),
    ),
    ignored_keys=frozenset(
        f"{side}{part}"
        for side in ("", "request", "response", "message", "error", "fault")
        for part in ("content", "body", "payload", "headers")
    ),
    nested_scopes=frozenset({"target", "targetrequest", "targetresponse", "backend"})
    | {"servicecallout", "resource", "labels", "httprequest"},
    record_wrappers=frozenset({"jsonpayload"}),
    column_sources={
        "timestamp": first_of(
            values.positive_times,
            "clientreceivedstarttimestamp",
            "clientreceived",
            "clientreceivedendtimestamp",
            "proxyrequestreceived",
            "clientreceivedstarttime",
            "clientstarttimestamp",
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
            # In analytics `proxy` is an endpoint of the proxy, mostly `default`, and no API.
            ColumnSource(("apiproxy",), UNSET.encode, exclusive=True),
            *UNSET.first_known("apiproxyname", "proxyname", "proxy", "api"),
        ),
        "api_version": UNSET.first_known(
            "apiproxyrevision", "proxyrevision", "apirevision", "revision"
        ),
        "stage": UNSET.first_known("environment", "environmentname", "env", "stage"),
        "operation": (
            *first_of(values.flow_names, "flowresource", "flow", "flowname", "proxyflow"),
            *first_of(values.flow_names, "proxyflowname", "currentflowname"),
            *UNSET.first_known("operation", "operationname"),
        ),
        "method": UNSET.first_known("requestverb", "verb", "requestmethod", "method", "httpmethod"),
        "path": (
            *first_of(values.url_paths, "requestpath", "path"),
            *first_of(values.url_paths, "requesturi", "uri", "requesturl", "url"),
            ColumnSource(("proxybasepath", "proxypathsuffix"), values.join_paths, exclusive=True),
            ColumnSource(("proxypathsuffix",), values.url_paths, fit=values.fit_suffix),
        ),
        "query": (
            *first_of(values.query_strings, "requestquerystring", "querystring"),
            *first_of(values.url_queries, "requesturi", "uri", "requesturl", "url"),
        ),
        "route": UNSET.first_known("route", "routepath", "pathtemplate", "httproute"),
        "host": UNSET.first_known("requestheaderhost", "requesthost", "host"),
        "protocol": first_of(values.protocol_names, "protocol", "requestversion", "httpversion"),
        "referer": UNSET.first_known("requestheaderreferer", "referer", "referrer"),
        "user_agent": UNSET.first_known("useragent", "requestheaderuseragent"),
        "status": (
            ColumnSource(
                ("proxyresponsecode",),
                values.client_status,
                optional_names=("targetresponsecode", "faultname"),
            ),
            *first_of(
                convert.to_statuses, "messagestatuscode", "responsestatuscode", "responsecode"
            ),
            *first_of(convert.to_statuses, "responsestatus", "statuscode", "status", "httpstatus"),
            *first_of(convert.to_statuses, "errorstatuscode"),
        ),
        "upstream_status": (
            # Google's message template has both codes, and only together they tell which is which.
            ColumnSource(
                ("targetresponsecode", "proxyresponsecode"),
                values.target_status,
                optional_names=("targetresponsereceived", "faultname"),
                exclusive=True,
            ),
            ColumnSource(
                ("targetstatuscode",),
                values.status_if_received,
                optional_names=("targetreceivedendtimestamp",),
            ),
            *first_of(convert.to_statuses, "targetresponsecode", "targetresponsestatuscode"),
            *first_of(convert.to_statuses, "targetstatus", "backendstatus"),
        ),
        "duration_ms": (
            *first_duration_ms("totalresponsetime"),
            *_first_elapsed_ms(
                ("proxyrequestreceived", "proxyresponsesent"),
                ("clientreceivedstarttimestamp", "clientsentendtimestamp"),
                ("clientreceivedendtimestamp", "clientsentendtimestamp"),
                ("clientreceived", "proxyresponsesent"),
                ("clientreceived", "clientsent"),
                ("clientstarttimestamp", "clientendtimestamp"),
            ),
            *first_duration_ms("totaltime", "durationms", "latencyms", "duration", "latency"),
            *first_duration_ms("responsetime", "responsetimems", "totallatency", "elapsedtime"),
        ),
        "upstream_duration_ms": (
            ColumnSource(
                ("targetresponsetime",),
                values.target_duration_ms,
                optional_names=("targetresponsecode",),
            ),
            *_first_elapsed_ms(
                ("targetrequestsent", "targetresponsereceived"),
                ("targetsentstarttimestamp", "targetreceivedendtimestamp"),
                ("targetsentendtimestamp", "targetreceivedendtimestamp"),
            ),
            *first_duration_ms("targettime", "targetlatencyms", "targetlatency", "backendlatency"),
        ),
        "request_bytes": first_of(
            convert.to_sizes,
            "requestsize",
            "requestlength",
            "requestheadercontentlength",
            "bytesreceived",
        ),
        "response_bytes": first_of(
            convert.to_sizes,
            "responsesize",
            "responselength",
            "responseheadercontentlength",
            "bytessent",
        ),
        "client_ip": first_of(
            values.first_addresses,
            "axresolvedclientip",
            "clientip",
            "proxyclientip",
            "xforwardedforip",
        ),
        "consumer": (
            ColumnSource(
                ("developerapp",), values.consumer_names, optional_names=("apiproduct", "clientid")
            ),
            *UNSET.first_known(
                "developerappname", "appname", "clientid", "developer", "developerid"
            ),
        ),
        "plan": UNSET.first_known("apiproduct", "apiproductname", "product"),
        "request_id": UNSET.first_id("gatewayflowid", "messageid", "correlationid", "requestid"),
        "trace_id": first_of(
            values.trace_ids,
            "traceid",
            "traceparent",
            "requestheadertraceparent",
            "requestheaderxcloudtracecontext",
        ),
        "error_type": (
            *UNSET.first_known("axedgeexecutionfaultcode", "faultcode", "faultname", "errortype"),
            *first_of(partial(values.name_where_true, "policy_error"), "policyerror"),
            *first_of(partial(values.name_where_true, "target_error"), "targeterror"),
        ),
        "cache_status": (
            ColumnSource(("cachehit",), values.cache_status, optional_names=("axcacheexecuted",)),
            *UNSET.first_known("cachestatus"),
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
    text_formats=ROUTER_FORMATS,
    refusals=(
        Refusal(
            ALIASED_TOTALS,
            _TOTALS,
            _RAW_DATA_INSTEAD,
            ('{"apiproxy":"orders","avg_rt":57.2,"sum_txn":4211,"timestamp":"2026-11-21 00:00"}',),
            holds=are_totals,
        ),
        Refusal(
            rf'(?:^\ufeff?|[,|;\t"{{])\s*(?:{"|".join(_AGGREGATES)})\((?:{"|".join(_METRICS)})\)',
            _TOTALS,
            _RAW_DATA_INSTEAD,
            (
                "apiproxy,sum(message_count),avg(total_response_time)",
                '{"apiproxy":"orders","sum(message_count)":"42","timestamp":1795255200000}',
            ),
        ),
        Refusal(
            r'^\s*\{\s*"environments"\s*:\s*\[\s*\{.*"(?:dimensions|metrics)"\s*:',
            _TOTALS,
            _RAW_DATA_INSTEAD,
            ('{"environments":[{"dimensions":[{"metrics":[{"name":"tps"}],"name":"orders"}]}]}',),
        ),
    ),
    advice={
        "duration_ms": _policy_members(
            "client_received_start_timestamp", "client_sent_end_timestamp"
        ),
        "upstream_duration_ms": _policy_members(
            "target_sent_start_timestamp", "target_received_end_timestamp"
        ),
        "upstream_status": _policy_members("target_status_code"),
        "consumer": _policy_members("developer_app"),
        "plan": _policy_members("api_product"),
        "operation": _policy_members("flow"),
        "error_type": _policy_members("fault_name"),
        "request_bytes": _policy_members("request_size"),
        "host": _policy_members("request_host"),
        "user_agent": _policy_members("useragent"),
        "client_ip": _policy_members("client_ip"),
        "request_id": _policy_members("message_id"),
    },
    template=MESSAGE_LOGGING_POLICY,
)

GATEWAYS = (ANALYTICS, LOAD_BALANCER)
