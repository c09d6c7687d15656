"""How long a cluster would take for 1, 10 and 100 TB of logs, by simulation from measured figures.

Run by hand: `python tests/benchmarks/cluster_model.py` prints the tables of docs/cluster.md from
the figures below; with `--measure` it measures these on this machine first, in CPU time. The model
is that of the engine: each core reads a stretch after the other, eight results are merged by one
more task, and these again; every task passes the scheduler, one at a time.
"""

from __future__ import annotations

import argparse
import heapq
import math
import os
import pickle
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

_ARITY = 8
_HASH_BYTES = 8
_LINES = 1_000_000
"""Of the log that is measured: half as many as a task reads."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one core, the scheduler and the network do."""

    bytes_per_second: float = 110e6
    """Of plain log lines, by one core: those of tests/benchmarks/report.py, less a fifth."""
    line_bytes: float = 126.0
    state_bytes: float = 12.7e6
    """Of one result, without distinct clients: 30 days, 200 routes and 100 consumers."""
    merge_seconds: float = 0.88
    """To merge eight results, without distinct clients."""
    distinct_per_second: float = 22e6
    """Hashes of clients that one core unites."""
    scheduler_seconds: float = 0.0014
    """Of the scheduler for each task."""
    network_bytes_per_second: float = 125e6
    """Of one worker."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run comes to."""

    seconds: float
    tasks: int
    scheduler_share: float
    """The part of the time in which the scheduler works."""
    tree_seconds: float
    """What is left to do once the last line was read."""
    largest_state: float
    """Bytes of the result of everything."""


def simulate(
    total: float, cores: int, facts: Facts, *, stretch: float, clients: float = 0
) -> Outcome:
    """Run the tasks of a report of so many bytes in simulated time."""
    reads = math.ceil(total / stretch)
    read_seconds = stretch / facts.bytes_per_second
    now = scheduler = last_read = 0.0
    left, idle, tasks = reads, cores, 0
    results: Counter[int] = Counter()
    merges: list[int] = []
    running: list[tuple[float, int, bool]] = []
    while True:
        while idle and (merges or left):
            start = max(now, scheduler)
            scheduler = start + facts.scheduler_seconds
            if merges:
                level = heapq.heappop(merges)
                spent = _merge_seconds(level, stretch, facts, clients)
            else:
                level, left, spent = 0, left - 1, read_seconds
            heapq.heappush(running, (scheduler + spent, level, level == 0))
            idle, tasks = idle - 1, tasks + 1
        if not running:
            break
        now, level, is_read = heapq.heappop(running)
        idle += 1
        if is_read:
            last_read = now
        results[level] += 1
        if results[level] == _ARITY:
            results[level] = 0
            heapq.heappush(merges, level + 1)
    levels = max(results, default=0)
    now += _merge_seconds(levels + 1, stretch, facts, clients) if sum(results.values()) > 1 else 0
    return Outcome(
        now,
        tasks,
        tasks * facts.scheduler_seconds / now,
        now - last_read,
        _state_bytes(levels + 1, stretch, facts, clients),
    )


def _distinct(level: int, stretch: float, facts: Facts, clients: float) -> float:
    """Return how many clients a result knows, drawn from all of them alike."""
    if not clients:
        return 0.0
    requests = stretch / facts.line_bytes * _ARITY**level
    return clients * -math.expm1(-requests / clients)


def _state_bytes(level: int, stretch: float, facts: Facts, clients: float) -> float:
    return facts.state_bytes + _HASH_BYTES * _distinct(level, stretch, facts, clients)


def _merge_seconds(level: int, stretch: float, facts: Facts, clients: float) -> float:
    parts = level - 1
    moved = (_ARITY - 1) * _state_bytes(parts, stretch, facts, clients)
    united = _ARITY * _distinct(parts, stretch, facts, clients)
    return (
        facts.merge_seconds
        + moved / facts.network_bytes_per_second
        + united / facts.distinct_per_second
    )


