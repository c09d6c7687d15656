"""Times of some place: the order of day and month is that of the column, whatever its values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.values.decimals import find_decimal_commas, with_decimal_points
from apilog.values.local_times import LocalTimes, decide_local_times, is_local_time
from tests.any_text import CHARACTERS, any_text

TIMES = st.datetimes(datetime(2001, 1, 1), datetime(2099, 12, 31)).map(  # noqa: DTZ001
    lambda t: t.replace(tzinfo=UTC, microsecond=t.microsecond // 1000 * 1000)
)


def fine(t: datetime, point: str = ".") -> str:
    return f"{t:%M:%S}{point}{t.microsecond // 1000:03d}"


def half_day(t: datetime, am: str, pm: str) -> str:
    return f"{t.hour % 12 or 12}:{fine(t)}\u202f{pm if t.hour > 11 else am}"


def clock(t: datetime, point: str = ".") -> str:
    return f"{t:%H}:{fine(t, point)}"


PLACES: dict[str, Callable[[datetime], str]] = {
    "en-US": lambda t: f"{t.month}/{t.day}/{t.year}, {half_day(t, 'AM', 'PM')}",
    "en-AU": lambda t: f"{t:%d/%m/%Y}, {half_day(t, 'am', 'pm')}",
    "en-GB": lambda t: f"{t:%d/%m/%Y}, {clock(t)}",
    "de-DE": lambda t: f"{t.day}.{t.month}.{t.year}, {clock(t, ',')}",
    "fr-FR": lambda t: f"{t:%d/%m/%Y} {clock(t, ',')}",
    "nl-NL": lambda t: f"{t.day}-{t.month}-{t.year}, {clock(t, ',')}",
    "cs-CZ": lambda t: f"{t.day}. {t.month}. {t.year} {t.hour}:{fine(t, ',')}",
    "fi-FI": lambda t: f"{t.day}.{t.month}.{t.year} klo {t.hour}.{t:%M.%S},000",
    "ja-JP": lambda t: f"{t.year}/{t.month}/{t.day} {t.hour}:{fine(t)}",
    "ko-KR": lambda t: (
        f"{t.year}. {t.month}. {t.day}. {'오후' if t.hour > 11 else '오전'} "
        f"{t.hour % 12 or 12}:{t:%M:%S}.{t.microsecond // 1000:03d}"
    ),
    "sv-SE": lambda t: f"{t:%Y-%m-%d} {clock(t, ',')}",
}


@pytest.mark.parametrize("place", PLACES)
@given(times=st.lists(TIMES, min_size=1, max_size=8))
def test_a_column_that_tells_is_read_as_it_was_written(place: str, times: list[datetime]) -> None:
    written = pl.Series([PLACES[place](t) for t in (*times, datetime(2026, 11, 21, 9, tzinfo=UTC))])
    local = decide_local_times(written)
    assert local.is_sure
    if place == "fi-FI":  # written to the second here
        times = [t.replace(microsecond=0) for t in times]
    assert local.parse(written).to_list()[: len(times)] == times
    assert is_local_time(written).all()


@given(days=st.lists(st.integers(1, 12), min_size=1, max_size=5), month=st.integers(1, 12))
def test_what_can_be_read_both_ways_is_never_sure_and_wrong(days: list[int], month: int) -> None:
    times = [datetime(2026, month, day, 9, tzinfo=UTC) for day in sorted(days)]
    for place in ("en-AU", "en-US"):
        written = pl.Series([PLACES[place](t) for t in times])
        local = decide_local_times(written)
        assert not local.is_sure or local.parse(written).to_list() == times


@pytest.mark.parametrize(
    ("written", "day_first", "is_sure"),
    [
        (["05/11/2026, 9:00:00 am"], True, False),
        (["05/11/2026, 9:00:00 AM"], False, False),
        (["05/11/2026, 09:00:00"], True, False),
        (["05.11.2026 09:00:00"], True, True),
        (["05/11/2026 09:00", "06/11/2026 09:00"], True, True),
        (["11/05/2026 09:00", "11/06/2026 09:00"], False, True),
        (["11/11/2026 09:00"], True, True),
        (["05/21/2026 09:00", "x", None], False, True),
        ([], True, True),
    ],
)
def test_what_decides(written: list[str | None], day_first: bool, is_sure: bool) -> None:
    decided = decide_local_times(pl.Series(written, dtype=pl.String))
    assert decided == LocalTimes(day_first=day_first, is_sure=is_sure)


@pytest.mark.parametrize(
    "text", ["31/02/2026 09:00", "13/13/2026 09:00", "1/1/2026 25:00", "1/1/2026 13:00 pm", "1/1/1"]
)
def test_what_is_no_time_is_null(text: str) -> None:
    assert LocalTimes(day_first=True).parse(pl.Series([text])).to_list() == [None]


@given(
    st.lists(any_text(max_size=12) | st.from_regex(r"[0-9/., :apmAPM]{0,24}", alphabet=CHARACTERS))
)
def test_any_text_is_a_time_or_null(texts: list[str]) -> None:
    series = pl.Series(texts, dtype=pl.String)
    assert len(decide_local_times(series).parse(series)) == len(texts)
    assert len(with_decimal_points(series)) == len(texts)


@pytest.mark.parametrize(
    ("cells", "columns", "is_sure"),
    [
        ({"a": ["0,016", "5,003"], "b": ["200", None]}, ("a", "b"), True),
        ({"a": ["5,003", "12,250"], "b": ["x,y", "1,5"]}, ("a",), False),
        ({"a": ["5,003"], "b": ["1,5"]}, ("a", "b"), True),
        ({"a": ["5.003"], "b": ["200"]}, (), True),
        ({"a": [None], "b": [""]}, (), True),
    ],
)
def test_commas_are_decimal_by_all_columns(
    cells: dict[str, list[str | None]], columns: tuple[str, ...], is_sure: bool
) -> None:
    frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
    found = find_decimal_commas(frame)
    assert (found.columns, found.is_sure) == (columns, is_sure)


def test_points_take_the_place_of_commas_in_numbers_alone() -> None:
    values = pl.Series(["0,016", "1.234,5", "12", "a,b", "", None, "-1,5"])
    assert with_decimal_points(values).to_list() == [
        "0.016",
        "1234.5",
        "12",
        "a,b",
        "",
        None,
        "-1.5",
    ]
