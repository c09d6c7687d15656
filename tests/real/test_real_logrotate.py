"""A real logrotate rotates what a real nginx writes, while requests come in and ingest runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import apilog
from apilog.ingestion import ingest
from apilog.store import Store, verify
from tests.real.nginx_server import Nginx, running_nginx

ROTATIONS = 5
# As nginx's manual has it: a moment after the signal all workers write to the new file.
REOPEN = """
    nocreate
    postrotate
        kill -USR1 $(cat {prefix}/nginx.pid) && sleep 0.3
    endscript
"""
WAYS = {
    "renamed": REOPEN + "nocompress",
    "renamed and compressed": REOPEN + "compress",
    "renamed and compressed a rotation later": REOPEN + "compress\n delaycompress",
    "copied and truncated": "copytruncate\n nocompress",
    "copied, truncated and compressed": "copytruncate\n compress",
}
CONFIGURATION = """
{prefix}/logs/combined.log {{
    rotate 1000
    size 1
    missingok
    {way}
}}
"""


class Rotation:
    """logrotate with a configuration and a state of its own."""

    def __init__(self, nginx: Nginx, way: str) -> None:
        binary = shutil.which("logrotate", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if binary is None:
            pytest.skip("logrotate is not installed")
        conf = nginx.prefix / "logrotate.conf"
        conf.write_text(
            CONFIGURATION.format(prefix=nginx.prefix, way=way.format(prefix=nginx.prefix))
        )
        conf.chmod(0o644)
        self._command = [binary, "--state", str(nginx.prefix / "state"), "--force", str(conf)]

    def run(self) -> None:
        """Rotate; whatever the size."""
        done = subprocess.run(self._command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


class Clients:
    """Sends numbered requests all the time."""

    def __init__(self, nginx: Nginx) -> None:
        self._nginx = nginx
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.sent = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Two of them at once."""
        threads = [threading.Thread(target=self._send) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _send(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                number, self.sent = self.sent, self.sent + 1
            request = f"GET /static/{number} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            assert self._nginx.send(request.encode())


def numbers_in(paths: list[str]) -> list[int]:
    return sorted(int(path.rpartition("/")[2]) for path in paths)


def held(store: Path) -> list[int]:
    return numbers_in(Store.open(store).scan_records().select("path").collect()["path"].to_list())


def on_disk(logs: list[Path]) -> list[int]:
    written = [log for log in logs if log.stat().st_size]
    return numbers_in(apilog.scan(written).select("path").collect()["path"].to_list())


def files(nginx: Nginx) -> list[Path]:
    return sorted(nginx.log("combined").parent.glob("combined.log*"))


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_request_is_in_the_store_once(tmp_path: Path, way: str) -> None:
    with running_nginx(tmp_path) as nginx:
        rotation, clients = Rotation(nginx, way), Clients(nginx)
        store = tmp_path / "store"
        pattern = f"{nginx.log('combined')}*"
        stop = threading.Event()
        problems: list[object] = []

        def ingest_all_the_time() -> None:
            while not stop.is_set():
                done = ingest([pattern], store)
                problems.extend(file for file in done.errors if not file.is_damaged)

        runs = threading.Thread(target=ingest_all_the_time)
        with clients.running():
            runs.start()
            for _ in range(ROTATIONS):
                time.sleep(0.2)
                rotation.run()
            time.sleep(0.2)
        stop.set()
        runs.join()
        loses = "copytruncate" in way
        deadline = time.monotonic() + (1 if loses else 60)
        # nginx answers before it logs.
        while time.monotonic() < deadline:
            assert not ingest([pattern], store).errors
            if len(held(store)) >= clients.sent:
                break
            time.sleep(0.1)
        assert problems == []
        numbers = held(store)
        doubled = [number for number, count in Counter(numbers).items() if count > 1]
        assert doubled == []
        # What was written between copying and truncating is nowhere but, perhaps, in the store.
        assert {*on_disk(files(nginx))} <= {*numbers} <= {*range(clients.sent)}
        if not loses:
            assert numbers == [*range(clients.sent)]
        assert len(numbers) > 0.5 * clients.sent > 100
        assert len(files(nginx)) >= ROTATIONS
        assert verify(store).damaged == verify(store).strangers == ()
