"""Each operation on the disk fails in turn: the store is in the old state or the new one."""

from __future__ import annotations

import errno
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apilog.errors import OutputError
from apilog.store import Store, StoreWriter, prune
from tests.ingest.forked_runs import Forks
from tests.store.faulty_disk import CHANGES, PowerCut, fail, operations, places
from tests.store.killable_writer import INPUTS, assert_complete, assert_whole, ingest
from tests.store.sample_stores import START, files_under, lines_in, make, records


def faults(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: Callable[[], BaseException],
    lasting: bool,
    of_each: int,
    turn: int = 0,
) -> Iterator[tuple[Path, str, BaseException | None]]:
    """A store for each call of a run that is tried, so many of a kind, in which it has failed."""
    calls = operations(monkeypatch, lambda: ingest(tmp_path / "whole"))
    assert {*calls} == {*CHANGES}
    assert len(calls) > 40
    for at in places(calls, of_each, turn):
        path = tmp_path / f"{at}"
        failed, error = fail(monkeypatch, at, fault, lasting, lambda path=path: ingest(path))
        assert failed
        yield path, failed, error


def test_places_are_of_each_kind_and_of_each_stage() -> None:
    calls = ["open", *["write"] * 9, "rename", "write", "write", "open"]
    assert places(calls, 2) == [1, 2, 11, 13, 14]
    assert places(calls, 3) == [1, 2, 7, 11, 13, 14]
    assert places(calls, 20) == [*range(1, 15)]
    assert [places(calls, 1, turn) for turn in range(3)] == [[1, 11, 13], [1, 2, 11], [7, 11, 14]]


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_a_disk_that_is_full_leaves_the_old_state_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasting: bool
) -> None:
    def full() -> OSError:
        return OSError(errno.ENOSPC, "No space left on device")

    seen = set()
    for path, failed, error in faults(
        monkeypatch, tmp_path, full, lasting, of_each=1, turn=int(lasting)
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
    for path, _, error in faults(monkeypatch, tmp_path, PowerCut, lasting=True, of_each=3):
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
        StoreWriter(path).close()
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
            lambda: StoreWriter(path),
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
    with Forks("tests.store.killable_writer") as forks:
        forks.run(tmp_path / "whole")
        for number in range(8):
            path = tmp_path / f"{number}"
            forks.killed([path], chance.random())
            states.append(assert_whole(path) if Store.is_store(path) else -1)
            ingest(path)
            assert_complete(path)
    # Some of them came in between, or this would prove nothing.
    assert any(-1 < state < len(INPUTS) for state in states)
