"""Each operation on the disk fails in turn: the store is in the old state or the new one."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apilog.errors import OutputError
from apilog.storage import disk, lock
from apilog.store import Store, Writer, prune
from store.building import START, files_under, lines_in, make, records
from store.crashing import INPUTS, assert_complete, assert_whole, ingest

CHANGES = ("open", "write", "fsync", "replace", "mkdir", "unlink", "rmdir", "ftruncate")
TESTS = Path(__file__).resolve().parent.parent


class PowerCut(BaseException):
    """Nothing runs any more, not even what would clean up."""


class FaultyOs:
    """`os`, of which one call fails: alone, or with all that follow; none if it is call 0.

    Its fsync does nothing else, which no test can see and every test would wait for.
    """

    def __init__(self, fails_at: int, fault: Callable[[], BaseException], lasting: bool) -> None:
        self.calls = 0
        self.fault: str | None = None
        self._fails_at = fails_at
        self._fault = fault
        self._lasting = lasting

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._counted(name, real) if name in CHANGES else real

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.calls += 1
            if self.calls == self._fails_at or (self._lasting and self.calls > self._fails_at > 0):
                self.fault = self.fault or name
                if name == "write":
                    # As a disk does that fills up: a part is there.
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                raise self._fault()
            return None if name == "fsync" else real(*args)

        return call


def fail(
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    fault: Callable[[], BaseException],
    lasting: bool,
    action: Callable[[], object],
) -> tuple[str | None, BaseException | None]:
    """Do it with one call failing: which one did, and the error."""
    faulty = FaultyOs(at, fault, lasting)
    error = None
    with monkeypatch.context() as patch:
        patch.setattr(disk, "os", faulty)
        patch.setattr(lock, "os", faulty)
        try:
            action()
        except (OutputError, PowerCut) as raised:
            error = raised
    return faulty.fault, error


def faults(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: Callable[[], BaseException],
    lasting: bool,
) -> Iterator[tuple[Path, str, BaseException | None]]:
    """A store for each call of a run, in which that call has failed."""
    for at in range(1, 10_000):
        path = tmp_path / f"{at}"
        failed, error = fail(monkeypatch, at, fault, lasting, lambda path=path: ingest(path))
        if failed is None:
            assert at > 40
            return
        yield path, failed, error


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_a_disk_that_is_full_leaves_the_old_state_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasting: bool
) -> None:
    seen = set()
    for path, failed, error in faults(
        monkeypatch, tmp_path, lambda: OSError(errno.ENOSPC, "No space left on device"), lasting
    ):
        # What only tidies up, and who holds the lock, may fail unnoticed.
        assert error is not None or failed in ("rmdir", "write", "ftruncate")
        if error is not None:
            assert isinstance(error, OutputError)
            assert "No space left" in str(error)
            assert "free some space" in error.hint
        if Store.is_store(path):
            assert_whole(path)
        fail(monkeypatch, 0, PowerCut, False, lambda path=path: ingest(path))
        assert_complete(path)
        seen.add(failed)
    assert seen == set(CHANGES)


@pytest.mark.slow
def test_a_power_cut_at_any_operation_leaves_the_old_state_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = set()
    for path, _, error in faults(monkeypatch, tmp_path, PowerCut, lasting=True):
        assert isinstance(error, PowerCut)
        if Store.is_store(path):
            inputs.add(assert_whole(path))
        fail(monkeypatch, 0, PowerCut, False, lambda path=path: ingest(path))
        assert_complete(path)
    assert inputs == {0, 1, 2}


def test_pruning_that_is_cut_short_is_finished_by_the_next_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(1, 1000):
        path = tmp_path / f"{at}"
        make(path, records(60))
        day = records(60)["timestamp"].max() - START  # type: ignore[operator]
        failed, _ = fail(
            monkeypatch,
            at,
            PowerCut,
            True,
            lambda path=path, day=day: prune(path, day, START + 2 * day),
        )
        left = lines_in(Store.open(path))
        assert left in (list(range(1, 61)), list(range(37, 61)))
        Writer(path).close()
        assert files_under(path) >= {file.name for file in Store.open(path).manifest.files}
        shown = {name for name in files_under(path) if name.startswith("records/")}
        assert shown == {file.name for file in Store.open(path).manifest.files}
        if failed is None:
            assert left == list(range(37, 61))
            return


def test_a_folder_that_cant_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    make(path, records(3))
    for code in (errno.EROFS, errno.EACCES):
        failed, error = fail(
            monkeypatch,
            1,
            lambda code=code: OSError(code, os.strerror(code)),
            True,
            lambda: Writer(path),
        )
        assert failed == "open"
        assert isinstance(error, OutputError)
        assert str(error) == f"can't write {path / 'lock'}: {os.strerror(code)}"
        assert error.hint
    assert lines_in(Store.open(path)) == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_writer_that_is_killed_at_any_moment_leaves_a_whole_store(tmp_path: Path) -> None:
    chance = random.Random(4)
    states = []
    started = time.monotonic()
    ingest(tmp_path / "whole")
    whole = time.monotonic() - started
    for number in range(30):
        path = tmp_path / f"{number}"
        with subprocess.Popen(
            [sys.executable, "-m", "store.crashing", str(path)],
            cwd=TESTS,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(chance.uniform(0, 1.2 * whole))
            process.send_signal(signal.SIGKILL)
        states.append(assert_whole(path) if Store.is_store(path) else -1)
        ingest(path)
        assert_complete(path)
    # Some of them came in between, or this would prove nothing.
    assert any(-1 < state < len(INPUTS) for state in states)
