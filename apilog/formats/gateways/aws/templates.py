"""The access-log formats with which API Gateway logs everything that apilog can read.

Invariant: each format is one line, at most 3 KB (API Gateway's limit), and names no variable
that is a secret or a header's or body's content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

_COMMON = {
    "requestId": "requestId",
    "requestTimeEpoch": "requestTimeEpoch",
    "apiId": "apiId",
    "stage": "stage",
    "domainName": "domainName",
    "status": "status",
    "ip": "identity.sourceIp",
    "userAgent": "identity.userAgent",
    "caller": "identity.caller",
    "user": "identity.user",
    "principalId": "authorizer.principalId",
    "backendStatus": "integration.status",
    "backendLatency": "integration.latency",
    "backendError": "integration.error",
    "errorType": "error.responseType",
    "errorMessage": "error.message",
    "authorizerError": "authorizer.error",
}
_HTTP = {
    "httpMethod": "httpMethod",
    "path": "path",
    "protocol": "protocol",
    "responseLatency": "responseLatency",
    "responseLength": "responseLength",
    "sub": "authorizer.claims.sub",
    "clientId": "authorizer.claims.client_id",
}
_REST = {
    "xrayTraceId": "xrayTraceId",
    "resourcePath": "resourcePath",
    "apiKeyId": "identity.apiKeyId",
    "wafResponseCode": "wafResponseCode",
}
_WEBSOCKET = {
    "eventType": "eventType",
    "routeKey": "routeKey",
    "apiKeyId": "identity.apiKeyId",
    "wafStatus": "waf.status",
}


def _log_format(*parts: Mapping[str, str]) -> str:
    """Return one line of JSON, every value a text, as `$context` variables may be `-`."""
    keys = {key: f"$context.{name}" for part in parts for key, name in part.items()}
    return json.dumps(keys, separators=(",", ":"))


LOG_FORMATS: Mapping[str, str] = {
    "REST": _log_format(_COMMON, _HTTP, _REST),
    "HTTP": _log_format(_COMMON, _HTTP, {"routeKey": "routeKey"}),
    "WebSocket": _log_format(_COMMON, _WEBSOCKET),
}
"""Kind of API to its access-log format."""

_ARN = "arn:aws:logs:REGION:ACCOUNT:log-group:LOG_GROUP"


def _update_command(kind: str, log_format: str) -> str:
    """Return the command that sets the format; REST APIs have a command line of their own."""
    if kind == "REST":
        changes = {"destinationArn": _ARN, "format": log_format}
        operations = [
            {"op": "replace", "path": f"/accessLogSettings/{key}", "value": value}
            for key, value in changes.items()
        ]
        return (
            "aws apigateway update-stage --rest-api-id API_ID --stage-name STAGE \\\n"
            f"  --patch-operations '{json.dumps(operations)}'"
        )
    settings = {"DestinationArn": _ARN, "Format": log_format}
    return (
        "aws apigatewayv2 update-stage --api-id API_ID --stage-name STAGE \\\n"
        f"  --access-log-settings '{json.dumps(settings)}'"
    )


ADVICE: Mapping[str, str] = {
    "duration_ms": '"responseLatency": "$context.responseLatency"',
    "upstream_duration_ms": '"backendLatency": "$context.integration.latency"',
    "upstream_status": '"backendStatus": "$context.integration.status"',
    "consumer": (
        '"apiKeyId": "$context.identity.apiKeyId" or "sub": "$context.authorizer.claims.sub"'
    ),
    "path": '"path": "$context.path"',
    "error_type": '"errorType": "$context.error.responseType"',
    "api": '"apiId": "$context.apiId"',
    "stage": '"stage": "$context.stage"',
    "host": '"domainName": "$context.domainName"',
    "user_agent": '"userAgent": "$context.identity.userAgent"',
    "request_id": '"requestId": "$context.requestId"',
}
"""Column to what to add to an access-log format that is JSON."""

TEMPLATE = (
    "# API_ID, STAGE; REGION, ACCOUNT, LOG_GROUP: of the CloudWatch log group to write to.\n"
    "# For Firehose, DestinationArn is that of the delivery stream amazon-apigateway-NAME.\n\n"
    + "\n".join(
        f"# Access-log format of {kind} APIs:\n{log_format}\n"
        f"# The same by command:\n{_update_command(kind, log_format)}\n"
        for kind, log_format in LOG_FORMATS.items()
    )
)
"""The formats, and the shell commands that set them."""
