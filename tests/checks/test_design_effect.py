"""What slices of time add to a comparison: measured, unless too little history tells it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from apilog.checks import MetricSample, SubjectSamples, evaluate_threshold, parse_threshold
from apilog.checks.design_effect import INDEPENDENT, DesignEffects
from apilog.checks.evaluate import ThresholdResult
from apilog.checks.time_slices import TimeSlices, common_step
from apilog.report_model import CheckState
from apilog.statistics.dispersion import SliceCount
from apilog.time import TimeWindow

START = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
Pairs = Sequence[tuple[int, int]]


def slices(pairs: Pairs, step: timedelta = HOUR, name: str = "1h") -> TimeSlices:
    counts = {START + i * step: SliceCount(*pair) for i, pair in enumerate(pairs) if pair[0]}
    window = TimeWindow(since=START, until=START + len(pairs) * step)
    return TimeSlices(step=name, window=window, counts=counts)


def errors(pairs: Pairs, *, has_slices: bool = True) -> MetricSample:
    n, events = sum(n for n, _ in pairs), sum(e for _, e in pairs)
    return MetricSample(
        value=events / n,
        size=n,
        events=events,
        seconds=3600.0 * len(pairs),
        slices=slices(pairs) if has_slices else None,
    )


def requests(counts: Sequence[int], step: timedelta = HOUR, name: str = "1h") -> MetricSample:
    seconds = step.total_seconds() * len(counts)
    return MetricSample(
        value=sum(counts) / seconds,
        size=sum(counts),
        events=sum(counts),
        seconds=seconds,
        slices=slices([(count, count) for count in counts], step, name),
    )


def compare(text: str, current: MetricSample, base: MetricSample) -> ThresholdResult:
    side, other = (SubjectSamples(samples={(): s}, total=s.size or 1) for s in (current, base))
    (result,) = evaluate_threshold(parse_threshold(text), side, other)
    return result


CALM = [(250, 5)] * 168
BURSTS = [(250, 0), (250, 20), (250, 0), (250, 0)] * 42
DAY = [(250, 0)] * 16 + [(250, 20)] * 8


def test_errors_that_come_together_widen_a_comparison() -> None:
    wandering = compare("error_rate <= baseline", errors(DAY), errors(BURSTS))
    calm = compare("error_rate <= baseline", errors(DAY), errors(CALM))
    assert (wandering.state, calm.state) == (CheckState.PASS, CheckState.FAIL)
    assert wandering.design_effect is not None
    assert wandering.design_effect == pytest.approx(15.3, abs=0.5)
    assert calm.design_effect == 1
    assert wandering.p_value is not None
    assert wandering.p_value > 0.05
    assert wandering.low is not None
    assert calm.low is not None
    assert wandering.low < 0 < calm.low


def test_an_outage_does_not_hide_behind_its_own_width() -> None:
    outage = [(250, 5)] * 23 + [(250, 250)]
    result = compare("error_rate <= baseline", errors(outage), errors(CALM))
    assert result.state is CheckState.FAIL
    assert compare("error_rate <= baseline", errors(outage), errors(CALM[:24])).state is (
        CheckState.FAIL
    )


def test_what_wanders_for_days_shows_between_days() -> None:
    days = [(250, 2)] * 24 + [(250, 9)] * 24 + [(250, 5)] * 24
    base = errors([*days, *days, *[(250, 4)] * 24])
    result = compare("error_rate <= baseline", errors([(250, 9)] * 24), base)
    assert result.state is CheckState.PASS
    assert result.design_effect is not None
    assert result.design_effect > 20


def test_too_little_history_tells_nothing() -> None:
    few = [(500, 10), (500, 0), (500, 20)]
    result = compare("error_rate <= baseline", errors([(500, 25)]), errors(few))
    assert result.design is None
    assert result.design_effect is None
    unmeasured = errors(BURSTS, has_slices=False)
    assert compare("error_rate <= baseline", errors(DAY), unmeasured).design is None
    # Those of the window help where the baseline has few.
    both = compare("error_rate <= baseline", errors(DAY), errors(BURSTS[:8]))
    assert both.design is not None
    assert both.design.degrees == pytest.approx((7 + 23) / 2)


def test_a_baseline_without_errors_wanders_by_nothing() -> None:
    result = compare("error_rate <= baseline", errors(DAY), errors([(250, 0)] * 168))
    assert result.state is CheckState.FAIL
    assert result.design == INDEPENDENT == DesignEffects()


def test_a_window_of_unknown_slices_is_one() -> None:
    result = compare("error_rate <= baseline", errors(DAY, has_slices=False), errors(BURSTS))
    assert result.state is CheckState.PASS
    assert result.design_effect is not None
    assert result.design_effect > 15.3


DAYS = [1200, 1056, 1344, 1180, 1220, 1100, 1300]


def hours_of(days: Sequence[int]) -> list[int]:
    return [count // 24 for count in days for _ in range(24)]


def test_days_tell_how_days_vary() -> None:
    result = compare("request_rate >= baseline", requests([45] * 24), requests(hours_of(DAYS)))
    assert result.state is CheckState.PASS
    assert result.design is not None
    assert result.design.degrees == 6
    assert result.design_effect is not None
    assert 5 < result.design_effect < 12
    half = compare("request_rate >= baseline", requests([24] * 24), requests(hours_of(DAYS)))
    assert half.state is CheckState.FAIL
    steady = compare("request_rate >= baseline", requests([45] * 24), requests([50] * 168))
    assert steady.state is CheckState.FAIL
    assert steady.design_effect == 1


def test_days_of_the_week_differ_without_making_weeks_differ() -> None:
    week = [1000, 1000, 1000, 1000, 900, 300, 200]
    base = requests([count + 20 * (i % 2) for i in range(4) for count in week], 24 * HOUR, "1d")
    week_after = requests([count * 92 // 100 for count in week], 24 * HOUR, "1d")
    whole = compare("request_rate >= baseline", week_after, base)
    assert whole.state is CheckState.FAIL
    sunday = requests([200], 24 * HOUR, "1d")
    alone = compare("request_rate >= baseline", sunday, base)
    assert alone.design_effect is not None
    assert alone.design_effect > 50
    assert alone.state is CheckState.PASS


def test_silence_is_no_wandering() -> None:
    nights = [10, 20, 90, 80] * 12
    silent = requests([0, 0])
    for text in ("request_rate >= baseline", "request_rate >= baseline * 0.5"):
        assert compare(text, silent, requests(nights)).state is CheckState.FAIL
    # Traffic that stops each night may stop for two hours.
    pauses = [0, 0, 3, 2] * 12
    assert compare("request_rate >= baseline", silent, requests(pauses)).state is CheckState.PASS


def test_counts_take_the_same_length_of_time() -> None:
    base = requests(hours_of(DAYS))
    current = requests([count * 85 // 100 for count in hours_of(DAYS)])
    for text in ("requests >= baseline", "request_rate >= baseline"):
        result = compare(text, current, base)
        assert result.design is not None
        assert result.design.degrees == 6


def test_slices_of_one_step_are_put_together() -> None:
    fine = slices([(10, 1)] * 30)
    assert [count.n for count in fine.coarsen("6h").occupied] == [60] * 5
    assert fine.coarsen("1h") is fine
    assert fine.coarsen("15m") is fine
    mine, theirs = common_step(fine, slices([(60, 0)] * 4, 6 * HOUR, "6h"))
    assert mine.step == theirs.step == "6h"
    assert mine.requests == fine.requests == 300


def test_whole_slices_lie_in_the_window() -> None:
    day = slices([(10, 1), (0, 0), (30, 3)] * 16)
    assert day.whole()[:3] == [SliceCount(10, 1), SliceCount(0, 0), SliceCount(30, 3)]
    assert len(day.whole()) == 48
    assert day.days == [SliceCount(320, 32)] * 2
    cut = TimeSlices(
        step="1h",
        window=TimeWindow(since=START + HOUR / 2, until=START + 47.99 * HOUR),
        counts={start: count for start, count in day.counts.items() if start > START},
    )
    assert len(cut.whole()) == 47
    assert len(cut.days) == 1
    assert slices([]).whole() == []
    assert slices([(70, 0)], 168 * HOUR, "1w").days == []
