"""Events: spans of hours whose count together is unlike what was expected of them.

A scan statistic over windows of 1 to 72 hours (Glaz, Naus, Wallenstein 2001, Scan Statistics).
The dispersion of each length of window is measured on the series itself, robustly, so that hours
that stray together are told from an event. What is found is cut to the hours that score highest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

import polars as pl

from apilog.aggregate.anomalies.counts import HOUR
from apilog.aggregate.anomalies.surprise import score_count, score_expr

LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 36, 48, 72)
"""Hours of the windows."""
_MEASURED = (1, 3, 8, 24, 48)
"""Lengths whose dispersion is measured; those in between are interpolated."""
_DEVIATIONS = (0.0, 0.02, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.6, 0.9, 1.4, 2.0, 4.0)
"""Relative deviations that are tried; between two of them one is interpolated."""
_MIDDLE, _TAIL = (0.5, 0.4549), (0.9, 2.7055)
"""Quantiles of a squared deviation in units of its variance, by the χ² of one degree."""
_FEWEST_WINDOWS = 4
LEAST_CHANGE = 0.1
"""Less than a tenth more or less is not worth a row, however sure."""
LEAST_COUNT = 5.0
"""So many more or less than expected at least."""
_LITTLE = 0.3
_MOST_CANDIDATES = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A span of hours of one series that is unlike the others."""

    series: int
    start: datetime
    hours: int
    """How many steps it took: hours, but in a short log."""
    count: float
    mean: float
    score: float
    step: timedelta = HOUR
    is_shift: bool = False
    """Whether it came to stay."""

    @property
    def end(self) -> datetime:
        """When it was over; exclusive."""
        return self.start + self.hours * self.step


def measure_dispersions(
    frame: pl.DataFrame, *, events_known: bool, step: timedelta = HOUR
) -> dict[int, tuple[float, ...]]:
    """Return the dispersion of each of `LENGTHS` for each series.

    As long as the events are not known, only the middle of the deviations is looked at, which
    they move little; then also the tail, which shows what happens now and then. Takes `series`,
    `timestamp`, `count`, `mean`, `is_marked`, sorted by the first two.
    """
    quantiles = (_MIDDLE, _TAIL) if events_known else (_MIDDLE,)
    mean, off = pl.col("mean"), pl.col("count") - pl.col("mean")
    ratios = [
        (off**2 / (mean + d**2 * mean**2)).quantile(q).alias(f"{i} {j}")
        for i, d in enumerate(_DEVIATIONS)
        for j, (q, _) in enumerate(quantiles)
    ]
    windows = _Windows(frame, step)
    measured: dict[int, list[float]] = {}
    for length in _MEASURED:
        own = windows.of_length(length)
        rows = (
            own.filter((own["marked"] == 0) & (own["mean"] > 0))
            .group_by("series")
            .agg(*ratios, typical=(mean**2).sum() / mean.sum(), windows=pl.len() / length)
        )
        for row in rows.iter_rows(named=True):
            known = measured.setdefault(row["series"], [])
            if row["windows"] < _FEWEST_WINDOWS and known:
                continue
            deviation = _least_deviation(row, quantiles)
            # The typical mean is that of the window of a request: nights tell little of chance.
            # Of few windows the dispersion is known badly; too little of it makes false events.
            unsure = 2 / max(row["windows"], 1.0) ** 0.5
            known.append(deviation**2 + unsure * (deviation**2 + 1 / max(row["typical"], 1.0)))
    return {series: _interpolate(known) for series, known in measured.items()}


def _least_deviation(row: dict[str, float], quantiles: Sequence[tuple[float, float]]) -> float:
    """Return the least relative deviation for which no quantile is larger than chance has it."""
    result = 0.0
    for j, (_, usual) in enumerate(quantiles):
        before = None
        for i, deviation in enumerate(_DEVIATIONS):
            excess = row[f"{i} {j}"] - usual
            if excess <= 0:
                if before is not None:
                    share = before / (before - excess)
                    low = _DEVIATIONS[i - 1]
                    deviation = low + share * (deviation - low)
                break
            before = excess
        result = max(result, deviation)
    return result


