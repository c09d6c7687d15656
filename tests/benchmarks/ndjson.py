"""Measures `apilog report` over JSON lines against a typed scan of the same file.

Run by hand: `python tests/benchmarks/ndjson.py [--lines 1000000] [--runs 3]`. Figures are CPU
seconds of whole processes; the commands take turns, and ratios are taken run by run.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import sys
from pathlib import Path

from report import Figures, run  # type: ignore[import-not-found]  # a script beside it

_FORMATS = ("json", "aws-apigateway", "apigee", "azure-apim")
_SAMPLES = Path(__file__).parents[2] / "sample_logs"
_FLOOR = """
import sys
import polars as pl
schema = pl.scan_ndjson(sys.argv[1], infer_schema_length=1000).collect_schema()
pl.scan_ndjson(sys.argv[1], schema=schema).collect()
"""


def generate(path: Path, name: str, lines: int) -> None:
    """The sample log of a format over and over, with other identifiers, sizes and durations."""
    rng = random.Random(7)
    samples = [json.loads(line) for line in (_SAMPLES / f"{name}.log").open(encoding="utf-8")]
    with path.open("w", encoding="utf-8", buffering=1 << 20) as out:
        for _ in range(lines):
            out.write(_varied(json.dumps(rng.choice(samples)), rng) + "\n")


def _varied(line: str, rng: random.Random) -> str:
    """The line with its whole numbers of two digits and more changed, years and times left."""
    return re.sub(
        r"(?<![-:.\dT])(?<!\d)([1-9])(\d{1,3})(?=[\",}/?])(?!\d)",
        lambda found: found[1] + "".join(rng.choices("0123456789", k=len(found[2]))),
        line,
    )


def measure(name: str, options: argparse.Namespace) -> str:
    """One row of the table."""
    log = options.folder / f"apilog-benchmark-{name}-{options.lines}.log"
    if not log.exists():
        generate(log, name, options.lines)
    own: list[Figures] = []
    floor: list[Figures] = []
    for number in range(options.runs + 1):
        figures = run([sys.executable, "-m", "apilog", "report", "-f", "json", str(log)])
        floor_figures = run([sys.executable, "-c", _FLOOR, str(log)])
        if number:  # the first round only warms up
            own.append(figures)
            floor.append(floor_figures)
    cpu = statistics.median(f.cpu for f in own)
    ratio = statistics.median(a.cpu / b.cpu for a, b in zip(own, floor, strict=True))
    peak = statistics.median(f.peak_mb for f in own)
    size, speed = log.stat().st_size / 1e6, options.lines / cpu / 1e6
    return f"| {name} | {size:.0f} | {cpu:.2f} | {speed:.2f} | {ratio:.2f} | {peak:.0f} |"


def main() -> None:
    """Generate, run in turns, print medians and ratios."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--folder", type=Path, default=Path("/tmp"))
    options = arguments.parse_args()
    print("| format | MB | CPU s | M lines per CPU s | CPU time to the scan's | peak MB |")
    print("|---|---|---|---|---|---|")
    for name in _FORMATS:
        print(measure(name, options))


if __name__ == "__main__":
    main()
