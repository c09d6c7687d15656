"""Measures `apilog ingest` beside `apilog report` of the same log, and over many known files.

Run by hand: `python tests/benchmarks/ingest.py [--lines 5000000] [--runs 5] [--files 10000]`.
Every command is a whole process; the commands take turns, and ratios are taken run by run, so
that they hold on a machine whose speed drifts. A store is a new one in each run.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from report import Figures, generate, run  # type: ignore[import-not-found]  # a script beside it

_APILOG = (sys.executable, "-m", "apilog")
_FILE_LINES = 20


def measure_log(log: Path, lines: int, runs: int, folder: Path) -> Iterator[str]:
    """Rows of a table: ingest into a new store, and a report, in turns."""
    store = folder / "apilog-benchmark-store"
    ingest = [*_APILOG, "ingest", str(log), "--store", str(store), "--quiet"]
    report = [*_APILOG, "report", "-f", "json", str(log)]
    ingested: list[Figures] = []
    reported: list[Figures] = []
    for number in range(runs + 1):
        shutil.rmtree(store, ignore_errors=True)
        pair = run(ingest), run(report)
        if number:  # the first round only warms up
            ingested.append(pair[0])
            reported.append(pair[1])
    share = _size(store) / log.stat().st_size
    shutil.rmtree(store)
    for name, figures in (("apilog ingest", ingested), ("apilog report", reported)):
        wall, cpu, peak = medians(figures)
        times = statistics.median(f.wall / r.wall for f, r in zip(figures, reported, strict=True))
        work = statistics.median(f.cpu / r.cpu for f, r in zip(figures, reported, strict=True))
        size = f"{share:.1%}" if figures is ingested else ""
        yield (
            f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {lines / wall / 1e6:.2f} "
            f"| {size} | {times:.2f} | {work:.2f} |"
        )


def measure_files(log: Path, count: int, runs: int, folder: Path) -> Iterator[str]:
    """Rows of a table: so many small files, new and then known."""
    files, store = folder / "apilog-benchmark-files", folder / "apilog-benchmark-store"
    for path in (files, store):
        shutil.rmtree(path, ignore_errors=True)
    files.mkdir()
    with log.open("rb") as stream:
        for number in range(count):
            text = b"".join(next(stream) for _ in range(_FILE_LINES))
            (files / f"{number:06d}.log").write_bytes(text)
    command = [*_APILOG, "ingest", str(files), "--store", str(store), "--quiet"]
    for name, figures in (
        (f"{count:,} new files", [run(command)]),
        ("nothing new in them", [run(command) for _ in range(runs)]),
    ):
        wall, cpu, peak = medians(figures)
        yield f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} |"
    for path in (files, store):
        shutil.rmtree(path)


def medians(figures: list[Figures]) -> tuple[float, float, float]:
    """Wall and CPU seconds, and peak megabytes."""
    wall, cpu, peak = (
        statistics.median(getattr(f, field) for f in figures)
        for field in ("wall", "cpu", "peak_mb")
    )
    return wall, cpu, peak


def _size(store: Path) -> int:
    return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())


def main() -> None:
    """Generate, run in turns, print medians and ratios to the report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=5_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--files", type=int, default=10_000)
    arguments.add_argument("--folder", type=Path, default=Path("/tmp"))
    options = arguments.parse_args()
    log = options.folder / f"apilog-benchmark-{options.lines}.log"
    if not log.exists():
        generate(log, options.lines)
    print(f"{options.lines:,} lines, {log.stat().st_size / 1e6:.0f} MB, {options.runs} runs\n")
    print("| command | wall s | CPU s | peak MB | M lines/s | store | wall to report's | CPU |")
    print("|---|---|---|---|---|---|---|---|")
    for row in measure_log(log, options.lines, options.runs, options.folder):
        print(row)
    print("\n| ingest of | wall s | CPU s | peak MB |\n|---|---|---|---|")
    for row in measure_files(log, options.files, options.runs, options.folder):
        print(row)


if __name__ == "__main__":
    main()
