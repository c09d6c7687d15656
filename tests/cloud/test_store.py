"""A store in object storage: all that holds on a disk, with many writers and no lock."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset
import pyarrow.fs
import pytest
from polars.testing import assert_frame_equal

from apilog.errors import InputError, OutputError
from apilog.ingestion import ingest
from apilog.options import IngestOptions
from apilog.storage.cloud.bucket import Bucket
from apilog.store import Store, StoreWriter, commit, compact, prune, verify
from tests.commands import Run
from tests.ingest.numbered_logs import lines
from tests.store.sample_stores import START, known, lines_in, make, records, rejects

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(url: str) -> str:
    """The URL of a store that isn't there yet."""
    return f"{url}/logs/store"


def keys(bucket: Bucket) -> list[str]:
    return [info.key.removeprefix("logs/store/") for info in bucket.list_below("logs")]


def data_keys(bucket: Bucket) -> set[str]:
    return {key for key in keys(bucket) if not key.startswith("manifest/")}


def held(store: str) -> list[int]:
    """The numbers of the requests in the store, in ascending order, doubles included."""
    paths = Store.open(store).scan_records().select("path").collect()["path"]
    return sorted(int(path.rpartition("/")[2]) for path in paths)


def assert_tidy(bucket: Bucket, store: str) -> None:
    """No data file lies there but those of the state."""
    assert data_keys(bucket) == {file.name for file in Store.open(store).manifest.files}


def test_what_is_written_is_what_is_read(bucket: Bucket, store: str) -> None:
    given = records(50)
    found = make(store, given).scan_records().collect()
    wanted = given.with_columns(pl.col("method").cast(pl.String))
    assert_frame_equal(found.select(wanted.columns).sort("line_number"), wanted)
    window = Store.open(store).scan_records(
        START + timedelta(hours=13), START + timedelta(hours=14)
    )
    assert window.select("line_number").collect().rows() == [(14,)]
    assert_tidy(bucket, store)


def test_columns_and_filters_reach_the_objects(store: str) -> None:
    query = make(store, records(50)).scan_records().filter(pl.col("status") == 201).select("path")
    plan = query.explain()
    assert "PROJECT 2/36 COLUMNS" in plan
    assert "SELECTION" in plan
    assert query.collect().height == 17


@pytest.mark.slow
def test_ingest_takes_each_line_once_whatever_becomes_of_the_log(
    bucket: Bucket, url: str, store: str, run: Run, tmp_path: Path
) -> None:
    def ingested(*sources: str) -> str:
        result = run("ingest", *sources, "--store", store)
        assert result.code == 0, result.stderr
        return result.stderr

    for end in (3000, 3000, 5000):
        bucket.write("in/access.log", lines(range(end)))
        ingested(f"{url}/in")
        assert held(store) == [*range(end)]
    assert "1 already known" in ingested(f"{url}/in/access.log")
    generation = Store.open(store).manifest.generation
    bucket.write("in/access.log.1.gz", gzip.compress(lines(range(5500))))
    bucket.write("in/access.log", lines(range(5500, 6000)))
    assert "1 new, 1 continued" in ingested(f"{url}/in/*")
    assert held(store) == [*range(6000)]
    (tmp_path / "copy.log").write_bytes(lines(range(5500)))
    assert "1 already known" in ingested(str(tmp_path / "copy.log"))
    # The store lies in the bucket too, and is no source.
    ingested(url)
    assert held(store) == [*range(6000)]
    assert Store.open(store).manifest.generation > generation
    assert_tidy(bucket, store)


def test_a_run_with_nothing_new_writes_nothing(bucket: Bucket, url: str, store: str) -> None:
    bucket.write("in/a.log", lines(range(100)))
    ingest([f"{url}/in"], store)
    before = {info.key: info.written for info in bucket.list_below("logs")}
    done = ingest([f"{url}/in"], store)
    assert (done.known, done.new) == (1, 0)
    assert {info.key: info.written for info in bucket.list_below("logs")} == before


