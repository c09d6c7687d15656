"""What fails on a cluster is survived, or said in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import polars as pl
import pytest

import apilog
from tests.commands import Run

pytest.importorskip("distributed")

from apilog.engine.cluster.connection import ClusterError, close_connections
from apilog.engine.cluster.run import ClusterRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.errors import ApilogError
from tests.cluster.dask_cluster import REPOSITORY, STARTS_WITHIN, DaskCluster, dask_cluster

LOGS = Path(__file__).parents[2] / "sample_logs"
SPEC = ReadSpec(columns=frozenset({"status"}))
SOURCES = [LOGS / "api.log", LOGS / "kong.log", LOGS / "apigee.log", LOGS / "main.log"]


@pytest.fixture
def cluster_that_breaks(tmp_path: Path) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path, workers=1) as started:
        yield started
        close_connections()


def count(records: pl.DataFrame) -> int:
    return records.height


def add(counts: Sequence[int]) -> int:
    return sum(counts)


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_but_time(cluster: DaskCluster, tmp_path: Path) -> None:
    cluster.start_worker()
    marker = str(tmp_path / "died")

    def die_once(records: pl.DataFrame) -> int:
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return records.height
        os._exit(1)

    run = ClusterRun(SOURCES, SPEC, die_once, scheduler=cluster.address)
    assert sum(run.merged(add)) == sum(account.records for account in run.accounts)
    assert Path(marker).exists()
    assert run.errors == []


@pytest.mark.slow
def test_a_scheduler_that_goes_away_ends_the_run(
    cluster_that_breaks: DaskCluster, tmp_path: Path
) -> None:
    started = tmp_path / "started"

    def wait(records: pl.DataFrame) -> int:
        started.touch()
        sleep(30)
        return 0

    def kill_scheduler() -> None:
        while not started.exists():
            sleep(0.05)
        cluster_that_breaks.scheduler.kill()

    run = ClusterRun(SOURCES[:1], SPEC, wait, scheduler=cluster_that_breaks.address)
    killer = Thread(target=kill_scheduler)
    killer.start()
    with pytest.raises(ClusterError, match="is gone"):
        run.merged(add)
    killer.join()


@pytest.mark.slow
def test_work_that_fails_for_good_names_the_file(cluster: DaskCluster) -> None:
    def fail(records: pl.DataFrame) -> int:
        raise ValueError("this can't be")

    run = ClusterRun(SOURCES[:1], SPEC, fail, scheduler=cluster.address)
    with pytest.raises(ApilogError, match=r"api\.log.*ValueError: this can't be"):
        run.merged(add)


@pytest.mark.slow
def test_other_versions_are_refused(
    cluster_that_breaks: DaskCluster, tmp_path: Path, run: Run
) -> None:
    cluster = cluster_that_breaks
    shadow = tmp_path / "shadow" / "polars-0.0.1.dist-info"
    shadow.mkdir(parents=True)
    (shadow / "METADATA").write_text("Metadata-Version: 2.1\nName: polars\nVersion: 0.0.1\n")
    paths = [str(shadow.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    cluster.workers[0].kill()
    cluster.start_worker(PYTHONPATH=os.pathsep.join(paths))
    done = run("report", LOGS / "api.log", "--scheduler", cluster.address)
    assert done.code == 2
    assert f"has polars 0.0.1, this client has polars {pl.__version__}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_file_that_workers_cannot_see(cluster: DaskCluster, run: Run) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("/proc is Linux's")
    with (LOGS / "api.log").open("rb") as file:
        os.dup2(file.fileno(), 222)
    try:
        # What it leads to differs from process to process.
        done = run("report", "/proc/self/fd/222", "--scheduler", cluster.address)
    finally:
        os.close(222)
    assert done.code == 2
    assert "(on a worker)" in done.stderr
    assert "object storage" in done.stderr


def readers_of(log: Path) -> list[Path]:
    """The processes that have a file open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.readlink(link) == str(log):
                found.append(link.parents[1])
    return found


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_client_that_is_stopped_ends_its_own_workers(tmp_path: Path, number: int) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("/proc is Linux's")
    log = tmp_path / "long.log"
    log.write_bytes((LOGS / "api.log").read_bytes() * 200)
    client = subprocess.Popen(
        [sys.executable, "-m", "apilog", "report", str(log), "--engine", "dask"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not (workers := readers_of(log)):
        assert client.poll() is None
        sleep(0.1)  # each look at all files that are open costs more than the client
    # Ctrl-C of a terminal goes to all processes of the session.
    (os.killpg if number == signal.SIGINT else os.kill)(client.pid, number)
    assert client.communicate(timeout=STARTS_WITHIN) == (b"", b"")
    assert client.returncode == (130 if number == signal.SIGINT else -number)
    deadline = monotonic() + STARTS_WITHIN
    while any(worker.exists() for worker in workers) and monotonic() < deadline:
        sleep(0.1)
    assert not any(worker.exists() for worker in workers)


def test_what_no_cluster_can_read(run: Run) -> None:
    done = run("report", "-", "--engine", "dask")
    assert done.code == 2
    assert "reads no standard input" in done.stderr


@pytest.mark.slow
def test_a_scheduler_that_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apilog.engine.cluster.connection._CONNECT_SECONDS", 1)
    done = run("report", LOGS / "api.log", "--scheduler", "tcp://127.0.0.1:1")
    assert (done.code, done.stdout) == (2, b"")
    assert "tcp://127.0.0.1:1 does not answer" in done.stderr


def test_without_dask_it_is_said_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = run("report", LOGS / "api.log", "--engine", "dask")
    assert done.code == 2
    assert "pip install '.[dask]'" in done.stderr


def test_options_that_contradict_each_other() -> None:
    with pytest.raises(apilog.UsageError, match="--scheduler needs --engine dask"):
        apilog.report(LOGS / "api.log", engine="local", scheduler="tcp://127.0.0.1:1")
