"""The records of one chunk, with what several cubes need of them computed once."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from apilog.aggregate.histogram import CODES, bucket_code, bucket_of_code, cleaned, is_clean
from apilog.aggregate.keys import Coded, encode, looked_up, pack
from apilog.aggregate.plan import Plan, layout
from apilog.aggregate.tables import ERROR_SOURCES, KEYS
from apilog.aggregate.times import encode_buckets, encode_hours, step
from apilog.metrics import ACCUMULATORS, is_client_error, is_server_error

_DURATIONS = ("duration_ms", "upstream_duration_ms")


class Chunk:
    """Records within the plan's limits, and codes of their columns."""

    def __init__(self, plan: Plan, records: pl.DataFrame) -> None:
        self.plan = plan
        self.records = _cleaned(_within(records, plan))
        self.rows = self.records.height
        self.first, self.last = _extent(self.records)
        self._coded: dict[str, Coded] = {}
        self._keys: dict[tuple[str, ...], Coded] = {}
        self._values = self._accumulated()

    def key(self, columns: tuple[str, ...]) -> Coded:
        """These columns as one key."""
        if columns not in self._keys:
            self._keys[columns] = pack([self.coded(c) for c in columns], self.rows)
        return self._keys[columns]

    def coded(self, column: str) -> Coded:
        """One column, or a key derived from the record, as codes."""
        if column not in self._coded:
            self._coded[column] = self._encode(column)
        return self._coded[column]

    def buckets(self, column: str) -> Coded:
        """The histogram's bucket of each duration as codes."""
        name = f"bucket of {column}"
        if name not in self._coded:
            values = self.records[column]
            lowest = values.min()
            plain = self.is_full(column) and isinstance(lowest, float) and lowest > 0
            codes = self.records.select_seq(bucket_code(column, plain=plain)).to_series()
            self._coded[name] = Coded(codes, CODES, lambda code: [bucket_of_code(code)])
        return self._coded[name]

    def value(self, accumulator: str) -> pl.Series:
        """What the accumulator takes from each record."""
        return self._values[accumulator]

    def is_absent(self, column: str | None) -> bool:
        """Whether no record knows the column."""
        return column is not None and self.records[column].null_count() == self.rows

    def is_full(self, column: str | None) -> bool:
        """Whether every record has a value in the column."""
        return column is not None and not self.records[column].null_count()

    def _accumulated(self) -> dict[str, pl.Series]:
        cubes = layout(self.plan).cubes
        names = {a for cube in cubes for a in set(cube.sums) - set(cube.constant_sums)}
        wanted = [
            a for n in names if (a := ACCUMULATORS[n]).column and not self.is_absent(a.column)
        ]
        # Several accumulators share their values: computed once.
        first = {a.value: a.name for a in reversed(wanted)}
        made = self.records.select_seq(value().alias(name) for value, name in first.items())
        return {a.name: made[first[a.value]].alias(a.name) for a in wanted}

    def _encode(self, column: str) -> Coded:
        match column:
            case "timestamp":
                name = step(self.plan, self.first, self.last) or "1s"
                return encode_buckets(self.records["timestamp"], name, self.plan.timezone)
            case "hour":
                return encode_hours(self.records["timestamp"])
            case "error_source":
                return _encode_error_source(self.records)
            case _:
                return encode(self.records[column])


_SOURCES = pl.Series("error_source", ERROR_SOURCES, dtype=KEYS["error_source"])


def _encode_error_source(records: pl.DataFrame) -> Coded:
    client, upstream, gateway, unknown = range(1, len(ERROR_SOURCES) + 1)
    answer = pl.col("upstream_status")
    server = (
        pl.when(answer.is_between(500, 599))
        .then(upstream)
        .when(answer.is_not_null() | pl.col("error_type").is_not_null())
        .then(gateway)
        .otherwise(unknown)
    )
    source = pl.when(is_client_error()).then(client).when(is_server_error()).then(server)
    codes = records.select(source.otherwise(0).cast(pl.UInt64)).to_series()
    return Coded(codes, len(ERROR_SOURCES) + 1, looked_up(_SOURCES))


def _within(records: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """The records of the window; those without a time are in none with limits."""
    at = pl.col("timestamp")
    bounds = [at >= plan.since] if plan.since else []
    bounds += [at < plan.until] if plan.until else []
    if not bounds:
        return records
    mask = records.select(pl.all_horizontal(bounds).fill_null(False)).to_series()
    return records if mask.all() else records.filter(mask)


def _cleaned(records: pl.DataFrame) -> pl.DataFrame:
    odd = [c for c in _DURATIONS if c in records.columns and not is_clean(records[c])]
    return records.with_columns(cleaned(c) for c in odd) if odd else records


def _extent(records: pl.DataFrame) -> tuple[datetime | None, datetime | None]:
    first, last = records["timestamp"].min(), records["timestamp"].max()
    if isinstance(first, datetime) and isinstance(last, datetime):
        return first, last
    return None, None
