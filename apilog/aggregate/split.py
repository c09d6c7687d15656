"""Records cut up by time, so that each part has a state of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import polars as pl

from apilog.aggregate.times import encode_buckets

_BUCKET = "bucket"


def split(
    records: pl.DataFrame, step: str, timezone: str
) -> Iterator[tuple[datetime | None, pl.DataFrame]]:
    """The records of each bucket, with its start in UTC; None for those without a time."""
    if records.is_empty():
        return
    coded = encode_buckets(records["timestamp"], step, timezone)
    codes = coded.codes.alias(_BUCKET)
    used = codes.unique()
    starts = used.to_frame().select_seq(coded.decode(pl.col(_BUCKET))).to_series()
    if len(used) == 1:
        yield starts.item(), records
        return
    parts = records.with_columns(codes).partition_by(_BUCKET, include_key=False, as_dict=True)
    for code, start in zip(used.to_list(), starts.to_list(), strict=True):
        yield start, parts[(code,)]
