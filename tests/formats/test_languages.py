"""Servers' own format strings: told apart by the text, and what each word of them reads."""

from __future__ import annotations

import polars as pl
import pytest

from apilog.errors import UsageError
from apilog.formats.envoy.operators import parse_envoy_format
from apilog.formats.failure_codes import ENVOY_FLAGS
from apilog.formats.file_plan import choose_format
from apilog.formats.haproxy.log_format import parse_haproxy_format
from apilog.formats.languages import FORMAT_LANGUAGES, find_language
from apilog.schema import error_source
from tests.formats.read_rows import lines_of, read_lines, reading_of, rows

COMBINED_OF_APACHE = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D'

HAPROXY_AS_JSON = (
    '{"t":"21/Nov/2026:10:00:00 +0000","r":"GET /a HTTP/1.1","s":503,"d":7,"b":"be",'
    '"w":"<NOSRV>","e":"SC"}'
)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (COMBINED_OF_APACHE, "apache"),
        ("%a %t %m %U%q %s %B %Ts", "apache"),
        ("%{%FT%T%z}t %D%%", "apache"),
        ("%ci:%cp [%tr] %ft %b/%s %ST %{+Q}r", "haproxy"),
        ("%[src] %[date(0,ms)] %[req.hdr(host)]", "haproxy"),
        ('{"m":"%HM","s":%ST}', "haproxy"),
        ("[%START_TIME%] %RESPONSE_CODE%", "envoy"),
        ('{"s":"%RESPONSE_CODE%","q":"$"}', "envoy"),
        ("$remote_addr [$time_local] $status 5%", "nginx"),
        ("$context.requestId $context.status", "aws"),
        ("combined", None),
        ("", None),
        ("100%", None),
    ],
)
def test_a_text_is_of_one_language(text: str, language: str | None) -> None:
    found = find_language(text)
    assert (found.name if found else None) == language


@pytest.mark.parametrize(
    ("string", "expected"),
    [
        ('"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"', '"$request"'),
        ("%REQ(:AUTHORITY)%|%REQ(X-Foo?Y):12%", "$http_host|$http_x_foo"),
        ("%START_TIME(%s.%3f)% %START_TIME(%d/%b/%Y:%T %z)%", "$msec $time_local"),
        ("%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)% %START_TIME(%s)%", "$time_iso8601 $time_any"),
        ("%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% %RESP(ETag)%",
         "$upstream_response_time_ms $sent_http_etag"),
        ("%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)% %%", "$jwt_claim_sub %"),
        ("%UPSTREAM_CLUSTER% %ROUTE_NAME%\\n", "$upstream_cluster $route_name"),
    ],
)  # fmt: skip
def test_operators_of_envoy_are_variables(string: str, expected: str) -> None:
    assert parse_envoy_format(string).string == expected


@pytest.mark.parametrize(
    ("string", "expected"),
    [
        ("%ci:%cp [%tr]", "$remote_addr:$client_port [$time_unzoned]"),
        (r"log-format %ci\ [%T]\ %{+Q}r", '$remote_addr [$time_local] "$request"'),
        ('log-format "%{+Q}o %{-Q}ci %r %ST"', '$remote_addr "$request" $status'),
        ("%si:%sp %sq/%bq %hs %{+Q}r",
         '$server_addr_port $server_queue/$backend_queue $captures"$request"'),
        ("%[var(txn.xff)] %[req.hdr(Host),lower]", "$http_xff $http_host"),
        ("{%[req.hdr(User-Agent)]|%[res.hdr(Server)]}", "{$http_user_agent|$sent_http_server}"),
        ("%[capture.req.hdr(7)]", "$sample_capture_req_hdr_7"),
        ("%(took)Ta%% %STx", "$active_time_ms% ${status}x"),
    ],
)  # fmt: skip
def test_variables_of_haproxy_are_variables(string: str, expected: str) -> None:
    assert parse_haproxy_format(string).string == expected


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("%START_TIM%", "no operator %START_TIM%", "%START_TIME%"),
        ("%ST %ci %zz", "no variable %zz", "%%"),
    ],
)
def test_words_that_there_are_not_are_refused(text: str, problem: str, hint: str) -> None:
    with pytest.raises(UsageError, match=problem) as raised:
        choose_format(text)
    assert hint in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("string", "line", "expected"),
    [
        (
            '{"t":"%START_TIME%","m":"%REQ(:METHOD)%","p":"%REQ(:PATH)%","s":"%RESPONSE_CODE%"}',
            '{"t":"2026-11-21T10:00:00.5Z","m":"GET","p":"/a?b=1","s":504}',
            {"method": "GET", "path": "/a", "query": "b=1", "status": 504},
        ),
        (
            '{"t":"%START_TIME%","d":"%DURATION%","f":"%RESPONSE_FLAGS%","c":"%UPSTREAM_CLUSTER%"}',
            '{"t":"2026-11-21T10:00:00.5Z","d":1500,"f":"UT","c":"shop"}',
            {"duration_ms": 1500.0, "error_type": "UT", "api": "shop"},
        ),
        (
            "[%START_TIME%] %UPSTREAM_REQUEST_ATTEMPT_COUNT% %RESPONSE_CODE%",
            "[2026-11-21T10:00:00.5Z] 3 200",
            {"upstream_attempts": 3, "status": 200},
        ),
        (
            '{"t":"%trg","r":"%r","s":%ST,"d":%Ta,"b":"%b","w":"%s","e":"%ts"}',
            HAPROXY_AS_JSON,
            {
                "path": "/a",
                "status": 503,
                "duration_ms": 7.0,
                "error_type": "SC",
                "api": "be",
                "error_source": "gateway",
            },
        ),
        (
            '%ci - %[unique-id] [%trl] "%HM %HU %HV" %ST %Tr %Ta %U %B',
            '203.0.113.7 - 6a9b [21/Nov/2026:11:00:00 +0100] "GET /a?b=1 HTTP/2.0" 200 5 7 87 120',
            {
                "client_ip": "203.0.113.7",
                "request_id": "6a9b",
                "path": "/a",
                "query": "b=1",
                "upstream_duration_ms": 5.0,
                "duration_ms": 7.0,
                "request_bytes": 87,
                "response_bytes": 120,
                "protocol": "HTTP/2.0",
            },
        ),
    ],
)
def test_lines_by_a_string_of_their_own(
    string: str, line: str, expected: dict[str, object]
) -> None:
    choice = choose_format(string)
    assert choice is not None
    (found,) = rows(read_lines(lines_of(line), reading_of(choice.formats[0])))
    assert {column: found.get(column) for column in expected} == expected
    assert str(found["timestamp"]).startswith("2026-11-21 10:00:00")


