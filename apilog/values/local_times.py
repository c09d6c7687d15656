"""Times as people of a place write them: `21/11/2026, 9:05:07.123 pm`, `21.11.2026 21:05`.

Which of day and month comes first is decided over a whole column: a value alone may be read both
ways. A year that comes first has the month behind it. Times are taken as UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from apilog.schema import TIMESTAMP
from apilog.values.dictionary import ColumnConverter

_HALF = r"(?i:[ap]\.?\s?m\b\.?)|午前|午後|上午|下午|오전|오후"
_AFTERNOON = r"(?i)^p|午後|下午|오후"
_SHAPE = (
    r"^\s*(?<a>[0-9]{1,4})(?<mark>[./-])\s?(?<b>[0-9]{1,2})[./-]\s?(?<c>[0-9]{4}|[0-9]{1,2})\.?"
    rf"(?:,|\s)\s*(?:klo\s|kl\.?\s|à\s|um\s)?(?<before>{_HALF})?\s*"
    r"(?<hour>[0-9]{1,2})[:.](?<minute>[0-9]{2})(?:[:.](?<second>[0-9]{2})(?:[.,](?<fraction>[0-9]+))?)?"
    rf"\s*(?<after>{_HALF})?\s*$"
)
_MONTHS = 12
_NOON = 12
_FIRST_YEAR, _LAST_YEAR = 1900, 2260
_CLEARLY = 4
"""How many times as long a column has to take in one order as in the other to be of the other."""


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """How a column writes its times."""

    day_first: bool
    is_sure: bool = True
    """Whether the column itself rules out the other order."""

    def parse(self, values: pl.Series) -> pl.Series:
        """Return the times; null where a text is none, or has no such month."""
        return _to_times(_split(values), day_first=self.day_first)


@lru_cache
def local_time_converter(*, day_first: bool) -> ColumnConverter:
    """Return what reads such times; the same function each time, so that formats compare."""
    return LocalTimes(day_first).parse


def describe_order(local: LocalTimes, key: str) -> str | None:
    """Say what was taken to come first, day or month, if the column itself does not tell."""
    if local.is_sure:
        return None
    read, other = ("day", "month") if local.day_first else ("month", "day")
    return (
        f"`{key}` is read with the {read} first; it may be with the {other} first: a column "
        f"`timestamp` with its `format` in `[formats.NAME]` says so, and so does an export "
        "that covers more than 12 days of a month"
    )


def is_local_time(values: pl.Series) -> pl.Series:
    """Return which texts are such times."""
    return values.str.contains(_SHAPE).fill_null(value=False)


def decide_local_times(values: pl.Series) -> LocalTimes:
    """Return how a column writes its times, by some of its values.

    In this order: a number over 12 is a day; dots stand between numbers only where the day is
    first; times of neighbouring lines are near each other; `am` is written in other countries than
    `AM`; and clocks of 24 hours are used where the day is first.
    """
    parts = _split(values).filter(pl.col("a").is_not_null() & (pl.col("a").str.len_bytes() < 4))
    if not parts.height:
        return LocalTimes(day_first=True)
    first, second = (parts[name].cast(pl.Int64) for name in ("a", "b"))
    days_first, days_second = int((first > _MONTHS).sum()), int((second > _MONTHS).sum())
    if days_first != days_second:
        return LocalTimes(day_first=days_first > days_second)
    if (first == second).all():
        return LocalTimes(day_first=True)
    if (parts["mark"] == ".").all():
        return LocalTimes(day_first=True)
    span = _total_span(parts, day_first=True)
    other = _total_span(parts, day_first=False)
    if _CLEARLY * min(span, other) < max(span, other):
        return LocalTimes(day_first=span < other)
    halves = parts["after"].drop_nulls()
    is_american = len(halves) > 0 and bool((halves.str.contains("^[AP]M$")).all())
    return LocalTimes(day_first=not is_american, is_sure=False)


def _total_span(parts: pl.DataFrame, *, day_first: bool) -> int:
    """Return how far a clock goes that shows the times one after the other."""
    times = _to_times(parts, day_first=day_first).dt.timestamp("us")
    return int((times - times.shift()).abs().sum())


def _split(values: pl.Series) -> pl.DataFrame:
    return values.str.extract_groups(_SHAPE).struct.unnest()


def _to_times(parts: pl.DataFrame, *, day_first: bool) -> pl.Series:
    number = {
        name: pl.col(name).cast(pl.Int64, strict=False)
        for name in ("a", "b", "c", "hour", "minute", "second")
    }
    year_first = pl.col("a").str.len_bytes() > 2
    is_short = pl.col("c").str.len_bytes() < 4
    late_year = pl.when(is_short).then(number["c"] + 2000).otherwise(number["c"])
    day, month = ("a", "b") if day_first else ("b", "a")
    half = pl.coalesce("before", "after")
    is_late = half.str.contains(_AFTERNOON)
    hour = (
        pl.when(half.is_null())
        .then(number["hour"])
        .when(number["hour"].is_between(1, _NOON))
        .then(number["hour"] % _NOON + pl.when(is_late).then(_NOON).otherwise(0))
    )
    micros = pl.col("fraction").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64)
    years = pl.when(year_first).then(number["a"]).otherwise(late_year)
    dated = parts.select(
        year=pl.when(years.is_between(_FIRST_YEAR, _LAST_YEAR)).then(years),
        month=pl.when(year_first).then(number["b"]).otherwise(number[month]),
        day=pl.when(year_first).then(number["c"]).otherwise(number[day]),
        hour=hour,
        minute=number["minute"],
        second=number["second"].fill_null(0),
        micros=micros.fill_null(0),
    )
    texts = dated.select(
        pl.format(
            "{}-{}-{} {}:{}:{}.{}",
            pl.col("year").cast(pl.String),
            *(pl.col(c).cast(pl.String).str.zfill(2) for c in ("month", "day", "hour", "minute")),
            pl.col("second").cast(pl.String).str.zfill(2),
            pl.col("micros").cast(pl.String).str.zfill(6),
        )
    ).to_series()
    # A month of more days than it has is no time.
    times = texts.str.strptime(pl.Datetime("us"), "%Y-%m-%d %H:%M:%S%.6f", strict=False)
    return times.dt.replace_time_zone("UTC").cast(TIMESTAMP)
