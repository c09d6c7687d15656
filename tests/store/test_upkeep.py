"""verify, compact and prune, from Python and from the command line."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from apilog.cli import streams
from apilog.errors import InputError
from apilog.store import MANIFEST_VERSION, Store, StoreWriter, compact, prune, verify
from tests.commands import Run
from tests.store.sample_stores import START, assert_tidy, lines_in, make, records, rejects


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of three days from four runs, with rejects."""
    path = tmp_path / "s"
    for number in range(4):
        make(path, records(50, first_line=1 + 50 * number))
        with StoreWriter(path) as writer:
            writer.add_rejects(rejects(2))
            writer.commit()
    return path


def test_an_untouched_store_is_intact(path: Path) -> None:
    found = verify(path)
    assert (found.files, found.rows) == (16, 208)
    assert (found.damaged, found.strangers) == ((), ())


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def drop_rows(file: Path) -> None:
    pl.read_parquet(file, hive_partitioning=False).head(1).write_parquet(file)


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (Path.unlink, "is missing"),
        (cut, "bytes instead of"),
        (drop_rows, "bytes instead of"),
        (flip, "has other bytes than were written"),
    ],
)
def test_every_damage_is_found_and_named(
    path: Path, run: Run, harm: Callable[[Path], object], problem: str
) -> None:
    for file in Store.open(path).manifest.files[::5]:
        harm(path / file.name)
        found = verify(path)
        assert file.name in [damage.name for damage in found.damaged]
        assert all(problem in damage.problem for damage in found.damaged)
    result = run("store", "verify", path)
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.count("apilog: error: ") == len(found.damaged) == 4
    assert problem in result.stderr


def test_rows_are_counted_and_not_taken_on_trust(path: Path) -> None:
    newest = max((path / "manifest").iterdir())
    text = newest.read_text()
    newest.write_text(text.replace('"rows": 24', '"rows": 25', 1))
    assert text != newest.read_text()
    assert [damage.problem for damage in verify(path).damaged] == ["has 24 rows instead of 25"]


def test_files_that_other_readers_would_count_are_told(path: Path, run: Run) -> None:
    (path / "records" / "more.parquet").write_bytes(b"")
    assert verify(path).strangers == ("records/more.parquet",)
    result = run("store", "verify", path)
    assert result.code == 0
    assert f"{path / 'records/more.parquet'} is no part of the store" in result.stderr


def test_compacting_keeps_every_row_in_its_order(path: Path) -> None:
    before = Store.open(path)
    rows = before.scan_records().collect()
    compacted = compact(path)
    after = Store.open(path)
    assert (compacted.files_before, compacted.files_after) == (16, 4)
    assert compacted.size_after < compacted.size_before
    # Equal times stay in the order in which they were ingested.
    assert_frame_equal(
        after.scan_records().collect(),
        rows.sort("timestamp", maintain_order=True),
        check_row_order=True,
    )
    assert after.scan_rejects().collect().height == 8
    assert after.manifest.inputs == before.manifest.inputs
    assert verify(path).damaged == ()
    # Whoever reads the folder must not see rows twice.
    assert_tidy(path)
    assert compact(path).files_before == 4
    assert Store.open(path).manifest == after.manifest


def test_compacting_makes_no_file_of_any_size(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The name in the package is the function.
    monkeypatch.setattr(sys.modules["apilog.store.maintenance"], "COMPACTED_ROWS", 50)
    compact(path)
    files = Store.open(path).record_files()
    # Of 12 rows each four fit, of 24 two, of 14 three.
    assert [file.rows for file in files] == [48, 48, 48, 14, 42]
    assert lines_in(Store.open(path)) == list(range(1, 201))


def test_compacting_refuses_damage_and_changes_nothing(path: Path) -> None:
    file = Store.open(path).record_files()[0]
    flip(path / file.name)
    with pytest.raises(InputError, match="other bytes"):
        compact(path)
    assert len(Store.open(path).manifest.files) == 16
    assert_tidy(path)


NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("keep", "now", "days"),
    [
        (timedelta(days=2), NOW, [21, 22]),
        (timedelta(days=2), NOW - timedelta(microseconds=1), [20, 21, 22]),
        (timedelta(days=1, hours=12), NOW, [21, 22]),
        (timedelta(days=1), NOW, [22]),
        (timedelta(0), NOW, []),
        (timedelta(days=400), NOW, [20, 21, 22]),
        (timedelta.max, NOW, [20, 21, 22]),
        (timedelta(days=1), NOW - timedelta(days=9000), [20, 21, 22]),
    ],
)
def test_pruning_removes_whole_days_that_are_over(
    path: Path, keep: timedelta, now: datetime, days: list[int]
) -> None:
    inputs = Store.open(path).manifest.inputs
    prune(path, keep, now)
    store = Store.open(path)
    assert [p.name for p in sorted((path / "records").iterdir())] == [
        f"date=2026-11-{day}" for day in days
    ]
    assert sorted({t.day for t in store.scan_records().collect()["timestamp"]}) == days
    assert store.manifest.inputs == inputs
    assert_tidy(path)


