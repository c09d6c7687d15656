"""finish for many periods at once: each has the tables that `finish` makes of it alone.

The period is one more key of every table, which is cut by it in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import polars as pl

from apilog.aggregate.anomalies import find_short_anomalies, parts_with_far_counts
from apilog.aggregate.finish import (
    ANOMALY_COUNTS,
    FinishedTables,
    TableBuilder,
    has_buckets,
)
from apilog.aggregate.folding import fold_routes
from apilog.aggregate.plan import ReportPlan
from apilog.aggregate.state import PartialState, changed_routes, rename_routes, route_counts
from apilog.aggregate.table_rows import TableRows
from apilog.aggregate.table_specs import PERIOD
from apilog.aggregate.time_buckets import (
    MOST_BUCKETS,
    bucket_ends,
    bucket_starts,
    too_many_buckets,
)
from apilog.metrics import divide_by
from apilog.report_model import EstimatedColumn
from apilog.routes import learn_templates
from apilog.schema import TIMESTAMP
from apilog.text.units import parse_duration
from apilog.time import TimeWindow, iter_buckets, parse_step


def finish_periods(
    plan: ReportPlan, partial: PartialState, windows: Sequence[TimeWindow]
) -> list[FinishedTables]:
    """Return the finished tables of each of these periods, which are those of the state."""
    builder = _PeriodTables(plan, partial, windows)
    split = {table.name: builder.split(builder.build_table(table)) for table in plan.tables}
    return [
        FinishedTables(
            tables={name: frames[place] for name, frames in split.items()},
            since=window.since,
            until=window.until,
            bucket=builder.step,
            strays=None,
            sums=None,
            estimates=builder.estimates_of(window),
        )
        for place, window in enumerate(windows)
    ]


class _PeriodTables(TableBuilder):
    """Makes tables that have the rows of all periods, one after the other."""

    by = (PERIOD,)

    def __init__(
        self, plan: ReportPlan, partial: PartialState, windows: Sequence[TimeWindow]
    ) -> None:
        super().__init__(plan, _learn_in_periods(plan, partial))
        assert plan.bucket is not None
        self.step = parse_step(plan.bucket)
        self._windows = windows
        self._limits = pl.DataFrame(
            {
                PERIOD: [w.since for w in windows],
                "until": [w.until for w in windows],
                "seconds": [w.seconds for w in windows],
            },
            schema={PERIOD: TIMESTAMP, "until": TIMESTAMP, "seconds": pl.Float64},
        )
        pairs = zip(self._layout.cubes, self.partial.cubes, strict=True)
        self._states = [fold_routes(plan, cube, state) for cube, state in pairs]
        self._buckets = self._make_buckets() if has_buckets(plan) else None

    def split(self, table: pl.DataFrame) -> list[pl.DataFrame]:
        """Return the rows of each period, without the key."""
        parts = table.partition_by(PERIOD, as_dict=True, include_key=False, maintain_order=True)
        empty = table.clear().drop(PERIOD)
        return [parts.get((window.since,), empty) for window in self._windows]

    def estimates_of(self, window: TimeWindow) -> tuple[EstimatedColumn, ...]:
        """Return the columns in which values of a period are estimates."""
        found = self.estimates.values()
        return tuple(f.column for f in found if (f.rows[PERIOD] == window.since).any())

    def list_buckets(self) -> pl.DataFrame | None:
        return self._buckets

    def _make_buckets(self) -> pl.DataFrame:
        """Return every bucket of every period."""
        lengths = {w.seconds or 0.0 for w in self._windows}
        step = parse_duration(self.step)
        if max(lengths) / step.total_seconds() > MOST_BUCKETS:
            raise too_many_buckets(self.step)
        at = pl.datetime_ranges(PERIOD, "until", step, closed="left").alias("timestamp")
        buckets = self._limits.select(PERIOD, at).explode("timestamp")
        starts = bucket_starts(buckets["timestamp"], self.step, self._plan.timezone)
        is_even = not any(length % step.total_seconds() for length in lengths)
        if is_even and (starts == buckets["timestamp"]).all():
            return buckets
        zone = ZoneInfo(self._plan.timezone)
        rows = [
            (window.since, start)
            for window in self._windows
            if window.since and window.until
            for start in iter_buckets(window.since, window.until, self.step, zone)
        ]
        return pl.DataFrame(rows, schema=buckets.schema, orient="row")

    def window_seconds(self, rows: TableRows) -> pl.Expr:
        limits = rows.sums.select(PERIOD).join(
            self._limits, on=PERIOD, how="left", maintain_order="left"
        )
        whole = pl.lit(limits["seconds"])
        if "timestamp" not in rows.table.keys:
            return whole
        starts = rows.sums["timestamp"]
        ends = bucket_ends(starts, self.step, self._plan.timezone)
        end = pl.min_horizontal(pl.lit(ends), pl.lit(limits["until"]))
        start = pl.max_horizontal(pl.lit(starts), pl.lit(limits[PERIOD]))
        part = pl.when(pl.lit(starts).is_not_null()).then(end - start)
        known = divide_by(part.dt.total_microseconds(), 1_000_000)
        return pl.when(rows.is_other).then(whole).otherwise(known)

    def find_anomalies(self, rows: TableRows) -> pl.DataFrame:
        end = bucket_ends(rows.sums["timestamp"], self.step, self._plan.timezone).alias("end")
        places = self._limits.select(PERIOD, "until").with_row_index("part")
        buckets = (
            rows.sums.select(PERIOD, "timestamp", *ANOMALY_COUNTS, end)
            .join(places, on=PERIOD, maintain_order="left")
            .filter(pl.col("timestamp") >= pl.col(PERIOD), pl.col("end") <= pl.col("until"))
            .sort("part", "timestamp")
            .select("part", "timestamp", "end", "requests", "errors", "server_errors")
        )
        found = {
            self._windows[part].since: find_short_anomalies(
                buckets.filter(pl.col("part") == part).drop("part"), self._windows[part]
            )
            for part in parts_with_far_counts(buckets)
        }
        nothing = find_short_anomalies(buckets.clear().drop("part"), self._windows[0])
        return pl.concat(
            events.select(pl.lit(start, TIMESTAMP).alias(PERIOD), pl.all())
            for start, events in [(None, nothing), *found.items()]
        )


def _learn_in_periods(plan: ReportPlan, state: PartialState) -> PartialState:
    """Return the state with the routes merged that traffic of their period shows to be one."""
    counts = route_counts(plan, state) if plan.learns_routes else None
    if counts is None:
        return state
    changed = [
        changed_routes(own, templates)
        for own in counts.partition_by(PERIOD)
        if (templates := learn_templates(own))
    ]
    return rename_routes(plan, state, pl.concat(changed)) if changed else state
