"""Requests that Apigee took, in each of the shapes in which it writes them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from xml.etree import ElementTree

from apilog.formats.gateways.apigee import MESSAGE_LOGGING_POLICY

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
_TARGET_FAULT = "messaging.adaptors.http.flow.ErrorResponseCode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; None where something did not happen."""

    number: int
    method: str = "GET"
    path: str = "/v1/orders/42"
    status: int | None = 200
    target: int | None = 200
    taken: int = 57
    target_taken: int | None = 50
    fault: str | None = None
    app: str | None = "mobile"
    client: str | None = "k1"
    developer: str | None = "shop@@@7f3a"
    product: str | None = "gold"
    flow: str | None = "GetOrder"
    agent: str | None = 'curl/8.1 "a, b" ß'
    request_bytes: int = 10
    response_bytes: int = 512
    cache_hit: bool = False
    api: str = "orders"
    ip: str = "203.0.113.7"
    at: datetime | None = None
    """By default requests are one second apart."""

    @property
    def moment(self) -> datetime:
        """Return when it came in."""
        return self.at or START + timedelta(seconds=self.number)

    @property
    def started(self) -> int:
        """Return when it came in, in milliseconds since 1970."""
        return round(self.moment.timestamp() * 1000)

    @property
    def record(self) -> Mapping[str, object]:
        """Return the record that apilog is to read, without nulls."""
        columns = {
            "timestamp": self.moment,
            "api": self.api,
            "api_version": "7",
            "stage": "prod",
            "operation": self.flow,
            "method": self.method,
            "path": self.path,
            "user_agent": self.agent,
            "status": self.status,
            "upstream_status": self.target,
            "duration_ms": float(self.taken),
            "upstream_duration_ms": None if self.target_taken is None else float(self.target_taken),
            "request_bytes": self.request_bytes,
            "response_bytes": self.response_bytes,
            "client_ip": self.ip,
            "consumer": self.app,
            "plan": self.product,
            "request_id": f"rt-1-{self.number}",
            "error_type": self.fault,
            "cache_status": "HIT" if self.cache_hit else None,
        }
        return {name: value for name, value in columns.items() if value is not None}

    @property
    def variables(self) -> Mapping[str, object]:
        """Return the flow variables after the response was sent, without unresolved ones."""
        received = None if self.target_taken is None else self.started + 4 + self.target_taken
        known = {
            "organization.name": "shop",
            "environment.name": "prod",
            "apiproxy.name": self.api,
            "apiproxy.revision": 7,
            "apilog.flow": self.flow,
            "request.verb": self.method,
            "request.uri": f"{self.path}?token=secret",
            "request.url": f"http://10.0.0.5:8080{self.path}?token=secret",
            "proxy.basepath": f"/v1/{self.api}",
            "proxy.pathsuffix": self.path.removeprefix(f"/v1/{self.api}"),
            "request.header.user-agent": self.agent,
            "request.header.content-length": self.request_bytes,
            "response.header.content-length": self.response_bytes,
            "client.ip": self.ip,
            "client.received.start.timestamp": self.started,
            "client.received.end.timestamp": self.started,
            "client.sent.start.timestamp": self.started + self.taken,
            "client.sent.end.timestamp": self.started + self.taken,
            "target.sent.start.timestamp": received and self.started + 4,
            "target.sent.end.timestamp": received and self.started + 4,
            "target.received.end.timestamp": received,
            "message.status.code": self.status,
            "response.status.code": self.target or (None if self.fault else self.status),
            "developer.app.name": self.app,
            "developer.id": self.developer,
            "client_id": self.client,
            "apiproduct.name": self.product,
            "messageid": f"rt-1-{self.number}",
            "fault.name": self.fault,
            "responsecache.Response-Cache-1.cachehit": "true" if self.cache_hit else None,
        }
        return {name: value for name, value in known.items() if value is not None}


REQUESTS = (
    Request(number=0),
    Request(number=1, target=None, target_taken=None, cache_hit=True, taken=2),
    Request(
        number=2,
        status=401,
        target=None,
        target_taken=None,
        fault="steps.oauth.v2.InvalidApiKey",
        app=None,
        client=None,
        developer=None,
        product=None,
        flow=None,
    ),
    Request(number=3, method="POST", status=503, target=503, fault=_TARGET_FAULT),
    Request(number=4, status=500, target=200, fault="steps.jsonthreatprotection.Failed"),
    Request(
        number=5,
        status=504,
        target=None,
        target_taken=None,
        fault="messaging.adaptors.http.flow.GatewayTimeout",
        taken=55_000,
    ),
    Request(
        number=6,
        status=404,
        target=404,
        fault=_TARGET_FAULT,
        path="/v1/orders/a b",
        agent=None,
        response_bytes=0,
    ),
)

