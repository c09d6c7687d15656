"""Amazon CloudFront: standard logs of both versions, and real-time logs.

Standard logs are W3C tables (their rows come here as objects named by `#Fields`), JSON or Parquet;
real-time logs are values between tabs, without names. The names of the fields are the same in all.
Durations are seconds. Viewers' texts have their odd characters as `%XX`.

CloudFront does not log what the origin answered: a 5xx whose detailed result names a failure is
CloudFront's, of any other nothing is known.
"""

from __future__ import annotations

import polars as pl

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
from apilog.values.requests import encode_client_address, encode_host, mask_query_column
from apilog.values.times import parse_split_times, parse_times

_REFERENCE = (
    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/"
    "standard-logs-reference.html"
)
# What became of requests that met no failure of CloudFront's own, and what says no more than the
# status: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/real-time-logs.html
_NO_FAILURES = ("hit", "refreshhit", "originshieldhit", "miss", "missgeneratedresponse", "redirect")
_NO_NAMES = (*_NO_FAILURES, "error", "functiongeneratedresponse")


def _failures(results: pl.Series) -> pl.Series:
    """Return CloudFront's own names of failures."""
    return UNSET.map_set(results, lambda s: s.set(s.str.to_lowercase().is_in(_NO_NAMES), None))


_STANDARD = frozenset({"csmethod", "csuristem", "scstatus"})

REAL_TIME_FIELDS = names_of(
    "timestamp c-ip time-to-first-byte sc-status sc-bytes cs-method cs-protocol cs-host "
    "cs-uri-stem cs-bytes x-edge-location x-edge-request-id x-host-header time-taken "
    "cs-protocol-version c-ip-version cs-user-agent cs-referer cs-cookie cs-uri-query "
    "x-edge-response-result-type x-forwarded-for ssl-protocol ssl-cipher x-edge-result-type "
    "fle-encrypted-fields fle-status sc-content-type sc-content-len sc-range-start sc-range-end "
    "c-port x-edge-detailed-result-type c-country cs-accept-encoding cs-accept "
    "cache-behavior-path-pattern cs-headers cs-header-names cs-headers-count "
    "primary-distribution-id primary-distribution-dns-name origin-fbl origin-lbl asn"
)
"""The fields of a real-time log that has all of them; others have some, in this order."""

CLOUDFRONT = Gateway(
    name="aws-cloudfront",
    gateway="aws-cloudfront",
    title="Amazon CloudFront: standard logs (W3C, JSON, Parquet) and real-time logs",
    url=_REFERENCE,
    # Of which a log may have any: users choose the fields.
    fingerprint_keys=tuple(
        _STANDARD | {name}
        for name in (
            "xedgelocation",
            "xedgeresulttype",
            "xedgerequestid",
            "xhostheader",
            "timetofirstbyte",
            "distributionid",
            "cachebehaviorpathpattern",
        )
    ),
    required_columns=("status", "method", "path"),
    column_sources={
        "timestamp": (
            ColumnSource(("date", "time"), parse_split_times),
            *first_of(parse_times, "timestampms", "timestamp"),
        ),
        "api": UNSET.first_known("distributionid", "primarydistributionid"),
        "operation": UNSET.first_known("cachebehaviorpathpattern"),
        "method": UNSET.first_known("csmethod"),
        "path": UNSET.first_known("csuristem"),
        "query": first_of(mask_query_column, "csuriquery"),
        "host": first_of(encode_host, "xhostheader", "cshost"),
        "protocol": UNSET.first_known("csprotocolversion", "csprotocol"),
        "referer": first_of(values.decode_percents, "csreferer"),
        "user_agent": first_of(values.decode_percents, "csuseragent"),
        "status": first_of(to_statuses, "scstatus"),
        "duration_ms": first_duration_ms("timetaken", unit="s"),
        "upstream_duration_ms": first_duration_ms("originlbl", unit="s"),
        "request_bytes": first_of(to_sizes, "csbytes"),
        "response_bytes": first_of(to_sizes, "scbytes"),
        "client_ip": first_of(encode_client_address, "cip"),
        "request_id": UNSET.first_id("xedgerequestid"),
        "error_type": first_of(_failures, "xedgedetailedresulttype"),
        "cache_status": UNSET.first_known("xedgeresulttype", "xedgeresponseresulttype"),
    },
    samples=(
        (
            '{"date":"2026-11-21","time":"10:00:00","x-edge-location":"FRA56-P1","sc-bytes":"512",'
            '"c-ip":"203.0.113.7","cs-method":"GET","cs(Host)":"d111111abcdef8.cloudfront.net",'
            '"cs-uri-stem":"/v1/users/42","sc-status":"502","cs(Referer)":"-",'
            '"cs(User-Agent)":"Mozilla/5.0%20(X11)","cs-uri-query":"page=2","x-edge-result-type":'
            '"Error","x-edge-request-id":"SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==",'
            '"x-host-header":"api.example.com","cs-protocol":"https","cs-bytes":"312","time-taken":'
            '"0.057","x-edge-response-result-type":"Error","cs-protocol-version":"HTTP/2.0",'
            '"time-to-first-byte":"0.056","x-edge-detailed-result-type":"OriginConnectError"}'
        ),
        (
            "1795255200.123\t203.0.113.7\t0.056\t200\t512\tGET\thttps\td111111abcdef8.cloudfront.net"
            "\t/v1/users/42\t312\tFRA56-P1\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\t"
            "api.example.com\t0.057\tHTTP/2.0\tIPv4\tcurl/8.1\t-\t-\tpage=2\tMiss"
        ),
    ),
    layouts=(
        TextLayout(
            look=(
                r"^[0-9]{10}\.[0-9]{3}\t[0-9A-Fa-f.:]+\t[0-9.]+\t[0-9]{3}\t[0-9]+\t[A-Z]+\t"
                r"(?:https?|wss?|grpcs?)\t"
            ),
            names=tuple(name.replace("-", "") for name in REAL_TIME_FIELDS),
            least=15,
            separator="\t",
        ),
    ),
    advice={
        "upstream_duration_ms": "the field origin-lbl of standard logs v2 and of real-time logs",
        "api": "the field DistributionId of standard logs v2",
        "operation": "the field cache-behavior-path-pattern of standard logs v2",
        "error_type": "the field x-edge-detailed-result-type",
        "consumer": "the service behind: CloudFront knows no callers",
    },
    template=(
        f"# Standard logging v2, as JSON: {_REFERENCE}\n"
        "# aws logs create-delivery --delivery-source-name NAME --delivery-destination-arn ARN \\\n"
        "#   --record-fields (the list below)\n"
        'date time DistributionId c-ip cs-method "cs(Host)" cs-uri-stem cs-uri-query sc-status '
        '"cs(Referer)" "cs(User-Agent)" x-host-header cs-protocol-version cs-bytes sc-bytes '
        "time-taken time-to-first-byte origin-lbl x-edge-result-type x-edge-detailed-result-type "
        "x-edge-request-id cache-behavior-path-pattern\n"
    ),
)
