"""Measures the cluster engine against the three figures that are asked of it.

Run by hand on an idle machine: `python tests/benchmarks/cluster.py [--lines 20000000] [--runs 3]
[--files 10000]`. A scheduler and workers of one thread are processes of this machine; every report
is a whole process. Runs take turns, ratios are taken run by run, and their medians printed:

- two workers against one, by the clock; beside it how much faster two processes are that read half
  a log each and know nothing of each other, which is what the machine allows;
- one worker against the local engine with one processor, in CPU seconds of client, scheduler and
  workers; beside it the same without what each takes for a log of 100 lines;
- many files against the local engine, in CPU seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.report import generate
from tests.cluster.dask_cluster import DaskCluster, dask_cluster
from tests.forked_processes import ForkedProcess

_Process = subprocess.Popen[bytes] | ForkedProcess
_TICKS = os.sysconf("SC_CLK_TCK")
_APILOG = (sys.executable, "-m", "apilog", "report", "-f", "json", "--quiet")
_SHORT_LINES = 100
_LINES_OF_FILE = 20
_WRITTEN_LINES = 2_000_000
"""How many lines of a log differ."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One report: seconds, and megabytes at most."""

    wall: float
    client: float
    """CPU seconds of the command itself."""
    workers: tuple[float, ...] = ()
    scheduler: float = 0.0
    peak_mb: float = 0.0

    @property
    def cpu(self) -> float:
        return self.client + self.scheduler + sum(self.workers)


def process_seconds(process: _Process) -> float:
    """Return the CPU seconds that a process has taken."""
    # The command's name may hold blanks; what is counted from its closing parenthesis on does not.
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_mb(process: _Process) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _start(command: Sequence[str | Path], **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, env={**os.environ, **environment}
    )


