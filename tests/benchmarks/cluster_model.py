"""How long a cluster would take for 1, 10 and 100 TB of logs, by simulation from measured figures.

Run by hand: `python tests/benchmarks/cluster_model.py` prints the tables of docs/cluster.md from
the figures below; with `--measure` it measures these on this machine first, in CPU time, which has
to be idle: work beside it makes each second do less. With `--write` they are put there.

The model is that of the engine: each core reads a stretch after the other, the last ones shorter,
eight results are merged by one more task, and these again; every task passes the scheduler, one at
a time.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import os
import pickle
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from apilog.aggregate.bounded_sets import MOST_MEMBERS
from apilog.engine.cluster.task_shares import TaskShares

_LEAST_STRETCH = 32 << 20
_ARITY = 8
_HASH_BYTES = 8
_LINES = 2_000_000
"""Of the log that is read: as many as one task reads."""
_MERGED_LINES = 400_000
"""Of the log whose results are merged: enough that nearly all their keys are there."""
_BEGIN = "<!-- from tests/benchmarks/cluster_model.py -->"
_END = "<!-- to here -->"


@dataclass(frozen=True, slots=True)
class Facts:
    """What one core, the scheduler and the network do."""

    bytes_per_second: float = 43e6
    """Of plain log lines, by a worker of one thread."""
    line_bytes: float = 126.0
    state_bytes: float = 20.1e6
    """Of one result, without distinct clients: 30 days, 200 routes and 100 consumers."""
    merge_seconds: float = 0.92
    """To merge eight results, without distinct clients."""
    distinct_per_second: float = 26e6
    """Hashes of clients that one core unites."""
    scheduler_seconds: float = 0.00085
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
    shares = TaskShares(int(total), cores, min(_LEAST_STRETCH, int(stretch)), int(stretch))
    left = deque(stop - start for start, stop in shares.cut(0, int(total)))
    now = scheduler = last_read = 0.0
    idle, tasks = cores, 0
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
                level, spent = 0, left.popleft() / facts.bytes_per_second
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
    return min(clients * -math.expm1(-requests / clients), MOST_MEMBERS)


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
    """Measure on this machine, in CPU time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return replace(
            Facts(),
            **_measure_reading(folder),
            **_measure_merging(folder),
            scheduler_seconds=_measure_scheduler(),
        )


def _measure_reading(folder: Path) -> dict[str, float]:
    """Return what a worker process reads in a second, all that it does meanwhile included."""
    import apilog
    from apilog.engine.cluster.connection import close_connections
    from tests.benchmarks.cluster import process_seconds
    from tests.benchmarks.report import LOG_FORMAT, generate
    from tests.cluster.dask_cluster import dask_cluster

    log = folder / "a.log"
    generate(log, _LINES)
    size = log.stat().st_size
    taken = []
    with dask_cluster(folder, 1) as cluster:
        for _ in range(4):  # the worker imports on its first tasks
            before = process_seconds(cluster.workers[0])
            apilog.report(log, log_format=LOG_FORMAT, scheduler=cluster.address)
            taken.append(process_seconds(cluster.workers[0]) - before)
        close_connections()
    return {"bytes_per_second": size / min(taken[1:]), "line_bytes": size / _LINES}


