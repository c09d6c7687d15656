"""`apilog watch` follows what a real nginx writes, while a real logrotate rotates it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.real.nginx_server import Nginx, running_nginx
from tests.watch.watch_process import piped, until

ROTATIONS = {
    "renamed": "create\n postrotate\n kill -USR1 $(cat {pid})\n endscript",
    "renamed, the old one compressed later": "create\n compress\n delaycompress\n"
    " postrotate\n kill -USR1 $(cat {pid})\n endscript",
    "copied and truncated": "copytruncate",
    "moved to dates": "create\n dateext\n dateformat -%Y%m%d-%s\n"
    " postrotate\n kill -USR1 $(cat {pid})\n endscript",
}


def rotate(folder: Path, rules: str) -> None:
    """Rotate the logs once, as cron would."""
    program = shutil.which("logrotate", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        pytest.skip("logrotate is not installed")
    conf = folder / "logrotate.conf"
    owner = "su root root\n" if os.geteuid() == 0 else ""
    rules = rules.format(pid=folder / "nginx.pid")
    conf.write_text(f"{folder}/logs/timed.log {{\n {owner} rotate 9\n {rules}\n}}\n")
    conf.chmod(0o644)
    subprocess.run([program, "-f", "-s", folder / "status", conf], check=True)


def ask(server: Nginx, count: int) -> None:
    """So many requests, one after the other."""
    for number in range(count):
        server.send(f"GET /api/200/{number} HTTP/1.0\r\n\r\n".encode())


@pytest.mark.slow
@pytest.mark.parametrize("how", ROTATIONS)
def test_each_request_is_counted_once_through_rotations(tmp_path: Path, how: str) -> None:
    # With the one name and with all names, each where files are renamed and where they are copied.
    pattern = "timed.log*" if "later" in how or "copied" in how else "timed.log"
    folder = tmp_path / "nginx"
    folder.mkdir(mode=0o755)
    with running_nginx(folder) as server:
        ask(server, 3)
        with piped(folder / "logs" / pattern) as shown:
            until(shown.seen("records", 3))
            for turn in range(1, 4):
                ask(server, 5)  # some of them are read only after the rotation
                rotate(folder, ROTATIONS[how])
                until(shown.seen("records", 3 + 7 * turn - 2))
                ask(server, 2)
                until(shown.seen("records", 3 + 7 * turn))
                if "dates" in how:
                    time.sleep(1)  # the name has the second
        assert shown.last["input"]["lines"] == shown.last["input"]["records"] == 24
        assert shown.errors == ""
