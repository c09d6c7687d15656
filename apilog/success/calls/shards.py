"""Frames of all accounts, some accounts at a time, so that work on them takes little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import polars as pl

_ACCOUNTS = 1 << 16

Merge = Callable[[pl.DataFrame], pl.DataFrame]


def sharded(
    frames: Sequence[pl.DataFrame], accounts: int, work: Merge, per_account: int = 1
) -> pl.DataFrame:
    """What the work makes of all frames together, done for some accounts at a time.

    The frames are sorted by their first column, which is the account's id times `per_account`,
    plus something less than that.
    """
    if accounts <= _ACCOUNTS:
        return work(pl.concat(frames))
    edges = [n * per_account for n in (*range(0, accounts, _ACCOUNTS), accounts)]
    cut = [[*_cut(frame, edges)] for frame in frames]
    return pl.concat([work(pl.concat(parts)) for parts in zip(*cut, strict=True)])


def _cut(frame: pl.DataFrame, edges: Sequence[int]) -> Iterator[pl.DataFrame]:
    key = frame.get_column(frame.columns[0])
    places = key.search_sorted(pl.Series(edges, dtype=key.dtype)).to_list()
    for start, end in pairwise(places):
        yield frame.slice(start, end - start)
