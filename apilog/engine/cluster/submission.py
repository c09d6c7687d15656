"""The tasks of one run on a cluster: submitted, waited for, and named where they fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from importlib import import_module
from time import monotonic
from typing import Any, Protocol

from apilog.engine.cluster.connection import ClusterConnection, ClusterError, lost_scheduler
from apilog.errors import ApilogError
from apilog.options import ClusterProgress, Progress

TaskFuture = Any
"""A `distributed.Future`."""
NO_WORKER_SECONDS = 60.0
"""For so long workers may all be gone, as they are while they are started anew."""
_POLL_SECONDS = 1.0


class CommonJob(Protocol):
    """What all tasks of a run have in common."""

    @property
    def topic(self) -> str:
        """Where progress is told, see `distributed.Client.subscribe_topic`."""


class ClusterSubmission:
    """The tasks of one run on a cluster."""

    def __init__(self, connection: ClusterConnection, job: CommonJob, progress: Progress) -> None:
        """Send what the tasks have in common, which is the last argument of each."""
        self._connection = connection
        self._client = connection.client
        self._killed_worker: type[Exception] = import_module("distributed").KilledWorker
        self._topic = job.topic
        self._count = 0
        self._names: dict[str, str] = {}
        self.threads = max(1, connection.threads)
        # A task of its own, so that it is sent once, and can be made again if its worker dies.
        self._job: Any = self._client.submit(_identity, job, key=f"{job.topic}-job", pure=False)
        if isinstance(progress, ClusterProgress):
            progress.cluster(connection.address, self.threads, connection.dashboard)
        self._client.subscribe_topic(job.topic, partial(_advance, progress))

    def submit(
        self,
        call: Callable[..., Any],
        arguments: Sequence[Any],
        name: str,
        *,
        is_long: bool = False,
    ) -> TaskFuture:
        """Submit a task that reads the inputs of that name, before others if it takes long.

        Its future is all that keeps its result.
        """
        # Dask gives a task to a worker that has what it needs, so that one worker had all of them
        # until others took some away, seconds later. Those that produce data it keeps in a queue,
        # of which each worker is given as many as it can begin:
        # https://distributed.dask.org/en/stable/scheduling-policies.html#queuing
        return self._submit(call, arguments, name, priority=int(is_long), _data_producer=True)

    def submit_merge(self, call: Callable[..., Any], results: Sequence[TaskFuture]) -> TaskFuture:
        """Submit a task on the results of others, where most of them are."""
        return self._submit(call, [[*results]], "results of several inputs")

    def _submit(
        self, call: Callable[..., Any], arguments: Sequence[Any], name: str, **options: Any
    ) -> TaskFuture:
        key = f"{self._topic}-{self._count}"
        self._count += 1
        self._names[key] = name
        return self._client.submit(
            call, *arguments, self._job, key=key, pure=False, retries=2, **options
        )

    def wait(self, future: TaskFuture) -> Any:
        """Return a result; raises ClusterError if the cluster can't give it."""
        had_workers = monotonic()
        while True:
            try:
                return future.result(timeout=_POLL_SECONDS)
            except ApilogError:
                raise
            except TimeoutError as error:
                if self._has_workers():
                    had_workers = monotonic()
                elif monotonic() - had_workers > NO_WORKER_SECONDS:
                    raise ClusterError(
                        f"the scheduler {self._connection.address} has no workers any more",
                        "their logs say why; often they had too little memory",
                    ) from error
            except (CancelledError, OSError) as error:
                raise lost_scheduler(self._connection.address) from error
            except self._killed_worker as error:
                raise self._name_killed(error) from error

    def _has_workers(self) -> bool:
        try:
            return bool(self._client.nthreads())
        except OSError as error:
            raise lost_scheduler(self._connection.address) from error

    def close(self) -> None:
        """Drop what is still to be done."""
        self._client.unsubscribe_topic(self._topic)
        self._job = None

    def _name_killed(self, error: Any) -> ClusterError:
        name = self._names.get(str(error.task), "a task")
        return ClusterError(
            f"{name}: all workers that read it died, the last one was {error.last_worker.address}",
            "its log says why; often it had too little memory",
        )


def _identity(job: CommonJob) -> CommonJob:
    return job


def _advance(progress: Progress, event: tuple[float, int]) -> None:
    """Take what `log_event` of a task has told."""
    _, size = event
    progress.advance(size)