def _interpolate(known: Sequence[float]) -> tuple[float, ...]:
    values = []
    for length in LENGTHS:
        i = bisect_right(_MEASURED[: len(known)], length) - 1
        if i + 1 >= len(known):
            values.append(known[-1])
            continue
        low, high = _MEASURED[i], _MEASURED[i + 1]
        share = (length - low) / (high - low)
        values.append(known[i] + share * (known[i + 1] - known[i]))
    return tuple(values)


class _Windows:
    """The windows of a frame, each the difference of two running totals."""

    def __init__(self, frame: pl.DataFrame, step: timedelta) -> None:
        """Takes a frame as `measure_dispersions` does."""
        self._step = step
        self._rows = frame.select("series", "timestamp")
        totals = frame.select(
            pl.col("count", "mean").cum_sum(), marked=pl.col("is_marked").cast(pl.Int64).cum_sum()
        )
        # A first row of zeros, so that each window is the difference of two.
        zeros = totals.head(0).clear(1).select(pl.all().fill_null(0))
        self._totals = pl.concat([zeros, totals])

    def of_length(self, length: int) -> pl.DataFrame:
        """Return the windows of a length: `series`, `start`, `count`, `mean`, `marked`."""
        count = max(self._rows.height - length + 1, 0)
        first, last = self._rows.head(count), self._rows.tail(count)
        span = (length - 1) * self._step
        is_whole = (first["series"] == last["series"]) & (
            last["timestamp"] - first["timestamp"] == span
        )
        sums = [
            (total.tail(count) - total.head(count)).clip(0) for total in self._totals.get_columns()
        ]
        windows = pl.DataFrame([first["series"], first["timestamp"].alias("start"), *sums])
        return windows if is_whole.all() else windows.filter(is_whole)


def find_far_windows(frame: pl.DataFrame, step: timedelta = HOUR) -> pl.DataFrame:
    """Return the windows of `LENGTHS` that are far off what is usual, whatever the dispersion.

    They are few, and only of these a score is computed. Takes a frame as `measure_dispersions`
    does; its columns are `series`, `start`, `count`, `mean`, `marked`, `length`.
    """
    windows = _Windows(frame, step)
    far = []
    for length in LENGTHS:
        own = windows.of_length(length)
        mean = own["mean"]
        off = (own["count"] - mean).abs()
        is_far = (off >= LEAST_CHANGE * mean) & (off >= LEAST_COUNT) & (off > 2 * mean.sqrt())
        far.append(own.filter(is_far).with_columns(length=pl.lit(length, pl.UInt32)))
    return pl.concat(far)


def find_events(
    frame: pl.DataFrame,
    far: pl.DataFrame,
    dispersions: dict[int, tuple[float, ...]],
    limits: dict[int, float],
    step: timedelta = HOUR,
) -> list[Event]:
    """Return the events of all series whose score passes the limit of their series.

    Takes a frame as `measure_dispersions` does, and its windows that are far off.
    """
    per_series = pl.DataFrame(
        {
            "series": list(dispersions),
            "by_length": [list(d) for d in dispersions.values()],
            "limit": [limits[s] for s in dispersions],
        },
        schema={
            "series": frame.schema["series"],
            "by_length": pl.List(pl.Float64),
            "limit": pl.Float64,
        },
    )
    place = pl.col("length").replace_strict(LENGTHS, range(len(LENGTHS)), return_dtype=pl.UInt32)
    dispersion = pl.col("by_length").list.get(place)
    score = score_expr(pl.col("count"), pl.col("mean"), pl.col("dispersion"))
    candidates = (
        far.join(per_series, on="series", maintain_order="left")
        .with_columns(dispersion=dispersion)
        .with_columns(score=score)
        .filter(pl.col("score").abs() >= pl.col("limit"))
        .sort(pl.col("score").abs(), descending=True, maintain_order=True)
        .head(_MOST_CANDIDATES)
    )
    events = []
    for (series,), own in candidates.partition_by(
        "series", as_dict=True, maintain_order=True
    ).items():
        hours = frame.filter(pl.col("series") == series)
        events += _SeriesEvents(
            int(series), hours, dispersions[series], limits[series], step
        ).choose(own.select("start", "length").iter_rows())
    return events