Render = Callable[[Sequence[Request]], list[str]]


def _analytics(request: Request, *, nothing: str | None = None) -> dict[str, object]:
    """Return the columns of the reference; `nothing` stands for what did not happen."""
    columns: dict[str, object] = {
        "organization": "shop",
        "environment": "prod",
        "apiproxy": request.api,
        "proxy": "default",
        "request_uri": f"{request.path}?token=secret",
        "request_path": request.path,
        "request_verb": request.method,
        "flow_resource": request.flow,
        "useragent": request.agent,
        "client_ip": request.ip,
        "client_received_start_timestamp": request.started,
        "client_received_end_timestamp": request.started,
        "client_sent_end_timestamp": request.started + request.taken,
        "response_status_code": request.status,
        "target_response_code": request.target,
        "is_error": int((request.status or 0) >= 400),
        "policy_error": int(request.fault is not None and request.fault.startswith("steps")),
        "target_error": int(request.target is not None and request.target >= 400),
        "ax_edge_execution_fault_code": request.fault,
        "total_response_time": request.taken,
        "target_response_time": request.target_taken,
        "request_size": request.request_bytes,
        "response_size": request.response_bytes,
        "cache_hit": int(request.cache_hit),
        "developer_app": request.app,
        "developer": request.developer,
        "client_id": request.client,
        "access_token": "t0ken",
        "api_product": request.product,
        "gateway_flow_id": f"rt-1-{request.number}",
        "dc_tier": None,
    }
    return {name: nothing if value is None else value for name, value in columns.items()}


def _ndjson(requests: Sequence[Request]) -> list[str]:
    return [json.dumps(_analytics(request, nothing="(not set)")) for request in requests]


def _text_times(requests: Sequence[Request]) -> list[str]:
    def timed(request: Request) -> dict[str, object]:
        time = request.moment.strftime("%Y-%m-%d %H:%M:%S UTC")
        return {**_analytics(request), "client_received_start_timestamp": time}

    return [json.dumps(timed(request)) for request in requests]


