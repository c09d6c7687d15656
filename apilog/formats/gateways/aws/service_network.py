"""Amazon VPC Lattice: the access log of services, JSON objects from CloudWatch, S3 or Firehose.

Durations are milliseconds. The time with the target is that of the request on its way to it and of
the answer on its way back. See
https://docs.aws.amazon.com/vpc-lattice/latest/ug/monitoring-access-logs.html
"""

from __future__ import annotations

from apilog.formats.contract import SkipRule
from apilog.formats.gateways import edge_values as values
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
    encode_host,
    encode_target_query,
    encode_url_path,
)

_GUIDE = "https://docs.aws.amazon.com/vpc-lattice/latest/ug/monitoring-access-logs.html"

VPC_LATTICE = Gateway(
    name="aws-vpc-lattice",
    gateway="aws-vpc-lattice",
    title="Amazon VPC Lattice, access log of services",
    url=_GUIDE,
    fingerprint_keys=(
        frozenset({"servicenetworkarn", "requestmethod", "responsecode"}),
        frozenset({"servicearn", "requestpath", "responsecode"}),
    ),
    required_columns=("status", "method", "path"),
    column_sources={
        "timestamp": first_time("starttime"),
        "api": first_of(values.last_words, "servicearn"),
        "stage": first_of(values.last_words, "servicenetworkarn"),
        "operation": first_of(values.last_words, "rulearn"),
        "method": UNSET.first_known("requestmethod"),
        "path": first_of(encode_url_path, "requestpath"),
        "query": first_of(encode_target_query, "requestpath"),
        "host": first_of(encode_host, "hostheader", "servernameindication"),
        "protocol": UNSET.first_known("protocol"),
        "user_agent": UNSET.first_known("useragent"),
        "status": first_of(to_statuses, "responsecode"),
        "upstream_addr": first_of(UNSET.to_null, "targetipport"),
        "duration_ms": first_duration_ms("duration"),
        "upstream_duration_ms": (
            ColumnSource(
                ("requesttotargetduration", "responsefromtargetduration"),
                values.sum_durations_ms,
            ),
        ),
        "request_bytes": first_of(to_sizes, "bytesreceived"),
        "response_bytes": first_of(to_sizes, "bytessent"),
        "client_ip": first_of(encode_client_address, "sourceipport", "sourceip"),
        "consumer": UNSET.first_known("callerprincipal", "resolveduser", "callerx509subjectcn"),
        "request_id": UNSET.first_id("requestid"),
        "error_type": UNSET.first_known("failurereason", "authdeniedreason"),
    },
    samples=(
        (
            '{"serviceNetworkArn":"arn:aws:vpc-lattice:eu-west-1:1:servicenetwork/sn-1","serviceArn":'
            '"arn:aws:vpc-lattice:eu-west-1:1:service/svc-0cfe","startTime":"2026-11-21T10:00:00Z",'
            '"requestMethod":"GET","requestPath":"/v1/users/42?page=2","protocol":"HTTP/1.1",'
            '"responseCode":200,"bytesReceived":312,"bytesSent":512,"duration":57,'
            '"requestToTargetDuration":50,"responseFromTargetDuration":2,"userAgent":"curl/8.1",'
            '"hostHeader":"api.example.com","sourceIpPort":"203.0.113.7:57086","targetIpPort":'
            '"10.0.0.1:80","requestId":"9a4b1c","failureReason":"-","authDeniedReason":"-",'
            '"callerPrincipal":"arn:aws:sts::1:assumed-role/till/session"}'
        ),
        (
            '{"serviceArn":"arn:aws:vpc-lattice:eu-west-1:1:service/svc-0cfe","startTime":'
            '"2026-11-21T10:00:01Z","requestMethod":"GET","requestPath":"/v1/users","protocol":'
            '"HTTP/2","responseCode":403,"bytesReceived":0,"bytesSent":253,"duration":1,'
            '"sourceIpPort":"203.0.113.7:57087","targetIpPort":"-","authDeniedReason":"Service"}'
        ),
    ),
    skip_rules=(
        SkipRule(
            "connection to a resource of VPC Lattice",
            r'"eventTimestamp"\s*:.*"resourceConfigurationArn"|'
            r'"resourceConfigurationArn"\s*:.*"eventTimestamp"',
            ('{"eventTimestamp":"2026-11-21T10:00:00Z","resourceConfigurationArn":"arn:aws:x"}',),
        ),
    ),
    advice={
        "consumer": "an auth policy on the service, so that callers sign their requests",
        "upstream_status": "the service behind: VPC Lattice does not tell what the target answered",
    },
    template=(
        f"# {_GUIDE}\n"
        "aws vpc-lattice create-access-log-subscription --resource-identifier SERVICE \\\n"
        "  --destination-arn ARN_OF_A_LOG_GROUP_OR_BUCKET\n"
    ),
)
