"""How much each task reads: shares that shrink, so that all threads end together."""

from __future__ import annotations

import heapq
import random
from itertools import pairwise

import pytest

pytest.importorskip("distributed")

from apilog.engine.cluster.task_shares import FILE_BYTES, TaskShares, cost_of
from apilog.sources import LogSource

MEBIBYTE = 1 << 20


def ends(ranges: list[tuple[int, int]], speeds: list[float]) -> list[float]:
    """Return when each thread is done if each takes the next range as soon as it can."""
    threads = [(0.0, number) for number in range(len(speeds))]
    for start, stop in ranges:
        now, number = heapq.heappop(threads)
        heapq.heappush(threads, (now + (stop - start) / speeds[number], number))
    return [now for now, _ in threads]


@pytest.mark.parametrize("threads", [1, 2, 7, 64])
def test_ranges_are_a_file_and_end_together(threads: int) -> None:
    size = 1234 * MEBIBYTE * threads + 7
    shares = TaskShares(size, threads, 32 * MEBIBYTE, 256 * MEBIBYTE)
    ranges = shares.cut(0, size)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == size
    assert all(one[1] == other[0] for one, other in pairwise(ranges))
    sizes = [stop - start for start, stop in ranges]
    assert max(sizes) <= 256 * MEBIBYTE
    assert min(sizes) >= 16 * MEBIBYTE
    # One of them is twice as slow as the others.
    done = ends(ranges, [1e6] * (threads - 1) + [0.5e6] * (threads > 1) or [1e6])
    assert max(done) < 1.08 * size / (1e6 * (threads - 0.5 * (threads > 1)))


def test_a_short_file_is_one_range_and_none_is_empty() -> None:
    assert TaskShares(9, 2, 10, 100).cut(0, 9) == [(0, 9)]
    assert TaskShares(9, 2, 10, 100).cut(9, 9) == []
    for seed in range(50):
        chance = random.Random(seed)
        size = chance.randrange(1, 5000)
        ranges = TaskShares(size, chance.randrange(1, 9), 10, 100).cut(3, size + 3)
        assert all(start < stop for start, stop in ranges)
        assert sum(stop - start for start, stop in ranges) == size


def test_what_is_compressed_costs_more() -> None:
    plain, packed = (LogSource.from_path(f"/logs/a.{name}", 1000) for name in ("log", "LOG.gz"))
    assert cost_of(plain) == 1000 + FILE_BYTES
    assert cost_of(packed) == 8000 + FILE_BYTES
