"""Lines of another format that stand in one stretch of a file, as after a new release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import apilog
from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import FileAccount, ReadSpec
from apilog.transport.opening import CHUNK_BYTES
from tests.examples import about

COLUMNS = ("status", "path", "method", "duration_ms", "client_ip", "response_bytes", "timestamp")
LineWriter = Callable[[int], str]


def clock(i: int) -> str:
    return f"07:{i // 60 % 60:02d}:{i % 60:02d}"


def combined(i: int) -> str:
    return (
        f"198.51.100.{i % 200 + 1} - - [21/Nov/2026:{clock(i)} +0000] "
        f'"GET /orders/{i % 50} HTTP/1.1" 200 {100 + i % 900} "-" "curl/8.0"'
    )


def json_line(i: int) -> str:
    return (
        f'{{"ts":"2026-11-21T{clock(i)}Z","method":"GET","path":"/orders/{i % 50}",'
        f'"status":200,"duration_ms":{i % 300}.5}}'
    )


VARIANTS: dict[str, LineWriter] = {
    "a time behind": lambda i: f"{combined(i).replace(' 200 ', ' 503 ')} 0.{i % 1000:03d}",
    "other keys": lambda i: (
        f'{{"@timestamp":"2026-11-21T{clock(i)}Z","verb":"GET","uri":"/v2/{i % 50}",'
        f'"code":503,"took":{20 + i % 300}}}'
    ),
    "logfmt": lambda i: (
        f"time=2026-11-21T{clock(i)}Z method=GET path=/v2/{i % 50} status=503 "
        f"duration={20 + i % 300}ms"
    ),
    "pipes": lambda i: f"2026-11-21T{clock(i)}Z|GET|/v2/{i % 50}|503|{i + 5000}|0.{i % 1000:03d}",
}


def with_stretch(base: LineWriter, variant: LineWriter, lines: int, place: float) -> list[str]:
    """Return lines of which one hundredth, in one stretch, are a variant."""
    count = lines // 100
    written = [base(i) for i in range(lines - count)]
    at = int(place * len(written))
    return [*written[:at], *map(variant, range(count)), *written[at:]]


def read(path: Path, chunk_bytes: int = CHUNK_BYTES) -> tuple[pl.DataFrame, FileAccount]:
    """Return all records of a file, in an order of their own, and its account."""
    spec = ReadSpec(columns=frozenset(COLUMNS))
    run = LocalRun([path], spec, lambda records: records, chunk_bytes=chunk_bytes, workers=2)
    parts = [r.value.with_columns(cs.categorical().cast(pl.String)) for r in run.results()]
    records = pl.concat(part.select(COLUMNS) for part in parts)
    return records.sort(COLUMNS, nulls_last=True), run.accounts[0]


def write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def check_stretch(folder: Path, base: LineWriter, name: str, place: float, cut: int) -> None:
    """Hold that a stretch costs no other line, and is read, wherever chunks are cut in it."""
    lines = with_stretch(base, VARIANTS[name], 5000, place)
    start = len("\n".join(lines[: int(place * 4950)]))
    whole, account = read(write(folder / "a.log", lines))
    assert account.records == len(lines), account
    assert whole.filter(pl.col("status") == 503).height == 50
    assert whole.filter(status=503)["duration_ms"].null_count() == 0
    others, _ = read(write(folder / "b.log", list(map(base, range(4950)))))
    assert whole.filter(status=200).equals(others)
    cut_up, account = read(folder / "a.log", max(start + cut, 1 << 16))
    assert cut_up.equals(whole)
    assert account.rejects == 0


def test_a_stretch_is_read_the_same_wherever_chunks_are_cut(tmp_path: Path) -> None:
    check_stretch(tmp_path, combined, "pipes", 0.63, 100)
    check_stretch(tmp_path, json_line, "other keys", 0.77, 250)


@pytest.mark.slow
@settings(
    max_examples=about(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    base=st.sampled_from([combined, json_line]),
    name=st.sampled_from(sorted(VARIANTS)),
    place=st.floats(0, 1),
    cut=st.integers(1, 5000),
)
def test_no_place_of_a_stretch_costs_a_line(
    tmp_path: Path, base: LineWriter, name: str, place: float, cut: int
) -> None:
    check_stretch(tmp_path, base, name, place, cut)


@pytest.mark.slow
def test_a_stretch_is_read_in_a_log_that_grows(tmp_path: Path) -> None:
    lines = with_stretch(combined, VARIANTS["other keys"], 5000, 0.4)
    log, store = tmp_path / "a.log", tmp_path / "store"
    for end in (2000, len(lines)):
        apilog.ingest([write(log, lines[:end])], store=store)
    stored = apilog.scan([store]).select(COLUMNS).collect()
    stored = stored.with_columns(cs.categorical().cast(pl.String)).sort(COLUMNS, nulls_last=True)
    assert stored.equals(read(log)[0])