def test_the_languages_of_the_configuration_are_these() -> None:
    assert sorted(FORMAT_LANGUAGES) == ["apache", "aws", "envoy", "haproxy", "nginx"]


@pytest.mark.parametrize(
    ("flags", "host", "source"),
    [
        *((flag, "10.0.3.5:8080", "gateway") for flag in ("UF", "UT", "UF,URX", "UC,DI")),
        *((flag, "10.0.3.5:8080", "upstream") for flag in ("-", "URX", "DI", "RFCF")),
        ("-", "-", "gateway"),
    ],
)
def test_flags_tell_who_answered_with_an_error(flags: str, host: str, source: str) -> None:
    start = '[2026-11-21T10:00:00.123Z] "GET /a HTTP/1.1" 503'
    line = f'{start} {flags} 0 91 5 - "-" "-" "-" "a.example" "{host}"'
    (found,) = rows(read_lines(lines_of(line)))
    assert found["error_source"] == source
    assert found.get("error_type") == (None if flags == "-" else flags)


def test_every_flag_of_envoys_own_answers_is_said_in_words() -> None:
    assert {"UH", "UF", "UO", "NR", "UT", "RL", "UAEX", "DC"} <= ENVOY_FLAGS.keys()
    assert not {"URX", "DI", "RFCF"} & ENVOY_FLAGS.keys()
    assert error_source(tells_upstream=True).meta.output_name() == "error_source"


W3C_NAMES = "date time c-ip cs-username cs-method cs-uri-stem cs-uri-query sc-status time-taken"
W3C_ROWS = (
    "2026-11-21 10:00:00 203.0.113.7 - GET /v1/orders page=2 200 87",
    "2026-11-21 10:00:05 203.0.113.7 acme GET /v1/orders - 504 5004",
)


@pytest.mark.parametrize("text", [f"#Fields: {W3C_NAMES}", W3C_NAMES])
def test_rows_by_the_fields_of_a_w3c_log(text: str) -> None:
    choice = choose_format(text)
    assert choice is not None
    plan = choice.plan_for(pl.Series(W3C_ROWS))
    assert plan is not None
    first, second = rows(read_lines(lines_of(*W3C_ROWS), plan))
    assert (first["path"], first["query"], first["duration_ms"]) == ("/v1/orders", "page=2", 87.0)
    assert "consumer" not in first
    assert (second["consumer"], second["status"], second["duration_ms"]) == ("acme", 504, 5004.0)
    assert "query" not in second


def test_fields_that_stand_twice_are_refused() -> None:
    with pytest.raises(UsageError, match="sc-status twice"):
        choose_format("#Fields: date time sc-status sc-status")


def test_names_of_traefiks_fields_say_that_lines_are_its_json() -> None:
    line = (
        '{"StartUTC":"2026-11-21T10:00:00.5Z","RequestMethod":"GET","RequestPath":"/a?b=1",'
        '"DownstreamStatus":200,"Duration":384599317}'
    )
    choice = choose_format("StartUTC RequestMethod, RequestPath DownstreamStatus Duration")
    assert choice is not None
    plan = choice.plan_for(pl.Series([line]))
    assert plan is not None
    outcome = read_lines(lines_of(line), plan)
    (found,) = rows(outcome)
    assert (found["path"], found["duration_ms"]) == ("/a", 384.599)
    assert outcome.records["gateway"].to_list() == ["traefik"]
