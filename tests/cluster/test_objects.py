"""Logs and stores in object storage, read and written by the workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import apilog
from apilog.engine.file_ranges import FileRange
from apilog.engine.parse_chunks import ReadSpec
from apilog.report_model import Report
from apilog.sources import LogSource, SourceError
from apilog.storage.cloud.bucket import Bucket
from apilog.time import ALL_TIME
from tests.cloud.conftest import bucket, endpoint, server_log, url
from tests.cluster.test_same_results import assert_same

pytest.importorskip("distributed")

from apilog.engine.cluster import run as cluster_run
from apilog.engine.cluster.connection import close_connections
from apilog.engine.cluster.tasks import ClusterJob, plan_split
from apilog.ingestion import cluster_ingest
from apilog.store import Store
from tests.cluster.dask_cluster import DaskCluster, dask_cluster

__all__ = ["bucket", "endpoint", "server_log", "url"]  # fixtures

LOGS = Path(__file__).parents[2] / "sample_logs"
TABLES = ("overview", "traffic", "endpoints", "statuses", "errors", "consumers")


@pytest.fixture(scope="module")
def cluster(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Workers that know the server by the environment, as those of a real cluster do."""
    assert endpoint
    with dask_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as started:
        yield started
        close_connections()


def upload(bucket: Bucket, *names: str) -> None:
    for name in names:
        bucket.write(f"logs/{name}", (LOGS / name).read_bytes())


def assert_same_but_for_place(logs: Report, store: Report) -> None:
    """Compare what does not say where records came from."""
    assert store.input.records == logs.input.records
    for name in TABLES:
        assert store.tables[name].equals(logs.tables[name]), name


@pytest.mark.slow
def test_reports_and_stores_in_a_bucket(
    cluster: DaskCluster, bucket: Bucket, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (cluster_run, cluster_ingest):
        monkeypatch.setattr(module, "_LEAST_STRETCH", 40_000)
        monkeypatch.setattr(module, "_MOST_STRETCH", 40_000)
    upload(bucket, "api.log", "api.log.1.gz", "apigee.log", "docker.log")
    logs, store = f"{url}/logs", f"{url}/store"
    here = apilog.report(logs, tables=TABLES)
    assert_same(here, apilog.report(logs, tables=TABLES, scheduler=cluster.address))
    summary = apilog.ingest(logs, store=store, scheduler=cluster.address)
    assert summary.input.records == here.input.records
    # The large object was read in ranges, which leave a file each, and every line is there once.
    assert len(Store.open(store).record_files()) > 4 + 2
    lines = apilog.scan(store).select("source", "line_number").collect()
    assert lines.is_unique().all()
    assert_same_but_for_place(here, apilog.report(store, tables=TABLES))
    again = apilog.ingest(logs, store=store, scheduler=cluster.address)
    assert (again.known, again.new) == (4, 0)
    there = apilog.report(store, tables=TABLES, scheduler=cluster.address)
    assert_same(apilog.report(store, tables=TABLES), there)


def test_an_object_is_read_in_ranges_of_one_version(bucket: Bucket, url: str) -> None:
    upload(bucket, "api.log")
    data = (LOGS / "api.log").read_bytes()
    source = LogSource.from_path(f"{url}/logs/api.log", len(data))
    job = ClusterJob(
        spec=ReadSpec(columns=frozenset({"status"})),
        work=lambda records: records,
        merge=None,
        choice=None,
        window=ALL_TIME,
        chunk_bytes=1 << 20,
        topic="",
    )
    split = plan_split(source, job)
    assert split.plan is not None
    assert split.version is not None
    cuts = [0, 1, 70_000, 70_001, len(data) - 1]
    ranges = [
        FileRange(source, start, stop, split.plan, split.version)
        for start, stop in zip(cuts, [*cuts[1:], None], strict=True)
    ]
    read = b"".join(chunk.data for part in ranges for chunk in part.chunks(1 << 20))
    assert read == data
    bucket.write("logs/api.log", data.replace(b"GET", b"PUT"))
    with pytest.raises(SourceError, match="was replaced while it was read"):
        [*ranges[2].chunks(1 << 20)]
