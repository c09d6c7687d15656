"""What anomalies are computed by: scores, levels, kinds of days, spans, shifts."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import NormalDist, median
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.aggregate.anomalies.detect import Detection, detect_events
from apilog.aggregate.anomalies.expectation import loss_of_others, running_level
from apilog.aggregate.anomalies.last_hour import score_last_hour
from apilog.aggregate.anomalies.surprise import score_count, score_expr, score_limit
from apilog.aggregate.ddsketch import GAMMA, bucket_of
from apilog.schema import TIMESTAMP

START = datetime(2026, 9, 7, tzinfo=UTC)
"""A Monday."""
HOUR = timedelta(hours=1)


def tail_by_definition(count: int, mean: float, dispersion: float) -> float:
    """The chance of so many or more, or so few or fewer, by adding up the probabilities."""
    size = 1 / dispersion

    def chance(k: int) -> float:
        return math.exp(
            math.lgamma(k + size)
            - math.lgamma(size)
            - math.lgamma(k + 1)
            + size * math.log(size / (size + mean))
            + k * math.log(mean / (size + mean))
        )

    if count < mean:
        return sum(map(chance, range(count + 1)))
    return sum(map(chance, range(count, count + 4000)))


@pytest.mark.parametrize("mean", [3.0, 13.0, 90.0, 700.0])
@pytest.mark.parametrize("deviation", [0.01, 0.1, 0.3])
def test_scores_are_those_of_the_exact_tails(mean: float, deviation: float) -> None:
    dispersion = deviation**2
    spread = math.sqrt(mean + dispersion * mean**2)
    for sigmas in (-4.0, -2.5, -1.0, 1.0, 2.5, 5.0):
        count = round(mean + sigmas * spread)
        if count < 0:
            continue
        tail = tail_by_definition(count, mean, dispersion)
        exact = -NormalDist().inv_cdf(tail) * (1 if count > mean else -1)
        assert score_count(count, mean, dispersion) == pytest.approx(exact, abs=0.25)


@given(st.floats(0, 1e6), st.floats(1e-9, 1e6), st.one_of(st.just(0.0), st.floats(1e-9, 4.0)))
def test_both_forms_of_the_score_agree(count: float, mean: float, dispersion: float) -> None:
    frame = pl.DataFrame({"count": [count], "mean": [mean], "dispersion": [dispersion]})
    expr = score_expr(pl.col("count"), pl.col("mean"), pl.col("dispersion"))
    assert frame.select(expr).item() == pytest.approx(
        score_count(count, mean, dispersion), rel=1e-6, abs=1e-3
    )


def test_the_limit_grows_with_the_looks() -> None:
    assert score_limit(1, 0.05) == pytest.approx(1.96, abs=0.001)
    assert 2 * NormalDist().cdf(-score_limit(10_000, 0.01)) == pytest.approx(1e-6)


@given(st.lists(st.floats(0, 1000), min_size=2, max_size=12))
def test_losses_are_those_of_the_definition(values: list[float]) -> None:
    expected = sum(abs(x - median(values[:i] + values[i + 1 :])) for i, x in enumerate(values))
    assert loss_of_others(sorted(values)) == pytest.approx(expected, abs=1e-6)


def test_the_level_follows_growth_and_steps_but_no_event_of_days() -> None:
    growth = [i * math.log(1.1) / 7 for i in range(28)]
    for day, level in enumerate(running_level(growth)):
        assert level == pytest.approx(1.1 ** (day / 7), rel=1e-6)
    event = [0.7 if 20 <= day < 23 else 0.0 for day in range(28)]
    assert running_level(event) == [1.0] * 28
    at_the_end = [0.7 if day >= 25 else 0.0 for day in range(28)]
    assert running_level(at_the_end) == [1.0] * 28
    step = [0.0 if day < 14 else 0.7 for day in range(28)]
    assert running_level(step) == pytest.approx([math.exp(x) for x in step])
    assert running_level([None, None, 0.5]) == [1.0] * 3


Hours = Callable[[datetime], float]


def office(at: datetime) -> float:
    """The mean of an hour: busy by day, less so at weekends."""
    by_day = 0.26 + 0.74 * (1 + math.cos((at.hour - 14) / 24 * 2 * math.pi))
    return 300 * by_day * (0.4 if at.weekday() >= 5 else 1)


def draw(chance: random.Random, mean: float) -> int:
    """A Poisson number, as a normal one where many are expected."""
    if mean > 40:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    count, product, limit = 0, chance.random(), math.exp(-mean)
    while product > limit:
        count, product = count + 1, product * chance.random()
    return count


def counts(mean: Hours, hours: int, seed: int, stray: float = 0.05) -> list[int]:
    """Counts of hours that stray together, as those of real traffic do."""
    chance, mood, result = random.Random(seed), 0.0, []
    for i in range(hours):
        mood = 0.7 * mood + math.sqrt(1 - 0.49) * chance.gauss(0, 1)
        result.append(draw(chance, mean(START + i * HOUR) * math.exp(stray * mood)))
    return result


def detect(
    values: Sequence[int], errors: Sequence[int] | None = None, begin: datetime = START
) -> Detection:
    n = len(values)
    series = pl.DataFrame(
        {
            "series": [0] * n,
            "timestamp": [begin + i * HOUR for i in range(n)],
            "count": [float(v) for v in (errors or values)],
            "exposure": [float(v) for v in values] if errors else [1.0] * n,
            "is_rate": bool(errors),
            "is_marked": False,
        },
        schema_overrides={"series": pl.UInt32, "timestamp": TIMESTAMP},
    )
    return detect_events(series, "UTC")


def spans(found: Detection) -> list[tuple[int, int, bool]]:
    return [((e.start - START) // HOUR, (e.end - START) // HOUR, e.is_shift) for e in found.events]


def times(factor: float, first: int, last: int) -> Hours:
    """The traffic of an office, times a factor in these hours."""
    return lambda at: office(at) * (factor if first <= (at - START) // HOUR < last else 1)


@pytest.mark.parametrize("hours", [24 * 7, 24 * 10, 24 * 28])
def test_ordinary_weeks_have_no_events(hours: int) -> None:
    for seed in range(3):
        assert spans(detect(counts(office, hours, seed))) == []


@pytest.mark.parametrize(
    ("factor", "first", "hours"),
    [(0, 500, 2), (0, 610, 9), (3, 400, 2), (0.6, 537, 6), (0.7, 400, 24), (2, 440, 72)],
)
def test_an_event_is_one_span(factor: float, first: int, hours: int) -> None:
    ((began, ended, is_shift),) = spans(detect(counts(times(factor, first, first + hours), 672, 5)))
    slack = hours // 3
    assert abs(began - first) <= slack
    assert abs(ended - first - hours) <= slack
    assert not is_shift


@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_a_level_that_stays_another_is_one_shift(factor: float) -> None:
    found = spans(detect(counts(times(factor, 380, 672), 672, 7)))
    (shift,) = [span for span in found if span[2]]
    assert abs(shift[0] - 380) <= 12
    assert shift[1] == 672


@pytest.mark.parametrize("factor", [0, 4])
def test_what_happens_every_week_at_one_hour_is_usual(factor: int) -> None:
    def with_weekly_job(at: datetime) -> float:
        return office(at) * (factor if (at.weekday(), at.hour) == (2, 3) else 1)

    assert spans(detect(counts(with_weekly_job, 672, 4))) == []
    values = counts(with_weekly_job, 672, 4)
    values[500:502] = [0, 0]
    assert spans(detect(values)) == [(500, 502, False)]


def test_an_outage_of_an_office_that_is_closed_at_night_ends_when_requests_come() -> None:
    def open_hours(at: datetime) -> float:
        return 80 if 8 <= at.hour < 18 and at.weekday() < 5 else 0

    values = counts(open_hours, 504, 12)
    assert spans(detect(values)) == []
    values[371:375] = [0] * 4
    assert spans(detect(values)) == [(371, 375, False)]


def test_errors_that_rise_are_found_and_steady_ones_are_not() -> None:
    chance, requests = random.Random(3), counts(office, 400, 3)
    usual = [draw(chance, 0.002 * n) for n in requests]
    assert spans(detect(requests, usual)) == []
    risen = [*usual[:300], *(draw(chance, 0.05 * n) for n in requests[300:303]), *usual[303:]]
    ((began, ended, _),) = spans(detect(requests, risen))
    assert 300 <= began <= 301
    assert ended == 303


def test_a_lone_day_of_a_weekend_is_not_judged() -> None:
    assert spans(detect(counts(office, 24 * 6, 1))) == []


def last_hour(values: Sequence[int]) -> float | None:
    frame = pl.DataFrame(
        {
            "timestamp": [START + i * HOUR for i in range(len(values))],
            "requests": values,
            "errors": [0] * len(values),
        },
        schema_overrides={"timestamp": TIMESTAMP},
    )
    row = score_last_hour(frame, "requests")
    return None if row is None else float(row["score"])


def test_the_last_hour_is_judged_by_the_past() -> None:
    values = counts(office, 24 * 26 + 12, 11)
    score = last_hour(values)
    assert score is not None
    assert abs(score) < 5
    saturday = 24 * 26 + 11
    assert (START + saturday * HOUR).weekday() == 5
    for changed in (0, 3 * values[saturday]):
        score = last_hour([*values[:saturday], changed])
        assert score is not None
        assert abs(score) > 6


def test_the_first_saturday_decides_nothing() -> None:
    values = counts(office, 24 * 6, 2)
    assert last_hour(values[: 24 * 5]) is not None
    assert last_hour(values[: 24 * 5 + 12]) is None
    assert last_hour(values[: 24 * 2]) is None


@pytest.mark.slow
def test_alerts_are_rare_where_nothing_happens_and_soon_where_something_does() -> None:
    scores: list[float] = []
    for seed in range(2):
        values = counts(office, 24 * 28, seed)
        some = random.Random(seed).sample(range(336, 672), 10)
        scores += [abs(last_hour(values[: hour + 1]) or 0) for hour in some]
    # Were there 0.3 in 336 hours, two or more of 20 were chance in less than 1 of 6000 runs.
    assert sum(score >= 6 for score in scores) <= 1
    seen = 0
    for seed in range(8):
        hour = random.Random(seed).randrange(336, 670)
        values = counts(office, hour + 1, seed)
        factor = 0 if seed % 2 else 3
        values[hour] = draw(random.Random(seed), factor * values[hour])
        seen += abs(last_hour(values) or 0) >= 6
    assert seen >= 7


@pytest.mark.slow
def test_hours_that_get_slower_or_fail_are_seen_at_once_and_others_are_not() -> None:
    chance, traffic = random.Random(8), counts(office, 24 * 28, 8)
    cells: list[tuple[datetime, int, int]] = []
    broke: list[int] = []
    for h, n in enumerate(traffic):
        level = chance.gauss(3, 0.05)
        durations = Counter(bucket_of(chance.lognormvariate(level, 0.9)) for _ in range(n))
        cells += [(START + h * HOUR, bucket, count) for bucket, count in durations.items()]
        broke.append(draw(chance, 0.01 * n))
    latencies = pl.DataFrame(
        cells, schema={"timestamp": TIMESTAMP, "bucket": pl.Int16, "n": pl.Int64}, orient="row"
    )
    doubled = round(math.log(2) / math.log(GAMMA))
    busy = [h for h in range(336, 672) if traffic[h] >= 260]
    usual = {"latency_p95": 0, "server_error_rate": 0}
    unusual = usual.copy()
    for h in chance.sample(busy, 5):
        is_last = pl.col("timestamp") == START + h * HOUR
        slower = pl.when(is_last).then(doubled).otherwise(0)
        slow = latencies.with_columns((pl.col("bucket") + slower).cast(pl.Int16))
        for metric in usual:
            usual[metric] += _passes(metric, traffic, broke, latencies, h)
            failed = [*broke[:h], draw(chance, 0.1 * traffic[h])]
            unusual[metric] += _passes(metric, traffic, failed, slow, h)
    assert usual == {"latency_p95": 0, "server_error_rate": 0}
    # At 0.9 three and more of five that are missed would be chance in 1 of 116 runs.
    assert min(unusual.values()) >= 3


def _passes(
    metric: str,
    traffic: Sequence[int],
    broke: Sequence[int],
    latencies: pl.DataFrame,
    last: int,
) -> bool:
    """Whether the score of the last of these hours would be an alert."""
    hours = pl.DataFrame(
        {
            "timestamp": [START + h * HOUR for h in range(last + 1)],
            "requests": traffic[: last + 1],
            "errors": broke[: last + 1],
            "server_errors": broke[: last + 1],
        },
        schema_overrides={"timestamp": TIMESTAMP},
    )
    known = latencies.filter(pl.col("timestamp") <= START + last * HOUR)
    row = score_last_hour(hours, metric, latencies=known)
    assert row
    return abs(float(row["score"])) >= 6


def in_office_of(zone: str) -> Hours:
    """The requests of an hour by the clock of a place: many from 8 to 18, few else."""

    def mean(at: datetime) -> float:
        local = at.astimezone(ZoneInfo(zone))
        return 240.0 if local.weekday() < 5 and 8 <= local.hour < 18 else 9.0

    return mean


@pytest.mark.slow
@pytest.mark.parametrize(
    ("zone", "begin", "clock"),
    [
        ("Europe/Paris", datetime(2026, 3, 9, tzinfo=UTC), "Europe/Berlin"),
        ("America/Toronto", datetime(2026, 10, 12, tzinfo=UTC), "America/New_York"),
    ],
)
def test_changed_clocks_are_nothing_unusual(zone: str, begin: datetime, clock: str) -> None:
    mean, hours = in_office_of(zone), 28 * 24
    values = counts(lambda at: mean(at - START + begin), hours, 5)
    found = detect(values, begin=begin)
    assert (spans(found), found.clock) == ([], clock)
    # What happens besides is found as before.
    values[-60:-57] = [0] * 3 if min(values[-60:-57]) > 100 else [700] * 3
    end = hours + (begin - START) // HOUR
    unusual = spans(detect(values, begin=begin))
    assert [h for first, last, _ in unusual for h in range(first, last)] == [
        *range(end - 60, end - 57)
    ]
