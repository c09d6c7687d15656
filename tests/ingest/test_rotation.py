"""A log that grows and rotates all the time, also while ingest is being killed."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apilog.ingestion import ingest
from apilog.options import IngestOptions
from apilog.storage.local_folder import LocalFolder
from apilog.store import Store, layout, verify
from apilog.store.commit import list_store_files
from apilog.store.reader import generations
from tests.examples import about
from tests.ingest.forked_runs import Forks
from tests.ingest.numbered_logs import held, lines

ROUNDS, KILLS = 1, 12
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

    def forget_old(self) -> None:
        """Remove all but the newest siblings, as `rotate` does."""
        for path in self.folder.glob("access.log.*"):
            if int(path.name.split(".")[2]) > 4:
                path.unlink()

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
    "many lines": lambda log: log.grow(200),
    "half a line": RotatingLog.begin_line,
    "rename": RotatingLog.rename,
    "copytruncate": RotatingLog.copytruncate,
    "compress": RotatingLog.compress,
    "part of a copy": RotatingLog.begin_copy,
    "part of a compressed copy": RotatingLog.begin_compression,
}


@settings(max_examples=about(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_killed_run_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    log, store = RotatingLog(tmp_path / "logs"), tmp_path / "store"
    before: set[int] = set()
    killed = unfinished = 0

    def rotate() -> None:
        STEPS[chance.choice([*STEPS])](log)

    with Forks() as forks:
        log.grow(400)
        forks.run(log.folder, tmp_path / "other")
        while killed < KILLS or (not unfinished and killed < 5 * KILLS):
            for _ in range(3):
                log.grow(chance.choice([1, 60]))
                rotate()
            seen = {*list_store_files(LocalFolder(store))}
            killed += forks.killed(
                (log.folder, store),
                chance.random(),
                meanwhile=rotate,
                is_writing=chance.choice(
                    [None, lambda seen=seen: {*list_store_files(LocalFolder(store))} != seen]
                ),
            )
            if not Store.is_store(store):
                continue
            numbers = held(store)
            assert before <= {*numbers} <= {*range(log.written)}
            assert len(numbers) == len({*numbers})
            assert verify(store).damaged == ()
            unfinished += bool({*list_store_files(LocalFolder(store))} - needed(store))
            before = {*numbers}
            if chance.random() < 0.2:
                forks.run(log.folder, store)
                assert held(store) == [*range(log.written)]
                log.forget_old()
        forks.run(log.folder, store)
    assert held(store) == [*range(log.written)]
    # Some have met it while it wrote or committed, or this would prove little.
    assert unfinished > 0


def needed(store: Path) -> set[str]:
    """The files that a store needs, its manifests included."""
    state = Store.open(store)
    files = {file.name for file in state.manifest.files}
    return files | {
        layout.manifest_name(generation) for generation in generations(LocalFolder(store))
    }


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

    done = ingest([log.folder], store, IngestOptions(progress=Rotating(rotate)))
    assert not done.errors
    assert done.failed == 0
    numbers = held(store)
    assert len(numbers) == len({*numbers})
    gone = [note for note in done.notes if "taken by the next run" in note]
    assert len(gone) == (step in ("compress", "removal"))
    assert not ingest([log.folder, *log.folder.parent.glob("moved.log")], store).errors
    assert held(store) == [*range(log.written)]
