"""Measures the cluster engine: two workers against one, one against the local engine, many files.

Run by hand: `python tests/benchmarks/cluster.py [--lines 20000000] [--runs 3] [--files 10000]`. A
scheduler and workers of one thread are processes of this machine. Wall times mean something on
an idle machine of four processors or more; CPU times hold on a busy one, too: were two workers
to take as much CPU time together as one alone, and half each, they would be twice as fast.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.report import generate
from tests.cluster.dask_cluster import DaskCluster, dask_cluster

_TICKS = os.sysconf("SC_CLK_TCK")
_APILOG = (sys.executable, "-m", "apilog")


@dataclass(frozen=True, slots=True)
class Measured:
    """One report: seconds, and megabytes at most."""

    wall: float
    client: float
    workers: tuple[float, ...]
    scheduler: float = 0.0
    peak_mb: float = 0.0

    @property
    def cpu(self) -> float:
        return self.client + self.scheduler + sum(self.workers)


def process_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return the CPU seconds that a process has taken."""
    # The command's name may hold blanks; what is counted from its closing parenthesis on does not.
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_mb(process: subprocess.Popen[bytes]) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _run(command: Sequence[str], **environment: str) -> tuple[float, float, float]:
    """Run a command; return its wall seconds, CPU seconds, and megabytes."""
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    wall = time.monotonic() - started
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def local(source: Path) -> Measured:
    """Report in one process that has one processor."""
    taken = ["taskset", "-c", "0", *_APILOG, "report", "-f", "json", "--quiet", str(source)]
    wall, cpu, peak = _run(taken, POLARS_MAX_THREADS="1")
    return Measured(wall, cpu, (), peak_mb=peak)


def on_cluster(source: Path, cluster: DaskCluster) -> Measured:
    """Report on a cluster."""
    before = [process_seconds(worker) for worker in cluster.workers]
    scheduled = process_seconds(cluster.scheduler)
    command = [*_APILOG, "report", "-f", "json", "--quiet", str(source)]
    wall, client, _ = _run([*command, "--scheduler", cluster.address])
    return Measured(
        wall,
        client,
        tuple(process_seconds(w) - b for w, b in zip(cluster.workers, before, strict=True)),
        process_seconds(cluster.scheduler) - scheduled,
        max(map(_peak_mb, cluster.workers)),
    )


def _medians(measured: Sequence[Measured], get: Callable[[Measured], float]) -> float:
    return statistics.median(map(get, measured))


def _print_rows(kinds: dict[str, list[Measured]]) -> None:
    print("| engine | wall s | CPU s | of workers | of the scheduler | of the client | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for name, measured in kinds.items():
        workers = " + ".join(
            f"{_medians(measured, lambda m, i=i: m.workers[i]):.1f}"
            for i in range(len(measured[0].workers))
        )
        print(
            f"| {name} | {_medians(measured, lambda m: m.wall):.1f} "
            f"| {_medians(measured, lambda m: m.cpu):.1f} | {workers or '–'} "
            f"| {_medians(measured, lambda m: m.scheduler):.1f} "
            f"| {_medians(measured, lambda m: m.client):.1f} "
            f"| {_medians(measured, lambda m: m.peak_mb):.0f} |"
        )


def _write_files(folder: Path, log: Path, files: int) -> Path:
    """Write so many small files of 20 lines each."""
    target = folder / "files"
    target.mkdir()
    with log.open() as lines:
        for number in range(files):
            (target / f"{number:06}.log").write_text("".join(next(lines) for _ in range(20)))
    return target


def main() -> None:
    """Measure in turns; print medians, and ratios run by run."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=20_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--files", type=int, default=10_000)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "access.log"
        generate(log, max(options.lines, 20 * options.files))
        kinds: dict[str, list[Measured]] = {"local": [], "one worker": [], "two workers": []}
        (folder / "1").mkdir()
        (folder / "2").mkdir()
        with dask_cluster(folder / "1", 1) as one, dask_cluster(folder / "2", 2) as two:
            for number in range(options.runs + 1):
                row = (local(log), on_cluster(log, one), on_cluster(log, two))
                for measured, found in zip(kinds.values(), row, strict=True):
                    if number:  # the first round only warms up
                        measured.append(found)
            print(f"{options.lines:,} lines, {log.stat().st_size / 1e6:,.0f} MB\n")
            _print_rows(kinds)
            _print_ratios(kinds)
            if options.files:
                files = _write_files(folder, log, options.files)
                print(f"\n{options.files:,} files of 20 lines\n")
                _print_rows({"local": [local(files)], "two workers": [on_cluster(files, two)]})


def _print_ratios(kinds: dict[str, list[Measured]]) -> None:
    here, one, two = kinds.values()
    over = statistics.median(o.cpu / h.cpu for h, o in zip(here, one, strict=True))
    faster = statistics.median(o.wall / t.wall for o, t in zip(one, two, strict=True))
    # What is not done by workers at the same time takes as long with two of them.
    shared = statistics.median(
        (sum(o.workers) + o.client) / (max(t.workers) + t.client)
        for o, t in zip(one, two, strict=True)
    )
    print(f"\none worker takes {over:.2f} times the CPU time of the local engine;")
    print(f"two are {faster:.2f} times as fast as one by the clock, {shared:.2f} times by CPU time")


if __name__ == "__main__":
    main()
