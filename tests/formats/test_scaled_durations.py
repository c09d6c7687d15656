"""Whole files whose durations are a thousand times as large, with no name that tells their unit.

Either another unit is read, or it is said that the unit is a guess: else one of the two files is
read wrongly in silence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import apilog
from tests.examples import about

WRITERS: dict[str, Callable[[int, str], str]] = {
    "json": lambda n, took: json.dumps(
        {"time": at(n), "method": "GET", "path": f"/a/{n}", "status": 200, "took": number(took)}
    ),
    "json text": lambda n, took: json.dumps(
        {"time": at(n), "method": "GET", "path": f"/a/{n}", "status": 200, "duration": took}
    ),
    "json nested": lambda n, took: json.dumps(
        {
            "time": at(n),
            "req": {"method": "GET", "url": f"/a/{n}"},
            "res": {"statusCode": 200, "latency": number(took)},
        }
    ),
    "logfmt": lambda n, took: f"ts={at(n)} method=GET path=/a/{n} status=200 elapsed={took}",
    "ltsv": lambda n, took: "\t".join(
        (f"time:{at(n)}", "method:GET", f"uri:/a/{n}", "status:200", f"latency:{took}")
    ),
    "csv": lambda n, took: f"{at(n)},GET,/a/{n},200,{took}",
    "key behind combined": lambda n, took: f"{combined(n)} rt={took}",
    "bare behind combined": lambda n, took: f"{combined(n)} {took}",
    "quoted behind combined": lambda n, took: f'{combined(n)} "{took}"',
}
HEADERS = {"csv": "time,method,path,status,duration\n"}


def at(n: int) -> str:
    return f"2026-11-21T10:{n // 60:02}:{n % 60:02}Z"


def number(text: str) -> float | int:
    return float(text) if "." in text else int(text)


def combined(n: int) -> str:
    when = f"21/Nov/2026:10:{n // 60:02}:{n % 60:02} +0000"
    return f'192.0.2.7 - - [{when}] "GET /a/{n} HTTP/1.1" 200 {5000 + n} "-" "curl/8"'


def read(folder: Path, shape: str, durations: Sequence[str]) -> tuple[list[float | None], bool]:
    """The durations that are read, in milliseconds, and whether their unit is in doubt."""
    log = folder / "log"
    lines = (WRITERS[shape](n, took) for n, took in enumerate(durations))
    log.write_text(HEADERS.get(shape, "") + "".join(f"{line}\n" for line in lines))
    report = apilog.report([log], tables=["overview"])
    assert report.input.records == len(durations)
    records = apilog.scan([log]).collect().sort("line_number")
    return records["duration_ms"].to_list(), bool(report.input.files[0].doubts)


def check(folder: Path, shape: str, micros: Sequence[int], digits: int) -> None:
    """Hold a log whose durations have so many decimals against that of their thousandfold."""
    small = [f"{n / 10**digits:.{digits}f}" if digits else str(n) for n in micros]
    large = [f"{float(text) * 1000:.{max(digits - 3, 0)}f}" for text in small]
    first, is_doubted = read(folder, shape, small)
    second, is_doubted_too = read(folder, shape, large)
    told = [(a, b) for a, b in zip(first, second, strict=True) if a and b]
    if is_doubted or is_doubted_too or not told:
        return
    ratio = sum(b for _, b in told) / sum(a for a, _ in told)
    assert not 900 < ratio < 1100, f"{small[:3]} and {large[:3]} are both read as {first[:3]}"


SHAPES = st.sampled_from(sorted(WRITERS))
# Of one value alone, over and over, nothing tells.
DURATIONS = st.lists(st.integers(1_000, 5_000_000), min_size=30, max_size=60).filter(
    lambda micros: len({*micros}) > len(micros) // 2
)


@pytest.mark.parametrize(
    ("shape", "digits"), [(shape, (0, 3, 6)[n % 3]) for n, shape in enumerate(sorted(WRITERS))]
)
def test_a_thousandfold_is_read_otherwise_or_doubted(
    tmp_path: Path, shape: str, digits: int
) -> None:
    micros = [1_000 + (n * 7_919) % 400_000 for n in range(40)]
    check(tmp_path, shape, micros, digits)


@pytest.mark.parametrize("shape", ["key behind combined", "bare behind combined"])
def test_three_decimals_from_one_on_may_be_milliseconds(tmp_path: Path, shape: str) -> None:
    # morgan's `:response-time` and nginx's `$request_time` look alike.
    took = [f"{1 + n / 40:.3f}" for n in range(40)]
    read_as, is_doubted = read(tmp_path, shape, took)
    assert read_as[0] == 1000.0
    assert is_doubted
    _, is_doubted = read(tmp_path, shape, [f"{n / 40:.3f}" for n in range(40)])
    assert not is_doubted


@pytest.mark.slow
@settings(max_examples=about(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SHAPES, DURATIONS, st.sampled_from([0, 1, 3, 6]))
def test_a_thousandfold_of_anything_is_read_otherwise_or_doubted(
    tmp_path: Path, shape: str, micros: list[int], digits: int
) -> None:
    check(tmp_path, shape, micros, digits)
