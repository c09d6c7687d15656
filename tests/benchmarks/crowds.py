"""Measures `apilog report` on logs of very many different keys against the same with few.

Run by hand: `python tests/benchmarks/crowds.py [--lines 1000000] [--runs 3] [--kind routes]`. Every
command is a whole process; the commands take turns, and ratios are taken run by run. In the log of
routes each request has a path of its own, of letters alone; in that of people each has an address
and a consumer of its own.
"""

from __future__ import annotations

import argparse
import statistics
import string
import sys
from pathlib import Path

from report import Figures, run  # type: ignore[import-not-found]  # a script beside it

BY_PAIRS = ("--by", "client_ip", "--by", "consumer")


def word(number: int) -> str:
    """A word of letters alone, another one for each number."""
    letters = []
    for _ in range(6):
        number, rest = divmod(number, 26)
        letters.append(string.ascii_lowercase[rest])
    return "".join(letters)


def generate(path: Path, lines: int, kind: str) -> None:
    """A log of one day, 94 to 97 bytes a line."""
    with path.open("w", buffering=1 << 20) as out:
        for i in range(lines):
            route, person = i % 20, i % 20
            if kind == "routes":
                route = i
            elif kind == "people":
                person = i
            address = f"{person % 200 + 10}.{person // 200 % 256}.{person // 51_200 % 256}.7"
            second = i * 86_400 // lines
            out.write(
                f"{address} - user{person:07} [21/Nov/2026:{second // 3600:02}:"
                f'{second // 60 % 60:02}:{second % 60:02} +0000] "GET /{word(route)}/list '
                f'HTTP/1.1" 200 5 "-" "c"\n'
            )


def main() -> None:
    """Generate, run in turns, print medians and ratios to the log with few keys."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--folder", type=Path, default=Path("/tmp"))
    arguments.add_argument("--kind", action="append", choices=["routes", "people", "pairs"])
    options = arguments.parse_args()
    logs = {
        kind: options.folder / f"apilog-crowds-{options.lines}-{kind}.log"
        for kind in ("few", "routes", "people")
    }
    for kind, log in logs.items():
        if not log.exists():
            generate(log, options.lines, kind)
    report = [sys.executable, "-m", "apilog", "report", "-q", "-f", "json"]
    commands = {
        "few": ("few", [*report, str(logs["few"])]),
        "routes": ("few", [*report, str(logs["routes"])]),
        "people": ("few", [*report, str(logs["people"])]),
        "few, by pairs": ("few, by pairs", [*report, str(logs["few"]), *BY_PAIRS]),
        "pairs": ("few, by pairs", [*report, str(logs["people"]), *BY_PAIRS]),
    }
    if options.kind:
        wanted = {commands[kind][0] for kind in options.kind} | set(options.kind)
        commands = {name: command for name, command in commands.items() if name in wanted}
    runs: dict[str, list[Figures]] = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, (_, command) in commands.items():
            runs[name].append(run(command))
    print("| keys | wall s | CPU s | peak MB | its CPU time to that of few keys |")
    print("|---|---|---|---|---|")
    for name, measured in runs.items():
        wall, cpu, peak = (
            statistics.median(getattr(figures, field) for figures in measured)
            for field in ("wall", "cpu", "peak_mb")
        )
        few = runs[commands[name][0]]
        ratio = statistics.median(a.cpu / b.cpu for a, b in zip(measured, few, strict=True))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
