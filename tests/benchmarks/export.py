"""Measures `apilog export` of many hours of a log in one pass, and a run with nothing new.

Run by hand: `python tests/benchmarks/export.py [--lines 5000000] [--days 365]`. Every command
is a whole process; the folder is a new one for the first.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from report import generate, run  # type: ignore[import-not-found]  # a script beside it


def main() -> None:
    """Generate, export twice, print the figures of both."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=5_000_000)
    arguments.add_argument("--days", type=int, default=365)
    arguments.add_argument("--folder", type=Path, default=Path("/tmp"))
    options = arguments.parse_args()
    log = options.folder / f"apilog-benchmark-{options.lines}-{options.days}-days.log"
    if not log.exists():
        generate(log, options.lines, days=options.days)
    to = options.folder / "apilog-benchmark-export"
    shutil.rmtree(to, ignore_errors=True)
    command = [sys.executable, "-m", "apilog", "export", str(log), "--to", str(to)]
    print("| export | wall s | CPU s | peak MB | ms of CPU time a period |")
    print("|---|---|---|---|---|")
    for name in (f"{options.days * 24:,} hours", "nothing new"):
        figures = run([*command, "--every", "hour", "--quiet"])
        each = 1000 * figures.cpu / (options.days * 24)
        print(
            f"| {name} | {figures.wall:.1f} | {figures.cpu:.1f} | {figures.peak_mb:.0f} "
            f"| {each:.1f} |"
        )
    shutil.rmtree(to)


if __name__ == "__main__":
    main()
