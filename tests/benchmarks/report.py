"""Measures `apilog report` against a plain scan and against hand-written DuckDB SQL.

Run by hand: `python tests/benchmarks/report.py [--lines 5000000] [--runs 5] [--distinct]`.
Every command is a whole process; the commands take turns, and ratios are taken run by run, so
that they hold on a machine whose speed drifts. With `--distinct` the log is one whose request
lines hardly repeat, which is measured against a streaming scan that only sums.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

LOG_FORMAT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" $request_time $upstream_response_time'
)
FLOOR = """
import sys
import polars as pl
text = dict.fromkeys(("ip", "ident", "user", "time", "zone", "request"), pl.String)
schema = {**text, "status": pl.Int16, "bytes": pl.Int64, "referer": pl.String,
          "agent": pl.String, "seconds": pl.Float64, "upstream": pl.Float64}
frame = pl.scan_csv(sys.argv[1], separator=" ", quote_char='"', has_header=False, schema=schema)
frame.collect()
"""
STREAMING_FLOOR = FLOOR.replace(
    "frame.collect()",
    'sums = frame.select(pl.col("status", "bytes", "seconds", "upstream").sum())\n'
    'sums.collect(engine="streaming")',
)
DUCKDB = """
import sys
import duckdb
db = duckdb.connect()
db.execute("SET threads = 2")
db.execute('''CREATE TEMP TABLE r AS SELECT ip, user,
  strptime(time[2:] || zone[:-2], '%d/%b/%Y:%H:%M:%S%z') AT TIME ZONE 'UTC' AS moment,
  split_part(request, ' ', 1) AS method,
  regexp_replace(split_part(split_part(request, ' ', 2), '?', 1), '/[0-9]+', '/{id}', 'g') AS route,
  status, bytes, seconds * 1000 AS ms, upstream * 1000 AS upstream_ms
  FROM read_csv(?, delim=' ', quote='"', header=false, auto_detect=false, columns={
    'ip': 'VARCHAR', 'ident': 'VARCHAR', 'user': 'VARCHAR', 'time': 'VARCHAR', 'zone': 'VARCHAR',
    'request': 'VARCHAR', 'status': 'SMALLINT', 'bytes': 'BIGINT', 'referer': 'VARCHAR',
    'agent': 'VARCHAR', 'seconds': 'DOUBLE', 'upstream': 'DOUBLE'})''', [sys.argv[1]])
sums = '''count(*), count(*) FILTER (WHERE status BETWEEN 400 AND 499),
  count(*) FILTER (WHERE status >= 500), sum(bytes), max(moment), avg(ms), min(ms), max(ms)'''
quantiles = "approx_quantile(ms, [0.5, 0.9, 0.95, 0.99])"
upstream = "approx_quantile(upstream_ms, [0.5, 0.9, 0.95, 0.99]), avg(upstream_ms)"
for query in (
    f"SELECT {sums}, {quantiles}, {upstream}, count(DISTINCT ip), count(DISTINCT user) FROM r",
    f"SELECT time_bucket(INTERVAL 1 HOUR, moment), {sums}, {quantiles} FROM r GROUP BY 1",
    f"SELECT method, route, {sums}, {quantiles}, count(DISTINCT user) FROM r GROUP BY 1, 2",
    f"SELECT status, count(*), sum(bytes), max(moment) FROM r GROUP BY 1",
    f"SELECT method, route, status, count(*) FROM r WHERE status >= 400 GROUP BY 1, 2, 3",
    f"SELECT method, route, {quantiles}, {upstream} FROM r GROUP BY 1, 2",
    f"SELECT user, {sums} FROM r GROUP BY 1",
):
    db.execute(query).fetchall()
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """One run of a command."""

    wall: float
    cpu: float
    peak_mb: float


def generate(path: Path, lines: int, *, days: float | None = None) -> None:
    """A log of an API: 20 requests a second, or spread over `days`; 60 consumers, 20 000 addresses.

    As in real logs, some 12 % of 100 000 neighbouring request lines are distinct.
    """
    rng = random.Random(7)
    ips = [".".join(str(rng.randrange(1, 255)) for _ in range(4)) for _ in range(20_000)]
    agents = ("okhttp/4.12.0", "python-requests/2.32.3", "curl/8.1", "Mozilla/5.0 (X11; Linux)")
    users = ("-",) * 6 + tuple(f"app{i}" for i in range(60))
    paths = ("users/{}", "orders/{}", "orders", "search?q={}", "items/{}/reviews", "health")
    start = datetime(2026, 11, 1, tzinfo=UTC)
    a_second = 20 if days is None else lines / (86_400 * days)
    with path.open("w", buffering=1 << 20) as out:
        for i in range(lines):
            at = start + timedelta(seconds=int(i / a_second))
            is_new = rng.random() < 0.15
            number = rng.randrange(10**6) if is_new else min(int(rng.paretovariate(0.6)), 10**6)
            status = rng.choices((200, 201, 304, 404, 401, 500, 502), (80, 5, 5, 5, 2, 1, 2))[0]
            seconds = rng.lognormvariate(-3, 1)
            out.write(
                f"{rng.choice(ips)} - {rng.choice(users)} [{at:%d/%b/%Y:%H:%M:%S} +0000] "
                f'"{rng.choice(("GET", "GET", "POST"))} /v1/{rng.choice(paths).format(number)} '
                f'HTTP/1.1" {status} {rng.randrange(50, 20_000)} "-" "{rng.choice(agents)}" '
                f"{seconds:.3f} {seconds * 0.9:.3f}\n"
            )


