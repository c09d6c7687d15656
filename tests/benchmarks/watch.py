"""Measures how `apilog watch` keeps up with a log that is written fast, and rotated meanwhile.

Run by hand: `python tests/benchmarks/watch.py [--rate 50000] [--seconds 30]`. A process writes
that many lines a second, with the time of now; the watch is asked each second how many it has
counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

TICK_SECONDS = 0.02
PATHS = ("users/{}", "orders/{}", "orders", "search?q={}", "items/{}/reviews", "health")


def write_log(path: Path, rate: int, seconds: float, written: object) -> None:
    """Write lines at that rate; the file is renamed and begun anew every ten seconds."""
    rng = random.Random(7)
    ends = [
        f'"{rng.choice(("GET", "POST"))} /v1/{rng.choice(PATHS).format(rng.randrange(10**6))} '
        f'HTTP/1.1" {rng.choices((200, 404, 500), (90, 8, 2))[0]} {rng.randrange(50, 20_000)} '
        f'"-" "okhttp/4.12.0" {rng.lognormvariate(-3, 1):.3f}\n'
        for _ in range(50_000)
    ]
    out = path.open("w")
    started, count = time.monotonic(), 0
    rotated = started
    while (passed := time.monotonic() - started) < seconds:
        stamp = f"{datetime.now(UTC):%d/%b/%Y:%H:%M:%S} +0000"
        due = int(rate * passed)
        out.writelines(
            f"10.1.{i % 250}.{i % 199} - app{i % 60} [{stamp}] {ends[i % len(ends)]}"
            for i in range(count, due)
        )
        out.flush()
        count = due
        written.value = count  # type: ignore[attr-defined]
        if time.monotonic() - rotated >= 10:
            rotated = time.monotonic()
            out.close()
            path.replace(path.with_name(path.name + ".1"))
            out = path.open("w")
        time.sleep(TICK_SECONDS)
    out.close()


def main() -> None:
    """Write, watch, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=50_000)
    arguments.add_argument("--seconds", type=float, default=30)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "access.log")
        log.touch()
        written = multiprocessing.Value("q", 0)
        watch = subprocess.Popen(
            [sys.executable, "-m", "apilog", "watch", str(log), "--json", "--interval", "1s"],
            stdout=subprocess.PIPE,
        )
        assert watch.stdout
        watch.stdout.readline()
        writer = multiprocessing.Process(
            target=write_log, args=(log, options.rate, options.seconds, written)
        )
        writer.start()
        threading.Timer(options.seconds + 3, watch.terminate).start()
        behind: list[float] = []
        frame = {}
        for line in watch.stdout:
            now = written.value
            frame = json.loads(line)
            if frame["input"]["lines"] > 0 and writer.is_alive():
                behind.append((now - frame["input"]["lines"]) / options.rate)
        writer.join()
        _, _, usage = os.wait4(watch.pid, 0)
    cpu = (usage.ru_utime + usage.ru_stime) / options.seconds
    print(f"written {written.value:,}, counted {frame['input']['records']:,}")
    print(f"behind: median {statistics.median(behind):.2f} s, worst {max(behind):.2f} s")
    print(f"CPU {cpu:.0%} of one core, peak {usage.ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
