"""A real nginx on loopback, in front of a small server of ours."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CONF = """
worker_processes 1;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log warn;
events {{ worker_connections 64; }}
http {{
    client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi; uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status '
        '$body_bytes_sent "$http_referer" "$http_user_agent" $request_time '
        '$upstream_response_time';
    log_format upstreaminfo '$remote_addr - $remote_user [$time_local] "$request" $status '
        '$body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time '
        '[shop-orders] [] $upstream_addr $upstream_response_length $upstream_response_time '
        '$upstream_status $request_id';
    log_format keys escape=json '{{"time":"$time_iso8601","msec":"$msec",'
        '"request":"$request","status":$status,"bytes":$body_bytes_sent,'
        '"user":"$remote_user","referer":"$http_referer","agent":"$http_user_agent",'
        '"took":"$request_time","upstream":{{"status":"$upstream_status",'
        '"took":"$upstream_response_time"}},"id":"$request_id"}}';
    log_format bars escape=none '$msec|$remote_addr|$request_method|$request_uri|$status|'
        '$body_bytes_sent|$request_time|$upstream_status|${{request_id}}';
    upstream pair {{ server 127.0.0.1:{dead}; server 127.0.0.1:{live}; }}
    include {prefix}/conf.d/*.conf;
}}
"""
SERVER = """
server {{
    listen 127.0.0.1:{port};
    access_log {prefix}/logs/combined.log combined;
    access_log {prefix}/logs/timed.log timed;
    access_log {prefix}/logs/upstreaminfo.log upstreaminfo;
    access_log {prefix}/logs/keys.log keys;
    access_log {prefix}/logs/bars.log bars;
    location /static/ {{ return 200 "static"; }}
    location /gone/ {{ return 410; }}
    location /drop/ {{ return 444; }}
    location /api/ {{ proxy_pass http://127.0.0.1:{live}; }}
    location /down/ {{ proxy_pass http://127.0.0.1:{dead}; }}
    location /retry/ {{ proxy_pass http://pair; proxy_next_upstream error timeout; }}
}}
"""
FORMATS = ("combined", "timed", "upstreaminfo", "keys", "bars")


class Upstream(BaseHTTPRequestHandler):
    """Answers /…/<status>/… with that status."""

    def do_GET(self) -> None:
        parts = self.path.split("/")
        status = int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else 200
        self.send_response(status)
        self.send_header("Content-Length", "5")
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):  # nginx may have gone already
            self.wfile.write(b"hello")

    do_POST = do_DELETE = do_PUT = do_GET

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx."""

    port: int
    prefix: Path

    def log(self, name: str) -> Path:
        """The access log of that format."""
        return self.prefix / "logs" / f"{name}.log"

    @property
    def conf(self) -> Path:
        """Its configuration."""
        return self.prefix / "nginx.conf"

    def send(self, raw: bytes) -> bytes:
        """Everything it answers to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(raw)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_nginx(tmp_path: Path) -> Iterator[Nginx]:
    """An nginx with its files in that folder; skips where none is installed."""
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if binary is None:
        pytest.skip("nginx is not installed")
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    ports = {"live": upstream.server_port, "dead": free_port(), "port": free_port()}
    for folder in ("logs", "conf.d"):
        (tmp_path / folder).mkdir()
    (tmp_path / "nginx.conf").write_text(CONF.format(prefix=tmp_path, **ports))
    (tmp_path / "conf.d" / "server.conf").write_text(SERVER.format(prefix=tmp_path, **ports))
    # As root its workers would be of another user, who may not look into this folder.
    options = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
    process = subprocess.Popen(
        [binary, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-g", options],
        stderr=subprocess.DEVNULL,
    )
    server = Nginx(ports["port"], tmp_path)
    try:
        _wait_for(server)
        yield server
    finally:
        process.terminate()
        process.wait(60)
        upstream.shutdown()
        upstream.server_close()


def _wait_for(server: Nginx) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("nginx did not start: " + (server.prefix / "error.log").read_text())
