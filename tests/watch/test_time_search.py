"""Finding the last minutes of a long file."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from apilog.watch.event_time import TimeSearch
from tests.weblog import START, line, write


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    hours = [line(f"/{'x' * 100}", after=3600 * hour) for hour in range(9)]
    seconds = [f":{second // 60:02}:{second % 60:02} " for second in range(3600)]
    lines = (text.replace(":00:00 ", second) for text in hours for second in seconds)
    return write(folder / "long.log", islice(lines, 30_000))


@pytest.mark.parametrize("second", [0, 1, 9_000, 29_000, 29_999, 40_000])
def test_little_is_read_before_the_instant_and_nothing_after_is_missed(
    log: Path, second: int
) -> None:
    offset = TimeSearch(str(log), None).find_offset(START + timedelta(seconds=second))
    data = log.read_bytes()
    assert offset == 0 or data[offset - 1] == ord("\n")
    skipped = data[:offset].count(b"\n")
    assert skipped <= second
    assert min(second, 30_000) - skipped <= (2 << 20) // 200


def test_the_end_is_behind_the_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntwo\nthr")
    assert TimeSearch(str(path), None).end_offset() == 8
    path.write_bytes(b"one")
    assert TimeSearch(str(path), None).end_offset() == 0
    path.write_bytes(b"x" * (3 << 20))
    assert TimeSearch(str(path), None).end_offset() == 3 << 20


@pytest.mark.slow
def test_the_times_of_its_last_records(log: Path, tmp_path: Path) -> None:
    times = TimeSearch(str(log), None).last_times()
    assert times.max() == START + timedelta(seconds=29_999)
    assert 100 < len(times) < 1000
    odd = write(tmp_path / "odd.txt", ["nothing of a log"])
    assert TimeSearch(str(odd), None).last_times().is_empty()
