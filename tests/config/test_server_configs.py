"""Configurations of servers: told by their content, and the formats that are in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from apilog.config import load_config
from apilog.config.servers import read_server_formats
from apilog.errors import UsageError
from tests.commands import Run

Write = Callable[[str, str], Path]

HAPROXY = """
defaults
    mode http
    option httplog
frontend fe_api   # the API
    capture request header Host len 64
    capture request  header User-Agent len 64
frontend fe_own
    log-format "%ci %cp [%trl] %{+Q}r %ST \\
%[capture.req.hdr(0)] %Ta"
    capture request header X-Request-ID len 40
frontend fe_tcp
    mode tcp
    log-format "%ci %cp [%t] %ft %b/%s %ts"
backend be_live
    server a 127.0.0.1:80
"""
ENVOY = """
static_resources:
  listeners:
  - filter_chains:
    - filters:
      - typed_config:
          access_log:
          - typed_config:
              log_format:
                text_format_source:
                  inline_string: "[%START_TIME%] %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%\\n"
          - typed_config:
              log_format:
                json_format: {t: "%START_TIME%", p: "%REQ(:PATH)%", s: "%RESPONSE_CODE%"}
"""
ISTIO = """
apiVersion: v1
kind: Namespace
---
apiVersion: v1
kind: ConfigMap
data:
  mesh: |-
    accessLogFile: /dev/stdout
    accessLogFormat: |
      {
        "t": "%START_TIME%",
        "s": "%RESPONSE_CODE%"
      }
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of a name and a content."""

    def write_file(name: str, content: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return path

    return write_file


def patterns(path: Path) -> dict[str, tuple[str, str]]:
    found = read_server_formats(path)
    assert found is not None
    return {name: (own.lines, own.pattern) for name, own in found.items()}


def test_frontends_of_haproxy_have_formats_with_the_headers_that_they_capture(write: Write) -> None:
    found = patterns(write("haproxy.cfg", HAPROXY))
    assert [*found] == ["haproxy-fe_api", "haproxy-fe_own"]
    lines, api = found["haproxy-fe_api"]
    assert lines == "haproxy"
    assert api.endswith(" {%[req.hdr(Host)]|%[req.hdr(User-Agent)]} %{+Q}r")
    assert "%ST %[req.hdr(X-Request-ID)] %Ta" in found["haproxy-fe_own"][1]


def test_formats_of_apache_that_a_log_uses_in_an_included_file(write: Write) -> None:
    write("conf.d/site.conf", 'CustomLog logs/a.log timed\nCustomLog logs/b.log "%h %t %>s %D"\n')
    path = write(
        "httpd.conf",
        'LogFormat "%h \\"%r\\" %>s" unused\nLogFormat "%a %t \\"%r\\" %>s %D" timed\n'
        "IncludeOptional conf.d/*.conf\nInclude missing.conf\nInclude httpd.conf\n",
    )
    assert patterns(path) == {
        "apache-timed": ("apache", '%a %t "%r" %>s %D'),
        "apache-log_2": ("apache", "%h %t %>s %D"),
    }


def test_formats_of_envoy_wherever_they_stand(write: Write) -> None:
    first, second = patterns(write("envoy.yaml", ENVOY)).values()
    assert first[1] == "[%START_TIME%] %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%"
    assert second[1] == '{"t": "%START_TIME%", "p": "%REQ(:PATH)%", "s": "%RESPONSE_CODE%"}'
    assert patterns(write("mesh.yaml", ISTIO)) == {
        "envoy-mesh": ("envoy", '{"t": "%START_TIME%", "s": "%RESPONSE_CODE%"}')
    }
    (default,) = patterns(write("plain.yaml", "access_log:\n- name: file\n")).values()
    assert default[1].startswith('[%START_TIME%] "%REQ(:METHOD)%')


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("traefik.yml", "accessLog:\n  format: json\n", {"traefik": ("json", "")}),
        ("traefik.toml", "[accessLog]\n", {"traefik-common": ("traefik-clf", "")}),
        ("kong.conf", "proxy_access_log = logs/a.log\n", {"kong-default": ("kong", "")}),
        (
            "kong.conf",
            "proxy_access_log=logs/a.log own\nnginx_http_log_format=own '$msec $status'\n",
            {"kong-own": ("nginx", "log_format own '$msec $status';")},
        ),
        (
            "nginx.conf",
            'http { log_format j escape=json \'{"t":"$msec"}\'; access_log a.log j; }\n',
            {"nginx-j": ("nginx", 'log_format j escape=json \'{"t":"$msec"}\';')},
        ),
    ],
)
def test_other_servers(
    write: Write, name: str, content: str, expected: dict[str, tuple[str, str]]
) -> None:
    assert patterns(write(name, content)) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [("apilog.toml", '[defaults]\ntz = "UTC"\n'), ("settings", "[formats.x]\nlines = 'json'\n")],
)
def test_settings_of_apilog_are_its_own(write: Write, name: str, content: str) -> None:
    assert read_server_formats(write(name, content)) is None


def test_a_configuration_without_a_format_is_refused(write: Write) -> None:
    with pytest.raises(UsageError, match="haproxy without a format of access logs"):
        load_config(write("haproxy.cfg", "defaults\n    mode tcp\n"))
    with pytest.raises(UsageError, match="is no YAML"):
        load_config(write("envoy.yaml", "access_log: [\n"))


def test_a_log_is_read_by_the_configuration_of_its_server(write: Write, run: Run) -> None:
    log = write(
        "access.log",
        "203.0.113.7:51310 [21/Nov/2026:10:00:00.066] fe_api be_orders/app3 0/0/1/65/67 200 512 - "
        '- ---- 12/10/3/1/0 0/0 {api.example.com|curl/8.1 (a b)} "GET /v1/users/42 HTTP/1.1"\n',
    )
    query = ("query", "SELECT host, user_agent, path FROM requests", log, "-f", "ndjson")
    ran = run(*query, "--config", write("haproxy.cfg", HAPROXY))
    assert ran.code == 0
    assert ran.text == (
        '{"host":"api.example.com","user_agent":"curl/8.1 (a b)","path":"/v1/users/42"}\n'
    )
