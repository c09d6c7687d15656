"""The entries in Cloud Logging of the load balancer in front of Apigee X."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from apilog.formats.gateways import keyed
from apilog.formats.gateways.apigee.load_balancer import LOAD_BALANCER
from apilog.schema import SCHEMA
from apilog.values.event_lines import EventLines

Object = dict[str, Any]
ENTRY: Object = json.loads(LOAD_BALANCER.samples[0])


def record(entry: Object) -> Object | None:
    """Return what is read of an entry, without nulls; None if it is a reject."""
    log_format = keyed.infer_keyed(LOAD_BALANCER, pl.Series([json.dumps(ENTRY)]))
    assert log_format is not None
    parsed = log_format.parse(EventLines(json.dumps(entry).encode()), (*SCHEMA, "query"))
    rows = [{k: v for k, v in r.items() if v is not None} for r in parsed.records.to_dicts()]
    return rows[0] if rows else None


def with_request(*, details: str = "response_sent_by_backend", **members: object) -> Object:
    return {
        **ENTRY,
        "httpRequest": {**ENTRY["httpRequest"], **members},
        "jsonPayload": {"statusDetails": details},
    }


def test_everything_that_an_entry_tells_is_read() -> None:
    assert record(ENTRY) == {
        "timestamp": datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC),
        "method": "GET",
        "path": "/v1/orders/42",
        "query": "page=2",
        "host": "api.example.com",
        "protocol": "HTTP/2",
        "user_agent": "curl/8.1",
        "status": 200,
        "duration_ms": 57.0,
        "request_bytes": 312,
        "response_bytes": 512,
        "client_ip": "203.0.113.7",
        "request_id": "1x2y3z",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "api": "apigee",
        "upstream_addr": "10.0.0.2",
        # Who answered; it counts where the status is an error.
        "error_source": "upstream",
    }


@pytest.mark.parametrize(
    ("details", "error_type"),
    [
        ("response_sent_by_backend", None),
        ("response_from_cache", None),
        ("failed_to_connect_to_backend", "failed_to_connect_to_backend"),
        ("backend_timeout", "backend_timeout"),
        ("denied_by_security_policy", "denied_by_security_policy"),
    ],
)
def test_only_failures_of_its_own_are_errors_of_the_balancer(
    details: str, error_type: str | None
) -> None:
    read = record(with_request(details=details, status=502))
    assert read is not None
    assert (read["status"], read.get("error_type")) == (502, error_type)
    assert "upstream_status" not in read


@pytest.mark.parametrize(
    ("members", "cache_status"),
    [
        ({"cacheLookup": True, "cacheHit": True}, "HIT"),
        ({"cacheLookup": True, "cacheHit": False}, "MISS"),
        ({"cacheHit": False}, None),
    ],
)
def test_caches(members: Object, cache_status: str | None) -> None:
    lines = [json.dumps(with_request(**members))]
    log_format = keyed.infer_keyed(LOAD_BALANCER, pl.Series(lines))
    assert log_format is not None
    parsed = log_format.parse(EventLines(lines[0].encode()), ["cache_status"])
    assert parsed.records["cache_status"].to_list() == [cache_status]


@pytest.mark.parametrize("kind", ["cloud_run_revision", "gae_app", "k8s_container"])
def test_requests_of_other_services_are_not_its(kind: str) -> None:
    assert record({**ENTRY, "resource": {"type": kind}}) is None
