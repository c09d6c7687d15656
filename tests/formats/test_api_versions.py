"""The version of an API, where its gateway tells it, and Tyk's text, which tells no year."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import apilog
from tests.formats.read_rows import lines_of, read_lines, rows

TYK_TEXT = (
    'time="{}" level=info api_id=a1 api_key="****test" api_name=shop client_ip=203.0.113.9 '
    'host="shop.example:8080" latency_total=15 method=GET org_id=o1 path=/a prefix=access-log '
    "protocol=HTTP/1.1 status=200 upstream_latency=12 user_agent=curl/8"
)
WSO2 = {
    "apiName": "shop",
    "apiVersion": "1.0.0",
    "proxyResponseCode": 200,
    "apiMethod": "GET",
    "apiResourceTemplate": "/a",
    "responseLatency": 15,
    "backendLatency": 12,
    "targetResponseCode": 200,
    "requestTimestamp": "2026-11-20T12:00:02.123Z",
}
TYK = {
    "api_id": "a1",
    "org_id": "o1",
    "api_key": "c0ffee",
    "request_time": 15,
    "response_code": 200,
    "method": "GET",
    "path": "/a",
    "timestamp": "2026-11-20T12:00:02Z",
}
APIGEE = {
    "apiproxy": "shop",
    "apiproxy_revision": "7",
    "environment": "prod",
    "request_verb": "GET",
    "request_uri": "/a",
    "response_status_code": 200,
    "target_response_code": 200,
    "client_received_start_timestamp": 1795176002123,
    "gateway_flow_id": "f",
    "organization": "o",
}
APIM = {
    "time": "2026-11-20T12:00:02.123Z",
    "category": "GatewayLogs",
    "operationName": "Microsoft.ApiManagement/GatewayLogs",
    "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/A",
    "properties": {
        "method": "GET",
        "url": "https://shop.example/a",
        "responseCode": 200,
        "apiId": "shop",
        "apiRevision": "3",
        "operationId": "get-a",
    },
}


@pytest.mark.parametrize(
    ("event", "version"),
    [
        (WSO2, "1.0.0"),
        (TYK | {"api_version": "v2"}, "v2"),
        # What Tyk writes for an API without versions.
        (TYK | {"api_version": "Non Versioned"}, None),
        (APIGEE, "7"),
        (APIM, "3"),
        ({"time": "2026-11-20T12:00:02Z", "path": "/a", "status": 200, "api_version": "v1"}, "v1"),
    ],
    ids=["wso2", "tyk", "tyk-unversioned", "apigee", "apim", "any"],
)
def test_the_version_of_an_api(event: dict[str, object], version: str | None) -> None:
    (record,) = rows(read_lines(lines_of(json.dumps(event))))
    assert (record.get("api_version"), record["status"]) == (version, 200)


def test_requests_by_version(tmp_path: Path) -> None:
    log = tmp_path / "tyk.log"
    versions = ["v1", "v2", "v2"]
    log.write_text("".join(json.dumps(TYK | {"api_version": v}) + "\n" for v in versions), "utf-8")
    table = apilog.report([log], by=["api_version"]).tables["endpoints"]
    found = table.select("api_version", "requests").sort("api_version").rows()
    assert found == [("v1", 1), ("v2", 2)]


def test_text_of_tyk_has_the_year_that_it_can_have() -> None:
    other = 'time="Nov 20 12:00:01" level=info msg="Tyk API Gateway v5.3.0" prefix=main'
    parsed = read_lines(lines_of(other, TYK_TEXT.format("Nov 20 12:00:02")))
    (record,) = rows(parsed)
    assert (record["duration_ms"], record["upstream_duration_ms"]) == (15.0, 12.0)
    when = record["timestamp"]
    assert isinstance(when, datetime)
    assert f"{when:%m-%d %H:%M:%S}" == "11-20 12:00:02"
    assert (datetime.now(UTC) - when).days < 366
    assert parsed.rejects.height == 0