def _table(separator: str, nothing: str, requests: Sequence[Request]) -> list[str]:
    out = io.StringIO()
    writer = csv.DictWriter(
        out, list(_analytics(requests[0])), delimiter=separator, lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(_analytics(request, nothing=nothing) for request in requests)
    return out.getvalue().splitlines()


_RUNTIME = (
    "organization",
    "environment",
    "apiproxy",
    "request_uri",
    "request_path",
    "request_verb",
    "client_ip",
    "useragent",
    "response_status_code",
    "client_id",
    "api_product",
    "developer_app",
    "access_token",
    "client_received_start_timestamp",
    "client_received_end_timestamp",
    "client_sent_end_timestamp",
    "gateway_flow_id",
)


def _runtime(requests: Sequence[Request]) -> list[str]:
    return [
        json.dumps(
            {"recordType": "APIAnalytics", "dc.tier": "x"}
            | {name: _analytics(request)[name] for name in _RUNTIME}
        )
        for request in requests
    ]


GOOGLES = {
    "organization": "organization.name",
    "environment": "environment.name",
    "apiProxy": "apiproxy.name",
    "apiProxyRevision": "apiproxy.revision",
    "apiProduct": "apiproduct.name",
    "developerApp": "developer.app.name",
    "clientId": "client_id",
    "developerId": "developer.id",
    "requestUri": "request.uri",
    "requestUrl": "request.url",
    "verb": "request.verb",
    "correlationId": "messageid",
    "proxyRequestReceived": "client.received.end.timestamp",
    "proxyResponseSent": "client.sent.end.timestamp",
    "targetResponseReceived": "target.received.end.timestamp",
    "targetRequestSent": "target.sent.end.timestamp",
    "targetResponseCode": "message.status.code",
    "proxyResponseCode": "response.status.code",
    "clientReceived": "client.received.start.timestamp",
    "clientSent": "client.sent.start.timestamp",
    "faultName": "fault.name",
}
"""Keys of Google's template, with the developer's app where it has the product's name."""


def _googles(request: Request) -> dict[str, object]:
    return {key: str(request.variables.get(name, "")) for key, name in GOOGLES.items()}


def _messages(requests: Sequence[Request]) -> list[str]:
    return [json.dumps({**_googles(request), "additionalParams": {}}) for request in requests]


def _flow_variables(requests: Sequence[Request]) -> list[str]:
    """Return the variables under their own names, dots and all."""
    names = dict.fromkeys(name for request in requests for name in request.variables)
    kept = [name for name in names if not name.startswith(("apilog", "responsecache"))]
    return [
        json.dumps({name: str(request.variables.get(name, "")) for name in kept})
        for request in requests
    ]


def _nested(requests: Sequence[Request]) -> list[str]:
    def objects(request: Request) -> dict[str, object]:
        flat = _googles(request)
        return {
            "message": "a request",
            "apigee": {key: flat[key] for key in ("organization", "environment", "apiProxy")},
            "request": {"uri": flat["requestUri"], "verb": flat["verb"]},
            "response": {"statusCode": str(request.status), "content": '{"status": 999}'},
            "target": {"statusCode": str(request.target or ""), "path": "/not/this/one"},
            "app": {name: flat[name] for name in ("developerApp", "apiProduct", "clientId")},
            "times": {
                key: flat[key]
                for key in (
                    "proxyRequestReceived",
                    "proxyResponseSent",
                    "targetRequestSent",
                    "targetResponseReceived",
                )
            },
            "faultName": flat["faultName"],
        }

    return [json.dumps(objects(request)) for request in requests]


def _entry(request: Request, payload: Mapping[str, object]) -> str:
    written = request.moment + timedelta(hours=1)
    return json.dumps(
        {
            "insertId": f"i{request.number}",
            **payload,
            "resource": {"type": "apigee.googleapis.com/Environment", "labels": {"env": "prod"}},
            "timestamp": written.isoformat(),
            "severity": "INFO",
            "logName": "projects/shop/logs/apigee%2Fprod",
            "receiveTimestamp": written.isoformat(),
        }
    )


def _entries(requests: Sequence[Request]) -> list[str]:
    return [_entry(request, {"jsonPayload": _googles(request)}) for request in requests]


def _text_entries(requests: Sequence[Request]) -> list[str]:
    return [
        _entry(request, {"textPayload": json.dumps(_googles(request), indent=2)})
        for request in requests
    ]


_VARIABLE = re.compile(r"\{(?:(escapeJSON)\()?([\w.-]+)\)?\}")


def rendered(template: str, variables: Mapping[str, object]) -> str:
    """Fill a message template as Apigee does: a variable that is not resolved is empty."""

    def value(found: re.Match[str]) -> str:
        text = str(variables.get(found[2], ""))
        return json.dumps(text)[1:-1] if found[1] else text

    return _VARIABLE.sub(value, template)


def policy_message() -> str:
    """Return the message template within the policy that apilog prints."""
    message = ElementTree.fromstring(MESSAGE_LOGGING_POLICY).findtext(".//Message")
    assert message is not None
    return message


def _policy(requests: Sequence[Request]) -> list[str]:
    return [
        json.dumps(json.loads(rendered(policy_message(), request.variables)))
        for request in requests
    ]


SHAPES: Mapping[str, Render] = {
    "analytics as JSON": _ndjson,
    "analytics as JSON with times as text": _text_times,
    "analytics with commas": partial(_table, ",", "(not set)"),
    "analytics with bars": partial(_table, "|", "NULL"),
    "analytics with tabs": partial(_table, "\t", ""),
    "runtime records": _runtime,
    "Google's message template": _messages,
    "flow variables by their names": _flow_variables,
    "objects in objects": _nested,
    "Cloud Logging": _entries,
    "Cloud Logging, as text": _text_entries,
    "apilog's policy": _policy,
}

_GOOGLE_LACKS = {"operation", "user_agent", "request_bytes", "response_bytes", "client_ip"} | {
    "cache_status"
}
LACKING: Mapping[str, set[str]] = {
    **{shape: {"api_version"} for shape in SHAPES if shape.startswith("analytics")},
    "runtime records": {
        "api_version",
        "operation",
        "upstream_status",
        "upstream_duration_ms",
        "request_bytes",
        "response_bytes",
        "error_type",
        "cache_status",
    },
    "Google's message template": _GOOGLE_LACKS,
    "flow variables by their names": {"operation", "cache_status", "upstream_status"},
    "objects in objects": _GOOGLE_LACKS | {"request_id", "api_version"},
    "Cloud Logging": _GOOGLE_LACKS,
    "Cloud Logging, as text": _GOOGLE_LACKS,
}
"""Shape to the columns that it has no values for."""
