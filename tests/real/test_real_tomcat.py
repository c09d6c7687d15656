"""What a real Tomcat logs of requests that we sent is what apilog reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path

import pytest

from apilog.formats.registry import ADVICE, gateway_template
from tests.real.nginx_server import free_port
from tests.real.running_servers import (
    TRAFFIC,
    Row,
    Sent,
    await_lines,
    find_binary,
    methods_paths_statuses,
    read_rows,
    running,
    send,
)

pytestmark = pytest.mark.slow

HOMES = (Path("/usr/share/tomcat10"), Path("/usr/share/tomcat9"))
SLOW_MS, LONGEST_MS = 60, 8000
COMMON = '%h %l %u %t "%r" %s %b'
PATTERNS = {
    "default": COMMON,
    "combined": "combined",
    "micros": COMMON + ' "%{Referer}i" "%{User-Agent}i" %D',
    "timed": COMMON + " %D %F",
    "own": "%{X-Request-ID}i %a %t %m %U%q %s %B %T %D %F %I %v",
}
(ADVISED,) = re.findall('pattern="([^"]*)"', gateway_template("tomcat"))
PATTERNS["advised"] = unescape(ADVISED)
W3C = "date time c-ip cs-method cs-uri sc-status bytes time-taken"
SERVER = """
<Server port="-1"><Service name="Catalina">
<Connector port="{port}" address="127.0.0.1" protocol="HTTP/1.1"/>
<Engine name="Catalina" defaultHost="localhost">
<Host name="localhost" appBase="none" deployOnStartup="false" autoDeploy="false">
<Context path="" docBase="{folder}/app"><JarScanner scanClassPath="false"/></Context>
{valves}
</Host></Engine></Service></Server>
"""
VALVE = (
    '<Valve className="org.apache.catalina.valves.{kind}" directory="{folder}" prefix="{name}" '
    'suffix=".log" rotatable="false" buffered="false" pattern="{pattern}"/>'
)
WEB = """
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0" metadata-complete="true">
<servlet><servlet-name>jsp</servlet-name>
<servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class></servlet>
<servlet><servlet-name>api</servlet-name><jsp-file>/api.jsp</jsp-file></servlet>
<servlet-mapping><servlet-name>api</servlet-name><url-pattern>/api/*</url-pattern>
</servlet-mapping></web-app>
"""
PAGE = """<%@page trimDirectiveWhitespaces="true" session="false"%><%
String[] parts = request.getRequestURI().split("/");
response.setStatus(Integer.parseInt(parts[2]));
if (parts[3].equals("slow")) Thread.sleep({slow});
%>hello"""

SLOW = Sent(b"/api/200/slow", "/api/200/slow", 200)
# A page of JSP is not written with PUT.
REQUESTS = (
    *TRAFFIC[:3],
    Sent(TRAFFIC[3].target, TRAFFIC[3].path, 405, "PUT"),
    SLOW,
    Sent(b"/api/200/slow?again=1", SLOW.path, 200),
    Sent(b"/nowhere", "/nowhere", 404),
)
ROWS = [(sent.method, sent.path, sent.status) for sent in REQUESTS]
UNREAD = ("GET", None, 400)
"""Of a target that it refuses it logs a dash."""


def _valve(folder: Path, name: str, pattern: str, kind: str = "AccessLogValve") -> str:
    return VALVE.format(kind=kind, folder=folder, name=name, pattern=escape(pattern))


@pytest.fixture(scope="module")
def tomcat(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mapping[str, Path], list[bytes]]:
    """A log of a real Tomcat for each pattern, and its answers."""
    java = find_binary("java")
    home = next((path for path in HOMES if (path / "bin" / "bootstrap.jar").exists()), None)
    if home is None:
        pytest.skip("Tomcat is not where Debian has it")
    folder = tmp_path_factory.mktemp("tomcat")
    for name in ("app/WEB-INF", "conf", "work"):
        (folder / name).mkdir(parents=True)
    valves = [_valve(folder, name, pattern) for name, pattern in PATTERNS.items()]
    valves.append(_valve(folder, "json", "combined", "JsonAccessLogValve"))
    valves.append(_valve(folder, "w3c", W3C, "ExtendedAccessLogValve"))
    port = free_port()
    server = SERVER.format(port=port, folder=folder, valves="\n".join(valves))
    (folder / "conf" / "server.xml").write_text(server)
    (folder / "app" / "WEB-INF" / "web.xml").write_text(WEB)
    (folder / "app" / "api.jsp").write_text(PAGE.replace("{slow}", str(SLOW_MS)))
    jars = ":".join(str(home / "bin" / name) for name in ("bootstrap.jar", "tomcat-juli.jar"))
    command = [java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", jars]
    command += [f"-Dcatalina.home={home}", f"-Dcatalina.base={folder}"]
    command += [f"-Djava.io.tmpdir={folder}", "org.apache.catalina.startup.Bootstrap", "start"]
    logs = {name: folder / f"{name}.log" for name in (*PATTERNS, "json", "w3c")}
    with running(command, port, folder / "out.txt"):
        answers = [send(port, sent.raw) for sent in REQUESTS]
        answers.append(
            send(port, b'GET /a"b HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n')
        )
        for path in logs.values():
            await_lines(path, len(answers))
    return logs, answers


def _check(rows: list[Row], answers: list[bytes]) -> None:
    assert methods_paths_statuses(rows) == [*ROWS, UNREAD]
    sizes = [len(answer.split(b"\r\n\r\n", 1)[1]) for answer in answers]
    assert [row["response_bytes"] for row in rows] == sizes
    assert {row["client_ip"] for row in rows} == {"127.0.0.1"}


def _check_durations(rows: list[Row]) -> None:
    assert all(0 <= row["duration_ms"] < LONGEST_MS for row in rows)  # type: ignore[operator]
    slow = [row["duration_ms"] for row in rows if row["path"] == SLOW.path]
    assert len(slow) == 2
    assert all(SLOW_MS <= ms < LONGEST_MS for ms in slow)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["default", "combined", "json"])
def test_tomcats_own_patterns_are_known(
    tomcat: tuple[Mapping[str, Path], list[bytes]], name: str
) -> None:
    logs, answers = tomcat
    rows = read_rows(logs[name])
    _check(rows, answers)
    assert {row["gateway"] for row in rows} == {None}
    assert {row["duration_ms"] for row in rows} == {None}
    if name != "default":
        assert {row["user_agent"] for row in rows[:-1]} == {"test/1.0 (a b)"}


@pytest.mark.parametrize("name", ["micros", "timed", "own"])
def test_a_declared_pattern_with_durations(
    tomcat: tuple[Mapping[str, Path], list[bytes]], name: str
) -> None:
    logs, answers = tomcat
    rows = read_rows(logs[name], PATTERNS[name])
    _check(rows, answers)
    _check_durations(rows)
    assert {row["upstream_duration_ms"] for row in rows} == {None}
    assert {row["gateway"] for row in rows} == {"apache" if name == "micros" else "tomcat"}
    if name == "own":
        assert {row["host"] for row in rows[:-1]} == {"api.example.com"}
        assert {row["request_id"] for row in rows[:-1]} == {"6a9b"}


def test_the_template_for_tomcat_fills_what_it_promises(
    tomcat: tuple[Mapping[str, Path], list[bytes]],
) -> None:
    logs, answers = tomcat
    rows = read_rows(logs["advised"])
    _check(rows, answers)
    _check_durations(rows)
    assert {row["gateway"] for row in rows} == {"tomcat"}
    told = ("host", "request_id", "user_agent")
    assert {tuple(row[column] for column in told) for row in rows[:-1]} == {
        ("api.example.com", "6a9b", "test/1.0 (a b)")
    }
    # Nobody logged in.
    assert {c for c in ADVICE["tomcat"] if rows[0][c] is None} == {"consumer"}


def test_the_time_of_the_commit_tells_the_unit_of_the_whole(
    tomcat: tuple[Mapping[str, Path], list[bytes]],
) -> None:
    logs, answers = tomcat
    rows = read_rows(logs["timed"])
    _check(rows, answers)
    _check_durations(rows)
    assert {row["upstream_duration_ms"] for row in rows} == {None}


def test_the_extended_log_has_whole_seconds(
    tomcat: tuple[Mapping[str, Path], list[bytes]],
) -> None:
    logs, answers = tomcat
    await_lines(logs["w3c"], len(answers) + 3)
    rows = read_rows(logs["w3c"])
    _check(rows, answers)
    assert {row["gateway"] for row in rows} == {"tomcat"}
    assert all(row["duration_ms"] % 1000 == 0 for row in rows)  # type: ignore[operator]
