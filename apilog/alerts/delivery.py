"""Delivering notices on threads of their own, so that a target that hangs holds up nobody.

Each target has a short queue; a notice that does not fit is dropped, with a message.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, Full, Queue

from apilog.alerts.rules import AlertNotice
from apilog.alerts.targets import AlertSnapshot, DeliveryError, Notifier, SnapshotWriter

MOST_QUEUED = 100
"""How many notices may wait for a target."""
GRACE_SECONDS = 15.0
"""How long the end of a watch waits for notices that are still being sent."""

ProblemSink = Callable[[str], None]


class AlertDispatcher:
    """Passes notices and snapshots on to the targets, each on a thread of its own."""

    def __init__(
        self, notifiers: Sequence[Notifier], writers: Sequence[SnapshotWriter], report: ProblemSink
    ) -> None:
        """Start the threads; `report` receives failures, on any thread, until `close`."""
        self._notifiers = [(target, _TargetWorker(target.name, report)) for target in notifiers]
        self._writers = [(target, _TargetWorker(target.name, report, 1)) for target in writers]

    def send_notice(self, notice: AlertNotice) -> None:
        """Queue a notice for the targets that its rule names, without waiting."""
        names = notice.rule.targets
        for target, worker in self._notifiers:
            if names is None or target.name in names:
                worker.queue_job(partial(_send_with_retries, target, notice, worker.ended))

    def publish_snapshot(self, snapshot: AlertSnapshot) -> None:
        """Queue a snapshot for the writers in place of the last one, without waiting."""
        for target, worker in self._writers:
            worker.queue_job(partial(target.write, snapshot), newest=True)

    def close(self, grace: float = GRACE_SECONDS) -> bool:
        """Wait for queued notices, at most `grace` seconds; return whether all were delivered."""
        end = time.monotonic() + grace
        workers = [worker for _, worker in (*self._notifiers, *self._writers)]
        for worker in workers:
            worker.finish()
        delivered = [worker.join(max(0.0, end - time.monotonic())) for worker in workers]
        return all(delivered)


class _TargetWorker:
    """A thread that does the jobs of one target in order."""

    def __init__(self, name: str, report: ProblemSink, capacity: int = MOST_QUEUED) -> None:
        self._name = name
        self._report = report
        # One place is left for the None that ends the thread.
        self._jobs: Queue[Callable[[], None] | None] = Queue(capacity + 1)
        self._capacity = capacity
        self._failures = 0
        self.ended = threading.Event()
        """Set when nobody waits for the jobs any more."""
        # A daemon thread: a target that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run_jobs, name=f"alerts {name}", daemon=True)
        self._thread.start()

    def queue_job(self, job: Callable[[], None], *, newest: bool = False) -> None:
        """Queue a job; if there is no room drop it, or with `newest` the job before it."""
        if newest:
            with suppress(Empty):
                self._jobs.get_nowait()
        if self._jobs.qsize() >= self._capacity:
            self._report(f"alerts: {self._name} is too slow, a notice was dropped")
            return
        self._jobs.put(job)

    def finish(self) -> None:
        """End the thread after the queued jobs."""
        try:
            self._jobs.put_nowait(None)
        except Full:
            self.ended.set()

    def join(self, seconds: float) -> bool:
        """Wait for the jobs, at most `seconds`; return whether all succeeded."""
        self._thread.join(seconds)
        self.ended.set()
        if self._thread.is_alive():
            self._report(f"alerts: {self._name} was still busy when the time was up")
        return not (self._thread.is_alive() or self._failures)

    def _run_jobs(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except DeliveryError as error:
                self._failures += 1
                self._report(f"alerts: {self._name}: {error}")


def _send_with_retries(target: Notifier, notice: AlertNotice, ended: threading.Event) -> None:
    """Send a notice; where it may help, retry with exponential backoff and jitter."""
    policy = target.delivery
    for retry in range(policy.retries + 1):
        try:
            target.send(notice)
            return
        except DeliveryError as error:
            if not error.may_pass or retry == policy.retries:
                raise
        # Without jitter, all watches of a fleet would retry at the same moment:
        # https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        pause = policy.pause.total_seconds() * 2**retry * random.uniform(0.5, 1.5)
        if ended.wait(pause):
            raise DeliveryError("given up, because the watch has ended")
