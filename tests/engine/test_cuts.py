"""The records of a log are the same wherever its bytes are cut, odd lines in it or not."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apilog
from apilog.engine.local import LocalRun
from tests.engine.engine_runs import EVERYTHING, plain, read_all
from tests.examples import about
from tests.weblog import SAMPLE_LOGS, line, write

NAMES = (
    *("traefik-clf", "azure-apim", "journald", "apigee-router", "docker", "cri", "apigee"),
    *("aws-clf", "json", "syslog-3164", "aws-xml", "logfmt", "combined-key-value"),
)


def damaged(name: str, seed: int) -> bytes:
    """Return a log with broken lines of its own and whole ones of others among its lines."""
    chance = random.Random(seed)
    lines = (SAMPLE_LOGS / f"{name}.log").read_bytes().splitlines()[:30]
    others = [(SAMPLE_LOGS / f"{other}.log").read_bytes().splitlines()[0] for other in NAMES]
    mixed = []
    for text in lines * 4:
        mixed.append(text)
        if chance.random() < 0.05:
            odd = chance.choice([*lines, *others])
            cut = chance.randrange(len(odd) + 1)
            mixed.append(chance.choice([odd[:cut], odd[cut:], odd[:cut] + b"\xff" + odd[cut:]]))
    return b"\n".join(mixed) + b"\n" * chance.randrange(2)


@settings(max_examples=about(4))
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 1 << 16), size=st.integers(500, 40_000))
def test_chunks_of_any_size_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, name: str, seed: int, size: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.log"
    path.write_bytes(damaged(name, seed))
    whole = read_all([path], workers=1)
    cut = read_all([path], workers=2, chunk_bytes=size)
    assert cut.files == whole.files
    assert cut.records.equals(whole.records)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["api", "journald", "azure-apim", "apigee"])
def test_a_log_that_is_ingested_in_pieces_gives_what_a_report_reads(
    tmp_path: Path, name: str
) -> None:
    data = (SAMPLE_LOGS / f"{name}.log").read_bytes()[:12_000]
    path, store = tmp_path / "a.log", tmp_path / "store"
    path.write_bytes(data)
    whole = apilog.scan([path]).drop("source").collect()
    for end in (4096, 7001, 10_500, len(data)):
        path.write_bytes(data[:end])
        apilog.ingest([path], store=store, final=end == len(data))
    pieces = apilog.scan([store]).drop("source").sort("line_number").collect()
    columns = [c for c in whole.columns if c != "line_number"]
    assert plain(pieces).select(columns).equals(plain(whole.sort("line_number")).select(columns))


@pytest.mark.slow
def test_a_variant_far_behind_the_head_is_read(tmp_path: Path) -> None:
    lines = (SAMPLE_LOGS / "combined.log").read_bytes().splitlines(keepends=True)
    variant = [line.rstrip(b"\n") + b' "0.012"\n' for line in lines]
    path = tmp_path / "long.log"
    path.write_bytes(b"".join([*lines * 200, *variant * 2, *lines * 200]))
    assert path.stat().st_size > 1 << 20
    for size in (1 << 24, 100_000):
        run = LocalRun([path], EVERYTHING, plain, chunk_bytes=size)
        heights = [result.value.height for result in run.results()]
        (account,) = run.accounts
        assert sum(heights) == account.records == 402 * len(lines)


@pytest.mark.parametrize("size", [1 << 24, pytest.param(30_000, marks=pytest.mark.slow)])
def test_a_variant_on_one_line_in_a_hundred_is_read_whatever_the_chunks(
    tmp_path: Path, size: int
) -> None:
    lines = [line(f"/v1/users/{i}", after=i / 10) for i in range(12_000)]
    for at in range(55, len(lines), 100):
        lines[at] = f'{{"time":"2026-11-20T12:00:{at % 60:02}Z","status":500,"path":"/json"}}'
    path = write(tmp_path / "mixed.log", lines)
    assert path.stat().st_size > 1 << 20
    run = LocalRun([path], EVERYTHING, plain, chunk_bytes=size)
    found = pl.concat([result.value for result in run.results()])
    assert found.height == len(lines)
    assert found.filter(path="/json").height == 120
    (account,) = run.accounts
    assert [*account.formats] == ["combined + json"]
