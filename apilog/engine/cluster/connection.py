"""A connection to a scheduler, or to a cluster of this machine's own.

A cluster must run what the client runs: other versions could read or count in other ways.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from threading import current_thread, main_thread
from typing import Any

import polars as pl

from apilog.errors import ApilogError, UsageError, install_hint
from apilog.version import __version__

SCHEDULER_VARIABLE = "DASK_SCHEDULER_ADDRESS"
"""Names the scheduler where no option does; Dask's own, see
https://docs.dask.org/en/stable/configuration.html."""
_CONNECT_SECONDS = 10
_WORKER_SECONDS = 30
_SAME_VERSIONS = ("apilog", "polars")
_FEWER_WAKINGS = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
}
"""Dask samples what its workers do a hundred times a second, which is a fiftieth of a core each."""


class ClusterError(ApilogError):
    """The cluster can't be reached, or does not do the work."""


@dataclass(frozen=True, slots=True)
class ClusterConnection:
    """A cluster that can be given work."""

    client: Any
    """A `distributed.Client`, which is typed in part."""
    address: str
    dashboard: str
    """Where Dask shows what it does; empty if it shows nothing."""
    cluster: Any = None
    """What was started here, if anything was."""
    is_borrowed: bool = False
    """Whether the client is somebody else's."""

    @property
    def threads(self) -> int:
        """Return how many tasks run at once."""
        return sum(dict[str, int](self.client.nthreads()).values())


_connections: dict[str | None, ClusterConnection] = {}


def check_cluster_is_installed() -> None:
    """Raise UsageError if the packages that this needs are missing."""
    try:
        with _quiet_logging():
            _distributed()
    except ImportError as error:
        raise UsageError("--engine dask needs Dask", install_hint("dask")) from error


def _distributed() -> Any:
    # Typed in part, which is worse than not at all.
    return import_module("distributed")


def connect(scheduler: str | None) -> ClusterConnection:
    """Return the connection to a scheduler; without one, to that of `DASK_SCHEDULER_ADDRESS`, of a
    client that this process has, or of a cluster that is started here.

    Raises UsageError if Dask is missing, ClusterError for a scheduler that does not answer, has no
    workers, or whose workers have other versions.
    """
    check_cluster_is_installed()
    address = scheduler or os.environ.get(SCHEDULER_VARIABLE) or None
    known = _connections.get(address)
    if known and known.client.status == "running":
        return known
    connection = _connect_to(address) if address else _use_own_cluster()
    try:
        _compare_versions(connection)
    except OSError as error:
        raise lost_scheduler(connection.address) from error
    _connections[address] = connection
    return connection


def _connect_to(address: str) -> ClusterConnection:
    try:
        with _quiet_logging():
            client = _distributed().Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"the scheduler {address} does not answer",
            "check its address and that it runs: `dask scheduler` prints it",
        ) from error
    try:
        client.wait_for_workers(1, timeout=_WORKER_SECONDS)
    except TimeoutError as error:
        client.close()
        raise ClusterError(
            f"the scheduler {address} has no workers",
            f"start some: `POLARS_MAX_THREADS=1 dask worker {address} --nthreads 1`",
        ) from error
    return ClusterConnection(client, address, client.dashboard_link or "")


def _use_own_cluster() -> ClusterConnection:
    import dask

    distributed = _distributed()
    with suppress(ValueError):
        client = distributed.default_client()
        address, dashboard = client.scheduler.address, client.dashboard_link or ""
        return ClusterConnection(client, address, dashboard, is_borrowed=True)
    try:
        with _quiet_logging(), dask.config.set(_FEWER_WAKINGS), _ignored_interrupts():
            cluster = distributed.LocalCluster(
                n_workers=os.cpu_count() or 1,
                threads_per_worker=1,
                # Each worker is given one processor's work at a time.
                env={"POLARS_MAX_THREADS": "1"},
                # Without an address Dask listens on all networks, at a port that others may have.
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
            client = distributed.Client(cluster, set_as_default=False)
    except (OSError, RuntimeError) as error:
        # Workers are started as Python starts processes: they import the script that started them.
        raise ClusterError(
            f"no cluster could be started here: {error}",
            "in a script, start it below `if __name__ == '__main__':`, or give --scheduler",
        ) from error
    return ClusterConnection(client, cluster.scheduler_address, "", cluster)


@contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """Have processes that are started in the block ignore a Ctrl-C, which ends the client.

    A terminal sends it to all of them: the client has to answer it, and ends the others. What is
    ignored is handed on to them; a blocked signal is not, as `multiprocessing` unblocks it.
    """
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        # What was set outside of Python is unknown.
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def lost_scheduler(address: str) -> ClusterError:
    """Return the error of a scheduler that was there and no longer is."""
    return ClusterError(
        f"the scheduler {address} is gone", "nothing was written; run it again when it is back"
    )


def end_own_clusters() -> None:
    """End the clusters that were started here, for a process that ends without its own shutdown."""
    for connection in _connections.values():
        if connection.cluster is not None:
            close_connections()
            break


@atexit.register
def close_connections() -> None:
    """Leave all clusters, and end those that were started here."""
    while _connections:
        _, connection = _connections.popitem()
        if not connection.is_borrowed:
            for part in (connection.client, connection.cluster):
                # A scheduler that is gone already is no concern now.
                with suppress(Exception):
                    part.close(timeout=_CONNECT_SECONDS)


@contextmanager
def _quiet_logging() -> Iterator[None]:
    """Keep Dask from logging what is said as an error or a note anyway."""
    import dask

    with dask.config.set({"logging.distributed": "critical"}):
        yield
    logging.getLogger("distributed").setLevel(logging.CRITICAL)


def _compare_versions(connection: ClusterConnection) -> None:
    """Raise ClusterError if a worker's versions differ from the client's."""
    own = {
        "python": ".".join(map(str, sys.version_info[:2])),
        "apilog": __version__,
        "polars": pl.__version__,
    }
    client = connection.client
    workers: Mapping[str, Any] = client.get_versions(packages=[*_SAME_VERSIONS])["workers"]
    for address, versions in workers.items():
        host = dict(versions["host"])
        packages = dict(versions["packages"])
        theirs = {
            "python": ".".join(str(host.get("python", "")).split(".")[:2]),
            **{name: packages.get(name) for name in _SAME_VERSIONS},
        }
        for name, version in own.items():
            if theirs[name] != version:
                there = f"{name} {theirs[name]}" if theirs[name] else f"no {name}"
                raise ClusterError(
                    f"the worker {address} has {there}, this client has {name} {version}",
                    "give workers and client the same versions",
                )
