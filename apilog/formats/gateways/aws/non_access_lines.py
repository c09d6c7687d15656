"""Lines that lie beside API Gateway's access log: which are skipped, and which are refused.

Invariant: no pattern matches an access line. The patterns run on lines as they are and on
what is inside envelopes.
"""

from __future__ import annotations

from apilog.formats.contract import Refusal, SkipRule

_REQUEST_ID = r"\((?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[A-Za-z0-9_+/-]{11,}=)\)"
_PHASES = (
    r"(?:Extended Request Id|Verifying Usage Plan for request|Starting execution for request"
    r"|Endpoint request URI|Method completed with status): |Usage Plan check succeeded "
    r"|API Key .*authorized because |HTTP Method: [A-Z]+, Resource Path: "
    r"|(?:Method|Endpoint) (?:request|response) (?:path|query string|headers|body )"
    r"|Sending request to |Received response\. |Successfully completed execution"
    r"|Execution failed due to |Gateway response (?:type|headers|body)"
)

_EXECUTION = rf"^(?:{_REQUEST_ID} .|(?:{_PHASES}))"
_PHASES_OF_A_REQUEST = (
    "(8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a59) Extended Request Id: UBuxEFWvoAMFbVw=",
    (
        "(GQIVriFLIAMEMsA=) Verifying Usage Plan for request: GQIVriFLIAMEMsA=. API Key:  "
        "API Stage: a1b2c3d4e5/prod"
    ),
    "(8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a59) Method completed with status: 200",
    "Starting execution for request: 8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a59",
    "HTTP Method: POST, Resource Path: /repos/hello",
    "API Key  authorized because method 'GET /' does not require API Key.",
    "Method request query string: {q=1}",
    "Method request body before transformations: {",
    "Successfully completed execution",
    "Method completed with status: 200",
)

SKIP_RULES: tuple[SkipRule, ...] = (
    SkipRule(
        "web ACL log of AWS WAF",
        r'"webaclId"\s*:\s*"',
        (
            (
                '{"timestamp":1795255200123,"formatVersion":1,"webaclId":"arn:aws:wafv2:x",'
                '"terminatingRuleId":"Default_Action","action":"ALLOW","httpRequest":{"clientIp":'
                '"203.0.113.7","uri":"/v1/users","httpMethod":"GET"}}'
            ),
        ),
    ),
    SkipRule("execution log of API Gateway", _EXECUTION, _PHASES_OF_A_REQUEST),
    SkipRule(
        "control message of CloudWatch",
        (
            r'^CWL CONTROL MESSAGE: |"messageType"[ \t]*:[ \t]*"CONTROL_MESSAGE"'
            r'|"message"[ \t]*:[ \t]*"CWL CONTROL MESSAGE: '
        ),
        (
            "CWL CONTROL MESSAGE: Checking health of destination Firehose.",
            (
                '{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":'
                '"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1795255200000,"message":'
                '"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}'
            ),
            (
                '{"id":"","timestamp":1795255200000,"message":"CWL CONTROL MESSAGE: Checking '
                'health of destination Kinesis stream."}'
            ),
        ),
    ),
    SkipRule(
        "test of CloudWatch's export",
        r"^Permission Check Successful[ \t.]*$",
        ("Permission Check Successful",),
    ),
    SkipRule(
        "header of a CloudWatch query",
        (
            # Of one with fields of one's own the header tells which these are.
            '^\ufeff?"?(?:@(?:timestamp|ptr|log|logStream|ingestionTime)"?,"?)*@message"?(?:,|$)'
            '|^\ufeff?"?timestamp"?,"?message"?$'
        ),
        ("@timestamp,@message", '"@timestamp","@message","@logStream"', "timestamp,message"),
    ),
    SkipRule(
        "token of the AWS command line",
        (
            r"^SEARCHEDLOGSTREAMS(?:\t|$)|^NEXTTOKEN\t"
            r"|^[bf]/[0-9]{50,60}(?:/s)?(?:\t[bf]/[0-9]{50,60}(?:/s)?)*$|^Bxkq[A-Za-z0-9_-]+$"
        ),
        (
            "SEARCHEDLOGSTREAMS\tFalse\td41d8cd98f00b204e9800998ecf8427e",
            "NEXTTOKEN\tBxkq6kVGFtq2y_MoigeqscPOdhXVbhiVtLoAmXb5jCqDQDbsjo",
            f"b/{'3' * 56}/s\tf/{'3' * 56}/s",
        ),
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        _EXECUTION,
        "an execution log of API Gateway tells the phases of requests, and is no access log",
        "turn on access logging for the stage: see apilog formats aws-apigateway --template",
        _PHASES_OF_A_REQUEST,
    ),
)
"""Logs that can't be read where nothing else is in the file."""
