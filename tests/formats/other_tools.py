"""The expectations that other tools have of the real logs, translated into our records.

Every function gives, by the log line, the columns that the tool is sure of; a value that is
missing there is None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

Record = dict[str, object]
Column = Callable[[str], Record]

_ASSERT = re.compile(
    r'^results\["s01-parse"\]\["[^"]+"\]\[(\d+)\]\.Evt\.Parsed\["(\w+)"\] == (".*")$', re.MULTILINE
)


def _text(column: str) -> Column:
    return lambda value: {column: None if value in ("", "-") else value}


def _number(column: str) -> Column:
    return lambda value: {column: None if value in ("", "-") else int(value)}


def _target(value: str) -> Record:
    return {"path": value.partition("?")[0]} if value.startswith("/") else {}


def _access_time(value: str) -> Record:
    return {"timestamp": _instant(value)}


CROWDSEC: Mapping[str, Column] = {
    "remote_addr": _text("client_ip"),
    "clientip": _text("client_ip"),
    "verb": _text("method"),
    "request": _target,
    "http_version": lambda value: {"protocol": f"HTTP/{value}"},
    "httpversion": lambda value: {"protocol": f"HTTP/{value}"},
    "status": _number("status"),
    "response": _number("status"),
    "upstream_status": _number("upstream_status"),
    "upstream_cache_status": _text("cache_status"),
    "body_bytes_sent": _number("response_bytes"),
    "bytes": _number("response_bytes"),
    "http_referer": _text("referer"),
    "referrer": _text("referer"),
    "http_user_agent": _text("user_agent"),
    "remote_user": _text("consumer"),
    "auth": _text("consumer"),
    "target_fqdn": lambda value: _text("host")(value.partition(":")[0]),
    "time_local": _access_time,
    "timestamp": _access_time,
    "request_duration_in_ms": lambda value: {"duration_ms": float(value)},
}
"""CrowdSec's names of fields to our columns."""


def of_crowdsec(asserts: str) -> dict[str, Record]:
    """Return what a `parser.assert` says of access lines."""
    events: dict[str, dict[str, str]] = {}
    for event, field, value in _ASSERT.findall(asserts):
        events.setdefault(event, {})[field] = json.loads(value)
    return {
        event["message"]: {
            column: value
            for field, text in event.items()
            if field in CROWDSEC and (text or field != "request")
            for column, value in CROWDSEC[field](text).items()
        }
        for event in events.values()
        if event.get("status") or event.get("response")
    }


VECTOR: Mapping[str, str] = {
    "client": "client_ip",
    "remote_addr": "client_ip",
    "host": "client_ip",
    "user": "consumer",
    "remote_user": "consumer",
    "method": "method",
    "path": "path",
    "protocol": "protocol",
    "status": "status",
    "size": "response_bytes",
    "body_bytes_size": "response_bytes",
    "referer": "referer",
    "referrer": "referer",
    "http_referer": "referer",
    "agent": "user_agent",
    "http_user_agent": "user_agent",
    "request_length": "request_bytes",
    "proxy_upstream_name": "api",
    "upstream_status": "upstream_status",
    "req_id": "request_id",
    "code": "status",
    "remote": "client_ip",
    "time": "timestamp",
    "timestamp": "timestamp",
    "req_len": "request_bytes",
    "res_len": "response_bytes",
    "t_time_ms": "duration_ms",
    "u_time_ms": "upstream_duration_ms",
}
"""Names of fields in Vector's and fluentd's tests to our columns."""


def of_vector(expected: Mapping[str, object]) -> Record:
    """Return what a `*.vectors.jsonl` says of a line."""
    record = {VECTOR[k]: v for k, v in expected.items() if k in VECTOR}
    for column, value in record.items():
        if column == "timestamp":
            record[column] = _instant(str(value))
        elif column in ("status", "response_bytes"):
            record[column] = int(str(value))
        elif value in ("", "-"):
            record[column] = None
    return record


def of_ops_agent(yaml: str) -> Iterator[Record]:
    """Yield what Google's Ops Agent reads of each line; it reads none that ends in a blank."""
    for entry in re.split(r"^ +- ", yaml, flags=re.MULTILINE)[1:]:
        values = dict(re.findall(r'^ *(\w+): "?(.*?)"?$', entry, re.MULTILINE))
        if not values.get("remoteIp"):
            continue
        yield {
            "client_ip": values["remoteIp"],
            "method": values["requestMethod"],
            "path": values["requestUrl"],
            "protocol": values["protocol"],
            "status": int(float(values["status"])),
            "response_bytes": int(float(values.get("responseSize", 0))),
            "user_agent": values.get("userAgent") or None,
            "referer": None if values.get("referer") in (None, "", "-") else values["referer"],
            "consumer": values.get("user"),
            "timestamp": _instant(values["timestamp"]),
        }


def of_mtail(golden: str) -> dict[tuple[str, int], Record]:
    """Return mtail's `requests` and `bytes` by method and status; some lack the bytes."""
    result: dict[tuple[str, int], Record] = {}
    pattern = r"^counter apache_http_(requests|bytes)_total \{(.*)\} (\d+) "
    for name, labels, value in re.findall(pattern, golden, re.MULTILINE):
        values = dict(label.split("=") for label in labels.split(","))
        status = int(values.get("status_code") or values["request_status"])
        result.setdefault((values["request_method"], status), {})[name] = int(value)
    return result


def of_alp(yaml: str) -> dict[tuple[str, str], Record]:
    """Return alp's figures by method and path, of requests with a duration."""
    result: dict[tuple[str, str], Record] = {}
    for entry in yaml.split("- uri: ")[1:]:
        path = entry.partition("\n")[0]
        method = str(re.findall(r"method: (\w+)", entry)[0])
        times = entry.partition("response_time:")[2].partition("request_body_bytes:")
        sizes = times[2].partition("response_body_bytes:")[0]
        result[method, path] = {
            "requests": int(re.findall(r"count: (\d+)", entry)[0]),
            **{
                f"status{n}xx": int(re.findall(rf"status{n}xx: (\d+)", entry)[0])
                for n in range(1, 6)
            },
            **{name: _figure(times[0], name) for name in ("max", "min", "sum")},
            "bytes": _figure(sizes, "sum"),
        }
    return result


def _figure(text: str, name: str) -> float:
    return float(re.findall(rf"{name}: ([0-9.]+)", text)[0])


def _instant(text: str) -> datetime:
    if "/" in text:
        return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z")
    return datetime.fromisoformat(re.sub(r"\.0+Z$", "Z", text))
