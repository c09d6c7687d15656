"""Runs as processes that start at once, forked off one that has imported everything.

It has done no work: a process whose threads have started must not fork.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow.parquet  # noqa: F401 - a run imports it when it first writes

from apilog.ingestion import ingest
from apilog.options import IngestOptions

ROOT = Path(__file__).resolve().parents[2]
SMALL = IngestOptions(chunk_bytes=2_000, stretch_bytes=4_000)
"""Several commits a run."""


class Forks:
    """Starts runs, one at a time: each is the `forked` of a module on paths, which tells whether it
    has failed."""

    def __init__(self, module: str = "tests.ingest.forked_runs") -> None:
        self._module = module
        self._usual = 0.0
        """Seconds of a run."""

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.ingest.forked_runs", self._module],
            cwd=ROOT,
            env=os.environ | {"POLARS_MAX_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        # How long a run takes does not count what the server imports.
        assert self._server.stdout
        assert self._server.stdout.readline() == b"ready\n"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.communicate()

    def run(self, *paths: Path) -> None:
        """One run, which has to succeed."""
        self._request(paths)
        assert self._ended() == 0

    def killed(
        self,
        paths: Sequence[Path],
        moment: float,
        meanwhile: Callable[[], None] = lambda: None,
        is_writing: Callable[[], bool] | None = None,
    ) -> bool:
        """One run, killed at this share of the time that runs take, halfway to which something
        is done meanwhile; with `is_writing` as soon as that is true instead. Whether it was
        killed, or had ended before."""
        process = self._request(paths)
        self._ends_within(moment * self._usual / 2)
        meanwhile()
        if is_writing:
            while not is_writing() and not self._ends_within(0.001):
                pass
        else:
            self._ends_within(moment * self._usual / 2)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        ended = self._ended()
        assert ended in (0, -signal.SIGKILL)
        return ended != 0

    def _ends_within(self, seconds: float) -> bool:
        assert self._server.stdout
        return bool(select.select([self._server.stdout], [], [], seconds)[0])

    def _request(self, paths: Sequence[Path]) -> int:
        assert self._server.stdin
        assert self._server.stdout
        self._started = time.monotonic()
        self._server.stdin.write(json.dumps([*map(str, paths)]).encode() + b"\n")
        return int(self._server.stdout.readline())

    def _ended(self) -> int:
        assert self._server.stdout
        status = int(self._server.stdout.readline())
        if status == 0:
            took = time.monotonic() - self._started
            self._usual = max(took, 0.9 * self._usual)
        return status


def forked(logs: str, store: str) -> bool:
    """Ingest the logs."""
    done = ingest([logs], store, SMALL)
    return any(not file.is_damaged for file in done.errors)


def _serve() -> None:
    module = import_module(sys.argv[1])
    print("ready", flush=True)
    for request in sys.stdin:
        sys.stdout.flush()
        process = os.fork()
        if not process:
            os._exit(module.forked(*json.loads(request)))
        print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
