"""Reading: pruned, typed, polite about what it can't read."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.errors import InputError
from apilog.schema import SCHEMA
from apilog.store import (
    MANIFEST_VERSION,
    DataFile,
    InputCheckpoint,
    Store,
    StoreManifest,
    StoreWriter,
)
from apilog.time import TimeWindow
from tests.store.sample_stores import START, known, make, records

TIMES = st.integers(-(2**50), 2**50).map(lambda n: START + timedelta(microseconds=n))
COUNTS = st.integers(0, 2**62)
FILES = st.builds(
    DataFile,
    name=st.just("records/date=2026-11-20/00000002-0123abcd-00000.parquet"),
    kind=st.just("records"),
    rows=COUNTS,
    size=COUNTS,
    first=TIMES | st.none(),
    last=TIMES | st.none(),
    crc=COUNTS,
)
# Any text, also lone surrogates, which stand for bytes in names of files.
TEXTS = st.text(st.characters())
INPUTS = st.builds(
    InputCheckpoint,
    head_hash=TEXTS,
    head_length=COUNTS,
    offset=COUNTS,
    tail_hash=TEXTS,
    path=TEXTS,
    complete=st.booleans(),
    lines=COUNTS,
    records=COUNTS,
    rejects=COUNTS,
    skipped=COUNTS,
    format=TEXTS | st.none(),
)


@given(
    st.builds(
        StoreManifest,
        version=st.just(MANIFEST_VERSION),
        generation=COUNTS,
        created=TIMES,
        files=st.tuples(FILES),
        inputs=st.tuples(INPUTS),
    )
)
def test_a_manifest_comes_back_from_its_text(manifest: StoreManifest) -> None:
    assert StoreManifest.from_json(manifest.to_json()) == manifest


@given(st.data())
def test_a_changed_manifest_is_refused_or_read_but_never_a_bug(data: st.DataObject) -> None:
    manifest = StoreManifest(generation=3, created=START, inputs=(known(),))
    text = manifest.to_json().encode()
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.binary(max_size=3)) + text[place + 1 :]
    with contextlib.suppress(InputError):
        StoreManifest.from_json(changed)


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "records/../../x.parquet", "manifest/x.json", "records/x"],
)
def test_a_manifest_names_no_file_outside(name: str) -> None:
    file = DataFile(name=name, kind="records", rows=1, size=1, first=None, last=None, crc=0)
    text = StoreManifest(generation=1, created=START, files=(file,)).to_json()
    with pytest.raises(InputError, match="damaged"):
        StoreManifest.from_json(text)


def test_a_newer_store_is_refused_politely(tmp_path: Path) -> None:
    path = tmp_path / "s"
    make(path, records(2))
    newest = max((path / "manifest").iterdir())
    newest.write_text(json.dumps({"version": MANIFEST_VERSION + 1, "who": "knows"}))
    with pytest.raises(InputError, match="newer than this apilog") as told:
        Store.open(path)
    assert "upgrade" in told.value.hint
    with pytest.raises(InputError, match="newer than this apilog"):
        StoreWriter(path)


def test_a_damaged_manifest_is_named_and_nothing_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store = make(path, records(2), records(2))
    newest = max((path / "manifest").iterdir())
    newest.write_text(newest.read_text()[:-5])
    for open_ in (Store.open, StoreWriter):
        with pytest.raises(InputError, match=newest.name):
            open_(path)
    assert all((path / file.name).exists() for file in store.manifest.files)


def test_what_is_no_store_says_so(tmp_path: Path) -> None:
    assert not Store.is_store(tmp_path)
    assert not Store.is_store(tmp_path / "missing")
    with pytest.raises(InputError, match="no store"):
        Store.open(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        Store.open(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="no store"):
        Store.open(tmp_path / "file")


@pytest.mark.parametrize(
    ("since", "until", "lines"),
    [
        (None, None, range(1, 51)),
        (START + timedelta(hours=13), None, range(14, 51)),
        (None, START + timedelta(hours=13), range(1, 14)),
        (START + timedelta(hours=13), START + timedelta(hours=14), range(14, 15)),
        (START + timedelta(days=90), None, range(0)),
    ],
)
def test_a_window_holds_its_start_and_not_its_end(
    tmp_path: Path, since: datetime | None, until: datetime | None, lines: range
) -> None:
    store = make(tmp_path / "s", records(50))
    found = store.scan_records(since, until).select("line_number").collect()
    assert sorted(found["line_number"]) == list(lines)


def test_a_day_is_read_without_opening_the_others(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store = make(path, records(20, step=timedelta(days=1)))
    since, until = START + timedelta(days=5, hours=-12), START + timedelta(days=6, hours=-12)
    assert len(store.record_files(TimeWindow(since=since, until=until))) == 1
    wanted = {file.name for file in store.record_files(TimeWindow(since=since, until=until))}
    for file in store.record_files():
        if file.name not in wanted:
            (path / file.name).unlink()
    assert store.scan_records(since, until).collect().height == 1


def test_columns_and_filters_reach_the_files(tmp_path: Path) -> None:
    store = make(tmp_path / "s", records(50))
    query = store.scan_records().filter(pl.col("status") == 201).select("gateway", "path")
    plan = query.explain()
    assert "PROJECT 3/36 COLUMNS" in plan
    assert "SELECTION" in plan
    assert query.collect().height == 17


def test_a_column_that_an_older_file_lacks_is_null(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store = make(path, records(3))
    for file in store.record_files():
        pl.read_parquet(path / file.name, hive_partitioning=False).drop("trace_id").write_parquet(
            path / file.name
        )
    assert store.scan_records().collect()["trace_id"].to_list() == [None] * 3


def test_a_path_with_the_signs_of_globs_is_a_path(tmp_path: Path) -> None:
    store = make(tmp_path / "s[0-9]*", records(3))
    assert store.scan_records().collect().height == 3


def test_duckdb_and_pandas_read_the_records_and_agree(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store = make(path, records(60), records(45, first_line=61, start=START + timedelta(hours=9)))
    ours = store.scan_records().collect()
    wanted = (
        ours.group_by(date=pl.col("timestamp").dt.date().cast(pl.String), status="status")
        .agg(pl.len().alias("n"), pl.col("duration_ms").sum().alias("ms"))
        .sort("date", "status")
        .rows()
    )
    assert len(wanted) == 9
    glob = str(path / "records" / "**" / "*.parquet")
    query = (
        "SELECT CAST(date AS VARCHAR), status, count(*), sum(duration_ms) "
        f"FROM read_parquet('{glob}', hive_partitioning = true) GROUP BY 1, 2 ORDER BY 1, 2"
    )
    relation = duckdb.sql(query)
    assert relation is not None
    assert relation.fetchall() == wanted
    frame = pd.read_parquet(path / "records")
    assert [c for c in frame.columns if c != "date"] == list(SCHEMA)
    assert str(frame["timestamp"].dtype).endswith("UTC]")
    groups = frame.groupby(["date", "status"], observed=True)["duration_ms"].agg(["count", "sum"])
    assert [(str(d), s, n, ms) for (d, s), n, ms in groups.itertuples()] == wanted


def test_pandas_reads_the_folder_while_a_writer_is_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    make(path, records(10))
    monkeypatch.setattr("apilog.store.writer.FLUSH_ROWS", 5)
    with StoreWriter(path) as writer:
        writer.add_records(records(10))
        assert len(pd.read_parquet(path / "records")) == 10


def test_any_times_and_numbers_come_back(tmp_path: Path) -> None:
    """They are stored as differences, which may be of any size and go up and down."""
    times = [START, None, START - timedelta(days=9000), START, START + timedelta(microseconds=1)]
    numbers = [2**62, -(2**62), None, 0, 7]
    frame = pl.DataFrame(
        {"timestamp": times, "line_number": numbers, "path": ["/a", None, "\x00", "", "ü"]},
        schema={name: SCHEMA[name] for name in ("timestamp", "line_number", "path")},
    )
    store = make(tmp_path / "store", frame)
    found = store.scan_records().select(frame.columns).collect().sort("line_number")
    assert found.equals(frame.sort("line_number"))
    first = store.record_files()[0].name
    columns = pq.ParquetFile(tmp_path / "store" / first).metadata.row_group(0)
    encodings = {columns.column(i).path_in_schema: columns.column(i).encodings for i in (0, 1)}
    assert "DELTA_BINARY_PACKED" in encodings["timestamp"]
