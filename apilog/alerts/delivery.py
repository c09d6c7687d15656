"""Delivering notices on threads of their own, so that a target that hangs holds up nobody.

Each target has a short queue; a notice that does not fit is dropped, with a message.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, Full, Queue

from apilog.alerts.rules import AlertNotice
from apilog.alerts.targets import (
    AlertSnapshot,
    DeliveryError,
    DeliveryPolicy,
    Notifier,
    SnapshotWriter,
)

MOST_QUEUED = 100
"""Notices that wait for a target."""
GRACE_SECONDS = 15.0
"""How long the end of a watch waits for what is still to be told."""

ProblemSink = Callable[[str], None]


class AlertDispatcher:
    """Passes notices and standings on to targets."""

    def __init__(
        self, notifiers: Sequence[Notifier], exporters: Sequence[SnapshotWriter], tell: ProblemSink
    ) -> None:
        """`tell` hears of failures, on any thread; targets are told from now to `close`."""
        self._tell = tell
        self._notifiers = [(one, _TargetWorker(one.name, tell)) for one in notifiers]
        self._exporters = [(one, _TargetWorker(one.name, tell, queued=1)) for one in exporters]

    def send_notice(self, notice: AlertNotice) -> None:
        """Have those told whom the rule names; returns at once."""
        wanted = notice.rule.targets
        for target, worker in self._notifiers:
            if wanted is None or target.name in wanted:
                worker.queue_job(_send_job(target, notice, worker.ended))

    def publish_snapshot(self, standing: AlertSnapshot) -> None:
        """Have the exporters show how alerts stand; returns at once."""
        for target, worker in self._exporters:
            worker.queue_job(_write_job(target, standing), newest=True)

    def close(self, grace: float = GRACE_SECONDS) -> bool:
        """Wait for what is still to be told, not for ever; whether all was told."""
        end = time.monotonic() + grace
        workers = [worker for _, worker in (*self._notifiers, *self._exporters)]
        for worker in workers:
            worker.finish()
        told = [worker.join(max(0.0, end - time.monotonic())) for worker in workers]
        return all(told)


_DeliveryJob = Callable[[], None]


class _TargetWorker:
    """A thread that does jobs one after the other."""

    def __init__(self, name: str, tell: ProblemSink, queued: int = MOST_QUEUED) -> None:
        self._name = name
        self._tell = tell
        self._jobs: Queue[_DeliveryJob | None] = Queue(queued + 1)
        self._queued = queued
        self._failures = 0
        self.ended = threading.Event()
        """Set when nobody waits for the jobs any more."""
        self._thread = threading.Thread(target=self._run_jobs, name=f"alerts {name}", daemon=True)
        self._thread.start()

    def queue_job(self, job: _DeliveryJob, *, newest: bool = False) -> None:
        """Queue a job; where there is no room drop it, or with `newest` the one before."""
        if newest:
            with suppress(Empty):
                self._jobs.get_nowait()
        if self._jobs.qsize() >= self._queued:
            self._tell(f"alerts: {self._name} is too slow, a notice was dropped")
            return
        self._jobs.put(job)

    def finish(self) -> None:
        """No more jobs come."""
        try:
            self._jobs.put_nowait(None)
        except Full:
            self.ended.set()

    def join(self, seconds: float) -> bool:
        """Wait that long for the jobs; whether all were done."""
        self._thread.join(seconds)
        self.ended.set()
        if self._thread.is_alive():
            self._tell(f"alerts: {self._name} was still being told when the time was up")
        return not (self._thread.is_alive() or self._failures)

    def _run_jobs(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except DeliveryError as error:
                self._failures += 1
                self._tell(f"alerts: {self._name}: {error}")


def _send_job(target: Notifier, notice: AlertNotice, ended: threading.Event) -> _DeliveryJob:
    return lambda: _with_retries(lambda: target.send(notice), target.delivery, ended)


def _write_job(target: SnapshotWriter, standing: AlertSnapshot) -> _DeliveryJob:
    return lambda: target.write(standing)


def _with_retries(job: _DeliveryJob, delivery: DeliveryPolicy, ended: threading.Event) -> None:
    """Try again where that may help, each time after a longer pause."""
    pause = delivery.pause.total_seconds()
    for retry in range(delivery.retries + 1):
        try:
            job()
            return
        except DeliveryError as error:
            if not error.may_pass or retry == delivery.retries:
                raise
        # Jitter, so that many watches don't come back at the same moment.
        if ended.wait(pause * 2**retry * random.uniform(0.5, 1.5)):
            raise DeliveryError("given up, because the watch has ended")
