"""Headers, bodies, credentials and query strings of gateways' logs never reach records."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import apilog
from apilog.formats import gateways
from tests.commands import Run

SECRET = "hunter2"
Object = dict[str, Any]

_HEADERS = {"Authorization": f"Bearer {SECRET}", "Cookie": f"s={SECRET}", "X-Api-Key": SECRET}
_BODY = json.dumps({"password": SECRET})
_SECRETS: Mapping[str, Object] = {
    "aws-apigateway": {
        "headers": _HEADERS,
        "requestHeaders": _HEADERS,
        "body": _BODY,
        "responseBody": {"token": SECRET},
        "authorization": f"Bearer {SECRET}",
        "identity": {"apiKey": SECRET},
        "apiKey": SECRET,
        "path": f"/users/42?token={SECRET}",
        "queryStringParameters": {"code": SECRET},
        "requestOverride": {"header": {"Authorization": SECRET}, "path": f"/{SECRET}"},
    },
    "apigee": {
        "request.content": _BODY,
        "response.content": SECRET,
        "request.header.authorization": f"Bearer {SECRET}",
        "request.headers": _HEADERS,
        "access_token": SECRET,
        "request_uri": f"/v1/orders/42?apikey={SECRET}",
        "request_path": f"/v1/orders/42?apikey={SECRET}",
        "request.querystring": f"apikey={SECRET}",
        "request": {"header": _HEADERS, "content": _BODY, "queryparam": {"apikey": SECRET}},
    },
    "azure-apim": {
        "url": f"https://c.azure-api.net/v1/users/42?subscription-key={SECRET}",
        "backendUrl": f"https://b.example/v1?code={SECRET}",
        "requestHeaders": _HEADERS,
        "responseHeaders": _HEADERS,
        "backendRequestHeaders": {"method": SECRET, **_HEADERS},
        "requestBody": _BODY,
        "responseBody": SECRET,
        "backendResponseBody": {"url": f"/{SECRET}", "apiId": SECRET},
        "traceRecords": [{"message": SECRET}],
    },
    "azure-appgateway": {
        "originalRequestUriWithArgs": f"/v1/users?key={SECRET}",
        "requestQuery": f"key={SECRET}",
        "WAFEvaluationTime": SECRET,
    },
    "azure-frontdoor": {"requestUri": f"https://api.contoso.com:443/v1?sig={SECRET}"},
}
_ANYWHERE: Object = {
    "headers": _HEADERS,
    "requestHeaders": _HEADERS,
    "responseHeaders": _HEADERS,
    "body": _BODY,
    "requestBody": _BODY,
    "responseBody": _BODY,
    "authorization": f"Bearer {SECRET}",
    "password": SECRET,
}
"""Secrets for gateways that are not above."""
_BALANCER = {"requestUrl": f"https://api.example.com/v1/orders?key={SECRET}"}


def _records() -> Mapping[str, Object]:
    """Return a record of each gateway with secrets in every place that there is for them."""
    found = {}
    for gateway in gateways.GATEWAYS:
        if not gateway.samples[0].startswith("{"):
            continue  # lines of text: see `test_no_secret_of_a_line_of_text_reaches_a_record`
        record = json.loads(gateway.samples[0])
        if gateway.name == "apigee-loadbalancer":
            record["httpRequest"] |= _BALANCER
        elif "properties" in record:
            record["properties"] |= _SECRETS.get(gateway.name, _ANYWHERE)
        else:
            record |= _SECRETS.get(gateway.name, _ANYWHERE)
        found[gateway.name] = record
    return found


def _as_table(record: Object) -> str:
    flat = {**record, **record.pop("properties", {})}
    out = io.StringIO()
    rows = csv.DictWriter(out, flat)
    rows.writeheader()
    rows.writerow({k: json.dumps(v) if isinstance(v, dict) else v for k, v in flat.items()})
    return out.getvalue()


def _in_entry(record: Object, key: str) -> str:
    payload = json.dumps(record) if key == "textPayload" else record
    return json.dumps(
        {"logName": "projects/p/logs/l", "timestamp": "2026-11-21T10:00:00Z", key: payload}
    )


def _in_events(record: Object) -> str:
    return json.dumps(
        {"events": [{"timestamp": 1, "message": json.dumps(record), "ingestionTime": 1}]}
    )


SHAPES: Mapping[str, Callable[[Object], str]] = {
    "line": json.dumps,
    "pretty": lambda record: json.dumps(record, indent=2),
    "records": lambda record: json.dumps({"records": [record]}),
    "events": _in_events,
    "jsonPayload": lambda record: _in_entry(record, "jsonPayload"),
    "textPayload": lambda record: _in_entry(record, "textPayload"),
    "properties as text": lambda record: json.dumps(
        {**record, "properties": json.dumps(record["properties"])}
    ),
    "table": _as_table,
}
_ONLY = {
    "jsonPayload": ("apigee",),
    "textPayload": ("apigee",),
    "events": ("aws-apigateway",),
    "table": ("apigee", "azure-apim"),
    "properties as text": ("azure-apim",),
}
FEW = ("apigee", "azure-apim")
# Most gateways differ in what they log, not in the ways in which that is read.
_ONLY |= {"pretty": FEW, "records": FEW}
CASES = [
    (shape, name)
    for shape in SHAPES
    for name in _records()
    if name in _ONLY.get(shape, tuple(_records()))
]


@pytest.mark.parametrize(("shape", "name"), CASES, ids=lambda v: str(v))
def test_no_secret_reaches_a_record_or_a_report(
    run: Run, tmp_path: Path, shape: str, name: str
) -> None:
    text = SHAPES[shape](_records()[name])
    assert SECRET in text
    path = tmp_path / "a.log"
    path.write_text(text + "\n")
    # Routes, which take a second pass, are in the reports.
    records = apilog.scan(path).drop("source", "route").collect()
    assert records.height == 1
    told = records.select(pl.all().cast(pl.String)).row(0)
    assert not [value for value in told if value and SECRET in value]
    kept = ["--keep-query", "--by", "path", "--by", "consumer"]
    # What a record does not hold, no table holds: all of them are made of some.
    few = ["--table", "endpoints", *kept]
    for extra in [[], kept] if name in FEW and shape == "line" else [few]:
        result = run("report", path, "-f", "json", *extra)
        assert (result.code, SECRET in result.text) == (0, False), extra


def test_a_reject_holds_its_line_as_it_stood(run: Run, tmp_path: Path) -> None:
    record = json.dumps(_records()["azure-apim"])
    path, rejects = tmp_path / "a.log", tmp_path / "rejects.ndjson"
    path.write_text(f"{record}\n{record[:-9]}\n")
    assert run("report", path, "--rejects", rejects, "-f", "json").code == 0
    (reject,) = map(json.loads, rejects.read_text().splitlines())
    assert reject["line"] == record[:-9]


TEXT_SAMPLES = [
    (gateway.name, sample)
    for gateway in gateways.GATEWAYS
    for sample in gateway.samples
    if gateway.layouts and not sample.startswith("{")
]


@pytest.mark.parametrize(("name", "sample"), TEXT_SAMPLES, ids=lambda v: str(v)[:20])
def test_no_secret_of_a_line_of_text_reaches_a_record(
    tmp_path: Path, name: str, sample: str
) -> None:
    # Queries stand in request lines, but for the field that CloudFront has of them.
    line = re.sub("page=2|X-Amz-Expires=60", f"api_key={SECRET}", sample)
    if line == sample:
        line = sample.replace(" HTTP/1.1", f"?api_key={SECRET} HTTP/1.1", 1)
    assert line != sample, name
    path = tmp_path / "a.log"
    path.write_text(line + "\n")
    (kept,) = apilog.scan(path, keep_query=True).collect().to_dicts()
    assert "api_key=***" in kept["path"]
    assert SECRET not in str(kept)
    assert SECRET not in str(apilog.scan(path).collect().to_dicts())
