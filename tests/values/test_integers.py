"""Keys that are read as integers give what their texts give."""

from __future__ import annotations

import json
from functools import partial

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_series_equal

from apilog.formats.gateways.apigee import analytics_values
from apilog.values import convert, times
from apilog.values.dictionary import ColumnConverter
from apilog.values.event_lines import EventLines
from apilog.values.integers import can_take_integers
from apilog.values.json_text import IntegerKeys, decode_paths

CONVERSIONS: tuple[ColumnConverter, ...] = (
    convert.to_integers,
    convert.to_floats,
    convert.to_statuses,
    convert.to_sizes,
    convert.sizes_with_unit,
    convert.to_counts,
    partial(convert.durations_to_ms, unit="ms"),
    partial(convert.durations_to_ms, unit="ns"),
    convert.positive_sizes,
    convert.positive_milliseconds,
    partial(convert.sum_upstream_ms, unit="s"),
    convert.last_upstream_status,
    times.parse_epoch_times,
    times.parse_times,
    analytics_values.positive_times,
)
_INTEGERS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-10, 1000),
    st.integers(1_700_000_000_000, 1_800_000_000_000),
    st.sampled_from([0, 20261121, 20261121130231, 9_214_646_400_000_000, 2**53 + 1]),
)


@pytest.mark.parametrize("conversion", CONVERSIONS)
@given(st.lists(_INTEGERS, min_size=1, max_size=20))
def test_integers_give_what_their_texts_give(
    conversion: ColumnConverter, numbers: list[int | None]
) -> None:
    assert can_take_integers(conversion)
    whole = pl.Series("n", numbers, pl.Int64)
    assert_series_equal(conversion(whole), conversion(whole.cast(pl.String)))


PATHS = [("a",), ("b",), ("c",)]
COUNT = 3000


def lines_with(value: str) -> EventLines:
    """Return objects whose keys have whole numbers, but for one late value."""
    rows = [f'{{"a": {n}, "b": "{n}", "c": {n * 1000}}}' for n in range(COUNT)]
    rows[-5] = f'{{"a": {value}, "b": "x", "c": null}}'
    return EventLines("".join(f"{row}\n" for row in rows).encode())


@pytest.mark.parametrize(
    "value",
    ["7", "-0", "null", '"7"', '"-"', "1.0", "1e3", "true", "007", "-", "[1]", str(2**63), "7}"],
)
def test_values_do_not_depend_on_how_a_key_is_read(value: str) -> None:
    texts, is_object = decode_paths(lines_with(value), PATHS)
    keys = IntegerKeys()
    for _ in range(2):  # the second time it knows
        read, is_read = decode_paths(lines_with(value), PATHS, PATHS, keys)
        assert_series_equal(is_read, is_object)
        for path in PATHS:
            assert_series_equal(read[path].cast(pl.String), texts[path])


def test_plain_integers_alone_are_read_as_such() -> None:
    sound = decode_paths(lines_with("7"), PATHS, PATHS, IntegerKeys())[0]
    assert [sound[path].dtype for path in PATHS] == [pl.Int64, pl.String, pl.Int64]
    # A key that was not asked for as one is none, and few lines are not worth looking at.
    assert decode_paths(lines_with("7"), PATHS, [("c",)], IntegerKeys())[0]["a",].dtype == pl.String
    few = EventLines(json.dumps({"a": 1}).encode())
    assert decode_paths(few, [("a",)], [("a",)], IntegerKeys())[0]["a",].dtype == pl.String
