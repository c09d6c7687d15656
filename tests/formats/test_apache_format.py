"""Apache's LogFormat strings: each directive as it is documented, and whole lines read by them."""

from __future__ import annotations

from pathlib import Path

import pytest

import apilog
from apilog.errors import UsageError
from apilog.formats.file_plan import choose_format
from apilog.formats.nginx.apache_format import (
    find_apache_gateway,
    is_apache_string,
    parse_apache_format,
)

LINE = (
    '203.0.113.7 - alice [21/Nov/2026:10:00:00 +0100] "GET /v1/users?page=2 HTTP/1.1" 200 512 '
    '"https://www.example.com/" "curl/8.1" 1250'
)


@pytest.mark.parametrize(
    ("string", "expected"),
    [
        ("%h %l %u %t", "$remote_addr $ident $remote_user [$time_local]"),
        (r"\"%r\"\t%>s", '"$request"\t$status'),
        (
            "%<s %b %B %O %I",
            "$status $body_bytes_sent $body_bytes_sent $bytes_sent $request_length",
        ),
        ("%T", "$request_time"),
        ("%T/%D", "$request_time_whole/$request_time_us"),
        ("%{ms}T %{us}T %{s}T", "$request_time_ms $request_time_us $request_time_whole"),
        ("%m %U%q %H", "$request_method $uri$is_args$args $server_protocol"),
        ("%{X-Forwarded-For}i", "$http_x_forwarded_for"),
        ("%!200,304{Referer}i %400,501{User-agent}i", "$http_referer $http_user_agent"),
        ("%{UNIQUE_ID}e %{SSL_PROTOCOL}x", "$request_id $ssl_protocol"),
        ("%a %{c}a", "$remote_addr $realip_remote_addr"),
        ("%{%d/%b/%Y:%H:%M:%S %z}t", "$time_local"),
        ("%{%Y-%m-%dT%H:%M:%S%z}t", "$time_iso8601"),
        ("%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t %h", "$time_any $remote_addr"),
        ("%D%%", "$request_time_us%"),
        # Tomcat's and Varnish's.
        ("%U%q %I %D %F", "$uri$query_or_dash $thread $request_time_us $commit_time_ms"),
        ("%I %{Varnish:hitmiss}x", "$request_length $upstream_cache_status"),
        ('LogFormat "%h \\"%r\\"" mine', '$remote_addr "$request"'),
    ],
)
def test_directives_are_variables(string: str, expected: str) -> None:
    parsed = parse_apache_format(string)
    assert (parsed.string, parsed.escape) == (expected, "apache")


@pytest.mark.parametrize(
    ("string", "problem"),
    [("%h %Z", "no directive '%Z'"), ("%h %i", "'%i' needs a name"), ("%%", "has no directive")],
)
def test_what_apache_does_not_have_is_refused(string: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_apache_format(string)


def test_only_strings_with_directives_and_no_variables_are_apaches() -> None:
    assert is_apache_string("%h %>s")
    assert not is_apache_string("$remote_addr %h")
    assert not is_apache_string("100%")
    assert not is_apache_string("combined")


def test_a_log_is_read_by_its_logformat(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(f"{LINE}\n")
    string = r"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D"
    frame = apilog.scan(log, string).collect()
    assert frame.select(
        "gateway", "path", "status", "duration_ms", "consumer", "user_agent"
    ).rows() == [("apache", "/v1/users", 200, 1.25, "alice", "curl/8.1")]


def test_a_logformat_may_write_json(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text('{"t":"[21/Nov/2026:10:00:00 +0000]","request":"GET /a HTTP/1.1","s":"503"}\n')
    string = r"{ \"t\":\"%t\", \"request\":\"%r\", \"s\":\"%>s\" }"
    frame = apilog.scan(log, string).collect()
    assert frame.select("gateway", "path", "status").rows() == [("apache", "/a", 503)]


def test_an_unknown_name_is_no_logformat() -> None:
    with pytest.raises(UsageError, match="unknown log format 'combind'"):
        choose_format("combind")


@pytest.mark.parametrize(
    ("string", "gateway"),
    [
        ("%h %t %r %D", "apache"),
        ("%h %t %r %D %F", "tomcat"),
        ("%h %t %r %{VCL_Log:key}x", None),
        ("%h %t %r %{SSL_PROTOCOL}x", "apache"),
    ],
)
def test_the_directives_tell_the_software(string: str, gateway: str | None) -> None:
    assert find_apache_gateway(string) == gateway


def test_tomcats_query_is_a_dash_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    start = "203.0.113.7 [21/Nov/2026:10:00:00 +0100] GET"
    path.write_text(f"{start} /v1/a-b- 200 1500 1\n{start} /v1/a-?page=2- 200 1500 1\n")
    rows = apilog.scan(path, log_format="%h %t %m %U%q %s %D %F").collect()
    assert rows["path"].to_list() == ["/v1/a-b", "/v1/a-"]
    assert rows["duration_ms"].to_list() == [1.5, 1.5]