def test_rejects_go_by_the_day_on_which_they_were_stored(path: Path) -> None:
    stored = Store.open(path).reject_files()[0].last
    assert stored
    gone = prune(path, timedelta(days=10), stored + timedelta(days=9))
    assert gone.rejects == 0
    gone = prune(path, timedelta(days=10), stored + timedelta(days=12))
    assert gone.rejects == 8
    assert Store.open(path).scan_rejects().collect().is_empty()


def test_info_on_a_terminal_and_as_data(path: Path, run: Run) -> None:
    result = run("store", "info", path, "-f", "json")
    facts = json.loads(result.text)
    assert facts.pop("size") == sum(file.size for file in Store.open(path).manifest.files)
    assert facts.pop("written")
    assert facts.pop("apilog")["schema_version"] == 1
    assert facts == {
        "store": str(path),
        "version": MANIFEST_VERSION,
        "generation": 9,
        "first": "2026-11-20T12:00:00Z",
        "last": "2026-11-22T13:00:00Z",
        "days": 3,
        "records": 200,
        "rejects": 8,
        "inputs": 1,
        "files": 16,
    }
    result = run("store", "info", path)
    assert (result.code, result.stderr) == (0, "")
    assert [line.split()[:2] for line in result.text.splitlines()][7] == ["records", "200"]


def test_info_of_an_empty_store(tmp_path: Path, run: Run) -> None:
    StoreWriter(tmp_path).close()
    assert "first       –" in run("store", "info", tmp_path).text


def test_upkeep_from_the_command_line(path: Path, run: Run) -> None:
    assert run("store", "verify", path).text == "intact: 16 files, 208 rows\n"
    assert run("store", "compact", path).text.startswith("16 files, ")
    age = datetime.now(UTC) - START
    result = run("store", "prune", "--keep", f"{max(age.days, 0)}d", path)
    assert (result.code, result.stderr) == (0, "")
    assert re.match(r"removed \d+ records and \d+ rejects: ", result.text)


@pytest.mark.parametrize("command", ["info", "verify", "compact", "prune"])
def test_what_is_no_store_ends_with_2(tmp_path: Path, run: Run, command: str) -> None:
    argv = ["--keep", "1d"] if command == "prune" else []
    result = run("store", command, *argv, tmp_path / "none")
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"apilog: error: there is no folder {tmp_path / 'none'}\nhint:")
    assert not list(tmp_path.iterdir())


def test_a_store_held_by_another_ends_with_2(path: Path, run: Run) -> None:
    with StoreWriter(path):
        result = run("store", "compact", path)
    assert result.code == 2
    assert "is being written by process" in result.stderr


def test_an_age_is_needed_to_prune(path: Path, run: Run) -> None:
    for argv in ([], ["--keep", "soon"]):
        assert run("store", "prune", *argv, path).code == 2
    assert lines_in(Store.open(path)) == list(range(1, 201))


def test_a_dry_run_tells_what_would_be_done_and_changes_nothing(path: Path, run: Run) -> None:
    before = Store.open(path)
    age = f"{max((datetime.now(UTC) - START).days, 0)}d"
    told = run("store", "compact", path, "--dry-run").text
    files_before, files_after = map(int, re.findall(r"\d+", told))
    pruned = run("store", "prune", path, "--keep", age, "--dry-run").text
    assert Store.open(path) == before
    assert pruned.startswith("would remove ")
    assert pruned.endswith("; nothing is changed\n")

    done = run("store", "prune", path, "--keep", age).text
    assert done.strip() == pruned.partition(";")[0].replace("would remove", "removed")
    assert run("store", "prune", path, "--keep", age, "--dry-run").text.startswith(
        "would remove 0 records and 0 rejects"
    )
    assert files_before == len(before.manifest.files)
    assert files_after < files_before


def test_compact_leaves_as_many_files_as_its_dry_run_tells(path: Path, run: Run) -> None:
    told = run("store", "compact", path, "--dry-run").text
    run("store", "compact", path)
    left = len(Store.open(path).manifest.files)
    assert told == f"would merge 16 files into {left}; nothing is changed\n"
    told = run("store", "compact", path, "--dry-run").text
    assert told == f"would merge {left} files into {left}; nothing is changed\n"


def test_a_terminal_is_told_before_it_is_done(
    path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "is_watched", lambda: True)
    assert "note: merging 16 files into " in run("store", "compact", path).stderr
    done = run("store", "prune", path, "--keep", "1d")
    assert done.stderr.startswith("apilog: note: removing ")
    assert done.stderr.partition("removing ")[2] == done.text.partition("removed ")[2]