def measure() -> Facts:
    """Measure on this machine: one thread, in CPU time."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    # Polars reads the variable when it is imported.
    import polars as pl

    from apilog.aggregate import merge, partial
    from apilog.engine.local import LocalRun
    from apilog.engine.parse_chunks import ReadSpec
    from apilog.options import ReportOptions
    from apilog.reports import make_plan
    from tests.benchmarks.report import LOG_FORMAT, generate

    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "a.log"
        generate(log, _LINES)
        size = log.stat().st_size
        plan = make_plan(ReportOptions(log_format=LOG_FORMAT))
        spec = ReadSpec(columns=plan.columns)
        taken = []
        for _ in range(3):
            started = time.process_time()
            run = LocalRun([log], spec, lambda records: partial(plan, records), workers=1)
            state = merge(plan, [result.value for result in run.results()])
            taken.append(time.process_time() - started)
    started = time.process_time()
    merge(plan, [state] * _ARITY)
    merging = time.process_time() - started
    hashes = pl.int_range(4_000_000, eager=True, dtype=pl.UInt64).hash()
    started = time.process_time()
    hashes.unique()
    uniting = time.process_time() - started
    distinct = sum(
        frame.height * _HASH_BYTES for cube in state.cubes for frame in cube.distinct.values()
    )
    return replace(
        Facts(),
        bytes_per_second=size / min(taken),
        line_bytes=size / _LINES,
        state_bytes=max(len(pickle.dumps(state)) - distinct, 1e4),
        merge_seconds=merging,
        distinct_per_second=len(hashes) / uniting,
        scheduler_seconds=_measure_scheduler(),
    )


def _measure_scheduler(tasks: int = 1_000) -> float:
    """Return the scheduler's CPU seconds for each task."""
    from distributed import Client

    from tests.benchmarks.cluster import process_seconds
    from tests.cluster.dask_cluster import dask_cluster

    with (
        tempfile.TemporaryDirectory() as name,
        dask_cluster(Path(name), 2) as cluster,
        Client(cluster.address, set_as_default=False) as client,
    ):
        client.submit(int, 1, pure=False).result()
        before = process_seconds(cluster.scheduler)
        client.gather(client.map(_nothing, range(tasks), pure=False))
        return (process_seconds(cluster.scheduler) - before) / tasks


def _nothing(number: int) -> int:
    return number


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def print_tables(facts: Facts) -> None:
    """Print the tables of the documentation."""
    cores_of = (10, 30, 100, 300, 1000)
    print("| logs | " + " | ".join(f"{cores:,} cores" for cores in cores_of) + " |")
    print("|---" * (1 + len(cores_of)) + "|")
    for total in (1e12, 1e13, 1e14):
        row = [simulate(total, cores, facts, stretch=256 * 2**20) for cores in cores_of]
        texts = [
            f"{_time(o.seconds)} ({total / facts.bytes_per_second / cores / o.seconds:.0%})"
            for o, cores in zip(row, cores_of, strict=True)
        ]
        print(f"| {total / 1e12:.0f} TB | " + " | ".join(texts) + " |")
    print("\n| stretch | tasks | scheduler | 10 TB on 1,000 cores | after the last line |")
    print("|---|---|---|---|---|")
    for mebibytes in (16, 64, 256, 1024):
        o = simulate(1e13, 1000, facts, stretch=mebibytes * 2**20)
        busy = f"{min(o.scheduler_share, 1):.0%} busy"
        print(
            f"| {mebibytes} MiB | {o.tasks:,} | {busy} | {_time(o.seconds)} "
            f"| {o.tree_seconds:.1f} s |"
        )
    print("\n| distinct clients | largest result | a worker needs | 10 TB on 100 cores | after |")
    print("|---|---|---|---|---|")
    for clients in (1e5, 1e6, 1e7, 1e8, 1e9):
        o = simulate(1e13, 100, facts, stretch=256 * 2**20, clients=clients)
        needed = (2 * _ARITY + 1) * o.largest_state
        print(
            f"| {clients:,.0f} | {o.largest_state / 1e6:,.0f} MB | {needed / 1e9:,.1f} GB "
            f"| {_time(o.seconds)} | {o.tree_seconds:,.0f} s |"
        )


def main() -> None:
    """Print the tables, from measured figures if that is asked for."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--measure", action="store_true")
    facts = measure() if arguments.parse_args().measure else Facts()
    print(facts, end="\n\n")
    print_tables(facts)


if __name__ == "__main__":
    main()
