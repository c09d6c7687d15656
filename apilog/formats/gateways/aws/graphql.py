"""AWS AppSync: the summary of each request among the lines of a GraphQL API's log in CloudWatch.

Of the lines about one request the one of type `RequestSummary` is its record; the others tell of
its parts and are skipped. Latencies are nanoseconds. The time is that of the event in CloudWatch.
See https://docs.aws.amazon.com/appsync/latest/devguide/monitoring.html
"""

from __future__ import annotations

import polars as pl

from apilog.formats.contract import SkipRule
from apilog.formats.gateways.edge_values import UNSET
from apilog.formats.gateways.gateway import Gateway, first_duration_ms, first_of, first_time
from apilog.values.convert import to_statuses
from apilog.values.requests import encode_client_address

_GUIDE = "https://docs.aws.amazon.com/appsync/latest/devguide/monitoring.html"
_UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


def _are_summaries(types: pl.Series) -> pl.Series:
    return UNSET.encode(types).cast(pl.String) == "RequestSummary"


def _are_parts(types: pl.Series) -> pl.Series:
    return ~_are_summaries(types)


APPSYNC = Gateway(
    name="aws-appsync",
    gateway="aws-appsync",
    title="AWS AppSync, request summaries of a GraphQL API",
    url=_GUIDE,
    fingerprint_keys=(frozenset({"logtype", "graphqlapiid", "requestid"}),),
    required_columns=("status",),
    is_own_record=first_of(_are_summaries, "logtype"),
    is_foreign_record=first_of(_are_parts, "logtype"),
    column_sources={
        "timestamp": first_time("timestamp", "starttime"),
        "api": UNSET.first_known("graphqlapiid"),
        "operation": UNSET.first_known("operationname"),
        "status": first_of(to_statuses, "statuscode"),
        "duration_ms": first_duration_ms("latency", unit="ns"),
        "client_ip": first_of(encode_client_address, "clientip", "sourceip", "identitysourceip"),
        "consumer": UNSET.first_known(
            "identityusername",
            "identityuserarn",
            "identitysub",
            "identitycognitoidentityid",
            "username",
            "userarn",
            "apikeyid",
        ),
        "request_id": UNSET.first_id("requestid"),
        "error_type": UNSET.first_known("errortype"),
    },
    samples=(
        (
            '{"timestamp":"2026-11-21T10:00:00.123Z","logType":"RequestSummary","requestId":'
            '"dbe87af3-c114-4b32-ae79-8af11f3f96f1","graphQLAPIId":"pmo28inf75eepg63qxq4ekoeg4",'
            '"statusCode":200,"latency":57000000}'
        ),
    ),
    skip_rules=(
        SkipRule(
            "line of AppSync about a part of a request",
            rf'"logType"\s*:\s*"[A-Z][A-Za-z]+".*"graphQLAPIId"|'
            rf'"graphQLAPIId".*"logType"\s*:\s*"[A-Z][A-Za-z]+"|'
            rf"^{_UUID} (?:Begin|End) (?:Request|Execution|Tracing|Resolver|Field)|"
            rf"^{_UUID} (?:GraphQL Query: |(?:Request|Response) Headers: |Tokens Consumed: )",
            (
                '{"logType":"ExecutionSummary","requestId":"dbe87af3","graphQLAPIId":"pmo2"}',
                "dbe87af3-c114-4b32-ae79-8af11f3f96f1 Begin Request",
                "dbe87af3-c114-4b32-ae79-8af11f3f96f1 End Request",
                "dbe87af3-c114-4b32-ae79-8af11f3f96f1 GraphQL Query: query { a }, Operation: null",
                "dbe87af3-c114-4b32-ae79-8af11f3f96f1 Request Headers: {host=[a]}",
                "dbe87af3-c114-4b32-ae79-8af11f3f96f1 Tokens Consumed: 1",
            ),
            unless=r'"logType"\s*:\s*"RequestSummary"',
        ),
    ),
    advice={
        "timestamp": "the events of CloudWatch with their times, as exports have them",
        "consumer": "a resolver that logs the identity: AppSync's summaries have none",
        "path": "nothing: a GraphQL API has one path",
    },
    template=(
        f"# {_GUIDE}\n"
        "aws appsync update-graphql-api --api-id API --name NAME --log-config \\\n"
        "  fieldLogLevel=NONE,cloudWatchLogsRoleArn=ROLE\n"
    ),
)
