"""One writer at a time; readers never wait."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apilog.errors import InputError
from apilog.store import Store, StoreWriter, compact, prune, verify
from apilog.text.units import parse_duration
from tests.store.sample_stores import lines_in, make, records

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from apilog.store import StoreWriter
from tests.store.sample_stores import records
with StoreWriter(sys.argv[1]) as writer:
    writer.add_records(records(5, first_line=100))
    print("ready", flush=True)
    sys.stdin.readline()
    writer.commit()
"""


def holder(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline().strip() == b"ready"
    return process


def test_a_second_writer_is_told_who_has_the_store(tmp_path: Path) -> None:
    path = tmp_path / "s"
    make(path, records(3))
    with holder(path) as process:
        for action in (StoreWriter, compact, lambda p: prune(p, parse_duration("1d"))):
            with pytest.raises(InputError) as told:
                action(path)
            assert re.search(rf"{re.escape(str(path))} is being written", str(told.value))
            assert f"process {process.pid}" in str(told.value)
            assert told.value.hint
        # Readers see the state before, at once.
        assert lines_in(Store.open(path)) == [1, 2, 3]
        assert verify(path).damaged == ()
        process.communicate(b"\n")
    assert lines_in(Store.open(path)) == [1, 2, 3, 100, 101, 102, 103, 104]
    StoreWriter(path).close()


def test_two_writers_of_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    with (
        StoreWriter(tmp_path / "s"),
        pytest.raises(InputError, match=f"process {os.getpid()}"),
    ):
        StoreWriter(tmp_path / "s")
    StoreWriter(tmp_path / "s").close()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_the_lock_of_a_killed_writer_is_free(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with holder(path) as process:
        process.send_signal(signal.SIGKILL)
    with StoreWriter(path) as writer:
        assert lines_in(writer.commit()) == []


COMMIT = """
import sys
from apilog.store import StoreWriter
from tests.store.sample_stores import records
for number in range(30):
    with StoreWriter(sys.argv[1]) as writer:
        writer.add_records(records(5, first_line=1 + 5 * number))
        writer.commit()
"""


@pytest.mark.slow
def test_a_reader_sees_whole_commits_while_they_are_made(tmp_path: Path) -> None:
    path = tmp_path / "s"
    StoreWriter(path).close()
    seen = [0]
    with subprocess.Popen([sys.executable, "-c", COMMIT, str(path)], cwd=ROOT) as process:
        while process.poll() is None:
            seen.append(len(lines_in(Store.open(path))))
            time.sleep(0.02)  # what it looks at has to go on
    assert process.returncode == 0
    assert seen == sorted(seen)
    assert {count % 5 for count in seen} == {0}
    assert lines_in(Store.open(path)) == list(range(1, 151))
