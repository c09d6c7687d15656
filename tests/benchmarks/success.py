"""Measures `apilog success`: many accounts against many calls in a store, in bounded memory.

Run by hand: `python tests/benchmarks/success.py [--accounts 1000000] [--calls 50000000]`.
Every account has a variant and a trial, so that everything that can be kept of it is. Each
scale is measured with a quarter of the calls, too: memory follows the accounts.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from report import Figures, run  # type: ignore[import-not-found]  # a script beside it

from apilog.schema import SCHEMA
from apilog.store import StoreWriter

START = datetime(2026, 8, 1, tzinfo=UTC)
DAYS = 100
AS_OF = "2026-11-09"
APILOG = [sys.executable, "-m", "apilog"]


def accounts_file(folder: Path, count: int) -> Path:
    """The account table: plans, variants, and for each a trial that began with the sign-up."""
    path = folder / f"apilog-benchmark-{count}-accounts.csv"
    if path.exists():
        return path
    rng = np.random.default_rng(5)
    signed_up = START + pl.Series(rng.integers(0, DAYS * 86_400, count)) * timedelta(seconds=1)
    converted = signed_up + pl.Series(rng.integers(1, 40, count)) * timedelta(days=1)
    has_converted = pl.Series(rng.random(count) < 0.2)
    pl.DataFrame(
        {
            "account": pl.Series(range(count)).cast(pl.String),
            "consumers": "key-" + pl.Series(range(count)).cast(pl.String),
            "signed_up_at": signed_up,
            "plan": pl.Series(["free", "pro", "scale"]).gather(rng.integers(0, 3, count)),
            "trial_kind": pl.Series(["reverse", "standard"]).gather(rng.integers(0, 2, count)),
            "trial_started_at": signed_up,
            "trial_ends_at": signed_up + timedelta(days=14),
            "converted_at": converted.zip_with(has_converted, converted.clear(count)),
            "mrr": rng.integers(0, 500, count),
            "variant": pl.Series(["A", "B"]).gather(rng.integers(0, 2, count)),
            "email": "dev" + pl.Series(range(count)).cast(pl.String) + "@example.com",
        }
    ).write_csv(path)
    return path


def store_of(folder: Path, accounts: int, calls: int) -> Path:
    """A store of so many calls over 100 days; one consumer in a hundred is nobody's."""
    path = folder / f"apilog-benchmark-{accounts}-accounts-{calls}-calls-store"
    if path.exists():
        return path
    rng = np.random.default_rng(6)
    with StoreWriter(path) as writer:
        for day in range(DAYS):
            writer.add_records(calls_of(rng, day, accounts, calls // DAYS))
        writer.commit()
    return path


def calls_of(rng: np.random.Generator, day: int, accounts: int, count: int) -> pl.DataFrame:
    """The calls of one day, in order."""
    at = (
        START
        + timedelta(days=day)
        + pl.Series(rng.integers(0, 86_400, count)).sort() * timedelta(seconds=1)
    )
    keys = pl.Series(rng.integers(0, math.ceil(accounts * 1.01), count)).cast(pl.String)
    statuses = pl.Series([200, 201, 304, 401, 404, 429, 500])
    frame = pl.DataFrame(
        {
            "timestamp": at,
            "gateway": pl.Series(["nginx"]).gather([0] * count),
            "method": pl.Series(["GET"]).gather([0] * count),
            "route": "/v1/" + pl.Series(rng.integers(0, 200, count)).cast(pl.String),
            "status": statuses.gather(
                rng.choice(7, count, p=(0.8, 0.06, 0.04, 0.03, 0.04, 0.02, 0.01))
            ),
            "duration_ms": rng.lognormal(3.5, 1, count),
            "consumer": "key-" + keys,
        }
    )
    return frame.with_columns(pl.col(name).cast(SCHEMA[name]) for name in frame.columns)


def main() -> None:
    """Prepare, run in turns, print medians."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--accounts", type=int, default=1_000_000)
    arguments.add_argument("--calls", type=int, default=50_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--folder", type=Path, default=Path("/tmp"))
    options = arguments.parse_args()
    table = accounts_file(options.folder, options.accounts)
    commands = {
        calls: [
            *(*APILOG, "success", str(store_of(options.folder, options.accounts, calls))),
            *("--accounts", str(table), "--as-of", AS_OF, "-f", "json", "--quiet"),
        ]
        for calls in (options.calls // 4, options.calls)
    }
    runs: dict[int, list[Figures]] = {calls: [] for calls in commands}
    for _ in range(options.runs):
        for calls, command in commands.items():
            runs[calls].append(run(command))
    print("| accounts | calls | wall s | CPU s | peak MB | M calls per CPU s |")
    print("|---|---|---|---|---|---|")
    for calls, figures in runs.items():
        wall, cpu, peak = (
            statistics.median(getattr(f, field) for f in figures)
            for field in ("wall", "cpu", "peak_mb")
        )
        print(
            f"| {options.accounts:,} | {calls:,} | {wall:.1f} | {cpu:.1f} | {peak:.0f} "
            f"| {calls / cpu / 1e6:.2f} |"
        )


if __name__ == "__main__":
    main()