def _measure_merging(folder: Path) -> dict[str, float]:
    """Return the size of a result, and what merging results and hashes takes."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    # Polars reads the variable when it is imported.
    command = [sys.executable, "-m", "tests.benchmarks.cluster_model", "--merging", str(folder)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def _print_merging(folder: Path) -> None:
    import polars as pl

    from apilog.aggregate import merge, partial
    from apilog.engine.local import LocalRun
    from apilog.engine.parse_chunks import ReadSpec
    from apilog.options import ReportOptions
    from apilog.reports import make_plan
    from tests.page.big_log import LOG_FORMAT, write_big_log

    log = write_big_log(folder / "b.log", _MERGED_LINES)
    plan = make_plan(ReportOptions(log_format=LOG_FORMAT))
    run = LocalRun(
        [log], ReadSpec(columns=plan.columns), lambda records: partial(plan, records), workers=1
    )
    state = merge(plan, [result.value for result in run.results()])
    hashes = pl.int_range(4_000_000, eager=True, dtype=pl.UInt64).hash()
    merging, uniting = [], []
    for _ in range(3):
        started = time.process_time()
        merge(plan, [state] * _ARITY)
        merging.append(time.process_time() - started)
        started = time.process_time()
        hashes.unique()
        uniting.append(time.process_time() - started)
    distinct = sum(
        frame.height * _HASH_BYTES for cube in state.cubes for frame in cube.distinct.values()
    )
    print(
        json.dumps(
            {
                "state_bytes": max(len(pickle.dumps(state)) - distinct, 1e4),
                "merge_seconds": min(merging),
                "distinct_per_second": len(hashes) / min(uniting),
            }
        )
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


def write_figures(facts: Facts) -> str:
    """Return what the documentation says of the figures: two paragraphs and two tables."""
    speed, core_hours = facts.bytes_per_second / 1e6, 1e12 / facts.bytes_per_second / 3600
    reading = (
        f"A worker of one thread reads {speed:.0f} MB of plain lines in a CPU second, which are "
        f"{facts.bytes_per_second / facts.line_bytes / 1e6:.1f} million: 1 TB takes "
        f"{core_hours:.1f} hours of one core, {core_hours * 6:.0f} minutes of ten."
    )
    merging = (
        f"A result has {facts.state_bytes / 1e6:.1f} MB (a report on 30 days, 200 routes, 100 "
        f"consumers); eight of them are merged in {facts.merge_seconds:.2f} s. The scheduler takes "
        f"{facts.scheduler_seconds * 1000:.1f} ms for a task, and "
        f"{facts.distinct_per_second / 1e6:.0f} million hashes are united in a second. Assumed is "
        f"a network of {facts.network_bytes_per_second * 8 / 1e9:.0f} Gbit/s to a worker."
    )
    tables = (_time_table(facts), _stretch_table(facts))
    prose = (textwrap.fill(text, 100) for text in (reading, merging))
    return "\n\n".join([*prose, *("\n".join(table) for table in tables)])


def _time_table(facts: Facts) -> Iterator[str]:
    cores_of = (10, 30, 100, 300, 1000)
    yield "Time, and the part of the cores' time that goes into reading:\n"
    yield "| plain logs | " + " | ".join(f"{cores:,} cores" for cores in cores_of) + " |"
    yield "|---" * (1 + len(cores_of)) + "|"
    for total in (1e12, 1e13, 1e14):
        row = [simulate(total, cores, facts, stretch=256 * 2**20) for cores in cores_of]
        texts = [
            f"{_time(o.seconds)} ({total / facts.bytes_per_second / cores / o.seconds:.0%})"
            for o, cores in zip(row, cores_of, strict=True)
        ]
        yield f"| {total / 1e12:.0f} TB | " + " | ".join(texts) + " |"


def _stretch_table(facts: Facts) -> Iterator[str]:
    yield "The length of stretches, and what it asks of the scheduler:\n"
    yield "| stretch | tasks | scheduler | 10 TB on 1,000 cores | after the last line |"
    yield "|---|---|---|---|---|"
    for mebibytes in (16, 64, 256, 1024):
        o = simulate(1e13, 1000, facts, stretch=mebibytes * 2**20)
        busy = f"{min(o.scheduler_share, 1):.0%} busy"
        spent = f"{_time(o.seconds)} | {o.tree_seconds:.1f} s"
        yield f"| {mebibytes} MiB | {o.tasks:,} | {busy} | {spent} |"


def write_into(page: Path, figures: str) -> None:
    """Put the figures into the documentation, between the comments that name this script."""
    before, begin, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise SystemExit(f"{page} has no place for them")
    page.write_text(f"{before}{begin}\n\n{figures}\n\n{end}{after}")


def main() -> None:
    """Print the figures, from measured ones if that is asked for, or write them down."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--measure", action="store_true")
    arguments.add_argument("--write", action="store_true", help="into docs/cluster.md")
    arguments.add_argument("--merging", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.merging:
        _print_merging(options.merging)
        return
    facts = measure() if options.measure else Facts()
    figures = write_figures(facts)
    print(facts, figures, sep="\n\n")
    if options.write:
        write_into(Path(__file__).parents[2] / "docs" / "cluster.md", figures)


if __name__ == "__main__":
    main()
