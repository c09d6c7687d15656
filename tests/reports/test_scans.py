"""Scans of paths that don't exist fold, whichever gateway logged them and whatever rows are by."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import apilog
from tests.weblog import line, write

REAL = [("/v1/orders", 200)] * 20
SCANNED = [(f"/{name}{i}.php", 404) for name in ("a", "b") for i in range(15)]


def aws(path: str, status: int, second: int) -> dict[str, Any]:
    """A line of AWS API Gateway, which names the resources that there are."""
    return {
        "requestId": f"{second}",
        "ip": "203.0.113.1",
        "requestTime": f"20/Nov/2026:12:00:{second:02} +0000",
        "httpMethod": "GET",
        "resourcePath": "/v1/{kind}" if status == 200 else "-",
        "path": path,
        "status": f"{status}",
        "protocol": "HTTP/1.1",
        "responseLength": "10",
    }


def azure(path: str, status: int, second: int) -> dict[str, Any]:
    """A line of Azure API Management, which names no routes."""
    return {
        "time": f"2026-11-20T12:00:{second:02}Z",
        "category": "GatewayLogs",
        "resourceId": "/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/A",
        "properties": {
            "method": "GET",
            "url": f"https://api.example{path}",
            "responseCode": status,
            "responseSize": 10,
            "apiId": "shop",
        },
    }


def framework(path: str, status: int, second: int) -> dict[str, Any]:
    """A line of a service that logs the route that it found."""
    found = {"route": "/v1/{kind}"} if status == 200 else {}
    at = f"2026-11-20T12:00:{second:02}Z"
    return {"time": at, "method": "GET", "path": path, "status": status, **found}


@pytest.mark.parametrize(
    ("make", "route"), [(aws, "/v1/{kind}"), (azure, "/v1/orders"), (framework, "/v1/{kind}")]
)
def test_a_scan_is_one_row_whatever_the_gateway(tmp_path: Path, make: Any, route: str) -> None:
    requests = enumerate([*REAL, *SCANNED])
    source = write(
        tmp_path / "a.log",
        (json.dumps(make(path, status, second)) for second, (path, status) in requests),
    )
    table = apilog.report(source, tables=["endpoints"]).tables["endpoints"]
    assert table.select("route", "requests").rows() == [("(not found)", 30), (route, 20)]


def test_a_named_route_stays_though_it_is_answered_nothing_but_404(tmp_path: Path) -> None:
    lines = [
        framework(*(("/v1/orders", 200) if named else ("/x", 404)), second)
        for second, named in enumerate([True, False] * 5)
    ]
    gone = [{**row, "status": 404} for row in lines]
    source = write(tmp_path / "a.log", map(json.dumps, gone))
    table = apilog.report(source, tables=["endpoints"]).tables["endpoints"]
    assert table.select("route", "requests").rows() == [("(not found)", 5), ("/v1/{kind}", 5)]


KEYS = ("client_ip", "method", "status", "gateway", "host")


@pytest.mark.parametrize("by", [*itertools.combinations(KEYS, 1), *itertools.combinations(KEYS, 2)])
def test_the_same_requests_fold_by_whatever_columns(tmp_path: Path, by: Sequence[str]) -> None:
    lines = [
        *(line("/x", status=404, ip=f"203.0.113.{i}") for i in range(3)),
        *(line("/x", method="POST"), line("/y", status=404), line("/z", status=404)),
    ]
    source = write(tmp_path / "a.log", lines)
    table = apilog.report(source, by=[*by, "route"], tables=["endpoints"]).tables["endpoints"]
    sums = table.group_by("route").agg(pl.col("requests").sum()).sort("route")
    assert sums.rows() == [("(not found)", 2), ("/x", 4)]


def test_a_store_folds_what_its_logs_fold(tmp_path: Path) -> None:
    lines = [line(path, status=status) for path, status in [*REAL, *SCANNED]]
    source = write(tmp_path / "a.log", lines)
    apilog.ingest(source, store=tmp_path / "store")
    for routes in ([], ["/a{n}.php"], ["/v1/*"]):
        of_log, of_store = (
            apilog.report(place, tables=["endpoints"], routes=routes).tables["endpoints"]
            for place in (source, tmp_path / "store")
        )
        assert of_log.equals(of_store)
    assert of_log["route"].to_list() == ["(not found)", "/v1/*"]
