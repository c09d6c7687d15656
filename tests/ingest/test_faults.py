"""Each operation on the disk fails in turn through a whole run; and what else goes wrong there."""

from __future__ import annotations

import errno
import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from apilog.errors import OutputError
from apilog.ingestion import IngestSummary, ingest
from apilog.options import IngestOptions
from apilog.store import Store, verify
from tests.ingest.numbered_logs import held, lines
from tests.store.faulty_disk import CHANGES, PowerCut, fail, operations, places

FAULTS = tuple(OSError(code, os.strerror(code)) for code in (errno.ENOSPC, errno.EIO, errno.EROFS))
BAD = b"this is no request\n"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Three inputs of two days, each of which is a commit of its own."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_bytes(lines(range(40)) + BAD)
    (folder / "b.log.gz").write_bytes(gzip.compress(lines(range(40, 80))))
    (folder / "c.log").write_bytes(lines([*range(80, 100), *range(90_000, 90_020)]))
    return folder


WRITTEN = [*range(100), *range(90_000, 90_020)]


def run_over(logs: Path, store: Path) -> IngestSummary:
    # What is tried is the disk: finding the format each time would only take long.
    options = IngestOptions(stretch_bytes=1, chunk_bytes=2_000, log_format="combined")
    return ingest([logs], store, options)


def assert_readable(store: Path) -> None:
    """What is in the store is there once, and is what its manifest says."""
    numbers = held(store)
    assert len(numbers) == len({*numbers})
    assert {*numbers} <= {*WRITTEN}
    assert verify(store).damaged == ()
    inputs = Store.open(store).manifest.inputs
    assert sum(known.records for known in inputs) == len(numbers)


def assert_complete(store: Path) -> None:
    assert_readable(store)
    assert held(store) == WRITTEN
    assert Store.open(store).scan_rejects().collect().height == 1
    assert verify(store).strangers == ()


KINDS = ("once", "from then on", "power cut")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_whose_disk_fails_is_completed_by_the_next(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    lasting = kind != "once"
    seen = set()
    calls = operations(monkeypatch, lambda: run_over(logs, tmp_path / "whole"))
    assert {*calls} == {*CHANGES}
    assert len(calls) > 50
    for at in places(calls, 1, turn=KINDS.index(kind)):
        store = tmp_path / f"{at}"
        fault = None if kind == "power cut" else FAULTS[at % len(FAULTS)]
        failed, error = fail(
            monkeypatch,
            at,
            PowerCut if fault is None else lambda fault=fault: fault,
            lasting,
            lambda store=store: run_over(logs, store),
        )
        assert failed
        seen.add(failed)
        # What only tidies up, and who holds the lock, may fail unnoticed.
        assert error is not None or failed in ("rmdir", "write", "ftruncate")
        if isinstance(error, OutputError):
            assert fault
            assert str(fault.strerror) in str(error)
            assert error.hint
        if Store.is_store(store):
            assert_readable(store)
        assert not run_over(logs, store).errors
        assert_complete(store)
    assert seen == {*CHANGES}


@pytest.mark.slow
def test_a_clock_that_jumps_back_between_runs_changes_nothing(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    run_over(logs, store)
    before = Store.open(store).manifest
    with monkeypatch.context() as patch:
        _set_clock(patch, -400 * 86_400)
        with (logs / "c.log").open("ab") as stream:
            stream.write(lines(range(200, 220)))
        os.utime(logs / "c.log", (1, 1))
        done = run_over(logs, store)
        assert (done.new, done.continued, done.known) == (0, 1, 2)
    after = Store.open(store).manifest
    assert after.created < before.created
    assert after.generation > before.generation
    assert run_over(logs, store).known == 3
    assert held(store) == sorted([*WRITTEN, *range(200, 220)])
    assert verify(store).damaged == verify(store).strangers == ()


def _set_clock(patch: pytest.MonkeyPatch, seconds: int) -> None:
    """Have the modules of the store see another time; nothing sets the clock of the machine."""
    from datetime import datetime, timedelta, tzinfo

    from apilog.store import writer

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Jumped:
            return cls.fromtimestamp(
                (datetime.now(tz) + timedelta(seconds=seconds)).timestamp(), tz
            )

    patch.setattr(writer, "datetime", Jumped)


@pytest.mark.slow
def test_of_two_runs_at_once_one_writes_and_the_other_is_told(logs: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.log"
    big.write_bytes(lines(range(8_000)))
    store = tmp_path / "store"
    command = [sys.executable, "-m", "apilog", "ingest", str(big), "--store", str(store)]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [run.communicate()[1] for run in runs]
    codes = [run.returncode for run in runs]
    assert 0 in codes
    for code, text in zip(codes, told, strict=True):
        assert code in (0, 2)
        assert code == 0 or "is being written by" in text or "is no store" in text, text
        assert "Traceback" not in text
    assert held(store) == [*range(8_000)]
    assert verify(store).damaged == verify(store).strangers == ()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may look into."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if not all(above.stat().st_mode & 0o001 for above in folder.parents):
            pytest.skip("temporary files are private here")
        yield folder


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX")
def test_a_folder_that_may_not_be_written_is_told_and_left_as_it_is(
    logs: Path, open_folder: Path
) -> None:
    store = open_folder / "store"
    ingest([logs / "a.log"], store)
    folders = [store, *(path for path in store.rglob("*") if path.is_dir())]
    (store / "lock").chmod(0o444)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    for folder in folders:
        folder.chmod(0o555)
    result = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, str(logs), str(store)],
        capture_output=True,
        text=True,
        check=False,
    )
    for folder in folders:
        folder.chmod(0o755)
    (store / "lock").chmod(0o644)
    assert result.stdout.startswith("OutputError"), result.stdout + result.stderr
    assert "can't write" in result.stdout
    assert "ermission denied" in result.stdout
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before
    assert held(store) == [*range(40)]
    run_over(logs, store)
    assert_complete(store)


UNPRIVILEGED = """
import os, sys
from apilog.errors import ApilogError
from apilog.ingestion import ingest
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    ingest([sys.argv[1]], sys.argv[2])
except ApilogError as error:
    print(type(error).__name__, error)
"""
