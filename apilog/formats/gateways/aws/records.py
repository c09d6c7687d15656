"""API Gateway's access logs as JSON: REST, HTTP and WebSocket APIs, under any keys.

Invariant: every value is a text that the gateway put for a `$context` variable, or `-` where
that has none; latencies are milliseconds. A route is never a path: a log without
`$context.path` has no paths.
"""

from __future__ import annotations

from functools import partial

from apilog.formats.convert import sizes, statuses
from apilog.formats.gateways.aws.quotes import with_quotes_escaped
from apilog.formats.gateways.aws.values import (
    api_of_domain,
    blocked_by_code,
    blocked_by_status,
    message,
    method,
    path,
    route,
    service_status,
    trace,
)
from apilog.formats.gateways.gateway import Gateway, Source, each, instants, milliseconds, texts

NAME = "aws-apigateway"
URL = "https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html"


def _keys(*names: str) -> tuple[str, ...]:
    """The names, each also as `$context.name`."""
    return tuple(key for name in names for key in (name, f"context{name}"))


_STATUS = _keys(
    "status",
    "statuscode",
    "responsestatus",
    "responsestatuscode",
    "httpstatus",
    "httpstatuscode",
    "responsecode",
)
_ERROR_TYPE = _keys("errorresponsetype", "responsetype", "errortype", "gatewayresponsetype")
_ERROR = _keys("errormessage", "errormessagestring", "error", "errormsg")
_AUTHORIZER_ERROR = _keys("authorizererror", "authorizeerror", "authenticateerror")
_INTEGRATION_ERROR = _keys("integrationerrormessage", "integrationerror", "backenderror")


def _texts(*names: str) -> tuple[Source, ...]:
    return texts(*_keys(*names))


def _service_statuses(*names: str) -> tuple[Source, ...]:
    convert = partial(service_status, clients=len(_STATUS))
    optional = (*_STATUS, *_ERROR_TYPE, *_ERROR, *_INTEGRATION_ERROR)
    return tuple(Source((name,), convert, optional) for name in _keys(*names))


_MARKERS = (
    ("requestid", "resourcepath"),
    ("requestid", "routekey"),
    ("requestid", "integrationlatency"),
    ("requestid", "integrationstatus"),
    ("requestid", "responselatency"),
    ("requestid", "apikeyid"),
    ("requestid", "httpmethod", "responselength"),
    ("requestid", "apiid", "stage"),
    ("extendedrequestid",),
    ("requesttimeepoch",),
    ("identitysourceip",),
    ("awsendpointrequestid",),
    ("wafresponsecode",),
    ("connectionid", "routekey"),
)

