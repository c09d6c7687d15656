"""What a real nginx logs of requests that we sent is what apilog reads."""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

import apilog
from tests.real.nginx_server import FORMATS, Nginx, running_nginx


@dataclass(frozen=True, slots=True)
class Sent:
    """One request and what is to be read of it."""

    raw: bytes
    method: str | None
    path: str | None
    agent: str | None = None
    user: str | None = None
    upstream_status: int | None = None


def _request(
    method: str,
    target: bytes,
    path: str,
    *,
    agent: bytes = b"test/1.0",
    user: str | None = None,
    upstream_status: int | None = None,
) -> Sent:
    headers = [b"Host: api.example.com", b"Connection: close", b"User-Agent: " + agent]
    if user is not None:
        token = base64.b64encode(f"{user}:secret".encode())
        headers.append(b"Authorization: Basic " + token)
    raw = method.encode() + b" " + target + b" HTTP/1.1\r\n" + b"\r\n".join(headers) + b"\r\n\r\n"
    text = agent.decode("utf-8", "replace")
    return Sent(raw, method, path, text, user, upstream_status)


def _traffic() -> list[Sent]:
    normal = [
        _request(method, f"/api/{status}/{n}?n={n}".encode(), f"/api/{status}/{n}",
                 upstream_status=status)
        for n, (method, status) in enumerate(
            [("GET", 200), ("POST", 201), ("GET", 404), ("DELETE", 500), ("PUT", 503)] * 50
        )
    ]  # fmt: skip
    odd = [
        _request("GET", b"/static/caf\xc3\xa9", "/static/café"),
        _request("GET", b"/static/\xff\xfe", "/static/\ufffd\ufffd"),
        _request("GET", b'/static/"quoted"\\x41', '/static/"quoted"\\x41'),
        _request("GET", b"/static/a%20b|c;d,e", "/static/a%20b|c;d,e"),
        _request("GET", b"/static/x", "/static/x", agent=b'say "hi" \\ \xc3\xa9 [x] - "'),
        _request("GET", b"/static/x", "/static/x", user="alice smith"),
        _request("GET", b"/static/x", "/static/x", user='b"o\\b'),
        _request("GET", b"/gone/x", "/gone/x"),
        _request("GET", b"/drop/x", "/drop/x"),
        _request("GET", b"/down/x", "/down/x", upstream_status=502),
        _request("GET", b"/retry/200/x", "/retry/200/x", upstream_status=200),
        _request("GET", b"/retry/200/y", "/retry/200/y", upstream_status=200),
        _request("GET", b"http://api.example.com/static/abs?q", "/static/abs"),
        _request("FOO_BAR", b"/static/x", "/static/x"),
        Sent(b"GET /static/old\r\n", "GET", "/static/old"),
        Sent(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", None, None),
        Sent(b"HELP\r\n\r\n", None, "HELP"),
        Sent(b"GET / HXXP/1.1\r\n\r\n", "GET", None),
        Sent(b"\x03\x00\x00/*\xe0\x00\x00\r\n\r\n", None, None),
        Sent(b"GET /static/" + b"y" * 7000 + b" HTTP/1.0\r\n\r\n", "GET", "/static/" + "y" * 7000),
    ]
    return normal + odd


def _status(answer: bytes) -> int | None:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else None


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    with running_nginx(tmp_path) as server:
        yield server


@pytest.fixture
def exchanged(nginx: Nginx) -> list[tuple[Sent, int | None]]:
    """Every request and the status that came back."""
    done = [(sent, _status(nginx.send(sent.raw))) for sent in _traffic()]
    deadline = time.monotonic() + 60
    while nginx.log("bars").read_bytes().count(b"\n") < len(done) and time.monotonic() < deadline:
        time.sleep(0.05)
    return done


@pytest.mark.parametrize("name", FORMATS)
def test_every_request_is_a_record(
    nginx: Nginx, exchanged: list[tuple[Sent, int | None]], name: str
) -> None:
    conf = nginx.conf if name == "bars" or name == "keys" else None
    frame = apilog.scan(nginx.log(name), name if conf else None, nginx_conf=conf).collect()
    assert frame.height == len(exchanged)
    for row, (sent, status) in zip(frame.iter_rows(named=True), exchanged, strict=True):
        if name != "bars" or sent.agent:  # nginx knows no method of what it could not parse
            assert row["method"] == sent.method, sent
        if status is not None and sent.raw.endswith(b"\r\n\r\n"):
            assert row["status"] == status, sent
        if sent.path is not None and name != "bars":
            assert row["path"] == sent.path, sent
        if name != "bars" and sent.agent is not None:
            assert row["user_agent"] == sent.agent, sent
            assert row["consumer"] == sent.user, sent
        if name in ("upstreaminfo", "keys", "bars"):
            assert row["upstream_status"] == sent.upstream_status, sent
            assert len(row["request_id"]) == 32
        if name != "combined":
            assert row["duration_ms"] >= 0


def test_formats_agree_on_the_figures(
    nginx: Nginx, exchanged: list[tuple[Sent, int | None]]
) -> None:
    tables = []
    for name in ("timed", "upstreaminfo", "keys"):
        report = apilog.report(nginx.log(name), name, nginx_conf=nginx.conf)
        assert report.input.records == len(exchanged)
        tables.append(report.tables["endpoints"].drop("last_seen", "request_rate"))
    for other in tables[1:]:
        assert other.drop("request_bytes").equals(tables[0].drop("request_bytes"))


def test_a_log_written_gzipped_and_rotated(nginx: Nginx) -> None:
    for number in range(20):
        nginx.send(_request("GET", f"/static/{number}".encode(), "").raw)
        if number == 9:
            nginx.log("combined").rename(nginx.prefix / "logs" / "combined.log.1")
            os.kill(int((nginx.prefix / "nginx.pid").read_text()), signal.SIGUSR1)
            deadline = time.monotonic() + 60
            while not nginx.log("combined").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
    pattern = str(nginx.prefix / "logs" / "combined.log*")
    paths = apilog.scan(pattern).select(pl.col("path")).collect()["path"].to_list()
    assert paths == [f"/static/{number}" for number in range(20)]
