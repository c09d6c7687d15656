"""API Gateway's access-log formats, given as they stand in a template."""

from __future__ import annotations

import pytest

from apilog.errors import UsageError
from apilog.formats.file_plan import choose_format
from apilog.formats.gateways.aws.context_format import compile_context_format
from tests.formats.read_rows import lines_of, read_lines, reading_of, rows

TIME = "21/Nov/2026:10:00:00 +0000"


def read(string: str, *lines: str) -> list[dict[str, object]]:
    choice = choose_format(string)
    assert choice
    outcome = read_lines(lines_of(*lines), reading_of(choice.formats[0]))
    assert outcome.rejects.is_empty()
    return [{k: v for k, v in r.items() if k != "timestamp"} for r in rows(outcome)]


def test_text() -> None:
    string = (
        '$context.identity.sourceIp [$context.requestTime] "$context.httpMethod '
        '$context.resourcePath $context.protocol" $context.status $context.requestId '
        "$context.responseLatency $context.integration.latency $context.error.message\\n"
    )
    start = f'203.0.113.7 [{TIME}] "GET /users/{{id}} HTTP/1.1"'
    good, bad = read(
        string,
        f"{start} 200 8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a59 57 50 -",
        f"{start} 504 8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a60 29001 - Endpoint request timed out",
    )
    assert good == {
        "method": "GET",
        "protocol": "HTTP/1.1",
        "status": 200,
        "client_ip": "203.0.113.7",
        "request_id": "8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a59",
        "duration_ms": 57.0,
        "upstream_duration_ms": 50.0,
    }
    assert bad["error_type"] == "Endpoint request timed out"
    assert "upstream_duration_ms" not in bad


def test_json_under_any_keys() -> None:
    string = (
        '{"a":"$context.requestId","b":{"c":"$context.requestTime"},"s":$context.status,'
        '"x":"$context.authorizer.claims.sub","l":$context.integration.latency,"m":"$context.path"}'
    )
    (found,) = read(
        string,
        '{"a":"GQIVriFLIAMEMsA=","b":{"c":"'
        + TIME
        + '"},"s":200,"x":"alice","l":12,"m":"/prod/a"}',
    )
    assert found["consumer"] == "alice"
    assert (found["status"], found["upstream_duration_ms"], found["path"]) == (200, 12.0, "/prod/a")


@pytest.mark.parametrize("separator", [" ", "\t", "|", ","])
def test_separators(separator: str) -> None:
    names = ("requestTimeEpoch", "status", "routeKey", "identity.userAgent", "extendedRequestId")
    string = separator.join(f"$context.{name}" for name in names)
    typed = string.replace("\t", "\\t")
    line = separator.join(("1795255200123", "404", "$default", "curl/8.1", "UBuxEFWvoAMFbVw="))
    (found,) = read(typed, line)
    assert (found["status"], found["user_agent"]) == (404, "curl/8.1")


def test_a_broken_object_is_refused() -> None:
    with pytest.raises(UsageError):
        compile_context_format('{"a":"$context.requestId"')
