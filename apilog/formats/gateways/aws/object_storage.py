"""Amazon S3: the server access log of a bucket.

`Total Time` is the whole request in milliseconds as the server saw it; there is no service behind.
See https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
"""

from __future__ import annotations

import polars as pl

from apilog.formats.contract import SkipRule
from apilog.formats.gateways import edge_values as values
from apilog.formats.gateways.edge_values import UNSET
from apilog.formats.gateways.gateway import (
    ColumnSource,
    Gateway,
    TextLayout,
    first_duration_ms,
    first_of,
    names_of,
)
from apilog.values.convert import to_sizes, to_statuses
from apilog.values.requests import encode_client_address
from apilog.values.times import parse_clf_times, parse_joined_clf_times

_FORMAT = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html"
_BEGIN = (
    r"^[0-9a-f]{64} [^ ]+ \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}\] "
    r"[^ ]+ [^ ]+ [^ ]+"
)


def _bracketed_times(clocks: pl.Series, zones: pl.Series) -> pl.Series:
    """Return the times of `[21/Nov/2026:10:00:00` and `+0000]`."""
    return parse_clf_times(clocks.str.strip_prefix("["), zones.str.strip_suffix("]"))


def _table_times(times: pl.Series) -> pl.Series:
    return parse_joined_clf_times(times.str.strip_chars("[]"))


S3 = Gateway(
    name="aws-s3",
    gateway="aws-s3",
    title="Amazon S3, server access log",
    url=_FORMAT,
    fingerprint_keys=(
        # Athena: https://docs.aws.amazon.com/AmazonS3/latest/userguide/
        # using-s3-access-logs-to-identify-requests.html
        frozenset({"bucketowner", "bucketname", "requestdatetime", "operation"}),
    ),
    required_columns=("status", "method", "path", "operation"),
    column_sources={
        "timestamp": (
            ColumnSource(("clock", "zone"), _bracketed_times),
            *first_of(_table_times, "requestdatetime"),
        ),
        "api": UNSET.first_known("bucket", "bucketname"),
        "operation": UNSET.first_known("operation"),
        "method": values.request_method("requesturi"),
        "path": values.request_path("requesturi"),
        "query": values.request_query("requesturi"),
        "protocol": values.request_protocol("requesturi"),
        "host": UNSET.first_known("endpoint"),
        "referer": UNSET.first_known("referrer"),
        "user_agent": UNSET.first_known("useragent"),
        "status": first_of(to_statuses, "httpstatus"),
        "duration_ms": first_duration_ms("totaltime", unit="ms"),
        "response_bytes": first_of(to_sizes, "bytessent"),
        "client_ip": first_of(encode_client_address, "remoteip"),
        "consumer": UNSET.first_known("requester"),
        "request_id": UNSET.first_id("requestid"),
        "error_type": UNSET.first_known("errorcode"),
    },
    samples=(
        (
            f"{'79a59df9' * 8} shop-bucket [21/Nov/2026:10:00:00 +0000] 203.0.113.7 "
            "arn:aws:iam::123456789012:user/acme 1E1027F621BA7AE8 REST.GET.OBJECT v1/users "
            '"GET /v1/users HTTP/1.1" 200 - 512 512 57 50 "-" "curl/8.1" - '
            "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuN= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader "
            "shop-bucket.s3.eu-west-1.amazonaws.com TLSv1.3 - - eu-west-1"
        ),
        (
            f"{'79a59df9' * 8} shop-bucket [21/Nov/2026:10:00:01 +0000] 203.0.113.7 - "
            '7B4A0FABBEXAMPLE REST.GET.OBJECT v1/users "GET /v1/users?X-Amz-Expires=60 HTTP/1.1" '
            '403 AccessDenied 243 - 7 - "-" "curl/8.1" -'
        ),
    ),
    layouts=(
        TextLayout(
            look=rf"{_BEGIN} (?:REST|WEBSITE|SOAP)\.",
            names=names_of(
                "bucketowner bucket clock zone remoteip requester requestid operation key "
                "requesturi httpstatus errorcode bytessent objectsize totaltime turnaroundtime "
                "referrer useragent versionid hostid sigv ciphersuite authtype endpoint tlsversion "
                "accesspointarn aclrequired region"
            ),
            least=19,
        ),
    ),
    skip_rules=(
        SkipRule(
            "work of Amazon S3 itself, or a part of a request to delete many objects",
            rf"{_BEGIN} (?:S3|BATCH)\.",
            (
                (
                    f"{'79a59df9' * 8} shop-bucket [21/Nov/2026:10:00:02 +0000] - AmazonS3 "
                    '7B4A0FABBEXAMPLE S3.EXPIRE.OBJECT v1/old "-" - - - 13 - - "-" "-" -'
                ),
            ),
        ),
    ),
    advice={
        "consumer": "requests that are signed: the requester of others is a dash",
        "upstream_duration_ms": "there is no service behind a bucket",
    },
    template=(
        f"# {_FORMAT}\n"
        "aws s3api put-bucket-logging --bucket BUCKET --bucket-logging-status \\\n"
        '  \'{"LoggingEnabled":{"TargetBucket":"LOGS","TargetPrefix":"BUCKET/"}}\'\n'
    ),
)
