"""Google's services, App Service and content delivery networks: what tells them apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from apilog.formats import gateways
from apilog.formats.detect import detect_plan
from apilog.formats.gateways.edge_networks.cloudflare import CLOUDFLARE
from apilog.formats.gateways.gateway import Gateway
from apilog.formats.gateways.google.service_proxies import API_GATEWAY, ENDPOINTS
from tests.formats.read_rows import lines_of, read_lines, rows

GOOGLES = [g for g in gateways.GATEWAYS if g.gateway.startswith("gcp-")]


@pytest.mark.slow
def test_entries_of_several_services_in_one_file_are_each_services_own() -> None:
    lines = [g.samples[0] for g in GOOGLES] * 2
    read = read_lines(lines_of(*lines))
    assert read.records.height == len(lines)
    told = read.records.select(pl.col("row"), pl.col("gateway").cast(pl.String)).sort("row")
    assert told["gateway"].to_list() == [g.gateway for g in GOOGLES] * 2


@pytest.mark.parametrize("gateway", [API_GATEWAY, ENDPOINTS], ids=lambda g: str(g.name))
@pytest.mark.parametrize(
    ("detail", "source", "failure"),
    [("via_upstream", "upstream", None), ("upstream_reset", "gateway", "upstream_reset")],
)
def test_the_proxys_detail_says_who_answered(
    gateway: Gateway, detail: str, source: str, failure: str | None
) -> None:
    entry = json.loads(gateway.samples[0])
    key = "responseDetails" if "responseDetails" in entry["jsonPayload"] else "response_code_detail"
    entry["jsonPayload"][key] = detail
    entry["httpRequest"]["status"] = 503
    (row,) = rows(read_lines(lines_of(json.dumps(entry))))
    assert (row["error_source"], row.get("error_type")) == (source, failure)


START = datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)
END = START + timedelta(milliseconds=57)
_NANOS = [int(t.timestamp()) * 10**9 + t.microsecond * 1000 for t in (START, END)]


@pytest.mark.parametrize(
    ("start", "end", "first_byte", "duration"),
    [
        (*_NANOS, 56, 57.0),
        (*map(str, _NANOS), None, 57.0),
        (START.isoformat(), END.isoformat(), 56, 57.0),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z", 56, 56.0),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:01Z", None, None),
        (1795255200, 1795255201, None, None),
        (_NANOS[1], _NANOS[0], None, None),
    ],
)
def test_cloudflares_durations_are_between_times_that_have_fractions(
    start: object, end: object, first_byte: int | None, duration: float | None
) -> None:
    record = json.loads(CLOUDFLARE.samples[0])
    record |= {"EdgeStartTimestamp": start, "EdgeEndTimestamp": end}
    if first_byte is not None:
        record["EdgeTimeToFirstByteMs"] = first_byte
    line = json.dumps(record)
    (row,) = rows(read_lines(lines_of(line)))
    assert row.get("duration_ms") == duration
    plan = detect_plan(pl.Series([line]))
    assert plan is not None
    (log_format,) = plan.stages[0].formats
    # To take the first byte for the whole is said.
    assert bool(log_format.doubts) == (duration == first_byte and duration is not None)


def test_cloudflare_asked_no_origin_where_its_status_is_0() -> None:
    record = json.loads(CLOUDFLARE.samples[1])
    record |= {"OriginResponseStatus": 0, "OriginResponseDurationMs": 0, "EdgeResponseStatus": 522}
    (row,) = rows(read_lines(lines_of(json.dumps(record))))
    assert "upstream_duration_ms" not in row
    assert row["error_source"] == "gateway"
