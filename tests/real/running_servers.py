"""Servers on loopback for a test, what is sent to them, and the records of their logs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import apilog
from tests.real.nginx_server import Upstream

Row = dict[str, object]
"""A record, by column."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request, and what is to be read of it."""

    target: bytes
    path: str
    status: int
    method: str = "GET"

    @property
    def raw(self) -> bytes:
        """It as it goes over the wire."""
        head = f"{self.method} ".encode() + self.target + b" HTTP/1.1\r\nHost: api.example.com\r\n"
        return (
            head + b"User-Agent: test/1.0 (a b)\r\nX-Request-ID: 6a9b\r\nConnection: close\r\n\r\n"
        )


TRAFFIC = (
    Sent(b"/api/200/1?page=2", "/api/200/1", 200),
    Sent(b"/api/404/2", "/api/404/2", 404),
    Sent(b"/api/500/3", "/api/500/3", 500),
    Sent(b"/api/201/a%22b", "/api/201/a%22b", 201, "PUT"),
)
EXPECTED = [(sent.method, sent.path, sent.status) for sent in TRAFFIC]


def send(port: int, raw: bytes) -> bytes:
    """Everything that the server at that port answers to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def find_binary(name: str) -> str:
    """The program of that name; skips where it isn't installed."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def let_others_in(folder: Path) -> None:
    """Let every user get at a folder of a test, however deep it lies.

    A server that root starts becomes another user, and pytest keeps its folders to its own user:
    one more of them where several workers run.
    """
    for path in (folder, *folder.parents):
        mode = path.stat().st_mode
        if not mode & 0o001:
            path.chmod(mode | 0o055)


@contextmanager
def running(command: list[str], port: int, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process that listens at that port, its output in that file.

    Fails after 20 seconds without anyone at that port.
    """
    with out.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
    try:
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise AssertionError(f"{command[0]} does not listen: {out.read_text('utf-8')}")
        yield process
    finally:
        process.terminate()
        process.wait(timeout=10)


@contextmanager
def running_upstream(handler: type[BaseHTTPRequestHandler] = Upstream) -> Iterator[int]:
    """The port of a server of ours that answers /…/<status>/… with that status."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    try:
        yield int(upstream.server_address[1])
    finally:
        upstream.shutdown()
        upstream.server_close()


def read_rows(path: Path, log_format: str | None = None) -> list[Row]:
    """The records of a log."""
    return apilog.scan(path, log_format=log_format).collect().to_dicts()


def methods_paths_statuses(rows: list[Row]) -> list[tuple[object, ...]]:
    """Those of the records that have a method."""
    return [(row["method"], row["path"], row["status"]) for row in rows if row["method"]]


def await_lines(path: Path, count: int, holding: bytes = b"") -> None:
    """Wait until the file has so many lines that hold a text; fails after 20 seconds."""
    for _ in range(400):
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        if sum(holding in line for line in lines) >= count:
            return
        time.sleep(0.05)
    text = path.read_bytes() if path.exists() else b"(no file)"
    raise AssertionError(f"{path} has fewer than {count} lines: {text!r}")