@pytest.mark.slow
def test_a_long_object_is_read_in_ranges_and_continued(
    bucket: Bucket, url: str, store: str
) -> None:
    text = lines(range(60_000))
    assert len(text) > 4 << 20
    bucket.write("in/a.log", text)
    options = IngestOptions(chunk_bytes=300_000, stretch_bytes=1_000_000)
    ingest([f"{url}/in/a.log"], store, options)
    assert held(store) == [*range(60_000)]
    bucket.write("in/a.log", text + lines(range(60_000, 60_010)))
    done = ingest([f"{url}/in/a.log"], store, options)
    assert (done.continued, done.input.records) == (1, 10)
    assert held(store) == [*range(60_010)]


@pytest.mark.slow
def test_of_two_writers_at_once_the_first_wins_and_the_other_can_try_again(
    bucket: Bucket, store: str
) -> None:
    make(store, records(3))
    with StoreWriter(store) as slow:
        slow.add_records(records(5, first_line=100))
        with StoreWriter(store) as quick:
            quick.add_records(records(5, first_line=4))
            quick.commit()
        with pytest.raises(InputError, match="was written by another process meanwhile") as told:
            slow.commit()
    assert "run it again" in told.value.hint
    assert lines_in(Store.open(store)) == [*range(1, 9)]
    assert_tidy(bucket, store)
    with StoreWriter(store) as again:
        again.add_records(records(5, first_line=100))
        again.commit()
    assert lines_in(Store.open(store)) == [*range(1, 9), *range(100, 105)]


