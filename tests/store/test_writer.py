"""What is written is what is read, and nothing of it before its commit."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from apilog.errors import InputError
from apilog.schema import SCHEMA
from apilog.store import REJECT_COLUMNS, Store, StoreWriter
from apilog.store import writer as spilling
from tests.store.sample_stores import (
    START,
    assert_tidy,
    files_under,
    known,
    lines_in,
    make,
    records,
    rejects,
)


def test_records_come_back_with_every_column_in_its_type(tmp_path: Path) -> None:
    given = records(50)
    store = make(tmp_path / "s", given)
    found = store.scan_records().collect()
    assert found.schema == SCHEMA
    wanted = given.with_columns(pl.col("method").cast(pl.String))
    assert_frame_equal(found.select(wanted.columns).sort("line_number"), wanted)
    assert found["user_agent"].null_count() == 50


def test_a_file_holds_one_utc_day_in_order_of_time(tmp_path: Path) -> None:
    given = records(50).sample(fraction=1, shuffle=True, seed=1)
    store = make(tmp_path / "s", given)
    assert [Path(f.name).parent.name for f in store.record_files()] == [
        "date=2026-11-20",
        "date=2026-11-21",
        "date=2026-11-22",
    ]
    for file in store.record_files():
        rows = pl.read_parquet(tmp_path / "s" / file.name, hive_partitioning=False)
        assert rows.columns == list(SCHEMA)
        assert rows["timestamp"].is_sorted()
        assert (file.rows, file.first, file.last) == (
            rows.height,
            rows["timestamp"][0],
            rows["timestamp"][-1],
        )
        assert {str(d) for d in rows["timestamp"].dt.date()} == {file.name[13:23]}


def test_records_without_a_time_are_kept_in_a_folder_of_their_own(tmp_path: Path) -> None:
    given = records(3).with_columns(
        timestamp=pl.when(line_number=2).then(None).otherwise("timestamp")
    )
    store = make(tmp_path / "s", given)
    assert lines_in(store) == [1, 2, 3]
    assert store.scan_records(since=START).select("line_number").collect().height == 2
    assert any("__HIVE_DEFAULT_PARTITION__" in file.name for file in store.record_files())


def test_rejects_come_back(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s") as writer:
        writer.add_rejects(rejects(3))
        writer.add_rejects(rejects(2).drop("format"))
        store = writer.commit()
    found = store.scan_rejects().collect()
    assert found.schema == REJECT_COLUMNS
    assert found["format"].to_list() == ["combined"] * 3 + [None] * 2
    assert lines_in(store) == []


def test_nothing_is_visible_before_its_commit(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with StoreWriter(path) as writer:
        writer.add_records(records(10))
        writer.save_checkpoint(known())
        assert Store.open(path).manifest.files == ()
        writer.commit()
        writer.add_records(records(5, first_line=11))
        assert lines_in(Store.open(path)) == list(range(1, 11))
        writer.commit()
    assert lines_in(Store.open(path)) == list(range(1, 16))
    assert_tidy(path)


def test_what_is_spilled_but_not_committed_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    make(path, records(4))
    before = files_under(path)
    monkeypatch.setattr(spilling, "FLUSH_ROWS", 10)
    with StoreWriter(path) as writer:
        writer.add_records(records(30))
        names = files_under(path) - before
        assert names
        # No reader of the folder takes them for data.
        assert all(Path(n).name.startswith(".") and n.endswith(".tmp") for n in names)
    assert files_under(path) == before


def test_a_block_that_raises_leaves_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / "s"
    make(path, records(4))

    def write() -> None:
        with StoreWriter(path) as writer:
            writer.add_records(records(30))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert lines_in(Store.open(path)) == [1, 2, 3, 4]
    assert_tidy(path)


def test_memory_is_bounded_by_writing_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spilling, "FLUSH_ROWS", 100)
    with StoreWriter(tmp_path / "s") as writer:
        for number in range(10):
            writer.add_records(records(30, step=timedelta(seconds=1), first_line=1 + 30 * number))
        store = writer.commit()
    assert [file.rows for file in store.record_files()] == [120, 120, 60]
    assert lines_in(store) == list(range(1, 301))


def test_a_commit_without_a_change_makes_no_generation(tmp_path: Path) -> None:
    path = tmp_path / "s"
    before = make(path, records(4)).manifest
    with StoreWriter(path) as writer:
        writer.add_records(records(0))
        assert writer.commit().manifest == before
    assert Store.open(path).manifest == before


def test_inputs_are_known_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with StoreWriter(path) as writer:
        writer.save_checkpoint(known("a.log", 100))
        writer.save_checkpoint(known("b.log", 100))
        writer.commit()
    with StoreWriter(path) as writer:
        writer.save_checkpoint(known("a.log.1", 150), replaces=known("a.log", 100))
        with pytest.raises(KeyError):
            writer.save_checkpoint(known("c.log"), replaces=known("unheard of"))
        writer.commit()
    assert {(i.path, i.offset) for i in Store.open(path).manifest.inputs} == {
        ("a.log.1", 150),
        ("b.log", 100),
    }


def test_the_latest_three_manifests_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for number in range(6):
        make(path, records(2, first_line=1 + 2 * number))
    manifests = sorted(name for name in files_under(path) if name.startswith("manifest/"))
    assert [int(Path(name).stem) for name in manifests] == [5, 6, 7]
    assert_tidy(path)


def test_a_dropped_file_goes_with_the_commit(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store = make(path, records(2), records(2, first_line=3))
    with StoreWriter(path) as writer:
        writer.drop_files(store.record_files()[:1])
        assert lines_in(Store.open(path)) == [1, 2, 3, 4]
        writer.commit()
    assert lines_in(Store.open(path)) == [3, 4]
    assert_tidy(path)


def test_a_writer_that_is_closed_takes_nothing_more(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s") as writer:
        pass
    with pytest.raises(ValueError, match="closed"):
        writer.add_records(records(1))
    with pytest.raises(ValueError, match="closed"):
        writer.commit()


def test_a_folder_with_other_things_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(InputError, match=r"not empty.*thesis\.odt"):
        StoreWriter(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.odt"]


def test_files_of_others_in_a_store_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    make(path, records(2))
    others = [path / "records" / "README", path / "notes.txt", path / "rejects" / "mine.parquet"]
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_text("mine")
    make(path, records(2, first_line=3))
    assert all(other.read_text() == "mine" for other in others)


def test_a_new_writer_can_be_told_not_to_make_a_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        StoreWriter(tmp_path / "s", create=False)
    with pytest.raises(InputError, match="no store"):
        StoreWriter(tmp_path, create=False)
    assert not list(tmp_path.iterdir())
