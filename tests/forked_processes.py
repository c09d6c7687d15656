"""Processes that start at once, forked off one that has imported everything.

Imports take longer than most of what tests ask of a process: one that is not about a start can do
without. The process that forks has done no work: one whose threads have started must not.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from threading import Lock, Thread
from time import monotonic, sleep
from traceback import print_exc
from typing import IO, Any, Self

ROOT = Path(__file__).resolve().parents[1]
IMPORTED = (
    "pyarrow.parquet",
    "dask.cli",
    "distributed.cli.dask_scheduler",
    "distributed.cli.dask_worker",
)
"""What processes import beside the package."""


@dataclass(slots=True)
class ForkedProcess:
    """A process of the forking one, which looks after it; used as one of `subprocess`."""

    pid: int
    server: _Server
    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    stderr: IO[bytes] | None = None
    returncode: int | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failed: object) -> None:
        with suppress(BrokenPipeError):
            for pipe in (self.stdin, self.stdout, self.stderr):
                if pipe:
                    pipe.close()
        self.wait()

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        if self.returncode is None:
            self.returncode = self.server.ask("poll", self.pid)
        return self.returncode

    def wait(self, timeout: float = 120) -> int:
        """Its exit code, when it has ended."""
        deadline, pause = monotonic() + timeout, 0.001
        while (code := self.poll()) is None:
            if monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            sleep(pause)
            pause = min(2 * pause, 0.02)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        # It stays a zombie until it is asked for, so that no other has its number.
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def fork(
    function: str,
    arguments: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> ForkedProcess:
    """Run `module:function` with these arguments for `sys.argv`, in a process of its own."""
    server = _server()
    theirs, ours, closed = [], [], []
    for number, stream in enumerate((stdin, stdout, stderr)):
        pipe = None
        if stream == subprocess.PIPE:
            ends = os.pipe()
            pipe = os.fdopen(ends[not number], "rb" if number else "wb")
            stream = ends[bool(number)]
            closed.append(stream)
        elif stream == subprocess.DEVNULL:
            stream = os.open(os.devnull, os.O_RDWR)
            closed.append(stream)
        ours.append(pipe)
        theirs.append(stream if isinstance(stream, int) else stream.fileno())
    wanted = [function, [*arguments], str(cwd or Path.cwd()), {**(env or os.environ)}]
    pid = server.ask("fork", wanted, theirs)
    for number in closed:
        os.close(number)
    return ForkedProcess(pid or 0, server, *ours)


def fork_command(*argv: str | Path, **how: Any) -> ForkedProcess:
    """Run the command line in a process of its own, which has no start; see `fork`."""
    return fork("apilog.__main__:run", [*map(str, argv)], **how)


def run_command(*argv: str | Path, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    """Run the command line between pipes; return its exit code and what it wrote."""
    written: dict[str, bytes] = {}

    def read(name: str, pipe: IO[bytes] | None) -> None:
        assert pipe
        written[name] = pipe.read()

    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with fork_command(*argv, **pipes) as process:
        outputs = {"stdout": process.stdout, "stderr": process.stderr}
        readers = [Thread(target=read, args=output) for output in outputs.items()]
        for reader in readers:
            reader.start()
        assert process.stdin
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(stdin)
        for reader in readers:
            reader.join()
        return process.wait(), written["stdout"], written["stderr"]


class _Server:
    """The process that forks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forked_processes", str(theirs.fileno())],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._answers = self._socket.makefile("rb")

    def ask(self, what: str, about: object, streams: Sequence[int] = ()) -> int | None:
        """What it answers."""
        message = json.dumps([what, about]).encode()
        with self._lock:
            socket.send_fds(self._socket, [len(message).to_bytes(4, "big")], streams)
            self._socket.sendall(message)
            answer: int | None = json.loads(self._answers.readline())
        return answer

    def close(self) -> None:
        """End it."""
        self._answers.close()
        self._socket.close()
        self._process.wait()


@cache
def _server() -> _Server:
    server = _Server()
    atexit.register(server.close)
    return server


def _serve(requests: socket.socket) -> None:
    """Fork until nobody asks any more; what still runs then is killed."""
    running: set[int] = set()
    while True:
        head, streams, _, _ = socket.recv_fds(requests, 4, 3)
        if not head:
            break
        left = int.from_bytes(head, "big")
        message = b""
        while len(message) < left:
            message += requests.recv(left - len(message))
        what, about = json.loads(message)
        if what == "fork":
            process = os.fork()
            if not process:
                requests.close()
                _become(about, streams)
            running.add(process)
            for stream in streams:
                os.close(stream)
            answer: int | None = process
        else:
            ended, status = os.waitpid(about, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
            if ended:
                running.discard(about)
        requests.sendall(json.dumps(answer).encode() + b"\n")
    for process in running:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _become(wanted: tuple[str, list[str], str, dict[str, str]], streams: Sequence[int]) -> None:
    """Do in this process what is wanted, and end it."""
    function, arguments, cwd, environment = wanted
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [function, *arguments]
    code = 1
    module, _, name = function.partition(":")
    try:
        getattr(import_module(module), name)()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the process ends, with a code of its own
        print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _import_all() -> None:
    import apilog

    for module in walk_packages(apilog.__path__, "apilog."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in IMPORTED:
        if find_spec(name.partition(".")[0]):
            import_module(name)


if __name__ == "__main__":
    # Ctrl-C is for those who ask.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _import_all()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        _serve(asked)
