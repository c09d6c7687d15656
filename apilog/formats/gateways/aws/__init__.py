"""AWS API Gateway: access logs of REST, HTTP and WebSocket APIs, as JSON under any keys.

Invariant: every value is a text that the gateway put for a `$context` variable, or `-` where
that has none; latencies are milliseconds. A route is never a path: a log without
`$context.path` has no paths.
"""

from __future__ import annotations

from functools import partial

from apilog.formats.gateways.aws import context_variables as values
from apilog.formats.gateways.aws.content_delivery import CLOUDFRONT
from apilog.formats.gateways.aws.graphql import APPSYNC
from apilog.formats.gateways.aws.load_balancers import ALB, CLASSIC_ELB
from apilog.formats.gateways.aws.non_access_lines import REFUSALS, SKIP_RULES
from apilog.formats.gateways.aws.object_storage import S3
from apilog.formats.gateways.aws.service_network import VPC_LATTICE
from apilog.formats.gateways.aws.templates import ADVICE, TEMPLATE
from apilog.formats.gateways.aws.text_formats import LOGGING_GUIDE, TEXT_FORMATS
from apilog.formats.gateways.gateway import (
    ColumnSource,
    Gateway,
    first_duration_ms,
    first_of,
    first_time,
)
from apilog.values.convert import encode_given, to_sizes, to_statuses
from apilog.values.requests import encode_route_key


def _variables(names: str) -> tuple[str, ...]:
    """Return the names, separated by blanks, of `$context` variables, each also with its prefix."""
    # Keys are the user's choice: `status`, `context_status`, or objects within `context`.
    return tuple(key for name in names.split() for key in (name, f"context{name}"))


_STATUS = _variables(
    "status statuscode responsestatus responsestatuscode httpstatus httpstatuscode responsecode"
)
_ERROR_TYPE = _variables("errorresponsetype responsetype errortype gatewayresponsetype")
_ERROR = _variables(
    "errormessage errormessagestring error errormsg errmessage errmsg err "
    "errorvalidationerrorstring validationerrorstring validationerror validationerr"
)
_AUTHORIZER_ERROR = _variables(
    "authorizererror authorizererrormessage authorizererr autherror autherr authorizeerror "
    "authorizeerr authenticateerror authenticateerr"
)
_INTEGRATION_ERROR = _variables(
    "integrationerrormessage integrationerror integrationerr integrationerrmessage "
    "integrationerrormsg integrationerrmsg lambdaerror functionerror backenderror backenderr"
)
# An object about one of these has a status, a latency, an error and an id of its own; it is the
# user who names it, mostly after the variables in it.
_OTHER_SIDES = [
    "authenticate",
    "authorize",
    "authorizer",
    "auth",
    "backend",
    "endpoint",
    "function",
    "integration",
    "lambda",
    "waf",
]
_SIDE_PARTS = ("", "error", "err", "request", "response", "details", "info")


def _first_text(names: str) -> tuple[ColumnSource, ...]:
    return first_of(encode_given, *_variables(names))


def _first_service_status(names: str) -> tuple[ColumnSource, ...]:
    convert = partial(values.service_status, client_count=len(_STATUS))
    optional = (*_STATUS, *_ERROR_TYPE, *_ERROR, *_INTEGRATION_ERROR)
    return tuple(ColumnSource((name,), convert, optional) for name in _variables(names))


