"""Time as a key: bucket starts and ends, and hours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import polars as pl

from apilog.aggregate.packed_keys import PackedKeys, encode_column, make_dense
from apilog.errors import UsageError
from apilog.schema import TIMESTAMP
from apilog.text.units import parse_duration
from apilog.time import iter_buckets

MOST_BUCKETS = 100_000
"""Above this, a fixed step is refused, and a chosen one shows no empty buckets."""

_MICROSECOND = timedelta(microseconds=1)
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
# All of today's offsets from UTC are multiples of it.
_QUARTER_US = _HOUR_US // 4


def too_many_buckets(step: str) -> UsageError:
    """Return the error for a step that is too short for the window."""
    return UsageError(
        f"the step {step} cuts the window into more than {MOST_BUCKETS:,} buckets",
        "choose a longer --bucket, or limit the time with --since and --until",
    )


def bucket_starts(instants: pl.Series, step: str, timezone: str) -> pl.Series:
    """Return the start, in UTC, of the bucket of each instant."""
    if timezone == "UTC":
        return instants.dt.truncate(step)
    local = instants.dt.convert_time_zone(timezone)
    return local.dt.truncate(step).dt.convert_time_zone("UTC")


def bucket_ends(starts: pl.Series, step: str, timezone: str) -> pl.Series:
    """Return the ends, in UTC, of the buckets with these starts."""
    length = parse_duration(step)
    if timezone == "UTC" or step[-1] in "dw" or length <= timedelta(hours=1):
        local = starts.dt.convert_time_zone(timezone)
        return local.dt.offset_by(step).dt.convert_time_zone("UTC")
    # Where clocks change, a bucket of some hours is longer or shorter: it ends where one starts.
    known, zone = starts.drop_nulls().unique().to_list(), ZoneInfo(timezone)
    ends = {
        start: next(islice(iter_buckets(start, start + 3 * length, step, zone), 1, None))
        for start in known
    }
    return starts.replace_strict(ends, default=None, return_dtype=TIMESTAMP)


def encode_buckets(timestamps: pl.Series, step: str, timezone: str) -> PackedKeys:
    """Return the bucket start of each instant as a code."""
    length = parse_duration(step) // _MICROSECOND
    # Looking up a time zone for every record would cost more than parsing it. All instants of a
    # unit share a bucket, so that only the start of each unit is looked up.
    unit = math.gcd(length, _DAY_US if timezone == "UTC" else _QUARTER_US)
    coded = _encode_units(timestamps, unit)
    if unit == length:
        return coded
    if coded.size > 10_000:
        coded = make_dense(coded)
    every_code = pl.int_range(coded.size, dtype=pl.UInt32)
    starts = bucket_starts(pl.select(coded.decode(every_code)).to_series(), step, timezone)
    # Units ascend, so that those of one bucket are neighbours.
    codes, values = starts.rle_id(), starts.unique(maintain_order=True)
    return PackedKeys(
        codes.gather(coded.codes), len(values), lambda code: [pl.lit(values).gather(code)]
    )


def encode_hours(timestamps: pl.Series) -> PackedKeys:
    """Return the hour, in UTC, of each instant as a code."""
    return _encode_units(timestamps.alias("hour"), _HOUR_US)


def encode_calendar(timestamps: pl.Series, part: str, timezone: str) -> PackedKeys:
    """Return the `weekday` (1 is Monday) or `hour_of_day` of each instant in the zone as a code."""
    # A zone is looked up once for each quarter of an hour, not for every record.
    coded = make_dense(_encode_units(timestamps, _QUARTER_US))
    every_code = pl.int_range(coded.size, dtype=pl.UInt32)
    starts = pl.select(coded.decode(every_code)).to_series().dt.convert_time_zone(timezone)
    values = starts.dt.weekday() if part == "weekday" else starts.dt.hour()
    parts = encode_column(values.alias(part))
    return PackedKeys(parts.codes.gather(coded.codes), parts.size, parts.decode)


def _encode_units(timestamps: pl.Series, unit_us: int) -> PackedKeys:
    """Return the unit since 1970 that each instant is in, decoded as the unit's start."""
    coded = encode_column(timestamps.to_physical() // unit_us)

    def decode(code: pl.Expr) -> list[pl.Expr]:
        return [(units * unit_us).cast(TIMESTAMP) for units in coded.decode(code)]

    return PackedKeys(coded.codes, coded.size, decode, coded.constant)


_BUCKET = "bucket"


def bucket_codes(
    records: pl.DataFrame, step: str, timezone: str
) -> tuple[pl.Series, dict[int, datetime | None]]:
    """Return a code of the bucket of each record, and the bucket's start in UTC by its code.

    It is None for the records without a time.
    """
    coded = encode_buckets(records["timestamp"], step, timezone)
    codes = coded.codes.alias(_BUCKET)
    used = codes.unique()
    starts = used.to_frame().select_seq(coded.decode(pl.col(_BUCKET))).to_series()
    return codes, dict(zip(used.to_list(), starts.to_list(), strict=True))


def split_by_time(
    records: pl.DataFrame, step: str, timezone: str
) -> Iterator[tuple[datetime | None, pl.DataFrame]]:
    """Yield the records of each bucket, with its start in UTC; None for those without a time."""
    if records.is_empty():
        return
    codes, starts = bucket_codes(records, step, timezone)
    if len(starts) == 1:
        yield next(iter(starts.values())), records
        return
    parts = records.with_columns(codes).partition_by(_BUCKET, include_key=False, as_dict=True)
    for code, start in starts.items():
        yield start, parts[(code,)]