def generate_distinct(path: Path, lines: int) -> None:
    """A log of an API with identifiers in its paths and query strings: 173 bytes a line.

    Some 74 % of 100 000 neighbouring request lines are distinct.
    """
    rng = random.Random(8)
    ips = [".".join(str(rng.randrange(1, 255)) for _ in range(4)) for _ in range(20_000)]
    agents = (
        "okhttp/4.12.0 (Android 14; Pixel 8)",
        "python-requests/2.32.3 CPython/3.12",
        "curl/8.1",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    )
    users = ("-",) * 6 + tuple(f"app{i}" for i in range(60))
    paths = (
        "users/{:d}/orders/{:d}",
        "orders/{:d}?expand=items&page={:d}",
        "search?q=item+{:d}&cursor={:016x}",
        "accounts/{:08x}-5b1c-4d3e-9f00-{:012x}/balance",
        "items/{:d}/reviews?limit=50&offset={:d}",
        "devices/{:08x}{:012x}/state",
    )
    fixed = tuple(f"{name}?page={n}" for name in ("orders", "status", "health") for n in range(200))
    start = datetime(2026, 11, 1, tzinfo=UTC)
    with path.open("w", buffering=1 << 20) as out:
        for i in range(lines):
            at = start + timedelta(seconds=i // 20)
            if rng.random() < 0.74:
                target = rng.choice(paths).format(rng.randrange(10**8), rng.randrange(10**12))
            else:
                target = rng.choice(fixed)
            status = rng.choices((200, 201, 304, 404, 401, 500, 502), (80, 5, 5, 5, 2, 1, 2))[0]
            seconds = rng.lognormvariate(-3, 1)
            out.write(
                f"{rng.choice(ips)} - {rng.choice(users)} [{at:%d/%b/%Y:%H:%M:%S} +0000] "
                f'"{rng.choice(("GET", "GET", "POST"))} /api/v1/{target} '
                f'HTTP/1.1" {status} {rng.randrange(50, 20_000)} "-" "{rng.choice(agents)}" '
                f"{seconds:.3f} {seconds * 0.9:.3f}\n"
            )


def run(command: list[str]) -> Figures:
    """One run as a whole process, accounted by the operating system."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return Figures(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main() -> None:
    """Generate, run in turns, print medians and ratios to apilog."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=5_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--folder", type=Path, default=Path("/tmp"))
    arguments.add_argument("--distinct", action="store_true")
    options = arguments.parse_args()
    kind = "-distinct" if options.distinct else ""
    log = options.folder / f"apilog-benchmark-{options.lines}{kind}.log"
    if not log.exists():
        (generate_distinct if options.distinct else generate)(log, options.lines)
    apilog = [sys.executable, "-m", "apilog", "report", "-f", "json"]
    commands = {
        "apilog report": [*apilog, str(log)],
        "apilog report -l": [*apilog, "-l", LOG_FORMAT, str(log)],
        "typed CSV scan (floor)": [sys.executable, "-c", FLOOR, str(log)],
        "DuckDB SQL": [sys.executable, "-c", DUCKDB, str(log)],
    }
    if options.distinct:
        commands["streaming sums (floor)"] = [sys.executable, "-c", STREAMING_FLOOR, str(log)]
    runs: dict[str, list[Figures]] = {name: [] for name in commands}
    for number in range(options.runs + 1):
        for name, command in commands.items():
            figures = run(command)
            if number:  # the first round only warms up
                runs[name].append(figures)
    print(f"{options.lines:,} lines, {log.stat().st_size / 1e6:.0f} MB, {options.runs} runs\n")
    print("| command | wall s | CPU s | peak MB | apilog's wall time to it | CPU |")
    print("|---|---|---|---|---|---|")
    own = runs["apilog report"]
    for name, measured in runs.items():
        wall, cpu, peak = (
            statistics.median(getattr(figures, field) for figures in measured)
            for field in ("wall", "cpu", "peak_mb")
        )
        pairs = list(zip(own, measured, strict=True))
        times = statistics.median(a.wall / other.wall for a, other in pairs)
        work = statistics.median(a.cpu / other.cpu for a, other in pairs)
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {times:.2f} | {work:.2f} |")


if __name__ == "__main__":
    main()
