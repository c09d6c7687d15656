"""What a cluster ingests is what this process would, each line once."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import apilog
from apilog.sources import LogSource
from apilog.store import Store, StoreWriter

pytest.importorskip("distributed")

from apilog.ingestion.cluster_tasks import IngestJob, IngestPart, ingest_part
from tests.cluster.dask_cluster import DaskCluster
from tests.commands import Run

LOGS = Path(__file__).parents[2] / "sample_logs"


def stored(store: Path) -> pl.DataFrame:
    """All records, in an order of their own."""
    return apilog.scan(store).collect().sort("source", "line_number")


@pytest.mark.slow
def test_the_store_is_the_same_and_goes_on_alike(cluster: DaskCluster, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    api = (LOGS / "api.log").read_bytes()
    half = api[: api.index(b"\n", len(api) // 2) + 1]
    (logs / "api.log").write_bytes(half)
    (logs / "copy.log.gz").write_bytes(gzip.compress(half))
    (logs / "kong.log").write_bytes((LOGS / "kong.log").read_bytes() + b"no request\n")
    (logs / "no.log").write_bytes(b"nothing that is known\n" * 3)
    here, there = tmp_path / "here", tmp_path / "there"
    for grown in (False, True, True):
        if grown:
            (logs / "api.log").write_bytes(api)
        one = apilog.ingest(logs, store=here)
        other = apilog.ingest(logs, store=there, scheduler=cluster.address)
        assert other.input == one.input
        assert (other.new, other.continued, other.known) == (one.new, one.continued, one.known)
        assert (other.failed, other.bytes_in) == (one.failed, one.bytes_in)
        assert sorted(other.notes) == sorted(one.notes)
        assert_frame_equal(stored(there), stored(here))
    rejects = [pl.concat(pl.read_parquet(p) for p in s.glob("rejects/*")) for s in (here, there)]
    assert rejects[0]["line"].sort().to_list() == rejects[1]["line"].sort().to_list()


@pytest.mark.slow
def test_a_worker_that_dies_leaves_nothing_twice(
    cluster: DaskCluster, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = str(tmp_path / "died")

    def die_with_all_staged(sources: Sequence[LogSource], job: IngestJob) -> IngestPart:
        part = ingest_part(sources, job)
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return part
        os._exit(1)

    monkeypatch.setattr("apilog.ingestion.cluster_ingest.ingest_part", die_with_all_staged)
    sources = [LOGS / "api.log", LOGS / "kong.log", LOGS / "main.log"]
    cluster.start_worker()
    summary = apilog.ingest(sources, store=tmp_path / "store", scheduler=cluster.address)
    assert Path(marker).exists()
    store = Store.open(tmp_path / "store")
    assert sum(file.rows for file in store.record_files()) == summary.input.records
    assert run("store", "verify", tmp_path / "store").code == 0
    # The next writer sweeps what the dead worker has staged.
    StoreWriter(tmp_path / "store").close()
    found = {
        path.relative_to(tmp_path / "store").as_posix() for path in store_files(tmp_path / "store")
    }
    assert found == {file.name for file in store.manifest.files}


def store_files(store: Path) -> Iterator[Path]:
    for part in ("records", "rejects"):
        yield from (path for path in (store / part).rglob("*") if path.is_file())