def _wait(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Wait for a command; return its CPU seconds and megabytes."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{process.args!r} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def local(*sources: Path) -> Measured:
    """Report on each source in a process that has one processor, all at the same time."""
    started = time.monotonic()
    processes = [
        _start(["taskset", "-c", str(number), *_APILOG, source], POLARS_MAX_THREADS="1")
        for number, source in enumerate(sources)
    ]
    usage = [_wait(process) for process in processes]
    wall = time.monotonic() - started
    return Measured(wall, sum(cpu for cpu, _ in usage), peak_mb=max(mb for _, mb in usage))


def on_cluster(source: Path, cluster: DaskCluster) -> Measured:
    """Report on a cluster."""
    before = [process_seconds(worker) for worker in cluster.workers]
    scheduled = process_seconds(cluster.scheduler)
    started = time.monotonic()
    client, _ = _wait(_start([*_APILOG, source, "--scheduler", cluster.address]))
    wall = time.monotonic() - started
    return Measured(
        wall,
        client,
        tuple(process_seconds(w) - b for w, b in zip(cluster.workers, before, strict=True)),
        process_seconds(cluster.scheduler) - scheduled,
        max(map(_peak_mb, cluster.workers)),
    )


@dataclass(frozen=True, slots=True)
class Logs:
    """What is read."""

    whole: Path
    halves: tuple[Path, Path]
    short: Path
    files: Path | None


def make_logs(folder: Path, lines: int, files: int) -> Logs:
    """Write a log, both halves of it, a short one, and a folder of small ones."""
    whole = folder / "access.log"
    _write_log(whole, lines, at_least=_LINES_OF_FILE * files)
    halves = (folder / "first.log", folder / "second.log")
    short = folder / "short.log"
    middle = whole.stat().st_size // 2
    with whole.open("rb") as log, halves[0].open("wb") as first, halves[1].open("wb") as second:
        short.write_bytes(b"".join(next(log) for _ in range(_SHORT_LINES)))
        log.seek(0)
        while log.tell() < middle:
            first.write(log.read(min(1 << 20, middle - log.tell())))
        first.write(log.readline())
        while block := log.read(1 << 20):
            second.write(block)
    return Logs(whole, halves, short, _write_files(folder, whole, files) if files else None)


def _write_log(path: Path, lines: int, *, at_least: int) -> None:
    """Write a log of so many lines: the same ones again and again, which are quick to write."""
    generate(path, max(min(lines, _WRITTEN_LINES), at_least))
    size = path.stat().st_size
    with path.open("rb") as first, path.open("ab") as log:
        for _ in range(lines // _WRITTEN_LINES - 1):
            first.seek(0)
            while block := first.read(min(1 << 20, size - first.tell())):
                log.write(block)


def _write_files(folder: Path, log: Path, files: int) -> Path:
    target = folder / "files"
    target.mkdir()
    with log.open() as lines:
        for number in range(files):
            text = "".join(next(lines) for _ in range(_LINES_OF_FILE))
            (target / f"{number:06}.log").write_text(text)
    return target


Round = dict[str, Measured]


def measure_round(logs: Logs, one: DaskCluster, two: DaskCluster) -> Round:
    """Take each measurement once."""
    return {
        "local, 1 processor": local(logs.whole),
        "1 worker": on_cluster(logs.whole, one),
        "2 workers": on_cluster(logs.whole, two),
        "2 processes, half each": local(*logs.halves),
        "100 lines, local": local(logs.short),
        "100 lines, 1 worker": on_cluster(logs.short, one),
    }


def measure_files(files: Path, two: DaskCluster) -> Round:
    """Read many files once with each engine."""
    return {"files, local": local(files), "files, 2 workers": on_cluster(files, two)}


def _median(rounds: Sequence[Round], get: Callable[[Round], float]) -> float:
    return statistics.median(map(get, rounds))


def print_rows(rounds: Sequence[Round]) -> None:
    """Print the medians of each kind."""
    print("| what | wall s | CPU s | of workers | of the scheduler | of the client | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for name, first in rounds[0].items():
        figures: Iterable[float] = (
            _median(rounds, lambda r, name=name: r[name].wall),
            _median(rounds, lambda r, name=name: r[name].cpu),
            *(
                _median(rounds, lambda r, name=name, n=n: r[name].workers[n])
                for n in range(len(first.workers))
            ),
        )
        wall, cpu, *workers = (f"{figure:.1f}" for figure in figures)
        scheduler = _median(rounds, lambda r, name=name: r[name].scheduler)
        client = _median(rounds, lambda r, name=name: r[name].client)
        peak = _median(rounds, lambda r, name=name: r[name].peak_mb)
        print(
            f"| {name} | {wall} | {cpu} | {' + '.join(workers) or '–'} | {scheduler:.1f} "
            f"| {client:.1f} | {peak:.0f} |",
            flush=True,
        )


def print_figures(rounds: Sequence[Round]) -> None:
    """Print the figures that are asked for of one log."""
    faster = _median(rounds, lambda r: r["1 worker"].wall / r["2 workers"].wall)
    allowed = _median(
        rounds, lambda r: r["local, 1 processor"].wall / r["2 processes, half each"].wall
    )
    over = _median(rounds, lambda r: r["1 worker"].cpu / r["local, 1 processor"].cpu)
    without = _median(
        rounds,
        lambda r: (
            (r["1 worker"].cpu - r["100 lines, 1 worker"].cpu)
            / (r["local, 1 processor"].cpu - r["100 lines, local"].cpu)
        ),
    )
    print(
        f"\n1. two workers are {faster:.2f} times as fast as one (asked: 1.7); two processes of "
        f"half a log each are {allowed:.2f} times as fast as one of all"
        f"\n2. one worker takes {over:.2f} times the CPU of the local engine (asked: 1.25); "
        f"{without:.2f} times without starting",
        flush=True,
    )


def main() -> None:
    """Measure in turns; print medians of what was measured, and of ratios."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=20_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--files", type=int, default=10_000)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        logs = make_logs(folder, options.lines, options.files)
        for workers in (1, 2):
            (folder / str(workers)).mkdir()
        with dask_cluster(folder / "1", 1) as one, dask_cluster(folder / "2", 2) as two:
            for cluster in (one, two, two):  # workers import on their first tasks
                on_cluster(logs.short, cluster)
            rounds = [measure_round(logs, one, two) for _ in range(options.runs)]
            print(f"{options.lines:,} lines, {logs.whole.stat().st_size / 1e6:,.0f} MB\n")
            print_rows(rounds)
            print_figures(rounds)
            if logs.files:
                many = [measure_files(logs.files, two) for _ in range(options.runs)]
                ratio = _median(many, lambda r: r["files, 2 workers"].cpu / r["files, local"].cpu)
                print(
                    f"3. {options.files:,} files of {_LINES_OF_FILE} lines take {ratio:.2f} times "
                    "the CPU of the local engine\n"
                )
                print_rows(many)


if __name__ == "__main__":
    main()
