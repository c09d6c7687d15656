"""Everything is written wherever stdout leads, or it is an error."""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.weblog import line, write

COMMAND = [sys.executable, "-m", "apilog", "query", "SELECT * FROM requests", "-f", "ndjson"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = (line(f"/v1/users/{number}") for number in range(2000))
    return write(tmp_path_factory.mktemp("whole") / "a.log", lines)


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("is_blocking", [True, False])
def test_a_slow_reader_gets_every_byte(log: Path, unbuffered: str, is_blocking: bool) -> None:
    reader, writer = os.pipe()
    if not is_blocking:
        flags = fcntl.fcntl(writer, fcntl.F_GETFL)
        fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    process = subprocess.Popen([*COMMAND, str(log)], stdout=writer, env=environment)
    os.close(writer)
    received: list[bytes] = []

    def read_slowly() -> None:
        time.sleep(1.5)  # until the pipe is full
        while data := os.read(reader, 65_536):
            received.append(data)

    thread = threading.Thread(target=read_slowly)
    thread.start()
    assert process.wait(60) == 0
    thread.join(60)
    os.close(reader)
    text = b"".join(received)
    assert len(text) > 1 << 19
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 2000


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_an_error(log: Path, unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, str(log)], stdout=full, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert done.returncode == 2
    assert b"error: can't write standard output: No space left on device\nhint: free" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_an_error(log: Path, tmp_path: Path) -> None:
    def allow_little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run(
            [*COMMAND, str(log)],
            stdout=out,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            check=False,
            preexec_fn=allow_little,
        )
    assert done.returncode == 2
    assert b"error: can't write standard output: File too large\nhint: files may not" in done.stderr