class _SeriesEvents:
    """The choice of events among the candidates of one series."""

    def __init__(
        self,
        series: int,
        hours: pl.DataFrame,
        dispersion: Sequence[float],
        limit: float,
        step: timedelta,
    ) -> None:
        self._step = step
        self._series = series
        self._times: list[datetime] = hours["timestamp"].to_list()
        self._at = {time: i for i, time in enumerate(self._times)}
        self._counts = [0.0, *accumulate(hours["count"].to_list())]
        self._means = [0.0, *accumulate(hours["mean"].to_list())]
        self._dispersion = dispersion
        self._limit = limit

    def choose(self, candidates: Iterable[tuple[datetime, int]]) -> list[Event]:
        """Return events that don't overlap, of candidates in the order of their scores."""
        spans: list[tuple[int, int]] = []
        for start, length in candidates:
            first = self._at[start]
            if any(first < b and a < first + length for a, b in spans):
                continue
            spans.append(self._cut(first, first + length, spans))
        spans = self._joined(sorted(spans))
        return [self._event(*self._trimmed(a, b)) for a, b in spans]

    def _event(self, a: int, b: int) -> Event:
        return Event(
            series=self._series,
            start=self._times[a],
            hours=b - a,
            count=self._counts[b] - self._counts[a],
            mean=self._means[b] - self._means[a],
            score=self._score(a, b),
            step=self._step,
        )

    def _score(self, a: int, b: int) -> float:
        count, mean = self._counts[b] - self._counts[a], self._means[b] - self._means[a]
        return score_count(count, mean, self._dispersion_of(b - a))

    def _dispersion_of(self, hours: int) -> float:
        i = bisect_right(LENGTHS, hours) - 1
        return self._dispersion[i]

    def _cut(self, a: int, b: int, taken: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """Return the span moved to the hours that score highest in the same direction."""
        sign = 1 if self._score(a, b) > 0 else -1
        reach = max(1, (b - a) // 2)
        low = max([0, a - reach, *(y for _, y in taken if y <= a)])
        high = min([len(self._times), b + reach, *(x for x, _ in taken if x >= b)])
        best, top = (a, b), sign * self._score(a, b)
        moved = True
        while moved:
            moved = False
            x, y = best
            for c, d in (
                *((c, y) for c in range(low, y) if c != x),
                *((x, d) for d in range(x + 1, high + 1) if d != y),
            ):
                if self._is_whole(c, d) and (score := sign * self._score(c, d)) > top + 1e-9:
                    best, top, moved = (c, d), score, True
        return best

    def _trimmed(self, a: int, b: int) -> tuple[int, int]:
        """Return the span without hours at its ends that are nearly as usual.

        Moods differ by length, so that a longer span may score higher by hours that add nothing.
        """
        for _ in range(2):
            change = self._change(a, b)
            low = next(
                (c for c in range((a + b) // 2, a, -1) if self._adds_little(a, c, change)), a
            )
            high = next(
                (d for d in range((a + b + 1) // 2, b) if self._adds_little(d, b, change)), b
            )
            if (low, high) == (a, b) or abs(self._score(low, high)) < self._limit:
                break
            a, b = low, high
        return a, b

    def _change(self, a: int, b: int) -> float:
        mean = self._means[b] - self._means[a]
        return float((self._counts[b] - self._counts[a] - mean) / max(mean, 1e-6))

    def _adds_little(self, a: int, b: int, change: float) -> bool:
        """Return whether these hours changed much less than the whole span."""
        mean = self._means[b] - self._means[a]
        off = self._counts[b] - self._counts[a] - mean
        return bool(off * (1 if change > 0 else -1) <= _LITTLE * abs(change) * mean)

    def _is_whole(self, a: int, b: int) -> bool:
        return self._times[b - 1] - self._times[a] == (b - a - 1) * self._step

    def _joined(self, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the spans with those joined that are parts of one event, the hours between too."""
        result: list[tuple[int, int]] = []
        for span in spans:
            if result:
                (a, b), (c, d) = result[-1], span
                gap, shorter = c - b, min(b - a, d - c)
                own, other, both = self._score(a, b), self._score(c, d), self._score(a, d)
                alike = own * other > 0 and own * both > 0
                strong = abs(both) >= max(self._limit, 0.9 * max(abs(own), abs(other)))
                if alike and gap <= max(2, shorter) and strong and self._is_whole(a, d):
                    result[-1] = (a, d)
                    continue
            result.append(span)
        return result
