"""The access log of the routers of Apigee's private cloud.

The service behind a router is a message processor, not the target: its status is not read.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from apilog.formats.contract import ParsedRecords
from apilog.formats.gateways.apigee.analytics_values import TARGET_FAILED
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import parse_log_format
from apilog.values.event_lines import EventLines

_URL = "https://docs.apigee.com/private-cloud/latest/how-monitor"

_BEFORE_HOST = (
    "$time_iso8601\t$remote_addr_port\t$hostname\t$processor_addr\t$request_time\t-\t-\t$status\t"
    "$processor_status\t$request_length\t$body_bytes_sent\t$request\t"
    "$upstream_http_x_apigee_message_id\t$http_user_agent\t"
)
_FAULT = "\t".join(
    f"$upstream_http_x_apigee_fault_{part}"
    for part in ("flag", "source", "code", "policy", "flow", "revision")
)
_AFTER_HOST = (
    f"$apigee_connection\t$http_x_forwarded_for\t{_FAULT}\t$upstream_http_x_apigee_dp_color\t"
    # Versions differ in what follows the proxy.
    "$my_x_apigee_target_latency\t$upstream_http_x_apigee_proxy\t$tail"
)


class ApigeeRouterFormat(NginxFormat):
    """A router's `log_format`, in which the fault's name marks an error answer of the target."""

    __slots__ = ()

    @property
    def columns(self) -> frozenset[str]:
        return self.mapper.columns | {"upstream_status"}

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        if "upstream_status" not in columns:
            return NginxFormat.parse(self, lines, columns)
        parsed = NginxFormat.parse(self, lines, {*columns, "status", "error_type"})
        by_target = pl.col("error_type").cast(pl.String).str.ends_with(TARGET_FAILED)
        records = parsed.records.with_columns(
            upstream_status=pl.when(by_target).then("status").cast(pl.Int16)
        )
        return ParsedRecords(
            records=records.select(c for c in records.columns if c in columns),
            rows=parsed.rows,
            rejects=parsed.rejects,
        )


def _router_format(name: str, string: str, title: str, *samples: str) -> ApigeeRouterFormat:
    return ApigeeRouterFormat(
        name=name,
        log_format=parse_log_format(string),
        gateway="apigee",
        title=title,
        url=_URL,
        samples=samples,
    )


ROUTER_FORMATS: tuple[NginxFormat, ...] = (
    _router_format(
        "apigee-router",
        _BEFORE_HOST + "$host\t" + _AFTER_HOST,
        "Apigee private cloud, router (TAB separated)",
        "2026-11-21T10:00:00+00:00\t203.0.113.7:52814\trouter-1\t10.0.0.5:8998\t0.057\t-\t-\t200\t"
        "200\t312\t512\tGET /v1/orders/42?page=2 HTTP/1.1\trouter-1-93936-241022-1\tcurl/8.1 (x)\t"
        "api.example.com\trouter-1-93936-241022-1\t203.0.113.7, 10.0.0.1\t-\t-\t-\t-\t-\t-\t-\t"
        ".050\torders\t/v1/orders",
    ),
    _router_format(
        "apigee-router-no-host",
        _BEFORE_HOST + _AFTER_HOST,
        "Apigee private cloud, router of older versions (TAB separated)",
        "2026-11-21T10:00:00+00:00\t203.0.113.7:52814\trouter-1\t10.0.0.5:8998\t0.003\t-\t-\t401\t"
        "401\t312\t0\tGET /v1/orders/42 HTTP/1.1\trouter-1-93936-241022-2\t-\t"
        "router-1-93936-241022-2\t-\ttrue\tpolicy\tsteps.oauth.v2.InvalidApiKey\tverify\tPreFlow\t"
        "7\t-\t-1\torders\t/v1/orders",
    ),
)
