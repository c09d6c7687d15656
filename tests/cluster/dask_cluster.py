"""A scheduler and workers as processes of their own, as on the machines of a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

from tests.forked_processes import ForkedProcess, fork

REPOSITORY = Path(__file__).parents[2]
_FEWER_WAKINGS = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
}
"""As docs/cluster.md has it: Dask looks at what workers do a hundred times a second."""
STARTS_WITHIN = 120
"""Seconds; on an idle machine it takes two."""


Process = subprocess.Popen[bytes] | ForkedProcess


@dataclass(slots=True)
class DaskCluster:
    """Processes on loopback."""

    folder: Path
    scheduler: Process
    address: str
    workers: list[Process] = field(default_factory=list)

    def start_worker(self, *options: str, **environment: str) -> Process:
        """Start one more worker of one thread, in a folder of its own."""
        cwd = self.folder / f"worker-{len(self.workers)}"
        cwd.mkdir()
        command = ["worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
        worker = _start([*command, *options], cwd, POLARS_MAX_THREADS="1", **environment)
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        """Kill all processes."""
        for process in (*self.workers, self.scheduler):
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.wait()


@contextmanager
def dask_cluster(folder: Path, workers: int) -> Iterator[DaskCluster]:
    """Start a scheduler and workers, and stop them."""
    written = folder / "scheduler.json"
    command = ["scheduler", "--host", "127.0.0.1", "--port", "0"]
    command += ["--no-dashboard", "--scheduler-file", str(written)]
    scheduler = _start(command, folder)
    cluster = DaskCluster(folder, scheduler, "")
    try:
        deadline = monotonic() + STARTS_WITHIN
        while not cluster.address:
            assert scheduler.poll() is None
            assert monotonic() < deadline
            try:
                cluster.address = json.loads(written.read_text())["address"]
            except (OSError, ValueError):
                sleep(0.1)
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.stop()


def run_dask() -> None:
    """Be the command `dask`, in a process that may have imported it with other settings."""
    import dask
    from dask.cli import run_cli

    dask.config.refresh()
    run_cli()


def _start(command: list[str], cwd: Path, **environment: str) -> Process:
    """Run `dask` with these arguments: as a new process where it has to import something else."""
    output = cwd / "output.txt"
    with output.open("wb") as stream:
        if "PYTHONPATH" not in environment:
            return fork(
                "tests.cluster.dask_cluster:run_dask",
                command,
                cwd=cwd,
                env={**os.environ, **_FEWER_WAKINGS, **environment},
                stdout=stream,
                stderr=stream,
            )
        environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], str(REPOSITORY)])
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *command],
            cwd=cwd,
            env={**os.environ, **_FEWER_WAKINGS, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
