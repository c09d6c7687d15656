"""Logs with very many different keys: memory of the whole process, as the system counts it."""

from __future__ import annotations

import gzip
import string
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

pytestmark = pytest.mark.slow

MOST_MB = 500
LINES = 1_000_000
_MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process between: a new one's peak begins with the memory of the one that makes it."""


def word(number: pl.Expr) -> pl.Expr:
    """A word of letters alone, another one for each number: no rule sees an id in it."""
    letters = pl.lit(pl.Series(list(string.ascii_lowercase)))
    return pl.concat_str(letters.gather(number // 26**place % 26) for place in range(6))


def two_digits(number: pl.Expr) -> pl.Expr:
    return number.cast(pl.String).str.zfill(2)


def log_lines(kind: str, numbers: range) -> pl.DataFrame:
    i = pl.col("i")
    path, address, user = pl.lit("/orders"), pl.lit("10.0.0.1"), pl.lit("anna")
    if kind == "routes":
        path = pl.format("/{}/list", word(i))
    else:
        address = pl.format("{}.{}.{}.7", i % 200 + 10, i // 200 % 256, i // 51_200)
        user = pl.format("user{}", i.cast(pl.String).str.zfill(7))
    at = [two_digits(number) for number in (i // 43_200, i // 720 % 60, i // 12 % 60)]
    line = pl.format(
        '{} - {} [21/Nov/2026:{}:{}:{} +0000] "GET {} HTTP/1.1" 200 5 "-" "c"',
        *(address, user, *at, path),
    )
    return pl.DataFrame({"i": numbers}).select(line)


def write_log(folder: Path, kind: str) -> Path:
    match kind:
        case "zeros" | "endless line" | "nested array":
            text = {"zeros": b"\0", "endless line": b"x", "nested array": b"["}[kind]
            log = folder / "log.gz"
            # What several members hold is one text.
            log.write_bytes(gzip.compress(text * (1 << 20), 1) * 300)
        case _:
            log = folder / "log"
            with log.open("wb") as file:
                for start in range(0, LINES, 100_000):
                    lines = log_lines(kind, range(start, start + 100_000))
                    lines.write_csv(file, include_header=False, quote_style="never")
    return log


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("routes", []),
        ("addresses and consumers", ["--by", "client_ip", "--by", "consumer"]),
        ("zeros", []),
        ("endless line", []),
        ("nested array", []),
    ],
    ids=["routes", "pairs", "zeros", "endless-line", "nested-array"],
)
def test_memory_is_bounded_whatever_there_are_many_of(
    tmp_path: Path, kind: str, options: list[str]
) -> None:
    log = write_log(tmp_path, kind)
    command = [sys.executable, "-m", "apilog", "report", str(log), "-f", "json", *options]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command], capture_output=True, check=True
    )
    code, peak = map(int, done.stdout.split())
    is_log = kind in {"routes", "addresses and consumers"}
    assert code == (0 if is_log else 2)
    # https://man7.org/linux/man-pages/man2/getrusage.2.html: kilobytes
    assert peak / 1024 < MOST_MB
