"""The unit of a duration: by its name, its texts, the other fields, the software and its size."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.formats.duration_units import (
    DURATION_UNITS,
    DurationEvidence,
    decide_unit,
    unit_in_name,
)
from tests.any_text import any_text


def texts(*values: object) -> pl.Series:
    return pl.Series([None if v is None else str(v) for v in values], dtype=pl.String)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("durationMs", "ms"),
        ("duration_ms", "ms"),
        ("time_ns", "ns"),
        ("total_ns", "ns"),
        ("elapsedMilliseconds", "ms"),
        ("elapsed_us", "us"),
        ("latency.micros", "us"),
        ("durationNanos", "ns"),
        ("request_time_s", "s"),
        ("latencySeconds", "s"),
        ("responsetimems", "ms"),
        ("timeTakenMS", "ms"),
        ("reqtime_microsec", "us"),
        ("took_ms_total", "ms"),
        ("transferTimeMSec", "ms"),
        ("timeInSec", "s"),
        ("timeinsec", "s"),
        ("latency_nsec", "ns"),
        ("duration", None),
        ("requests", None),
        ("latencies.request", None),
        ("micro.service.latency", None),
        ("items", None),
        ("s", None),
        ("", None),
    ],
)
def test_names_that_tell(name: str, unit: str | None) -> None:
    assert unit_in_name(name) == unit


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (("0.057", "0.120", "1.003"), "s"),
        (("0.081576", "0.0021", "1.5"), "s"),
        ((57, 120, 80), "ms"),
        ((25.94, 80.5, 120.33), "ms"),
        ((57_123, 120_456, 80_789), "us"),
        ((57_123_456, 120_456_789, 80_789_123), "ns"),
        ((384_599_317, 621_579_317), "ns"),
    ],
)
def test_sizes_that_leave_no_doubt(values: tuple[object, ...], unit: str) -> None:
    assert decide_unit(texts(*values), "duration") == (unit, None)


@pytest.mark.parametrize("values", [(5000, 8000), (0.5, 0.7), (2.5, 3.25), (20_000, 10_000)])
def test_sizes_that_two_units_may_have(values: tuple[object, ...]) -> None:
    unit, doubt = decide_unit(texts(*values), "took")
    assert doubt is not None
    assert doubt.startswith("`took` is read as ")
    assert f"`--column duration_ms=took:{unit}`" not in doubt
    assert "`--column duration_ms=took:" in doubt


def test_texts_with_units_need_none() -> None:
    assert decide_unit(texts("1.5ms", "2s", None, "0.5µs"), "took")[1] is None


def test_nothing_to_decide_by() -> None:
    assert decide_unit(texts(None, None), "took") == ("s", None)
    assert decide_unit(texts("quick", "-"), "took", habit=("ns",)) == ("ns", None)
    assert decide_unit(texts(0, 0), "took", usual="ms") == ("ms", None)


def test_the_habit_of_the_software() -> None:
    assert decide_unit(texts(5000, 8000), "took", habit=("us",)) == ("us", None)
    assert decide_unit(texts(415, 531), "duration", habit=("s", "ms", "ns")) == ("ms", None)
    assert decide_unit(texts(0.415, 0.0531), "duration", habit=("s", "ms", "ns")) == ("s", None)
    assert decide_unit(texts(41_500_000, 300_000), "d", habit=("s", "ms", "ns")) == ("ns", None)


def test_another_field_for_the_same_duration() -> None:
    same = DurationEvidence(same=[pl.Series([5.0, 8.0])])
    assert decide_unit(texts(5000, 8000), "took", evidence=same) == ("us", None)
    same = DurationEvidence(same=[pl.Series([5000.0, 8000.0])])
    assert decide_unit(texts(5000, 8000), "took", evidence=same) == ("ms", None)


def test_the_gap_between_two_times() -> None:
    gap = DurationEvidence(about=[(pl.Series([5000.0, 8000.0]), 5.0)])
    assert decide_unit(texts(5000, 8000), "took", evidence=gap) == ("ms", None)
    gap = DurationEvidence(about=[(pl.Series([0.0, 1000.0]), 1000.0)])
    assert decide_unit(texts(5_000_000, 8_000_000), "took", evidence=gap)[0] == "ns"


def test_what_lies_within_and_around() -> None:
    parts = DurationEvidence(parts=[pl.Series([4500.0, 7000.0])])
    assert decide_unit(texts(5000, 8000), "took", evidence=parts)[0] == "ms"
    whole = DurationEvidence(whole=[pl.Series([6.0, 9.0])])
    assert decide_unit(texts(5000, 8000), "took", evidence=whole)[0] == "us"


def test_evidence_that_fits_no_unit_says_nothing() -> None:
    odd = DurationEvidence(same=[pl.Series([3.3, 1.1])])
    assert decide_unit(texts(57, 80), "took", evidence=odd)[0] == "ms"


def test_a_name_that_the_values_contradict() -> None:
    unit, doubt = decide_unit(texts("0.057", "0.120", "0.003"), "duration_ms")
    assert unit == "ms"
    assert doubt is not None
    assert "by its name" in doubt
    assert decide_unit(texts(57, 120), "duration_ms") == ("ms", None)


positive = st.floats(0.0001, 1e9, allow_nan=False).map(lambda f: round(f, 4))
whole = st.integers(1, 10**10)


@given(st.lists(positive, min_size=1, max_size=8) | st.lists(whole, min_size=1, max_size=8))
def test_a_thousand_times_the_numbers_are_another_unit_or_a_doubt(values: list[float]) -> None:
    unit, doubt = decide_unit(texts(*values), "took")
    scaled = [v * 1000 for v in values]
    scaled_unit, scaled_doubt = decide_unit(texts(*scaled), "took")
    assert unit in DURATION_UNITS
    assert doubt or scaled_doubt or scaled_unit != unit


@given(st.lists(any_text(max_size=8) | positive.map(str), max_size=8), any_text(max_size=12))
def test_any_texts_have_a_unit(values: list[str], key: str) -> None:
    assert decide_unit(pl.Series(values, dtype=pl.String), key)[0] in DURATION_UNITS


@pytest.mark.parametrize("value", ["20", "0.02", "0.020", "20000", "1"])
def test_one_value_over_and_over_tells_no_unit(value: str) -> None:
    assert decide_unit(texts(*[value] * 5), "took")[1] is not None
    assert decide_unit(texts(*["0"] * 5, "20", "31"), "took") == ("ms", None)
