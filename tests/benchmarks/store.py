"""Measures `apilog report` over a store: all of it, one day of it, and against its log.

Run by hand: `python tests/benchmarks/store.py [--lines 10000000] [--runs 5]`. The store holds
100 days. Every command is a whole process; the commands take turns, and ratios are taken run
by run, so that they hold on a machine whose speed drifts.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from report import Figures, generate, run  # type: ignore[import-not-found]  # a script beside it

DAYS = 100
APILOG = [sys.executable, "-m", "apilog"]


def prepared(folder: Path, lines: int) -> tuple[Path, Path]:
    """A log and a store of it, made if they are not there."""
    log = folder / f"apilog-benchmark-{lines}-{DAYS}-days.log"
    store = folder / f"apilog-benchmark-{lines}-{DAYS}-days-store"
    if not log.exists():
        generate(log, lines, days=DAYS)
    subprocess.run(
        [*APILOG, "ingest", str(log), "--store", str(store), "--quiet", "--final"], check=True
    )
    return log, store


def main() -> None:
    """Prepare, run in turns, print medians and ratios."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=10_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--folder", type=Path, default=Path("/tmp"))
    options = arguments.parse_args()
    log, store = prepared(options.folder, options.lines)
    report = [*APILOG, "report", "-f", "json"]
    commands = {
        "report STORE": [*report, str(store)],
        "report STORE, one day": [
            *report,
            str(store),
            "--since",
            "2026-12-20",
            "--until",
            "2026-12-21",
        ],
        "report LOG": [*report, str(log)],
    }
    runs: dict[str, list[Figures]] = {name: [] for name in commands}
    for number in range(options.runs + 1):
        for name, command in commands.items():
            figures = run(command)
            if number:  # the first round only warms up
                runs[name].append(figures)
    size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    raw = log.stat().st_size
    print(f"{options.lines:,} lines, {raw / 1e6:.0f} MB, store {size / raw:.1%} of it\n")
    print("| command | wall s | CPU s | peak MB | its wall time to the log's |")
    print("|---|---|---|---|---|")
    for name, figures in runs.items():
        wall, cpu, peak = (
            statistics.median(getattr(f, field) for f in figures)
            for field in ("wall", "cpu", "peak_mb")
        )
        pairs = zip(figures, runs["report LOG"], strict=True)
        ratio = statistics.median(own.wall / other.wall for own, other in pairs)
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
