"""Logs of gateways from templates and examples that others published."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import apilog

FLOW = {
    "organization.name": "acme",
    "environment.name": "prod",
    "apiproxy.name": "orders",
    "apiproxy.revision": "7",
    "apiproduct.name": "gold",
    "client_id": "key-1",
    "developer.id": "dev-1",
    "request.uri": "/v1/orders/5?a=b",
    "request.url": "https://api.example.com/v1/orders/5?a=b",
    "request.verb": "GET",
    "messageid": "m-1",
    "client.received.start.timestamp": "1760104536120",
    "client.received.end.timestamp": "1760104536123",
    "target.sent.end.timestamp": "1760104536133",
    "target.received.end.timestamp": "1760104536213",
    "client.sent.start.timestamp": "1760104536220",
    "client.sent.end.timestamp": "1760104536223",
    "message.status.code": "502",
    "response.status.code": "503",
    "fault.name": "TargetDown",
}
"""Flow variables of a call that failed."""

SENT = datetime(2025, 10, 10, 13, 55, 36, 123000, UTC)
READ: Mapping[str, object] = {
    "timestamp": SENT,
    "gateway": "apigee",
    "api": "orders",
    "api_version": "7",
    "stage": "prod",
    "method": "GET",
    "path": "/v1/orders/5",
    "route": "/v1/orders/{id}",
    "status": 503,
    "duration_ms": 100.0,
    "upstream_duration_ms": 80.0,
    "consumer": "key-1",
    "plan": "gold",
    "request_id": "m-1",
    "error_type": "TargetDown",
}


def _filled(template: str, unset: tuple[str, ...] = ()) -> str:
    """Return what Apigee logs by the template; what is not set is empty."""
    values = FLOW | dict.fromkeys(unset, "")
    return re.sub(r"\{([A-Za-z_.()]+)\}", lambda m: values.get(m.group(1), ""), template)


def _written(text: str) -> str:
    return text


def _entry(text: str) -> str:
    """Return what Cloud Logging exports of what was written to it."""
    (entry,) = json.loads(text)["entries"]
    return json.dumps({"logName": "projects/acme/logs/apigee", **entry})


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Read the one record of a log, without nulls."""

    def read(text: str) -> dict[str, Any]:
        path = tmp_path / "access.json"
        path.write_text(text, encoding="utf-8")
        (record,) = apilog.scan([path]).collect().to_dicts()
        return {k: v for k, v in record.items() if v is not None and k != "source"}

    return read


@pytest.mark.parametrize(
    ("name", "logged"),
    [("logging-v1", _written), ("cloud-logging-entries-write", _entry)],
)
def test_apigees_own_templates(
    samples: Path,
    read: Callable[[str], dict[str, Any]],
    name: str,
    logged: Callable[[str], str],
) -> None:
    template = (samples / f"apigee/apigee-devrel/{name}.template.json").read_text("utf-8")
    record = read(logged(_filled(template)))
    # One of the two logs when the first byte came, the other only when the last had.
    assert abs(record["timestamp"] - SENT) <= timedelta(milliseconds=3)
    assert record | {"timestamp": SENT} == {**READ, "line_number": 1, "error_source": "gateway"}
    unset = ("client_id", "developer.id", "response.status.code", "fault.name")
    early = read(logged(_filled(template, unset)))
    assert not early.keys() & {"consumer", "status", "error_type"}
    assert early["path"] == READ["path"]


def test_googles_cloud_logging_template(
    samples: Path, read: Callable[[str], dict[str, Any]]
) -> None:
    folder = samples / "apigee/GoogleCloudPlatform-apigee-samples"
    policy = (folder / "ml-cloudlogging.template.json").read_text("utf-8")
    payload = json.loads(_filled(policy[policy.index("{", policy.index("application/json")) :]))
    assert payload["response.code"] == "503"
    entry = {"logName": "l", "timestamp": "2025-10-10T13:55:36.123Z", "jsonPayload": payload}
    record = read(json.dumps(entry))
    told = ("timestamp", "gateway", "api", "stage", "method", "status")
    assert {name: record[name] for name in told} == {name: READ[name] for name in told}
    assert "Hi!" not in str(record)


def test_a_subscription_message_of_cloudwatch(
    samples: Path, read: Callable[[str], dict[str, Any]]
) -> None:
    name = "parse_aws_cloudwatch_log_subscription_message.json"
    example = json.loads((samples / "aws_apigateway/vectordotdev-vrl" / name).read_text("utf-8"))
    source = example["examples"][0]["source"]
    record = read(source[source.index("{") : source.rindex("}") + 1])
    logged = json.loads(example["examples"][0]["return"]["log_events"][0]["message"])
    assert record["timestamp"] == datetime(2020, 9, 14, 15, 45, 41, tzinfo=UTC)
    assert record["client_ip"] == logged["host"]
    assert record["path"] == logged["request"]
    for column in ("method", "protocol", "referer", "status"):
        assert record[column] == logged[column]
    assert record["response_bytes"] == logged["bytes"]


def test_azures_samples(samples: Path) -> None:
    folder = samples / "azure/opentelemetry-collector-contrib"
    log = folder / "agw/access-log.json"
    records = apilog.scan([log]).collect().to_dicts()
    raw = json.loads(log.read_text("utf-8"))["records"]
    for record, told in zip(records, raw, strict=True):
        values = told["properties"]
        assert record["client_ip"] == values["clientIP"]
        assert record["method"] == (values["httpMethod"] or None)
        assert record["status"] == int(values["httpStatus"])
        assert record["response_bytes"] == int(values["sentBytes"])
        in_ms = isinstance(values["timeTaken"], int) and "_IN_" in values["instanceId"]
        assert record["duration_ms"] == pytest.approx(values["timeTaken"] * (1 if in_ms else 1000))
    (door,) = apilog.scan([folder / "frontdoor/access-log.json"]).collect().to_dicts()
    assert (door["protocol"], door["status"], door["duration_ms"]) == ("HTTP/2.0", 200, 35.0)