@pytest.mark.slow
@pytest.mark.parametrize("commits", [1, 6])
def test_the_manifest_itself_is_the_lock(
    bucket: Bucket, store: str, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    make(store, records(3))
    with StoreWriter(store) as slow:
        slow.add_records(records(5, first_line=100))
        for number in range(commits):
            make(store, records(3, first_line=4 + 3 * number))
        compact(store)
        # As if the others had committed between its look at the newest state and its write.
        monkeypatch.setattr(commit, "generations", lambda _: [slow.store.manifest.generation])
        with pytest.raises(InputError, match="written by another process"):
            slow.commit()
    monkeypatch.undo()
    assert lines_in(Store.open(store)) == [*range(1, 4 + 3 * commits)]
    assert_tidy(bucket, store)


@pytest.mark.slow
def test_manifests_go_once_they_are_old(
    bucket: Bucket, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        make(store, records(2, first_line=1 + 2 * number))
    assert len([key for key in keys(bucket) if key.startswith("manifest/")]) == 6
    monkeypatch.setattr(commit, "GRACE", timedelta(0))
    make(store, records(2, first_line=11))
    assert (
        len([key for key in keys(bucket) if key.startswith("manifest/")]) == commit.KEPT_MANIFESTS
    )


def test_an_answer_that_was_lost_is_no_other_writer(
    bucket: Bucket, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(store, records(3))
    write = Bucket.write

    def twice(self: Bucket, key: str, data: bytes, *, is_new: bool = False) -> None:
        write(self, key, data, is_new=is_new)
        if is_new:
            write(self, key, data, is_new=True)

    with StoreWriter(store) as writer, monkeypatch.context() as patch:
        patch.setattr(Bucket, "write", twice)
        writer.add_records(records(5, first_line=4))
        writer.commit()
    assert lines_in(Store.open(store)) == [*range(1, 9)]


def test_a_server_that_ignores_conditions_gets_no_store(
    bucket: Bucket, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Bucket.write
    monkeypatch.setattr(
        Bucket, "write", lambda self, key, data, is_new=False: write(self, key, data)
    )
    with pytest.raises(OutputError, match="ignores the condition") as told:
        StoreWriter(store)
    assert "If-None-Match" in told.value.hint
    assert not keys(bucket)


KILLED = """
import os, sys
from apilog.store import StoreWriter, commit
from tests.store.sample_stores import known, records
at = sys.argv[2]
if at == "manifest":
    commit.prepare_commit = lambda *_: os._exit(9)
with StoreWriter(sys.argv[1]) as writer:
    writer.add_records(records(30, first_line=4))
    writer.save_checkpoint(known("killed.log"))
    if at == "data":
        writer._buffer.flush()
        os._exit(9)
    writer.commit()
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", ["data", "manifest"])
def test_a_writer_that_was_killed_left_nothing_that_counts(
    bucket: Bucket, store: str, at: str
) -> None:
    make(store, records(3))
    before = data_keys(bucket)
    done = subprocess.run([sys.executable, "-c", KILLED, store, at], cwd=ROOT, check=False)
    assert done.returncode == 9
    left = data_keys(bucket) - before
    assert len(left) == 2
    assert all(".tmp" in key for key in left) == (at == "data")
    assert lines_in(Store.open(store)) == [1, 2, 3]
    assert set(verify(store).strangers) == (left if at == "manifest" else set())
    # It may still be at work: only once another one has committed, it can't any more.
    StoreWriter(store).close()
    assert data_keys(bucket) == before | left
    make(store, records(30, first_line=4))
    assert_tidy(bucket, store)
    assert lines_in(Store.open(store)) == [*range(1, 34)]


INGEST = """
import sys
from apilog.ingestion import ingest
from apilog.options import IngestOptions
print("ready", flush=True)
ingest([sys.argv[1]], sys.argv[2], IngestOptions(chunk_bytes=20_000, stretch_bytes=60_000))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_killed_runs_lose_and_double_nothing(bucket: Bucket, url: str, store: str) -> None:
    chance = random.Random(4)
    written = killed = 0
    for _ in range(4):
        written += 800
        bucket.write("in/access.log", lines(range(written)))
        with subprocess.Popen(
            [sys.executable, "-c", INGEST, f"{url}/in", store], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout
            process.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.random() * 0.5)
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        if Store.is_store(store):
            numbers = held(store)
            assert numbers == [*range(len(numbers))]
            assert verify(store).damaged == ()
    ingest([f"{url}/in"], store)
    assert held(store) == [*range(written)]
    assert_tidy(bucket, store)
    assert killed > 1


@pytest.mark.slow
def test_two_processes_that_ingest_again_and_again_lose_and_double_nothing(
    bucket: Bucket, url: str, store: str
) -> None:
    for name in ("a", "b"):
        bucket.write(f"in/{name}.log", lines(range(ord(name) * 100, ord(name) * 100 + 50)))
    argv = [sys.executable, "-m", "apilog", "ingest", f"{url}/in", "--store", store]
    codes: list[int] = []
    while 0 not in codes[-2:]:
        pair = [subprocess.Popen(argv, stderr=subprocess.PIPE) for _ in range(2)]
        for process in pair:
            _, told = process.communicate()
            codes.append(process.returncode)
            assert process.returncode == 0 or b"written by another process" in told, told
    assert held(store) == [*range(9700, 9750), *range(9800, 9850)]
    assert verify(store).strangers == ()


def damage(bucket: Bucket, key: str, how: str) -> None:
    data = bytearray(bucket.read_all(key))
    data[len(data) // 2] ^= 1
    if how == "gone":
        bucket.delete_objects([key])
    else:
        bucket.write(key, bytes(data) if how == "other" else bytes(data[:-1]))


@pytest.mark.parametrize(
    ("how", "problem"),
    [("gone", "is missing"), ("short", "bytes instead of"), ("other", "has other bytes")],
)
def test_verify_finds_a_damaged_object(
    bucket: Bucket, store: str, run: Run, how: str, problem: str
) -> None:
    made = make(store, records(50))
    name = made.record_files()[0].name
    assert run("store", "verify", store).text == "intact: 3 files, 50 rows\n"
    damage(bucket, f"logs/store/{name}", how)
    result = run("store", "verify", store)
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"apilog: error: {store}/{name} ")
    assert problem in result.stderr


@pytest.mark.slow
def test_upkeep(bucket: Bucket, store: str, run: Run) -> None:
    batches = [records(12, first_line=1 + 12 * number) for number in range(4)]
    make(store, *batches)
    with StoreWriter(store) as writer:
        writer.add_rejects(rejects(2))
        writer.commit()
    facts = json.loads(run("store", "info", store, "-f", "json").text)
    assert (facts["store"], facts["records"], facts["rejects"]) == (store, 48, 2)
    assert compact(store).files_after < len(batches)
    assert lines_in(Store.open(store)) == [*range(1, 49)]
    assert_tidy(bucket, store)
    gone = prune(store, timedelta(days=1), datetime.now(UTC) + timedelta(days=400))
    assert (gone.records, gone.rejects) == (48, 2)
    assert data_keys(bucket) == set()
    assert len(Store.open(store).manifest.inputs) == 4
    for command in (["compact"], ["prune", "--keep", "1d"]):
        assert run("store", *command, store).code == 0


def test_query_asks_a_store_and_a_log_together(
    bucket: Bucket, url: str, store: str, run: Run
) -> None:
    bucket.write("in/a.log", lines(range(60)))
    ingest([f"{url}/in"], store)
    bucket.write("in/b.log", lines(range(60, 90)))
    sql = "SELECT COUNT(*) AS n, COUNT(DISTINCT path) AS paths FROM requests"
    result = run("query", sql, store, f"{url}/in/b.log", "-f", "json")
    assert result.code == 0, result.stderr
    assert json.loads(result.text)["tables"]["result"] == [{"n": 90, "paths": 90}]


@pytest.mark.slow
def test_others_read_it_and_agree(bucket: Bucket, endpoint: str, store: str) -> None:
    ours = make(store, records(60), records(45, first_line=61)).scan_records().collect()
    wanted = sorted(ours.select("line_number", "status").rows())
    filesystem = pyarrow.fs.S3FileSystem(
        access_key="somebody",
        secret_key="secret",
        endpoint_override=endpoint.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
    )
    folder = f"{bucket.name}/logs/store/records"
    frame = pd.read_parquet(folder, filesystem=filesystem)
    assert sorted(rows(frame[["line_number", "status"]].itertuples(index=False))) == wanted
    # DuckDB's own way to S3 is an extension to be downloaded.
    table = pyarrow.dataset.dataset(folder, filesystem=filesystem, partitioning="hive")
    counted = duckdb.from_arrow(table).aggregate("status, count(*)").order("status").fetchall()
    assert counted == ours.group_by("status").len().sort("status").rows()


def rows(tuples: Iterable[Any]) -> list[tuple[int, ...]]:
    return [tuple(map(int, row)) for row in tuples]


def test_a_folder_with_other_things_is_not_taken(bucket: Bucket, url: str, run: Run) -> None:
    bucket.write("thesis/text.odt", b"years of work")
    for target in (url, f"{url}/thesis"):
        with pytest.raises(InputError, match="is no store, and not empty"):
            StoreWriter(target)
    assert [info.key for info in bucket.list_below("")] == ["thesis/text.odt"]
    for command in ("info", "verify", "compact"):
        result = run("store", command, f"{url}/none")
        assert result.code == 2
        assert f"there is no folder {url}/none" in result.stderr


def test_where_nothing_may_be_written_that_is_told(run: Run, bucket: Bucket, url: str) -> None:
    bucket.write("a.log", lines(range(3)))
    with pytest.raises((InputError, OutputError), match="there is no bucket no-such-bucket"):
        StoreWriter("s3://no-such-bucket/store")
    result = run("ingest", f"{url}/a.log", "--store", "s3://no-such-bucket/store")
    assert (result.code, result.stdout) == (2, b"")
    assert "no bucket no-such-bucket" in result.stderr


@pytest.mark.parametrize("command", ["info", "verify", "compact"])
def test_a_store_that_is_denied_is_told(
    run: Run, store: str, denied: Callable[[], None], command: str
) -> None:
    make(store, records(3))
    denied()
    result = run("store", command, store)
    assert (result.code, result.stdout) == (2, b"")
    assert f"{store}: access denied: InvalidAccessKeyId" in result.stderr
    assert "hint: check the credentials" in result.stderr


def test_an_input_stays_known_under_its_url(bucket: Bucket, url: str, store: str) -> None:
    bucket.write("in/a.log", lines(range(10)))
    ingest([f"{url}/in/a.log"], store)
    assert [known.path for known in Store.open(store).manifest.inputs] == [f"{url}/in/a.log"]
    assert known().path == "a.log"
