"""Workers that are killed again and again, clients that race or die: every line counts once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any, TypeVar

import pytest

import apilog
from tests.commands import Run
from tests.examples import CASES
from tests.page.big_log import LOG_FORMAT, write_big_log

pytest.importorskip("distributed")

from apilog.engine.cluster import run as cluster_run
from apilog.ingestion import cluster_ingest
from apilog.store import Store
from tests.cluster.dask_cluster import REPOSITORY, DaskCluster
from tests.cluster.test_same_results import assert_same

pytestmark = [pytest.mark.slow, pytest.mark.process]

KILLS = 1 + CASES
"""10 with APILOG_CASES=9."""
TABLES = ("overview", "endpoints", "statuses", "traffic")
T = TypeVar("T")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    for number in range(4):
        log = write_big_log(folder / f"{number}.log", 4_000 + number, days=2, routes=10)
        # Files that begin alike might be copies of each other: one task would read them.
        log.write_text(log.read_text().replace("10.0.", f"10.{number}."))
    return folder


def survive(cluster: DaskCluster, work: Callable[[], T], check: Callable[[T], None]) -> int:
    """Do the work again and again while workers are killed; return how many were."""
    chance, killed, is_enough = random.Random(3), 0, Event()

    def kill_workers() -> None:
        nonlocal killed
        while not is_enough.is_set() and killed < KILLS:
            sleep(chance.uniform(0.2, 1.5))
            cluster.start_worker()
            running = [worker for worker in cluster.workers if worker.poll() is None]
            chance.choice(running[:-1]).send_signal(signal.SIGKILL)
            killed += 1

    killer = Thread(target=kill_workers)
    killer.start()
    try:
        while killer.is_alive():
            check(work())
    finally:
        is_enough.set()
        killer.join()
    check(work())
    return killed


def test_reports_survive_killed_workers(
    cluster: DaskCluster, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_run, "_LEAST_STRETCH", 80_000)
    monkeypatch.setattr(cluster_run, "_MOST_STRETCH", 80_000)
    asked: dict[str, Any] = {"log_format": LOG_FORMAT, "tables": TABLES}
    here = apilog.report(logs, **asked)
    killed = survive(
        cluster,
        lambda: apilog.report(logs, scheduler=cluster.address, **asked),
        lambda there: assert_same(here, there),
    )
    assert killed == KILLS


def test_ingest_survives_killed_workers(
    cluster: DaskCluster, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every log is cut into some six ranges.
    monkeypatch.setattr(cluster_ingest, "_LEAST_STRETCH", 80_000)
    monkeypatch.setattr(cluster_ingest, "_MOST_STRETCH", 80_000)
    expected = apilog.report(logs, log_format=LOG_FORMAT, tables=TABLES)
    stores = iter(range(1000))

    def ingest() -> Path:
        store = tmp_path / f"store-{next(stores)}"
        apilog.ingest(logs, store=store, log_format=LOG_FORMAT, scheduler=cluster.address)
        return store

    def check(store: Path) -> None:
        report = apilog.report(store, tables=TABLES)
        assert report.input.records == expected.input.records
        assert len(Store.open(store).record_files()) > 4 * len(expected.input.files)
        lines = apilog.scan(store).select("source", "line_number").collect()
        assert lines.is_unique().all()
        for name in TABLES:
            assert report.tables[name].equals(expected.tables[name]), name

    assert survive(cluster, ingest, check) == KILLS


def start_client(cluster: DaskCluster, logs: Path, store: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "apilog", "ingest", str(logs), "--store", str(store)]
    command += ["-l", LOG_FORMAT, "--scheduler", cluster.address]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def staged(store: Path) -> list[Path]:
    return [path for path in (store / "records").rglob("*") if path.is_file()]


def test_a_client_that_dies_leaves_nothing_behind(
    cluster: DaskCluster, logs: Path, tmp_path: Path, run: Run
) -> None:
    store = tmp_path / "store"
    client = start_client(cluster, logs, store)
    deadline = monotonic() + 120
    while not staged(store) and client.poll() is None and monotonic() < deadline:
        sleep(0.01)
    client.send_signal(signal.SIGKILL)
    client.communicate()
    summary = apilog.ingest(logs, store=store, log_format=LOG_FORMAT, scheduler=cluster.address)
    records = apilog.report(store, tables=["overview"]).input.records
    here = apilog.report(logs, log_format=LOG_FORMAT, tables=["overview"])
    assert records == here.input.records
    # Either the client was killed before its commit, or there was nothing left to do.
    assert summary.input.records in (0, records)
    assert run("store", "verify", store).code == 0


def test_two_clients_race_for_one_store(
    cluster: DaskCluster, logs: Path, tmp_path: Path, run: Run
) -> None:
    store = tmp_path / "store"
    clients = [start_client(cluster, logs, store) for _ in range(2)]
    said = [client.communicate()[1].decode() for client in clients]
    codes = [client.returncode for client in clients]
    assert 0 in codes, said
    for code, text in zip(codes, said, strict=True):
        # One may find the other at work, or come after it and find all lines known.
        assert code in (0, 2), text
        assert "Traceback" not in text
    expected = apilog.report(logs, log_format=LOG_FORMAT, tables=["overview"]).input.records
    assert apilog.report(store, tables=["overview"]).input.records == expected
    assert run("store", "verify", store).code == 0
