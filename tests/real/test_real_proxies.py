"""What a real HAProxy and a real Apache log of requests that we sent is what apilog reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from apilog.config.servers import read_server_formats
from apilog.formats.registry import gateway_template
from tests.real.nginx_server import free_port
from tests.real.running_servers import (
    EXPECTED,
    TRAFFIC,
    Sent,
    await_lines,
    find_binary,
    let_others_in,
    methods_paths_statuses,
    read_rows,
    running,
    running_upstream,
    send,
)

pytestmark = pytest.mark.slow

HAPROXY = """
global
    log {sink} format raw local0
defaults
    mode http
    log global
    timeout connect 1s
    timeout client 5s
    timeout server 400ms
    retries 1
    option dontlognull
frontend fe_http
    bind 127.0.0.1:{port0}
    option httplog
    use_backend be_dead if {{ path_beg /down/ }}
    default_backend be_live
frontend fe_captures
    bind 127.0.0.1:{port1}
    option httplog
    capture request header Host len 64
    capture request header User-Agent len 64
    default_backend be_live
frontend fe_clf
    bind 127.0.0.1:{port2}
    option httplog clf
    default_backend be_live
frontend fe_own
    bind 127.0.0.1:{port3}
    http-request set-var(txn.host) req.hdr(host)
    log-format "%ci %cp [%trl] %{{+Q}}r %ST %U %B %Tr %Ta %tsc %[var(txn.host)] %si:%sp"
    default_backend be_live
frontend fe_template
    bind 127.0.0.1:{port4}
    default_backend be_live
{template}
backend be_live
    server app1 127.0.0.1:{live}
backend be_dead
    server app2 127.0.0.1:{dead}
"""
OWN = "%ci %cp [%trl] %{+Q}r %ST %U %B %Tr %Ta %tsc %[var(txn.host)] %si:%sp"

APACHE = """
ServerRoot {prefix}
ServerName api.example.com
Listen 127.0.0.1:{port0}
PidFile {prefix}/httpd.pid
ErrorLog {prefix}/error.log
Mutex file:{prefix}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
LogFormat "%a %l %u %t \\"%r\\" %>s %O %D \\"%{{X-Request-ID}}i\\" %v" own
CustomLog {prefix}/combined.log combined
CustomLog {prefix}/own.log own
{template}
DocumentRoot {prefix}/htdocs
Redirect gone /gone/
"""
APACHE_OWN = r'%a %l %u %t "%r" %>s %O %D "%{X-Request-ID}i" %v'


@pytest.fixture(scope="module")
def haproxy(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A log of a real HAProxy for each of its formats."""
    binary = find_binary("haproxy")
    folder = tmp_path_factory.mktemp("haproxy")
    ports = {f"port{i}": free_port() for i in range(5)}
    conf = folder / "haproxy.cfg"
    template = gateway_template("haproxy")
    known = {"sink": "stdout", "dead": free_port(), "template": template}
    out = folder / "out.log"
    with running_upstream() as live:
        conf.write_text(HAPROXY.format(live=live, **known, **ports))
        with running([binary, "-f", str(conf)], ports["port0"], out):
            for port in ports.values():
                for sent in TRAFFIC:
                    send(port, sent.raw)
            send(ports["port0"], Sent(b"/down/1", "/down/1", 503).raw)
            send(ports["port0"], b"nonsense\r\n\r\n")
            await_lines(out, 5 * len(TRAFFIC) + 2)
    lines = out.read_text().splitlines(keepends=True)
    by_frontend = {
        "http": [line for line in lines if " fe_http " in line],
        "captures": [line for line in lines if " fe_captures " in line],
        "clf": [line for line in lines if '"fe_clf"' in line],
        "template": [line for line in lines if '"frontend":"fe_template"' in line],
        "own": [line for line in lines if " fe_" not in line and '"fe_' not in line],
    }
    paths = {}
    for name, kept in by_frontend.items():
        paths[name] = folder / f"{name}.log"
        paths[name].write_text("".join(kept))
    return paths


@pytest.mark.parametrize("name", ["http", "captures", "clf", "template"])
def test_haproxys_own_formats_are_known(haproxy: Mapping[str, Path], name: str) -> None:
    rows = read_rows(haproxy[name])
    assert methods_paths_statuses(rows)[: len(TRAFFIC)] == EXPECTED
    assert {row["gateway"] for row in rows} == {"haproxy"}
    served = rows[: len(TRAFFIC)]
    assert {row["api"] for row in served} == {"be_live"}
    assert {row["upstream_addr"] for row in served} == {"app1"}
    assert all(row["client_ip"] == "127.0.0.1" for row in rows)
    assert all(0 <= row["upstream_duration_ms"] <= row["duration_ms"] < 400 for row in served)  # type: ignore[operator]
    assert [row["error_source"] for row in served] == [None, "client", "upstream", None]