GATEWAY = Gateway(
    name=NAME,
    title="API Gateway access logs as JSON: REST, HTTP and WebSocket APIs",
    url=URL,
    repair=with_quotes_escaped,
    markers=tuple(
        frozenset(prefix + name for name in names)
        for names in _MARKERS
        for prefix in ("", "context")
    ),
    # Each of these has a status, a latency, an error and an id of its own.
    apart=frozenset({"authenticate", "authorize", "authorizer", "error", "integration", "waf"}),
    ignored=frozenset(
        {
            "body",
            "headers",
            "multivalueheaders",
            "querystringparameters",
            "requestbody",
            "requestheaders",
            "requestoverride",
            "responsebody",
            "responseheaders",
            "responseoverride",
        }
    ),
    sources={
        # When the request came in; the text has whole seconds only.
        "timestamp": instants(
            *_keys(
                "requesttimeepoch",
                "requesttime",
                "time",
                "timestamp",
                "datetime",
                "date",
                "ts",
                "eventtime",
                "starttime",
            )
        ),
        "api": (
            *_texts("apiname", "api", "apiid", "restapiid", "httpapiid"),
            *each(api_of_domain, *_keys("domainname", "domain")),
        ),
        "stage": _texts("stage", "stagename", "environment", "env"),
        "operation": _texts("operationname", "operationid", "operation", "eventtype"),
        "method": (
            *_texts("httpmethod", "method", "requestmethod", "verb"),
            *each(method, *_keys("routekey", "route")),
        ),
        "path": each(path, *_keys("path", "requestpath", "uri", "requesturi", "rawpath", "url")),
        "route": each(route, *_keys("resourcepath", "resource", "routekey", "route")),
        "host": _texts("domainname", "domain", "host"),
        "protocol": _texts("protocol", "httpprotocol"),
        "user_agent": _texts("identityuseragent", "useragent", "agent", "ua"),
        "status": each(statuses, *_STATUS),
        "upstream_status": (
            *each(
                statuses,
                *_keys("functionresponsestatus", "functionstatus", "lambdastatus", "backendstatus"),
            ),
            *_service_statuses(
                "integrationstatus", "integrationintegrationstatus", "integrationservicestatus"
            ),
        ),
        "duration_ms": milliseconds(
            *_keys(
                "responselatency",
                "responselatencyms",
                "requestlatency",
                "totallatency",
                "latency",
                "latencyms",
                "duration",
                "durationms",
                "responsetime",
                "responsetimems",
                "responsems",
            )
        ),
        "upstream_duration_ms": milliseconds(
            *_keys(
                "integrationlatency",
                "integrationlatencyms",
                "functionlatency",
                "lambdalatency",
                "backendlatency",
            )
        ),
        "response_bytes": each(
            sizes,
            *_keys("responselength", "responsesize", "responsebytes", "bytessent", "bytes"),
        ),
        "client_ip": _texts("identitysourceip", "sourceip", "ip", "clientip", "remoteip"),
        "consumer": _texts(
            "identityapikeyid",
            "apikeyid",
            "keyid",
            "authorizerprincipalid",
            "principalid",
            "authorizerclaimssub",
            "claimssub",
            "authorizersub",
            "sub",
            "usersub",
            "authorizerclaimsclientid",
            "claimsclientid",
            "authorizerclientid",
            "clientid",
            "authorizerclaimscognito:username",
            "claimscognito:username",
            "cognito:username",
            "authorizerclaimsusername",
            "claimsusername",
            "username",
            "identitycaller",
            "caller",
            "identityuser",
            "user",
            "userid",
            "identityuserarn",
            "userarn",
            "identitycognitoidentityid",
            "cognitoidentityid",
        ),
        "plan": _texts("usageplan", "usageplanname", "usageplanid", "plan"),
        "request_id": _texts("requestid", "extendedrequestid", "reqid"),
        "trace_id": each(trace, *_keys("xraytraceid", "traceid", "xray")),
        "error_type": (
            *each(message, *_ERROR_TYPE),
            *each(blocked_by_code, *_keys("wafresponsecode", "wafresponse")),
            *each(blocked_by_status, *_keys("wafstatus")),
            *each(message, *_ERROR),
            *each(message, *_AUTHORIZER_ERROR),
            *each(message, *_INTEGRATION_ERROR),
        ),
    },
    samples=(
        (
            '{"requestId":"8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a59","extendedRequestId":'
            '"UBuxEFWvoAMFbVw=","ip":"203.0.113.7","caller":"-","user":"-","requestTime":'
            '"21/Nov/2026:10:00:00 +0000","httpMethod":"GET","resourcePath":"/users/{userId}",'
            '"status":"200","protocol":"HTTP/1.1","responseLength":"512"}'
        ),
        (
            '{"requestId":"GQIVriFLIAMEMsA=","ip":"203.0.113.7","requestTime":'
            '"21/Nov/2026:10:00:00 +0000","httpMethod":"GET","routeKey":"GET /users/{userId}",'
            '"status":"200","protocol":"HTTP/1.1","responseLength":"512"}'
        ),
        (
            '{"requestId":"GQIVriFLIAMEMsA=","ip":"203.0.113.7","caller":"-","user":"-",'
            '"requestTime":"21/Nov/2026:10:00:00 +0000","eventType":"MESSAGE","routeKey":"join",'
            '"status":"200","connectionId":"GQIVrd7yoAMCJQw="}'
        ),
        (
            '{"requestTime":"21/Nov/2026:10:00:00 +0000","requestId":"GQIVriFLIAMEMsA=",'
            '"httpMethod":"GET","path":"/users/42","routeKey":"$default","status":504,'
            '"responseLatency":-,"integrationStatus":"-","identity":{"sourceIp":"203.0.113.7"}}'
        ),
    ),
)
