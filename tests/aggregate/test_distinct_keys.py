"""Keys of which most are there once: numbered, folded and summed up as any others."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from apilog.aggregate import ReportPlan, finish, merge, partial, select_tables
from apilog.aggregate.distinct_keys import copy_texts, number_keys, number_moved
from apilog.aggregate.packed_keys import encode_column, is_crowd, make_dense
from tests.aggregate.oracle import Record, frame_of
from tests.aggregate.test_folding import AT, record

LONG = "a text that does not lie in its column: "


def test_rows_that_moved_are_numbered_as_all_are() -> None:
    rng = random.Random(3)
    for _ in range(50):
        # Those that stay are told apart by their route.
        moved = [rng.random() < 0.6 for _ in range(40)]
        rows: list[tuple[int, str | None, int | None]] = [
            (rng.choice([2, 3]), None, rng.choice([None, 1, 2])) if m else (0, f"/{i}", 1)
            for i, m in enumerate(moved)
        ]
        schema = {"fold": pl.UInt8, "route": pl.String, "hour": pl.Int64}
        keys = pl.DataFrame(rows, schema=schema, orient="row")
        found, expected = number_moved(keys, pl.Series(moved)), number_keys(keys)
        assert_frame_equal(found.unique, expected.unique)
        assert found.ids.to_list() == expected.ids.to_list()
        assert found.is_alone.to_list() == expected.is_alone.to_list()


def held_bytes(texts: pl.Series) -> int:
    """How many bytes of texts a column keeps in memory beside its rows."""
    array: Any = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    return sum(buffer.size for buffer in array.buffers()[2:])


@pytest.mark.parametrize("taken", ["long", "short"])
def test_texts_of_rows_that_are_gone_are_not_held(taken: str) -> None:
    texts = [f"{LONG}{i:04}" if i % 2 else f"{i}" for i in range(1000)]
    keys = pl.DataFrame({"route": texts, "n": range(1000)})
    left = keys.filter(pl.col("n") % 2 == (taken == "long")).head(20)
    assert held_bytes(left["route"]) > 20_000
    copied = copy_texts(left, keys)
    assert_frame_equal(copied, left)
    assert held_bytes(copied["route"]) == (20 * (len(LONG) + 4) if taken == "long" else 0)


@pytest.mark.parametrize("repeated", [0, 700])
def test_a_crowd_of_texts_is_encoded_as_its_values(repeated: int) -> None:
    texts = pl.Series("client_ip", [f"{LONG}{i}" for i in [*range(6000), *range(repeated)]])
    assert is_crowd(texts)
    coded = encode_column(texts)
    (values,) = pl.DataFrame([coded.codes.alias("code")]).select(*coded.decode(pl.col("code")))
    assert_frame_equal(values.to_frame(), texts.to_frame())
    assert coded.codes.n_unique() == coded.size - 1 == 6000
    dense = make_dense(coded)
    codes = dense.codes.unique().sort()
    assert codes.to_list() == list(range(6000))
    (values,) = pl.DataFrame([dense.codes.alias("code")]).select(*dense.decode(pl.col("code")))
    assert_frame_equal(values.to_frame(), texts.to_frame())


def callers() -> list[Record]:
    """Nine in ten requests are the only ones of their caller."""
    rng = random.Random(8)
    return [
        record(
            rng.choice(["/a", "/b"]),
            rng.choice([200, 404, 500]),
            consumer=(person := f"c{i if i % 10 else i % 40}"),
            client_ip=f"{person} of {LONG}",
            timestamp=AT.replace(hour=i % 3),
            duration_ms=rng.choice([None, float(rng.randrange(1, 90))]),
            response_bytes=rng.choice([None, rng.randrange(90)]),
        )
        for i in range(5200)
    ]


def test_a_chunk_of_different_keys_is_summed_up_as_any_other() -> None:
    rows = callers()
    for tables, by in ((None, []), (["endpoints", "consumers"], ["client_ip", "consumer"])):
        plan = ReportPlan(tables=select_tables(tables, by))
        frame = frame_of(rows).select(sorted(plan.columns))
        assert is_crowd(frame["consumer"])
        whole = partial(plan, frame)
        small = merge(plan, [partial(plan, part) for part in frame.iter_slices(1300)])
        found, expected = finish(plan, whole), finish(plan, small)
        assert found.tables.keys() == expected.tables.keys()
        for name, table in expected.tables.items():
            assert_frame_equal(found.tables[name], table)
        counts = dict(found.tables["consumers"].select("consumer", "requests").rows())
        assert counts == Counter(row["consumer"] for row in rows)


def test_folding_a_crowd_keeps_the_busy_and_all_sums() -> None:
    rows = callers()
    plan = ReportPlan(tables=select_tables(["endpoints"], ["client_ip", "consumer"]), max_keys=3000)
    frame = frame_of(rows).select(sorted(plan.columns))
    whole = merge(plan, [partial(plan, part) for part in frame.iter_slices(2600)])
    (state,) = whole.cubes
    assert state.keys.height <= 3000
    assert state.sums["requests"].sum() == len(rows)
    known = state.keys.with_columns(requests=state.sums.sort("id")["requests"])
    counts = Counter(row["consumer"] for row in rows)
    busy = {person: n for person, n in counts.items() if n > 1}
    assert dict(known.filter(requests=130).select("consumer", "requests").rows()) == busy
    folded = known.filter(pl.col("fold") > 0)
    assert folded.select("client_ip", "consumer").rows() == [(None, None)]
    held = state.sums.sort("id")["response_bytes"].sum()
    assert held == sum(row["response_bytes"] or 0 for row in rows)
    (cells,) = state.histograms.values()
    assert cells["n"].sum() == sum(row["duration_ms"] is not None for row in rows)