def test_a_server_that_is_down_is_the_gateways_failure(haproxy: Mapping[str, Path]) -> None:
    rows = read_rows(haproxy["http"])
    (down,) = [row for row in rows if row["path"] == "/down/1"]
    assert (down["status"], down["error_type"], down["error_source"]) == (503, "SC", "gateway")
    assert (down["upstream_attempts"], down["upstream_duration_ms"]) == (2, None)
    (bad,) = [row for row in rows if row["status"] == 400]
    assert (bad["method"], bad["path"], bad["error_type"]) == (None, None, "PR")


def test_the_template_for_haproxy_fills_what_its_default_does_not(
    haproxy: Mapping[str, Path],
) -> None:
    rows = read_rows(haproxy["template"])
    assert {row["host"] for row in rows} == {"api.example.com"}
    assert {row["user_agent"] for row in rows} == {"test/1.0 (a b)"}
    assert {row["upstream_attempts"] for row in rows} == {1}
    assert all(row["request_bytes"] for row in rows)


def test_the_configuration_of_haproxy_says_what_was_captured(haproxy: Mapping[str, Path]) -> None:
    formats = read_server_formats(haproxy["captures"].parent / "haproxy.cfg")
    assert formats is not None
    captures = formats["haproxy-fe_captures"]
    rows = read_rows(haproxy["captures"], captures.pattern)
    assert {(row["host"], row["user_agent"]) for row in rows} == {
        ("api.example.com", "test/1.0 (a b)")
    }


def test_a_log_format_of_ones_own(haproxy: Mapping[str, Path]) -> None:
    rows = read_rows(haproxy["own"], OWN)
    assert methods_paths_statuses(rows) == EXPECTED
    assert {row["host"] for row in rows} == {"api.example.com"}
    assert all(str(row["upstream_addr"]).startswith("127.0.0.1:") for row in rows)
    assert all(row["request_bytes"] and row["response_bytes"] for row in rows)


@pytest.fixture(scope="module")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the logs of a real Apache."""
    binary = find_binary("apache2")
    modules = Path("/usr/lib/apache2/modules")
    if not modules.is_dir():
        pytest.skip("Apache's modules are not where Debian has them")
    prefix = tmp_path_factory.mktemp("apache")
    (prefix / "htdocs").mkdir()
    (prefix / "htdocs" / "hello").write_text("hello")
    port = free_port()
    conf = prefix / "httpd.conf"
    template = gateway_template("apache").replace("logs/access.log", str(prefix / "template.log"))
    text = APACHE.format(prefix=prefix, port0=port, modules=modules, template=template)
    if os.geteuid() == 0:
        text += "User nobody\nGroup nogroup\n"
        let_others_in(prefix / "htdocs")
    conf.write_text(text)
    command = [binary, "-f", str(conf), "-DFOREGROUND"]
    with running(command, port, prefix / "out.txt"):
        for target, method in ((b"/hello?a=1", "GET"), (b"/nowhere", "GET"), (b"/gone/x", "PUT")):
            send(port, Sent(target, "", 0, method).raw)
        send(port, b'GET /a"b\\c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        await_lines(prefix / "own.log", 4)
    return prefix


APACHE_ROWS = [
    ("GET", "/hello", 200),
    ("GET", "/nowhere", 404),
    ("PUT", "/gone/x", 410),
]


def test_apaches_default_log(apache: Path) -> None:
    rows = read_rows(apache / "combined.log")
    assert methods_paths_statuses(rows)[:3] == APACHE_ROWS
    assert {row["user_agent"] for row in rows[:3]} == {"test/1.0 (a b)"}
    assert rows[0]["response_bytes"] == 5
    assert rows[0]["duration_ms"] is None
    assert rows[3]["path"] == '/a"b\\c'


def test_an_apache_log_with_durations(apache: Path) -> None:
    rows = read_rows(apache / "own.log", APACHE_OWN)
    assert methods_paths_statuses(rows)[:3] == APACHE_ROWS
    assert all(0 < row["duration_ms"] < 2000 for row in rows)  # type: ignore[operator]
    assert {row["host"] for row in rows[:3]} == {"api.example.com"}
    assert rows[0]["response_bytes"] > 5  # type: ignore[operator]


def test_the_template_for_apache_has_durations(apache: Path) -> None:
    rows = read_rows(apache / "template.log")
    assert methods_paths_statuses(rows)[:3] == APACHE_ROWS
    assert all(0 < row["duration_ms"] < 2000 for row in rows)  # type: ignore[operator]
    formats = read_server_formats(apache / "httpd.conf")
    assert formats is not None
    assert [*formats] == ["apache-combined", "apache-own", "apache-apilog"]
