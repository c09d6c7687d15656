"""Killed, cut off or out of space at any moment: periods are whole or absent, and none is lost."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apilog.errors import InputError, OutputError
from apilog.storage import local_folder
from tests.export.sample_exports import TIMED, hidden, log, names, run, whole_periods
from tests.ingest.forked_runs import Forks
from tests.store.faulty_disk import PowerCut, fail, operations, places
from tests.weblog import START

TABLES = ["statuses", "errors"]
NOON = START + timedelta(hours=25)


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[[Path], tuple[Path, list[str]]]:
    """Makes an export whose next run writes a new period, closes one and rewrites another."""
    first, second = log(tmp_path / "a.log", (0, 24)), log(tmp_path / "b.log", (0, 0.5, 24, 48))

    def make(to: Path) -> tuple[Path, list[str]]:
        run(first, to, now=NOON, log_format=TIMED)
        assert names(to) == ["2026-11-20", "2026-11-21.open"]
        return second, ["2026-11-20", "2026-11-21", "2026-11-22"]

    return make


def assert_nothing_lost(to: Path) -> None:
    """Whole periods only, and each of those before in its old or new state."""
    requests = {
        about["folder"].removesuffix(".open"): about["requests"] for about in whole_periods(to)
    }
    assert requests.get("2026-11-20") in (7, 14)
    assert requests.get("2026-11-21") == 7


def assert_complete(to: Path, expected: list[str]) -> None:
    assert names(to) == expected
    assert [about["requests"] for about in whole_periods(to)] == [14, 7, 7]
    assert hidden(to) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "lasting", "turn", "exchanges"),
    [
        (PowerCut, True, 0, True),
        (PowerCut, True, 1, False),
        (lambda: OSError(errno.ENOSPC, "No space left on device"), False, 1, True),
        (lambda: OSError(errno.ENOSPC, "No space left on device"), True, 2, False),
    ],
    ids=["power", "power, old system", "full once", "full, old system"],
)
def test_any_operation_may_fail(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[], BaseException],
    lasting: bool,
    turn: int,
    exchanges: bool,
) -> None:
    if not exchanges:
        monkeypatch.setattr(local_folder, "exchange_paths", lambda first, second: False)
    first, second = log(tmp_path / "a.log", (0, 24)), log(tmp_path / "b.log", (0, 0.5, 24, 48))
    nothing = log(tmp_path / "nothing.log", ())

    def doing(source: Path, to: Path) -> Callable[[], object]:
        return lambda: run(source, to, tables=TABLES, log_format=TIMED)

    run(first, tmp_path / "first", now=NOON, tables=TABLES, log_format=TIMED)
    shutil.copytree(tmp_path / "first", tmp_path / "whole")
    calls = operations(monkeypatch, doing(second, tmp_path / "whole"))
    assert len(calls) > 30
    for at in places(calls, 1, turn):
        to = tmp_path / f"{at}"
        shutil.copytree(tmp_path / "first", to)
        failed, error = fail(monkeypatch, at, fault, lasting, doing(second, to))
        assert failed
        assert error is None or isinstance(error, PowerCut | OutputError)
        # A reader sees whole periods; what is hidden comes back with the next run.
        assert all(about["requests"] in (7, 14) for about in whole_periods(to))
        if exchanges:
            assert_nothing_lost(to)  # at no moment
        if at % 2:
            fail(monkeypatch, 0, fault, False, doing(nothing, to))
            assert_nothing_lost(to)
        fail(monkeypatch, 0, fault, False, doing(second, to))
        assert_complete(to, ["2026-11-20", "2026-11-21", "2026-11-22"])


def has_changed(to: Path, often: int) -> Callable[[], bool]:
    """Tells, asked again and again, whether the names in the folder have changed so often."""
    seen = [os.listdir(to)]

    def has_changed() -> bool:
        if (now := os.listdir(to)) != seen[-1]:
            seen.append(now)
        return len(seen) > often

    return has_changed


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_run_that_is_killed_at_any_moment_is_made_good_by_the_next(
    tmp_path: Path, prepared: Callable[[Path], tuple[Path, list[str]]]
) -> None:
    seen = set()
    asked: dict[str, Any] = {"log_format": TIMED}
    with Forks("tests.export.sample_exports") as forks:
        for changes in (0, 1, 4, 7):
            to = tmp_path / f"{changes}"
            source, expected = prepared(to)
            forks.killed([source, to], 0, is_writing=has_changed(to, changes))
            assert all(about["requests"] in (7, 14) for about in whole_periods(to))
            seen.add(tuple(names(to)))
            run(log(tmp_path / "nothing.log", ()), to, **asked)
            assert_nothing_lost(to)
            run(source, to, **asked)
            assert_complete(to, expected)
    assert len(seen) > 1  # or this would prove nothing


@pytest.mark.slow
def test_a_reader_sees_whole_periods_while_they_are_replaced(tmp_path: Path) -> None:
    to = tmp_path / "to"
    small, large = log(tmp_path / "a.log", (0, 24)), log(tmp_path / "b.log", (0, 1, 24, 25))
    asked: dict[str, Any] = {"tables": TABLES, "log_format": TIMED}
    run(small, to, **asked)
    end = threading.Event()
    seen: list[bool] = []

    def read() -> None:
        while not end.is_set():
            # Not all the time: what it looks at has to go on.
            end.wait(0.0005)
            for folder in to.glob("2026-*"):
                with contextlib.suppress(FileNotFoundError):
                    before, found = folder.stat().st_ino, os.listdir(folder)
                    # Who has opened a folder that is replaced meanwhile may see it vanish.
                    if folder.stat().st_ino == before:
                        seen.append(len(found) == 1 + len(TABLES))

    reader = threading.Thread(target=read)
    reader.start()
    for source in (large, small) * 3:
        run(source, to, force=True, **asked)
    end.set()
    reader.join()
    assert len(seen) > 10
    assert all(seen)


@pytest.mark.skipif(sys.platform == "win32", reason="files are locked otherwise")
def test_a_folder_that_cant_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = log(tmp_path / "a.log", (0,))
    (tmp_path / "file").write_text("")
    with pytest.raises((InputError, OutputError), match="can't write"):
        run(source, tmp_path / "file")
    failed, error = fail(
        monkeypatch,
        1,
        lambda: OSError(errno.EROFS, "Read-only file system"),
        True,
        lambda: run(source, tmp_path / "to"),
    )
    assert isinstance(error, OutputError)
    assert "read-only" in error.hint
    assert failed == "mkdir"
