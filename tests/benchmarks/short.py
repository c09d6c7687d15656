"""Measures what a short report costs: `apilog report` of 1500 lines, from start to end.

Run by hand: `python tests/benchmarks/short.py [--lines 1500] [--runs 9]`. Every command is a
whole process; the commands take turns, and ratios are taken run by run. The floor imports
Polars and does nothing with it. Bytecode is kept, as it is for a package that is installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

from report import Figures, generate, run  # type: ignore[import-not-found]  # a script beside it


def main() -> None:
    """Generate, run in turns, print medians and ratios to the floor."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=1_500)
    arguments.add_argument("--runs", type=int, default=9)
    arguments.add_argument("--folder", type=Path, default=Path("/tmp"))
    options = arguments.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    log = options.folder / f"apilog-benchmark-{options.lines}.log"
    if not log.exists():
        generate(log, options.lines)
    apilog = [sys.executable, "-m", "apilog"]
    commands = {
        "apilog report": [*apilog, "report", "-f", "json", str(log)],
        "apilog --version": [*apilog, "--version"],
        "import polars (floor)": [sys.executable, "-c", "import polars"],
    }
    runs: dict[str, list[Figures]] = {name: [] for name in commands}
    for number in range(options.runs + 1):
        for name, command in commands.items():
            figures = run(command)
            if number:  # the first round only warms up
                runs[name].append(figures)
    print("| command | wall s | CPU s | peak MB | its CPU time to the floor's |")
    print("|---|---|---|---|---|")
    *_, floor = runs.values()
    for name, measured in runs.items():
        wall, cpu, peak = (
            statistics.median(getattr(figures, field) for figures in measured)
            for field in ("wall", "cpu", "peak_mb")
        )
        ratio = statistics.median(a.cpu / b.cpu for a, b in zip(measured, floor, strict=True))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
