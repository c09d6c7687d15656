"""What servers log once they are told what `apilog formats NAME --template` says is read, column by
column: Gin, Fastify, Jetty and Caddy. Tomcat's and those of proxies are beside their other formats.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from apilog.formats.registry import ADVICE, gateway_template
from tests.real.nginx_server import free_port
from tests.real.running_servers import (
    Row,
    await_lines,
    find_binary,
    read_rows,
    running,
    running_upstream,
    send,
)

pytestmark = pytest.mark.slow

ANSWERS = ((b"/v1/200/1?page=2", "/v1/200/1", 200), (b"/v1/404/2", "/v1/404/2", 404))
LONGEST_MS = 20_000
GO_PATH = os.environ.get("APILOG_GO_PATH", "")
MODULES = os.environ.get("APILOG_NODE_MODULES", "")
HEAD = (
    b"GET %b HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: test/1.0 (a b)\r\n"
    b"X-Request-ID: 6a9b\r\nReferer: https://example.com/app\r\nConnection: close\r\n\r\n"
)

GIN = """package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
%s
	router.NoRoute(func(c *gin.Context) {
		status, _ := strconv.Atoi(strings.Split(c.Request.URL.Path, "/")[2])
		c.Set(gin.AuthUserKey, "till")
		time.Sleep(20 * time.Millisecond)
		c.String(status, "hello")
	})
	router.Run("127.0.0.1:" + os.Args[1])
}
"""
FASTIFY = """
const path = require("path");
const load = require;
require = (name) => load(path.join(process.env.NODE_FOLDER, name));
%s
fastify.get("/v1/:status/:id", async (request, reply) => {
  await new Promise((done) => setTimeout(done, 20));
  reply.code(Number(request.params.status)).send("hello");
});
fastify.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
"""
JETTY = """
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.server.CustomRequestLog;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.handler.AbstractHandler;

public class Main {
  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    Server server = new Server(new java.net.InetSocketAddress("127.0.0.1", port));
    server.setRequestLog(new CustomRequestLog(args[1], args[2]));
    server.setHandler(new AbstractHandler() {
      public void handle(
          String target, Request base, HttpServletRequest request, HttpServletResponse response)
          throws java.io.IOException {
        try {
          Thread.sleep(20);
        } catch (InterruptedException stopped) {
          throw new java.io.IOException(stopped);
        }
        response.setStatus(Integer.parseInt(target.split("/")[2]));
        response.getWriter().print("hello");
        base.setHandled(true);
      }
    });
    server.start();
    server.join();
  }
}
"""


def _ask(port: int) -> None:
    for target, _, status in ANSWERS:
        assert f" {status} ".encode() in send(port, HEAD % target)[:20]


def _hold(rows: list[Row], gateway: str, **told: object) -> None:
    """Hold the records against what was sent: no column that is advised is missing."""
    assert [(r["method"], r["path"], r["status"]) for r in rows] == [
        ("GET", path, status) for _, path, status in ANSWERS
    ]
    known: Mapping[str, object] = {
        "gateway": gateway,
        "client_ip": "127.0.0.1",
        "host": "api.example.com",
        "user_agent": "test/1.0 (a b)",
        "referer": "https://example.com/app",
        "response_bytes": 5,
        **told,
    }
    for column, value in known.items():
        assert {row[column] for row in rows} == {value}, column
    for row in rows:
        assert row["timestamp"]
        assert 20 <= row["duration_ms"] < LONGEST_MS  # type: ignore[operator]
    assert {column for column in ADVICE[gateway] if rows[0][column] is None} <= {"consumer"}


def test_gin(tmp_path: Path) -> None:
    if not GO_PATH:
        pytest.skip("APILOG_GO_PATH names no folder with Gin's sources")
    go = find_binary("go")
    (tmp_path / "main.go").write_text(GIN % gateway_template("gin"))
    settings = {"GOPATH": GO_PATH, "GO111MODULE": "off", "GOCACHE": str(tmp_path / "cache")}
    command = [go, "build", "-o", "server", "main.go"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, **settings}, check=True)
    port, log = free_port(), tmp_path / "gin.log"
    with running([str(tmp_path / "server"), str(port)], port, log):
        _ask(port)
        await_lines(log, len(ANSWERS))
    _hold(read_rows(log), "gin", request_id="6a9b", protocol="HTTP/1.1", consumer="till")


def test_fastify(tmp_path: Path) -> None:
    if not MODULES:
        pytest.skip("APILOG_NODE_MODULES names no folder with fastify")
    (tmp_path / "server.js").write_text(FASTIFY % gateway_template("fastify"))
    port, log = free_port(), tmp_path / "fastify.log"
    command = ["env", f"NODE_FOLDER={MODULES}", find_binary("node"), "server.js", str(port)]
    with running(["env", "-C", str(tmp_path), *command], port, log):
        _ask(port)
        # It says what it does beside, in as many lines as it likes.
        await_lines(log, len(ANSWERS), holding=b"/v1/")
    _hold(read_rows(log), "fastify", route="/v1/:status/:id")


def test_jetty(tmp_path: Path) -> None:
    java = find_binary("java")
    jars = [
        Path(f"/usr/share/java/{name}.jar")
        for name in ("jetty9-server", "jetty9-http", "jetty9-io", "jetty9-util", "servlet-api")
    ]
    if not all(jar.exists() for jar in jars):
        pytest.skip("Jetty is not where Debian has it")
    (tmp_path / "Main.java").write_text(JETTY)
    (line,) = (line for line in gateway_template("jetty").splitlines() if "formatString" in line)
    port, log = free_port(), tmp_path / "jetty.log"
    command = [java, "-XX:TieredStopAtLevel=1", "-cp", ":".join(map(str, jars))]
    command += [str(tmp_path / "Main.java"), str(port), str(log), line.partition("=")[2]]
    with running(command, port, tmp_path / "out.txt"):
        _ask(port)
        await_lines(log, len(ANSWERS))
    _hold(read_rows(log), "jetty", request_id="6a9b", protocol="HTTP/1.1")


def test_caddy(tmp_path: Path) -> None:
    caddy = find_binary("caddy")
    port, log = free_port(), tmp_path / "access.log"
    template = gateway_template("caddy").replace("/var/log/caddy/access.log", str(log))
    with running_upstream() as upstream:
        (tmp_path / "Caddyfile").write_text(
            "{\n\tadmin off\n\tauto_https off\n}\n"
            f"http://:{port} {{\n{template}"
            f"\treverse_proxy 127.0.0.1:{upstream}\n}}\n"
        )
        command = [caddy, "run", "--config", str(tmp_path / "Caddyfile")]
        home = ["env", f"HOME={tmp_path}", f"XDG_DATA_HOME={tmp_path}"]
        with running([*home, *command], port, tmp_path / "out.txt"):
            _ask(port)
            await_lines(log, len(ANSWERS))
    rows = read_rows(log)
    assert [(r["method"], r["path"], r["status"]) for r in rows] == [
        ("GET", path, status) for _, path, status in ANSWERS
    ]
    assert {(r["gateway"], r["host"], r["user_agent"]) for r in rows} == {
        ("caddy", "api.example.com", "test/1.0 (a b)")
    }
    assert all(0 < r["duration_ms"] < LONGEST_MS for r in rows)  # type: ignore[operator]
    assert all(r["client_ip"] == "127.0.0.1" and r["response_bytes"] for r in rows)
