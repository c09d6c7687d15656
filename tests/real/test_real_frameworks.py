"""What real servers of Python and Node.js log of requests that we sent is what apilog reads."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import apilog
from tests.real.nginx_server import free_port

pytestmark = pytest.mark.slow

Row = dict[str, object]

APPS = """
import time

STATUS = {"/made": 201, "/gone": 404, "/fail": 500}


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/slow":
        time.sleep(0.06)
    head = {"type": "http.response.start", "status": STATUS.get(scope["path"], 200)}
    await send(head | {"headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def wsgi(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.06)
    status = STATUS.get(environ["PATH_INFO"], 200)
    start_response(f"{status} Reason", [("Content-Length", "5")])
    return [b"hello"]
"""
TORNADO = """
import asyncio, sys, time
import tornado.options, tornado.web
from apps import STATUS


class Answer(tornado.web.RequestHandler):
    def get(self):
        if self.request.path == "/slow":
            time.sleep(0.06)
        self.set_status(STATUS.get(self.request.path, 200))
        self.finish("hello")

    post = put = delete = get


async def main():
    tornado.options.parse_command_line(sys.argv[:1])
    tornado.web.Application([("/.*", Answer)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
"""
WERKZEUG = """
import sys
from werkzeug.serving import run_simple
from apps import wsgi
run_simple("127.0.0.1", int(sys.argv[1]), wsgi)
"""
DJANGO = """
import sys
from django.conf import settings
settings.configure(
    DEBUG=True, ROOT_URLCONF="site_urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x", USE_TZ=True,
    TIME_ZONE="UTC",
)
from django.core.management import execute_from_command_line
execute_from_command_line(["x", "runserver", "--noreload", f"127.0.0.1:{sys.argv[1]}"])
"""
DJANGO_URLS = """
import time
from django.http import HttpResponse
from django.urls import re_path

STATUS = {"/made": 201, "/gone": 404, "/fail": 500}


def answer(request):
    if request.path == "/slow":
        time.sleep(0.06)
    return HttpResponse("hello", status=STATUS.get(request.path, 200))


urlpatterns = [re_path("", answer)]
"""
NODE = """
const fs = require("fs"), http = require("http"), path = require("path");
const from = (name) => require(path.join(process.env.NODE_FOLDER, name));
const status = { "/made": 201, "/gone": 404, "/fail": 500 };
const folder = process.argv[2], ports = process.argv.slice(3).map(Number);
const to = (name) => fs.createWriteStream(path.join(folder, name + ".log"));
const wait = (url) => new Promise((done) => setTimeout(done, url === "/slow" ? 60 : 0));
const answer = async (request, response) => {
  const where = request.url.split("?")[0];
  await wait(where);
  response.writeHead(status[where] || 200, { "Content-Length": 5 });
  response.end("hello");
};
const morgan = from("morgan"), layouts = ["combined", "common", "dev", "short", "tiny", "default"];
const loggers = layouts.map((name) => morgan(name, { stream: to("morgan-" + name) }));
const timed = ':remote-addr - :remote-user [:date[clf]] ":method :url HTTP/:http-version" ' +
  ':status :res[content-length] ":referrer" ":user-agent" :response-time ms';
loggers.push(morgan(timed, { stream: to("morgan-timed") }));
http.createServer((request, response) => {
  let at = 0;
  const next = () =>
    at < loggers.length ? loggers[at++](request, response, next) : answer(request, response);
  next();
}).listen(ports[0], "127.0.0.1");
const pino = from("pino-http")({}, to("pino-http"));
http.createServer((request, response) => { pino(request, response); answer(request, response); })
  .listen(ports[1], "127.0.0.1");
const server = from("fastify")({ logger: { stream: to("fastify") } });
server.all("/*", async (request, reply) => {
  const where = request.url.split("?")[0];
  await wait(where);
  reply.code(status[where] || 200).send("hello");
});
server.listen({ port: ports[2], host: "127.0.0.1" });
process.on("SIGTERM", () => setTimeout(() => process.exit(0), 200));
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was sent, and how long its answer took."""

    method: str
    target: str
    status: int
    milliseconds: float

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


REQUESTS = (
    ("GET", "/orders?page=7", 200),
    ("POST", "/made", 201),
    ("GET", "/gone", 404),
    ("PUT", "/fail", 500),
    ("GET", "/slow", 200),
    ("DELETE", "/orders/42", 200),
)


def send_all(port: int) -> list[Sent]:
    """Send the requests, each over a connection of its own."""
    sent = []
    for method, target, status in REQUESTS:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        began = time.monotonic()
        headers = {"User-Agent": "apilog-test/1", "Referer": "https://example.com/app"}
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        answer.read()
        sent.append(Sent(method, target, answer.status, (time.monotonic() - began) * 1000))
        connection.close()
        assert answer.status == status
    return sent


@contextmanager
def running(
    command: Sequence[str], folder: Path, ports: Sequence[int], log: Path, **environment: str
) -> Iterator[None]:
    """Run a server, its output going to a log, until it listens on all ports and to the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1", **environment},
        )
        try:
            for port in ports:
                wait_for(port, process, log)
            yield
        finally:
            process.terminate()
            process.wait(10)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text("utf-8")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.connect()
        except OSError:
            time.sleep(0.05)
        else:
            connection.close()
            return
    raise AssertionError(log.read_text("utf-8"))


def read(log: Path, log_format: str | None = None) -> list[Row]:
    """The records, after it was checked that every line is accounted for and none is a reject."""
    (file,) = apilog.report([log], tables=["overview"]).input.files
    assert (file.error, file.rejects) == (None, 0), log.read_text("utf-8")
    return apilog.scan([log], log_format=log_format).sort("line_number").collect().to_dicts()


_LATE_MS = 500


def hold(
    records: Sequence[Row],
    sent: Sequence[Sent],
    *,
    gateway: str | None,
    told: Mapping[str, object],
    has_duration: bool = False,
    slack: float = 0.0,
) -> None:
    """Hold records against what was sent; `told` are columns that are the same in each."""
    assert [(r["method"], r["path"], r["status"]) for r in records] == [
        (s.method, s.path, s.status) for s in sent
    ]
    assert {r["gateway"] for r in records} == {gateway}
    for column, value in told.items():
        assert {r[column] for r in records} == {value}, column
    if not has_duration:
        assert {r["duration_ms"] for r in records} == {None}
        return
    for record, request in zip(records, sent, strict=True):
        duration = record["duration_ms"]
        assert isinstance(duration, float)
        least = 55.0 if request.path == "/slow" else 0.0
        # A busy machine may let a server come to its clock late, but by no factor of a unit.
        assert least - slack <= duration <= request.milliseconds + _LATE_MS, request


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    (tmp_path / "apps.py").write_text(APPS, "utf-8")
    return tmp_path


COMBINED = {
    "client_ip": "127.0.0.1",
    "response_bytes": 5,
    "user_agent": "apilog-test/1",
    "referer": "https://example.com/app",
}


def test_uvicorn(apps: Path) -> None:
    pytest.importorskip("uvicorn")
    port, log = free_port(), apps / "server.log"
    command = [sys.executable, "-m", "uvicorn", "apps:asgi", "--port", str(port)]
    with running(command, apps, [port], log):
        sent = send_all(port)
    records = read(log)
    told = {"client_ip": "127.0.0.1", "protocol": "HTTP/1.1", "timestamp": None}
    hold(records, sent, gateway="uvicorn", told=told)


def test_fastapi_cli(apps: Path) -> None:
    pytest.importorskip("fastapi_cli")
    (apps / "serve.py").write_text(
        "from fastapi import FastAPI\nfrom apps import asgi\n"
        "app = FastAPI()\napp.mount('/', asgi)\n",
        "utf-8",
    )
    port, log = free_port(), apps / "server.log"
    command = [sys.executable, "-m", "fastapi", "run", "serve.py", "--host", "127.0.0.1"]
    with running([*command, "--port", str(port)], apps, [port], log):
        sent = send_all(port)
    told = {"client_ip": "127.0.0.1", "protocol": "HTTP/1.1", "timestamp": None}
    hold(read(log), sent, gateway="uvicorn", told=told)


def test_tornado(apps: Path) -> None:
    pytest.importorskip("tornado")
    (apps / "serve.py").write_text(TORNADO, "utf-8")
    port, log = free_port(), apps / "server.log"
    with running([sys.executable, "serve.py", str(port)], apps, [port], log, TZ="UTC"):
        sent = send_all(port)
        time.sleep(0.3)
    records = read(log)
    hold(records, sent, gateway=None, told={"client_ip": "127.0.0.1"}, has_duration=True)
    assert all(record["timestamp"] for record in records)


HYPERCORN = '%(h)s %(l)s %(l)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'


@pytest.mark.parametrize("tail", ["", " %(D)s", " %(L)s"])
def test_hypercorn(apps: Path, tail: str) -> None:
    pytest.importorskip("hypercorn")
    port, log = free_port(), apps / "server.log"
    command = [sys.executable, "-m", "hypercorn", "apps:asgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--access-logfile", "-", "--access-logformat", HYPERCORN + tail]
    with running(command, apps, [port], log):
        sent = send_all(port)
    hold(read(log), sent, gateway="hypercorn", told=COMBINED, has_duration=bool(tail))


GUNICORN = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'


@pytest.mark.parametrize(
    ("tail", "slack"), [("", 0.0), (" %(D)s", 0.0), (" %(M)s", 1.0), (" %(L)s", 0.0)]
)
def test_gunicorn(apps: Path, tail: str, slack: float) -> None:
    pytest.importorskip("gunicorn")
    port, log = free_port(), apps / "server.log"
    command = [sys.executable, "-m", "gunicorn", "apps:wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--access-logfile", "-", "--access-logformat", GUNICORN + tail]
    with running(command, apps, [port], log):
        sent = send_all(port)
    has_duration = bool(tail)
    records = read(log)
    if tail == " %(D)s":
        # Few microseconds may be milliseconds of another server: which is guessed, and said.
        (file,) = apilog.report([log], tables=["overview"]).input.files
        assert any("is read as a duration in" in doubt for doubt in file.doubts)
        own = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D'
        lines = [line for line in log.read_text("utf-8").splitlines() if '"apilog-test' in line]
        log.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        records = [{**r, "gateway": None} for r in read(log, own)]
    hold(records, sent, gateway=None, told=COMBINED, has_duration=has_duration, slack=slack)


def test_werkzeug(apps: Path) -> None:
    pytest.importorskip("werkzeug")
    (apps / "serve.py").write_text(WERKZEUG, "utf-8")
    port, log = free_port(), apps / "server.log"
    with running([sys.executable, "serve.py", str(port)], apps, [port], log, TZ="UTC"):
        sent = send_all(port)
    hold(read(log), sent, gateway=None, told={"client_ip": "127.0.0.1", "response_bytes": None})


def test_django(apps: Path) -> None:
    pytest.importorskip("django")
    (apps / "manage.py").write_text(DJANGO, "utf-8")
    (apps / "site_urls.py").write_text(DJANGO_URLS, "utf-8")
    port, log = free_port(), apps / "server.log"
    with running([sys.executable, "manage.py", str(port)], apps, [port], log):
        sent = send_all(port)
    hold(read(log), sent, gateway=None, told={"response_bytes": 5, "client_ip": None})


MODULES = os.environ.get("APILOG_NODE_MODULES")


@pytest.mark.skipif(
    not (MODULES and shutil.which("node")),
    reason="APILOG_NODE_MODULES names no folder with morgan, pino-http and fastify",
)
def test_node(tmp_path: Path) -> None:
    (tmp_path / "server.js").write_text(NODE, "utf-8")
    ports = [free_port() for _ in range(3)]
    command = ["node", "server.js", str(tmp_path), *map(str, ports)]
    with running(command, tmp_path, ports, tmp_path / "output.log", NODE_FOLDER=MODULES or ""):
        by_port = [send_all(port) for port in ports]
        time.sleep(0.3)
    by_morgan, by_pino, by_fastify = by_port
    clf = {"client_ip": "127.0.0.1", "response_bytes": 5}
    untimed = {"timestamp": None, "response_bytes": 5}
    for name, gateway, told, has_duration in (
        ("combined", None, COMBINED, False),
        ("common", None, clf, False),
        ("default", None, COMBINED, False),
        ("timed", None, COMBINED, True),
        ("dev", "morgan", untimed, True),
        ("tiny", "morgan", untimed, True),
        ("short", "morgan", untimed | clf, True),
    ):
        records = read(tmp_path / f"morgan-{name}.log")
        hold(records, by_morgan, gateway=gateway, told=told, has_duration=has_duration, slack=1.0)
    caller = {"client_ip": "127.0.0.1"}
    pino = read(tmp_path / "pino-http.log")
    hold(pino, by_pino, gateway=None, told=caller, has_duration=True, slack=1.0)
    fastify = read(tmp_path / "fastify.log")
    hold(fastify, by_fastify, gateway="fastify", told=caller, has_duration=True, slack=1.0)
