"""A log that grows and rotates all the time, also while ingest is being killed."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apilog.ingest import IngestOptions, ingest
from apilog.store import Store, verify
from ingest.logs import held, lines

KILLS = 30
SMALL = IngestOptions(chunk_bytes=4_000, stretch_bytes=8_000)


class RotatingLog:
    """`access.log` and its older siblings; every line is of another number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live = folder / "access.log"
        self.newest = folder / "access.log.1"
        self.written = 0
        self._half = b""
        self._left: Callable[[], None] | None = None
        """What is left of a rotation that was begun."""
        folder.mkdir()
        self.live.touch()

    def grow(self, count: int) -> None:
        """Write so many lines, the end of one that was begun first."""
        self.complete()
        text = lines(range(self.written, self.written + count))
        rest = text[len(self._half) :]
        self._append(rest)
        self.written += count
        self._half = b""

    def begin_line(self) -> None:
        """Write the first half of the next line."""
        self.complete()
        if not self._half:
            self._half = lines([self.written])[:40]
            self._append(self._half)

    def rename(self) -> None:
        """Rotate as `create` does."""
        self._finish_line()
        self._shift()
        self.live.rename(self.newest)
        self.live.touch()

    def copytruncate(self) -> None:
        """Rotate as `copytruncate` does."""
        self.begin_copy()
        self.complete()

    def compress(self) -> None:
        """Compress the newest sibling that is not."""
        self.begin_compression()
        self.complete()

    def begin_copy(self, share: float = 0.6) -> None:
        """Copy a part of what `copytruncate` copies before it truncates."""
        self._finish_line()
        self._shift()
        text = self.live.read_bytes()
        self.newest.write_bytes(text[: int(len(text) * share)])

        def left() -> None:
            self.newest.write_bytes(text)
            self.live.write_bytes(b"")

        self._left = left

    def begin_compression(self, share: float = 0.6) -> None:
        """Write a part of the newest sibling, compressed; it is removed at the end."""
        self.complete()
        if not self.newest.exists():
            return
        packed = gzip.compress(self.newest.read_bytes())
        target = self.folder / "access.log.1.gz"
        target.write_bytes(packed[: int(len(packed) * share)])

        def left() -> None:
            target.write_bytes(packed)
            self.newest.unlink()

        self._left = left

    def complete(self) -> None:
        """Complete a rotation that was begun."""
        left, self._left = self._left, None
        if left:
            left()

    def _append(self, text: bytes) -> None:
        with self.live.open("ab") as stream:
            stream.write(text)

    def _finish_line(self) -> None:
        self.complete()
        if self._half:
            self.grow(1)

    def _shift(self) -> None:
        older = sorted(
            self.folder.glob("access.log.*"), key=lambda p: int(p.name.split(".")[2]), reverse=True
        )
        for path in older:
            parts = path.name.split(".")
            parts[2] = str(int(parts[2]) + 1)
            path.rename(path.with_name(".".join(parts)))


STEPS: dict[str, Callable[[RotatingLog], None]] = {
    "one line": lambda log: log.grow(1),
    "some lines": lambda log: log.grow(7),
    "many lines": lambda log: log.grow(900),
    "half a line": RotatingLog.begin_line,
    "rename": RotatingLog.rename,
    "copytruncate": RotatingLog.copytruncate,
    "compress": RotatingLog.compress,
    "part of a copy": RotatingLog.begin_copy,
    "part of a compressed copy": RotatingLog.begin_compression,
}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from([*STEPS, "ingest", "ingest"]), max_size=14))
def test_any_history_gives_each_line_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    base = tmp_path_factory.mktemp("history")
    log, store = RotatingLog(base / "logs"), base / "store"
    for step in [*steps, "ingest"]:
        if step != "ingest":
            STEPS[step](log)
        else:
            done = ingest([log.folder], store, SMALL)
            assert all(file.is_damaged for file in done.errors)
            assert held(store) == [*range(log.written)]


INGEST = """
import sys
from apilog.ingest import IngestOptions, ingest
print("ready", flush=True)
ingest([sys.argv[1]], sys.argv[2], IngestOptions(chunk_bytes=20_000, stretch_bytes=40_000))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_a_killed_run_loses_and_doubles_nothing(tmp_path: Path) -> None:
    chance = random.Random(4)
    log, store = RotatingLog(tmp_path / "logs"), tmp_path / "store"
    killed = 0
    for _ in range(KILLS):
        log.grow(chance.choice([3, 900, 20_000]))
        STEPS[chance.choice(["half a line", "rename", "copytruncate", "compress"])](log)
        killed += _ingest_killed_after(chance.random() * 0.4, log.folder, store)
        if Store.is_store(store):
            numbers = held(store)
            assert len(numbers) == len({*numbers})
            assert verify(store).damaged == ()
        if chance.random() < 0.3:
            ingest([log.folder], store)
            assert held(store) == [*range(log.written)]
    ingest([log.folder], store)
    assert held(store) == [*range(log.written)]
    assert killed > KILLS // 3


def _ingest_killed_after(seconds: float, logs: Path, store: Path) -> bool:
    with subprocess.Popen(
        [sys.executable, "-c", INGEST, str(logs), str(store)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.6, 0.99, 1])
@pytest.mark.parametrize("count", [30, 3000])
def test_a_copy_that_is_being_made_is_left_out(tmp_path: Path, count: int, share: float) -> None:
    log, store = RotatingLog(tmp_path / "logs"), tmp_path / "store"
    log.grow(count)
    ingest([log.folder], store)
    log.grow(10)
    for step in (
        lambda: log.begin_copy(share),
        lambda: log.grow(5),
        lambda: log.begin_compression(share),
        log.complete,
    ):
        step()
        ingest([log.folder], store)
        assert held(store) == [*range(log.written)]


class Rotating:
    """Progress that rotates a log once the files to read are found."""

    def __init__(self, rotate: Callable[[], None]) -> None:
        self._rotate = rotate

    def total(self, size: int | None) -> None:
        self._rotate()

    def advance(self, size: int) -> None:
        pass


@pytest.mark.parametrize("step", ["rename", "copytruncate", "compress", "removal"])
def test_a_log_that_rotates_while_a_run_begins_is_no_error(tmp_path: Path, step: str) -> None:
    log, store = RotatingLog(tmp_path / "logs"), tmp_path / "store"
    for _ in range(2):
        log.grow(300)
        log.rename()
    log.grow(100)

    def rotate() -> None:
        if step == "removal":
            log.live.rename(log.folder.parent / "moved.log")
        else:
            STEPS[step](log)

    done = ingest([log.folder], store, progress=Rotating(rotate))
    assert not done.errors
    assert done.failed == 0
    numbers = held(store)
    assert len(numbers) == len({*numbers})
    gone = [note for note in done.notes if "taken by the next run" in note]
    assert len(gone) == (step in ("compress", "removal"))
    assert not ingest([log.folder, *log.folder.parent.glob("moved.log")], store).errors
    assert held(store) == [*range(log.written)]
