"""What a real Squid and a real Varnish log of requests that we sent is what apilog reads."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.routes import parse_rules
from tests.real.nginx_server import Upstream, free_port
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

SLOW = Sent(b"/api/200/slow", "/api/200/slow", 200)
SLOW_MS, LONGEST_MS = 60, 5000
REQUESTS = (*TRAFFIC, SLOW)
ROWS = [*EXPECTED, (SLOW.method, SLOW.path, SLOW.status)]

SQUID = """
http_port 127.0.0.1:{front} accel defaultsite=api.example.com vhost
http_port 127.0.0.1:{forward}
cache_peer 127.0.0.1 parent {live} 0 no-query originserver name=app
acl front localport {front}
cache_peer_access app allow front
never_direct allow front
http_access allow all
refresh_pattern . 1 20% 5 override-expire
cache_mem 8 MB
pid_filename none
pinger_enable off
netdb_filename none
shutdown_lifetime 0 seconds
visible_hostname squid.example.com
cache_log {folder}/cache.log
coredump_dir {folder}
logformat timed {timed}
access_log stdio:{folder}/native.log squid
access_log stdio:{folder}/combined.log combined
access_log stdio:{folder}/common.log common
access_log stdio:{folder}/timed.log timed
"""
SQUID_TIMED = (
    '%>a %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st "%{Referer}>h" "%{User-Agent}>h" %Ss:%Sh %tr'
)

VCL = """
vcl 4.1;
backend live {{ .host = "127.0.0.1"; .port = "{live}"; }}
backend dead {{ .host = "127.0.0.1"; .port = "{dead}"; }}
sub vcl_recv {{
    if (req.url ~ "^/down/") {{ set req.backend_hint = dead; }}
    if (req.url ~ "^/gone/") {{ return (synth(410)); }}
}}
"""
COMBINED = '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-agent}i"'
NCSA_FORMATS = {
    "default": None,
    "handled": COMBINED + " %{Varnish:handling}x %D",
    "own": "%h %t %m %U%q %s %O %I %D %{Host}i %{Varnish:hitmiss}x",
}


class _SlowUpstream(Upstream):
    """Takes its time where it is asked for /slow."""

    def do_GET(self) -> None:
        if self.path.endswith("/slow"):
            time.sleep(SLOW_MS / 1000)
        super().do_GET()

    do_POST = do_DELETE = do_PUT = do_GET


def _body_bytes(answer: bytes) -> int:
    return len(answer.split(b"\r\n\r\n", 1)[1])


@pytest.fixture(scope="module")
def squid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """The folder of the logs of a real Squid, and its answers."""
    binary = find_binary("squid")
    folder = tmp_path_factory.mktemp("squid")
    if os.geteuid() == 0:  # it becomes another user, who must get at its logs
        let_others_in(folder)
        folder.chmod(0o777)
    front, forward, dead = free_port(), free_port(), free_port()
    conf = folder / "squid.conf"
    with running_upstream(_SlowUpstream) as live:
        known = {"front": front, "forward": forward, "live": live, "timed": SQUID_TIMED}
        conf.write_text(SQUID.format(folder=folder, **known))
        # Its shared memory has the name of the service.
        command = [binary, "-N", "-n", f"apilog{front}", "-f", str(conf)]
        with running(command, front, folder / "out.txt"):
            answers = [send(front, sent.raw) for sent in (*REQUESTS, TRAFFIC[0])]
            absolute = f"http://127.0.0.1:{live}".encode() + TRAFFIC[1].target
            answers.append(send(forward, Sent(absolute, "", 0).raw))
            unreached = f"http://127.0.0.1:{dead}/x".encode()
            answers.append(send(forward, Sent(unreached, "", 0).raw))
            answers.append(send(forward, b"nonsense\r\n\r\n"))
            for name in ("native", "combined", "common", "timed"):
                # The first line is that of the connection that waited for it.
                await_lines(folder / f"{name}.log", len(answers) + 1)
    return folder, answers


SQUID_ROWS = [
    *ROWS,
    EXPECTED[0],
    ("GET", "/api/404/2", 404),
    ("GET", "/x", 503),
    ("nonsense", None, 400),
]
SQUID_RESULTS = [
    *("TCP_MISS",) * len(ROWS),
    "TCP_MEM_HIT",
    *("TCP_MISS", "TCP_MISS", "NONE_NONE"),
]


@pytest.mark.parametrize("name", ["native", "combined", "common", "timed"])
def test_squids_formats_are_known(squid: tuple[Path, list[bytes]], name: str) -> None:
    folder, answers = squid
    rows = read_rows(folder / f"{name}.log")
    told = [row for row in rows if row["method"]]
    assert methods_paths_statuses(rows) == SQUID_ROWS
    assert [row["cache_status"] for row in told] == SQUID_RESULTS
    # It counts what goes over the wire.
    assert [row["response_bytes"] for row in told] == [len(answer) for answer in answers]
    assert [row["host"] for row in told[: len(ROWS)]] == ["api.example.com"] * len(ROWS)
    assert {row["client_ip"] for row in rows} == {"127.0.0.1"}
    assert {row["gateway"] for row in rows} == {None}
    if name in ("combined", "timed"):
        assert {row["user_agent"] for row in told[:-1]} == {"test/1.0 (a b)"}
    if name in ("native", "timed"):
        assert all(0 <= row["duration_ms"] < LONGEST_MS for row in told)  # type: ignore[operator]
        assert told[len(TRAFFIC)]["duration_ms"] >= SLOW_MS  # type: ignore[operator]
    else:
        assert {row["duration_ms"] for row in rows} == {None}


def test_a_connection_without_a_request_is_none(squid: tuple[Path, list[bytes]]) -> None:
    wanted = ReadSpec(columns=frozenset({"status", "path"}), rules=parse_rules(()))
    run = LocalRun([squid[0] / "combined.log"], wanted, lambda records: records)
    results = list(run.results())
    assert sum(result.rejects.height for result in results) == 0
    assert sum(result.value.height for result in results) == len(SQUID_ROWS)
    native = [row for row in read_rows(squid[0] / "native.log") if row["method"] is None]
    assert [(row["path"], row["status"]) for row in native] == [(None, None)]


@pytest.fixture(scope="module")
def varnish(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mapping[str, Path], list[bytes]]:
    """A log of varnishncsa for each format, and the answers of a real Varnish."""
    binary, ncsa = find_binary("varnishd"), find_binary("varnishncsa")
    folder = tmp_path_factory.mktemp("varnish")
    port, vcl, work = free_port(), folder / "apilog.vcl", str(folder / "work")
    logs = {name: folder / f"{name}.log" for name in NCSA_FORMATS}
    with running_upstream(_SlowUpstream) as live:
        vcl.write_text(VCL.format(live=live, dead=free_port()))
        command = [binary, "-F", "-j", "none", "-a", f"127.0.0.1:{port}", "-f", str(vcl)]
        command += ["-n", work, "-s", "malloc,8m"]
        with running(command, port, folder / "out.txt"):
            # One after the other: a transaction that ends later is written later.
            answers = [send(port, sent.raw) for sent in (*REQUESTS, TRAFFIC[0])]
            answers += [send(port, Sent(target, "", 0).raw) for target in (b"/down/1", b"/gone/1")]
            answers.append(send(port, b"nonsense\r\n\r\n"))
            for name, string in NCSA_FORMATS.items():
                # What it has kept until now, then it ends.
                own = ["-F", string] if string else []
                subprocess.run([ncsa, "-n", work, "-d", "-w", str(logs[name]), *own], check=True)
    return logs, answers


VARNISH_ROWS = sorted([*ROWS, EXPECTED[0], ("GET", "/down/1", 503), ("GET", "/gone/1", 410)])


def test_the_default_log_of_varnish(varnish: tuple[Mapping[str, Path], list[bytes]]) -> None:
    logs, answers = varnish
    rows = read_rows(logs["default"])
    told = [row for row in rows if row["method"]]
    assert sorted(methods_paths_statuses(rows), key=str) == sorted(VARNISH_ROWS, key=str)
    assert {row["host"] for row in told} == {"api.example.com"}
    assert {row["user_agent"] for row in told} == {"test/1.0 (a b)"}
    assert {row["client_ip"] for row in told} == {"127.0.0.1"}
    assert {row["duration_ms"] for row in rows} == {None}
    assert {row["gateway"] for row in rows} == {None}
    sizes = [row["response_bytes"] for row in rows]
    assert sorted(sizes, key=str) == sorted(map(_body_bytes, answers), key=str)
    (bad,) = [row for row in rows if not row["method"]]
    assert (bad["status"], bad["client_ip"]) == (400, None)


@pytest.mark.parametrize("name", ["handled", "own"])
def test_durations_and_the_cache_of_varnish(
    varnish: tuple[Mapping[str, Path], list[bytes]], name: str
) -> None:
    logs, answers = varnish
    rows = read_rows(logs[name], NCSA_FORMATS[name])
    assert sorted(methods_paths_statuses(rows), key=str) == sorted(VARNISH_ROWS, key=str)
    assert {row["gateway"] for row in rows} == {None}
    by_path = {str(row["path"]): row for row in rows if row["path"] != "/api/200/1"}
    assert SLOW_MS <= by_path[SLOW.path]["duration_ms"] < LONGEST_MS  # type: ignore[operator]
    assert all(0 <= row["duration_ms"] < LONGEST_MS for row in rows)  # type: ignore[operator]
    twice = [row["cache_status"] for row in rows if row["path"] == "/api/200/1"]
    assert twice == ["miss", "hit"]
    passed, made = ("pass", "synth") if name == "handled" else ("miss", "miss")
    assert by_path["/api/201/a%22b"]["cache_status"] == passed
    assert by_path["/gone/1"]["cache_status"] == made
    assert by_path["/down/1"]["cache_status"] == "miss"
    if name == "own":
        sizes = [row["response_bytes"] for row in rows]
        assert sorted(sizes, key=str) == sorted(map(len, answers), key=str)
        assert by_path[SLOW.path]["request_bytes"] == len(SLOW.raw)


def test_the_cache_of_varnish_is_seen_without_its_format(
    varnish: tuple[Mapping[str, Path], list[bytes]],
) -> None:
    rows = read_rows(varnish[0]["handled"])
    twice = [row["cache_status"] for row in rows if row["path"] == "/api/200/1"]
    assert twice == ["miss", "hit"]
