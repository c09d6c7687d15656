from __future__ import annotations

import contextlib
import doctest
import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.errors import UsageError
from apilog.text import units
from apilog.text.units import (
    format_bytes,
    format_count,
    format_duration,
    format_ratio,
    parse_duration,
    parse_ratio,
)
from tests.any_text import any_text


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(units)
    assert result.attempted >= 7
    assert result.failed == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5m", timedelta(minutes=5)),
        ("300ms", timedelta(milliseconds=300)),
        ("250us", timedelta(microseconds=250)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("1w", timedelta(weeks=1)),
        ("1.5h", timedelta(minutes=90)),
        ("1m500ms", timedelta(minutes=1, milliseconds=500)),
        (" 1s ", timedelta(seconds=1)),
        ("0s", timedelta()),
    ],
)
def test_durations_are_parsed(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "5 m", "-5m", "5M", "5min", "30m1h", "5m5m", "1e3s", "0.1us", "٥m", "9" * 5000]
    + ["1" * 18 + "w", "inf", "5m\x00"],
)
def test_what_is_no_duration_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


def test_an_error_shows_the_text_escaped_and_says_what_to_write() -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration("5\x1b[2J")
    assert str(caught.value) == r"can't read the duration '5\x1b[2J'"
    assert "300ms" in caught.value.hint


@given(st.integers(0, 10**17))
def test_a_duration_in_its_smallest_unit_is_exact(microseconds: int) -> None:
    assert parse_duration(f"{microseconds}us") == timedelta(microseconds=microseconds)


@given(
    st.integers(0, 900), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59),
    st.integers(0, 999),
)  # fmt: skip
def test_the_parts_of_a_duration_add_up(d: int, h: int, m: int, s: int, ms: int) -> None:
    expected = timedelta(days=d, hours=h, minutes=m, seconds=s, milliseconds=ms)
    assert parse_duration(f"{d}d{h}h{m}m{s}s{ms}ms") == expected


@given(any_text())
def test_any_text_is_a_duration_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse_duration(text) >= timedelta()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1%", 0.01), ("1 %", 0.01), ("0.5%", 0.005), (".5%", 0.005), ("0.01", 0.01), ("0", 0.0)]
    + [("100%", 1.0), ("1", 1.0)],
)
def test_ratios_are_parsed(text: str, expected: float) -> None:
    assert parse_ratio(text) == expected


@pytest.mark.parametrize("text", ["", "%", "1%%", "-1%", "5", "101%", "nan", "1e-2", "1 pp"])
def test_what_is_no_ratio_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_ratio(text)


def test_a_percentage_without_its_sign_is_told_apart() -> None:
    with pytest.raises(UsageError, match="more than 100 %") as caught:
        parse_ratio("5")
    assert caught.value.hint == "write 5% or 0.05"


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (0.0004, "<0.001 ms"),
        (0.001, "0.001 ms"),
        (9.994, "9.99 ms"),
        (9.996, "10 ms"),
        (999.4, "999 ms"),
        (999.5, "1 s"),
        (59_940, "59.9 s"),
        (59_960, "1m 0s"),
        (3_599_400, "59m 59s"),
        (3_599_600, "1h 0m"),
        (86_399_999, "1d 0h"),
        (1e12, "11,574d 2h"),
        (-1240, "-1.24 s"),
        (-0.0004, ">-0.001 ms"),
        (math.nan, "–"),
    ],
)
def test_a_duration_never_shows_a_number_of_the_next_unit(ms: float, expected: str) -> None:
    assert format_duration(ms) == expected


@pytest.mark.parametrize(
    ("count", "full", "compact"),
    [
        (0, "0", "0"),
        (999, "999", "999"),
        (1234, "1,234", "1.23k"),
        (999_499, "999,499", "999k"),
        (999_500, "999,500", "1M"),
        (4_500_000, "4,500,000", "4.5M"),
        (-12_345, "-12,345", "-12.3k"),
        (10**16, "10,000,000,000,000,000", "10,000T"),
    ],
)
def test_counts(count: int, full: str, compact: str) -> None:
    assert format_count(count) == full
    assert format_count(count, compact=True) == compact


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_234_567, "1.23 MB"), (999_500_000, "1 GB")],
)
def test_sizes(size: int, expected: str) -> None:
    assert format_bytes(size) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (0.0001, "0.01 %"),
        (0.1234567, "12.35 %"),
        (0.1, "10 %"),
        (0.9995, "99.95 %"),
        (1.5, "150 %"),
        (-0.02, "-2 %"),
        (-0.00001, ">-0.01 %"),
        (-0.99999, "<-99.99 %"),
    ],
)
def test_ratios(ratio: float, expected: str) -> None:
    assert format_ratio(ratio) == expected


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_only_nothing_is_0_percent_and_only_everything_is_100(ratio: float) -> None:
    assert format_ratio(ratio) not in ("0 %", "100 %")


@given(st.floats(-1e300, 1e300) | st.sampled_from([None, math.nan, math.inf, -math.inf]))
def test_any_number_can_be_drawn(value: float | None) -> None:
    texts = [draw(value) for draw in (format_duration, format_count, format_bytes, format_ratio)]
    assert all(text and "e+" not in text and "n" not in text for text in texts)
