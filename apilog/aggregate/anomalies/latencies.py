"""The durations of hours: what is usual of them, and how many take longer.

A log of months has millions of cells, one for each hour, part and bucket, and but thousands of
hours. So what is known of hours is kept apart, and cells refer to them by number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from apilog.aggregate.ddsketch import add_counts
from apilog.schema import TIMESTAMP

P95 = 0.95
_ENOUGH = 200
"""From so many durations on, a p95 is known well enough."""
_SLOWEST = 0.2
_DAY_HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class HourLatencies:
    """How many durations of each hour, of each part or route, lie in which bucket."""

    keys: pl.DataFrame
    """`timestamp` and, of routes, `gateway, method, route`, of parts `part`; the row number is the
    id."""
    cells: pl.DataFrame
    """`id`, `bucket`, `n`; of parts each id and bucket once, and each key has one id."""

    @classmethod
    def of_rows(cls, rows: pl.DataFrame) -> HourLatencies:
        """Return those of `part`, `timestamp`, `bucket`, `n`."""
        own = rows.select("part", pl.col("timestamp").cast(TIMESTAMP))
        cells = rows.select("bucket", "n").with_row_index("id")
        return cls(keys=own, cells=cells).of_parts(own["part"])

    @classmethod
    def concat(cls, several: Sequence[HourLatencies]) -> HourLatencies:
        """Return those of several parts as one."""
        cells, used = [], 0
        for one in several:
            cells.append(one.cells.with_columns(id=one.cells["id"] + used))
            used += one.keys.height
        return cls(keys=pl.concat(one.keys for one in several), cells=pl.concat(cells))

    def of_parts(self, parts: pl.Series) -> HourLatencies:
        """Return those of the part of each id; null is none."""
        listed = pl.DataFrame([parts.alias("part"), self.keys["timestamp"]])
        keys = listed.drop_nulls().unique(maintain_order=True)
        numbers = listed.join(
            keys.with_row_index("id"), on=keys.columns, how="left", maintain_order="left"
        )["id"]
        cells = self.cells.with_columns(id=numbers.gather(self.cells["id"])).drop_nulls("id")
        is_shared = len(numbers) - numbers.null_count() > keys.height
        return HourLatencies(keys=keys, cells=add_counts(cells) if is_shared else cells)

    def cells_where(self, condition: pl.Expr) -> pl.DataFrame:
        """Return the cells of the hours whose keys fulfil a condition."""
        is_kept = self.keys.select(condition.alias("is_kept")).to_series()
        return self.cells.filter(is_kept.gather(self.cells["id"]))

    def sum_hours(self, timezone: str) -> pl.DataFrame:
        """Return the hours of parts that have durations.

        They have `id`, `part`, `timestamp`, `local_hour`, how many durations are `timed`, and the
        mean `middle` of their buckets.
        """
        n, bucket = pl.col("n"), pl.col("bucket").cast(pl.Int64)
        sums = self.cells.group_by("id").agg(timed=n.sum(), middle=(n * bucket).sum())
        hours = self.keys.with_row_index("id").with_columns(local_hour(timezone))
        return hours.join(sums, on="id").with_columns(pl.col("middle") / pl.col("timed"))


def local_hour(timezone: str) -> pl.Expr:
    return pl.col("timestamp").dt.convert_time_zone(timezone).dt.hour().alias("local_hour")


def bucket_of_p95(cells: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return the `bucket` of the p95 of each group, of lines with a bucket and `n` each."""
    total, upto = pl.col("n").sum().over(by), pl.col("n").cum_sum().over(by)
    return (
        cells.group_by(*by, "bucket")
        .agg(pl.col("n").sum())
        .sort(*by, "bucket")
        # The rank floor(q · (n − 1)), counted from 0.
        .filter(upto > (P95 * (total - 1)).floor())
        .group_by(by)
        .agg(pl.col("bucket").min())
    )


def count_slow(latencies: HourLatencies, hours: pl.DataFrame) -> pl.DataFrame:
    """Return how many durations of each of the `sum_hours` are above the usual p95.

    The columns are `part`, `timestamp`, `timed`, and how many of them are `slow`.
    """
    return count_above(latencies, hours, usual_bounds(latencies, hours))