_FINGERPRINTS = (
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

_PARTS = ("body", "headers", "override")

API_GATEWAY = Gateway(
    name="aws-apigateway",
    gateway="aws-apigateway",
    title="API Gateway access logs as JSON: REST, HTTP and WebSocket APIs",
    url=LOGGING_GUIDE,
    repair_json=values.escape_inner_quotes,
    fingerprint_keys=tuple(
        frozenset(prefix + name for name in names)
        for names in _FINGERPRINTS
        for prefix in ("", "context")
    ),
    nested_scopes=frozenset(f"{side}{part}" for side in _OTHER_SIDES for part in _SIDE_PARTS)
    | {"error"},
    ignored_keys=frozenset({"body", "headers", "multivalueheaders", "querystringparameters"})
    | {f"{side}{part}" for side in ("request", "response") for part in _PARTS},
    column_sources={
        # When the request came in; the text has whole seconds only.
        "timestamp": first_time(
            *_variables(
                "requesttimeepoch requesttime time timestamp datetime date ts eventtime starttime"
            )
        ),
        "api": (
            *_first_text("apiname api apiid restapiid httpapiid"),
            *first_of(values.api_of_domain, *_variables("domainname domain")),
        ),
        "stage": _first_text("stage stagename environment env"),
        "operation": _first_text("operationname operationid operation eventtype"),
        "method": (
            *_first_text("httpmethod method requestmethod verb"),
            *first_of(values.route_methods, *_variables("routekey route")),
        ),
        "path": first_of(
            values.request_paths,
            *_variables("path requestpath uri requesturi rawpath url"),
        ),
        "route": first_of(encode_route_key, *_variables("resourcepath resource routekey route")),
        "host": _first_text("domainname domain host"),
        "protocol": _first_text("protocol httpprotocol"),
        "user_agent": _first_text("identityuseragent useragent agent ua"),
        "status": first_of(to_statuses, *_STATUS),
        "upstream_status": (
            *first_of(
                to_statuses,
                *_variables(
                    "functionresponsestatus functionstatus lambdastatus backendstatus "
                    "integrationstatuscode integrationerrorstatus integrationresponsestatus"
                ),
            ),
            *_first_service_status(
                "integrationstatus integrationintegrationstatus integrationservicestatus "
                "integrationerrorintegrationstatus"
            ),
        ),
        "duration_ms": first_duration_ms(
            *_variables(
                "responselatency responselatencyms requestlatency totallatency latency latencyms "
                "duration durationms responsetime responsetimems responsems"
            )
        ),
        "upstream_duration_ms": first_duration_ms(
            *_variables(
                "integrationlatency integrationlatencyms integrationerrorlatency "
                "integrationresponselatency functionlatency lambdalatency backendlatency "
                "backendlatencyms"
            )
        ),
        "response_bytes": first_of(
            to_sizes,
            *_variables("responselength responsesize responsebytes bytessent bytes"),
        ),
        "client_ip": _first_text("identitysourceip sourceip ip clientip remoteip"),
        "consumer": _first_text(
            "identityapikeyid apikeyid keyid authorizerprincipalid principalid "
            "authorizerclaimssub claimssub authorizersub sub usersub authorizerclaimsclientid "
            "claimsclientid authorizerclientid clientid authorizerclaimscognitousername "
            "claimscognitousername cognitousername authorizerclaimsusername claimsusername "
            "username authorizertenantid tenantid authorizercustomerid customerid identitycaller "
            "caller identityuser user userid identityuserarn userarn "
            "identitycognitoidentityid cognitoidentityid"
        ),
        "plan": _first_text("usageplan usageplanname usageplanid plan"),
        "request_id": _first_text("requestid extendedrequestid reqid"),
        "trace_id": first_of(values.xray_trace_ids, *_variables("xraytraceid traceid xray")),
        "error_type": (
            *first_of(values.error_messages, *_ERROR_TYPE),
            *first_of(values.blocked_by_code, *_variables("wafresponsecode wafresponse")),
            *first_of(values.blocked_by_status, *_variables("wafstatus")),
            *first_of(values.error_messages, *_ERROR),
            *first_of(values.error_messages, *_AUTHORIZER_ERROR),
            *first_of(values.error_messages, *_INTEGRATION_ERROR),
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
    text_formats=TEXT_FORMATS,
    skip_rules=SKIP_RULES,
    refusals=REFUSALS,
    advice=ADVICE,
    template=TEMPLATE,
)

GATEWAYS = (API_GATEWAY, ALB, CLASSIC_ELB, CLOUDFRONT, S3, VPC_LATTICE, APPSYNC)
"""What AWS logs of requests, by service."""
