"""What is usual: the mean of each hour's count, by level, kind of day and hour of the day.

The mean of a count is exposure · level(day) · share(kind of day, hour). The exposure of requests
is 1, that of errors the requests. Which days are alike is chosen for each series by how well days
tell of others (leave-one-day-out cross-validation). Counts that are marked as unusual teach
nothing. All series are computed at once, in one long frame.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from statistics import median

import polars as pl

_KINDS: dict[str, pl.Expr] = {
    "kind_any": pl.lit(0, pl.Int8),
    "kind_weekend": (pl.col("weekday") >= 6).cast(pl.Int8),
    "kind_friday": pl.col("weekday").is_in([5, 6]).cast(pl.Int8),
    "kind_three": (pl.col("weekday").cast(pl.Int8) - 5).clip(0),
    "kind_day": pl.col("weekday").cast(pl.Int8),
}
"""Ways to say which days of the week are alike: all; working days and the weekend; the same where
it is Friday and Saturday; Saturday and Sunday apart; each by itself."""
_HALF = 0.5
"""Is added to the events of a series, so that what never happened is rare, not impossible
(Jeffreys' prior of a Poisson rate)."""
_BETTER = 0.97
"""More kinds of day must foretell so much better than fewer."""
_CELL = ("series", "kind", "local_hour")
_LEVEL_DAYS = 15
"""The level of a day is the median over so many days around it: three days of anything else don't
move it, and a level that changes for good is followed at once."""
_TREND_DAYS = 29
_FEWEST_EXPECTED = 5.0
"""A day on which fewer are expected tells nothing of the level."""
_NORMAL_MAD = 1.4826
"""Makes a median of absolute values the standard deviation of normal ones."""
_DENSE = 4.0
"""The median of counts is near their mean from here on."""
_PRIOR_REQUESTS, _PRIOR_RATE = 0.5, 20.0
"""So many expected events are added to each share in the ratio of the whole series: shares of few
events stay near it (empirical Bayes, Clayton and Kaldor 1987)."""


def with_expectation(series: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Return the series with the column `mean`; null where nothing tells what is usual.

    Takes `series`, `timestamp`, `count`, `exposure`, `is_rate`, `is_marked`, sorted by the first
    two.
    """
    local = pl.col("timestamp").dt.convert_time_zone(timezone)
    frame = series.with_columns(
        local_hour=local.dt.hour(), weekday=local.dt.weekday(), day=local.dt.date()
    ).with_columns(
        level=pl.lit(1.0),
        learned=pl.col("count").is_not_null() & (pl.col("exposure") > 0) & ~pl.col("is_marked"),
    )
    frame = _without_lone_days(frame)
    # A first level by whole days keeps growth and lasting changes out of the choice of kinds.
    of_all = pl.col("count").filter("learned").sum() + _HALF
    same = of_all / pl.col("exposure").filter("learned").sum()
    frame = _with_kinds(_with_levels(frame.with_columns(share=same.over("series"))))
    for _ in range(2):
        frame = _with_levels(_with_shares(frame))
    frame = _with_weekly_exceptions(frame)
    mean = pl.col("exposure") * pl.col("level") * pl.col("share")
    return frame.with_columns(mean=pl.when(~pl.col("is_lone")).then(mean))


def _without_lone_days(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with `is_lone`: the only day of a weekend, or the only working day.

    Nobody knows how many requests such a day should have.
    """
    is_weekend = pl.col("weekday") >= 6
    days = pl.col("day").filter("learned").n_unique().over("series", is_weekend)
    is_lone = ~pl.col("is_rate") & (days < 2)
    return frame.with_columns(is_lone=is_lone).with_columns(
        learned=pl.col("learned") & ~pl.col("is_lone")
    )


def with_steady_expectation(series: pl.DataFrame) -> pl.DataFrame:
    """Return the series with the column `mean`, as if every step were like the others."""
    learned = ~pl.col("is_marked") & (pl.col("exposure") > 0)
    count, exposure = pl.col("count").filter(learned), pl.col("exposure").filter(learned)
    events = count.sum().over("series") + _HALF
    of_rate = pl.col("exposure") * events / exposure.sum().over("series")
    mean = pl.when("is_rate").then(of_rate).otherwise(count.median().over("series"))
    return series.with_columns(mean=mean)


def _with_kinds(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with `kind`, the kinds of day by which each series is foretold best."""
    frame = frame.with_columns(*(e.alias(n) for n, e in _KINDS.items()))
    chosen = _choose_kinds(frame.filter("learned", ~pl.col("is_rate")))
    choice = pl.DataFrame(
        {"series": list(chosen), "choice": list(chosen.values())},
        schema={"series": frame.schema["series"], "choice": pl.String},
    )
    kind = pl.coalesce(
        *(pl.when(pl.col("choice") == n).then(n) for n in _KINDS), pl.lit(0, pl.Int8)
    )
    return (
        frame.join(choice, on="series", how="left", maintain_order="left")
        .with_columns(kind=kind)
        .drop("choice", *_KINDS)
    )


def _choose_kinds(counts: pl.DataFrame) -> dict[int, str]:
    """Return for each series the kinds by which days are foretold best by the others."""
    roots = counts.with_columns(root=(pl.col("count") / pl.col("level")).sqrt())
    losses: dict[int, dict[str, float]] = {}
    all_days: dict[tuple[int, int], list[float]] = {}
    for name in _KINDS:
        cells = roots.group_by("series", name, "local_hour").agg(pl.col("root").sort())
        for series, hour, values in cells.select("series", "local_hour", "root").iter_rows():
            per_kind = losses.setdefault(series, {})
            if name == "kind_any":
                all_days[series, hour] = values
            # A day without another one of its kind is foretold as if all were alike.
            alone = len(values) == 1
            loss = (
                _loss_of_one(values[0], all_days[series, hour]) if alone else loss_of_others(values)
            )
            per_kind[name] = per_kind.get(name, 0.0) + loss
    chosen: dict[int, str] = {}
    for series, per_kind in sorted(losses.items()):
        # The first series is all requests: what days are alike shows there, and less in parts.
        best = chosen.get(0, "kind_any")
        for name in _KINDS:
            if per_kind[name] < _BETTER * per_kind[best]:
                best = name
        chosen[series] = best
    return chosen


def _loss_of_one(value: float, values: Sequence[float]) -> float:
    """Return how far one of the sorted values is from the median of the others."""
    i = bisect_left(values, value)
    others = [*values[:i], *values[i + 1 :]]
    return abs(value - median(others)) if others else 0.0


def loss_of_others(values: Sequence[float]) -> float:
    """Return how far each of two or more values is from the median of the others, summed.

    Takes them sorted. Medians leave the choice of kinds to the days that are as always.
    """
    n = len(values)
    half = n // 2
    if n % 2 == 0:
        # Without one of an even number a single one is in the middle, without one of an odd two.
        below, above = half * values[half] - sum(values[:half]), sum(values[half:])
        return below + above - half * values[half - 1]
    low, middle, high = values[half - 1], values[half], values[half + 1]
    below = half * (middle + high) / 2 - sum(values[:half])
    above = sum(values[half + 1 :]) - half * (low + middle) / 2
    return below + above + abs(middle - (low + high) / 2)


def _with_shares(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with `share`: events per exposure and level, of the kind of day and hour."""
    base = pl.col("exposure") * pl.col("level")
    learned = frame.filter("learned").with_columns(base=base, ratio=pl.col("count") / base)
    whole = learned.group_by("series").agg(
        whole=(pl.col("count").sum() + _HALF) / pl.col("base").sum(),
        is_rate=pl.col("is_rate").first(),
    )
    ratio, n = pl.col("ratio"), pl.len()
    cells = (
        learned.group_by(_CELL)
        .agg(
            days=n,
            events=pl.col("count").sum(),
            base=pl.col("base").sum(),
            middle=ratio.median(),
            typical=pl.col("count").median(),
        )
        .join(whole, on="series")
    )
    prior = pl.when("is_rate").then(_PRIOR_RATE).otherwise(_PRIOR_REQUESTS)
    mean = (pl.col("events") + prior) / (pl.col("base") + prior / pl.col("whole"))
    dense = ~pl.col("is_rate") & (pl.col("typical") >= _DENSE) & (pl.col("days") > 2)
    share = pl.when(dense).then("middle").otherwise(mean)
    cells = cells.select(*_CELL, share=share)
    left = frame.drop("share", strict=False)
    return left.join(cells, on=_CELL, how="left", maintain_order="left")


def _with_levels(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with `level`: how each day compares with the shares, robustly."""
    expected = pl.col("exposure") * pl.col("share")
    days = (
        frame.filter("learned", pl.col("share").is_not_null())
        .group_by("series", "day", maintain_order=True)
        .agg(count=pl.col("count").sum(), expected=expected.sum())
    )
    per_series = (
        frame.select("series", "day")
        .unique(maintain_order=True)
        .join(days, on=["series", "day"], how="left", maintain_order="left")
    )
    ratio = pl.when(pl.col("expected") >= _FEWEST_EXPECTED).then(
        ((pl.col("count") + 0.5) / (pl.col("expected") + 0.5)).log()
    )
    lists = per_series.group_by("series", maintain_order=True).agg("day", ratio=ratio)
    levels = pl.DataFrame(
        {
            "series": lists["series"],
            "day": lists["day"],
            "level": [running_level(values) for values in lists["ratio"].to_list()],
        },
        schema={
            "series": frame.schema["series"],
            "day": pl.List(pl.Date),
            "level": pl.List(pl.Float64),
        },
    ).explode("day", "level")
    return frame.drop("level").join(levels, on=["series", "day"], how="left", maintain_order="left")


def _with_weekly_exceptions(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with shares corrected at hours of the week that are always unlike others.

    A job that runs every Wednesday night, or a weekly maintenance, is usual. All weeks, of four
    and more all but one, have to differ in one direction, and clearly by what hours stray.
    """
    mean = pl.col("exposure") * pl.col("level") * pl.col("share")
    off = ((pl.col("count") + 0.5) / (mean + 0.5)).log()
    cell = ("series", "weekday", "local_hour")
    strayed = frame.filter("learned", pl.col("share").is_not_null()).with_columns(off=off)
    spread = _NORMAL_MAD * pl.col("off").abs().median()
    cells = (
        strayed.with_columns(spread=spread.over("series").clip(0.02))
        .group_by(cell)
        .agg(
            weeks=pl.len(),
            middle=pl.col("off").median(),
            spread=pl.col("spread").first(),
            alike=(pl.col("off") * pl.col("off").median().sign() > 1.5 * pl.col("spread")).sum(),
        )
        .filter(
            pl.col("weeks") >= 3,
            pl.col("alike") >= pl.col("weeks") - (pl.col("weeks") >= 4).cast(pl.Int64),
            pl.col("middle").abs() >= 2.5 * pl.col("spread"),
        )
    )
    if cells.is_empty():
        return frame
    known = frame.join(cells.select(*cell, "middle"), on=cell, how="left", maintain_order="left")
    share = pl.col("share") * pl.col("middle").fill_null(0.0).exp()
    return known.with_columns(share=share).drop("middle")


def running_level(logs: Sequence[float | None]) -> list[float]:
    """Return the level of each day from the logarithms of its ratio, null where it has none.

    It is the median of the days around, moved along the trend of the weeks where the days lie on
    one side, at the ends of the series.
    """
    n = len(logs)
    levels = []
    slopes: dict[int, float] = {}
    for i in range(n):
        first = max(0, min(i - _LEVEL_DAYS // 2, n - _LEVEL_DAYS))
        near = range(first, min(n, first + _LEVEL_DAYS))
        slope = 0.0
        if near[0] + near[-1] != 2 * i:
            begin = max(0, min(i - _TREND_DAYS // 2, n - _TREND_DAYS))
            slope = slopes[begin] if begin in slopes else _slope(logs, begin)
            slopes[begin] = slope
        known = [x - slope * (j - i) for j in near if (x := logs[j]) is not None]
        levels.append(math.exp(median(known)) if len(known) > 2 else 1.0)
    return levels


def _slope(logs: Sequence[float | None], first: int) -> float:
    """Return the trend a day of the weeks from a day on.

    It is the median of changes from week to week (Theil-Sen).
    """
    window = logs[first : first + _TREND_DAYS]
    changes = [(b - a) / 7 for a, b in zip(window, window[7:], strict=False) if None not in (a, b)]  # type: ignore[operator]
    return median(changes) if len(changes) >= 7 else 0.0