def usual_bounds(latencies: HourLatencies, hours: pl.DataFrame) -> pl.DataFrame:
    """Return the bucket `usual` of the usual p95 of each `part` and `local_hour` of a day.

    It is that of the hour of the day, or of all day where that has too few durations; without the
    slowest fifth of the days, so that an event of one of five days does not become what is usual.
    Takes those `sum_hours` that may tell.
    """
    place = pl.col("part") * _DAY_HOURS + pl.col("local_hour").cast(pl.UInt32)
    telling = _without_slowest(hours).select("id", place=place)
    ids = latencies.cells["id"]
    places = pl.Series([None], dtype=pl.UInt32).new_from_index(0, latencies.keys.height)
    places = places.scatter(telling["id"], telling["place"]).gather(ids)
    cells = latencies.cells.with_columns(id=places).drop_nulls("id")
    usual_days = add_counts(cells).with_columns(
        part=pl.col("id") // _DAY_HOURS, local_hour=(pl.col("id") % _DAY_HOURS).cast(pl.Int8)
    )
    by_hour = bucket_of_p95(usual_days, ["part", "local_hour"]).rename({"bucket": "of_hour"})
    by_part = bucket_of_p95(usual_days, ["part"]).rename({"bucket": "of_part"})
    timed = hours.group_by("part", "local_hour").agg(pl.col("timed").sum())
    every_hour = pl.DataFrame({"local_hour": range(_DAY_HOURS)}, schema={"local_hour": pl.Int8})
    usual = pl.when(pl.col("timed") >= _ENOUGH).then("of_hour").otherwise("of_part")
    return (
        by_part.join(every_hour, how="cross")
        .join(by_hour, on=["part", "local_hour"], how="left")
        .join(timed, on=["part", "local_hour"], how="left")
        .select("part", "local_hour", usual=usual)
    )


def _without_slowest(hours: pl.DataFrame) -> pl.DataFrame:
    """Return the hours without the slowest fifth of the days at each hour of the day."""
    cell = ["part", "local_hour"]
    place = pl.struct("middle", "timestamp").rank("ordinal", descending=True).over(cell)
    return hours.filter(place > (pl.len().over(cell) * _SLOWEST).floor())


def count_above(
    latencies: HourLatencies, hours: pl.DataFrame, bounds: pl.DataFrame
) -> pl.DataFrame:
    """Return how many durations of each of the hours are above the bounds: `slow` of `timed`."""
    known = hours.join(bounds, on=["part", "local_hour"])
    usual = pl.Series([None], dtype=pl.Int16).new_from_index(0, latencies.keys.height)
    usual = usual.scatter(known["id"], known["usual"])
    above = latencies.cells.filter(latencies.cells["bucket"] > usual.gather(latencies.cells["id"]))
    slow = above.group_by("id").agg(slow=pl.col("n").sum())
    return known.join(slow, on="id", how="left").select(
        "part", "timestamp", "timed", pl.col("slow").fill_null(0)
    )


def subtract_parts(
    latencies: HourLatencies, whole: pl.DataFrame, parts: pl.DataFrame
) -> HourLatencies:
    """Return the durations of all requests that are of none of some parts, as those of part 0.

    Takes the `sum_hours` of all requests and of these parts.
    """
    named = parts.group_by("timestamp").agg(named=pl.col("timed").sum())
    rest = whole.join(named, on="timestamp", how="left")
    # Where the parts have as many durations, no other has one.
    rest = rest.filter(pl.col("timed") > pl.col("named").fill_null(0))
    keys = rest.select("part", "timestamp")
    numbers = keys.select("timestamp").with_row_index("number")
    places = pl.concat(
        [
            rest.select("id", "timestamp", sign=pl.lit(1)),
            parts.select("id", "timestamp", sign=pl.lit(-1)),
        ]
    ).join(numbers, on="timestamp")
    height, ids = latencies.keys.height, latencies.cells["id"]
    number, sign = (
        pl.Series([None], dtype=dtype).new_from_index(0, height).scatter(places["id"], places[name])
        for name, dtype in (("number", pl.UInt32), ("sign", pl.Int64))
    )
    signed = latencies.cells.with_columns(
        id=number.gather(ids), n=latencies.cells["n"] * sign.gather(ids)
    )
    left = add_counts(signed.drop_nulls("id")).filter(pl.col("n") > 0)
    return HourLatencies(keys=keys, cells=left)
