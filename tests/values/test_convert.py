"""Text to numbers and times, held against plain Python."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apilog.schema import TIMESTAMP
from apilog.values.convert import (
    blank_to_null,
    durations_to_ms,
    last_upstream_status,
    seconds_to_ms,
    sum_upstream_ms,
    to_floats,
    to_integers,
    to_sizes,
    to_statuses,
)
from apilog.values.dictionary import category_texts, encode_texts, from_codes, map_categories
from apilog.values.times import (
    parse_clf_times,
    parse_epoch_times,
    parse_iso_times,
    parse_joined_clf_times,
    parse_times,
)
from tests.any_text import any_text
from tests.examples import about

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
ColumnParser = Callable[[pl.Series], pl.Series]
ONE_ARGUMENT: dict[ColumnParser, pl.DataType | type[pl.DataType]] = {
    to_integers: pl.Int64,
    to_floats: pl.Float64,
    to_statuses: pl.Int16,
    to_sizes: pl.Int64,
    seconds_to_ms: pl.Float64,
    durations_to_ms: pl.Float64,
    sum_upstream_ms: pl.Float64,
    last_upstream_status: pl.Int16,
    parse_joined_clf_times: TIMESTAMP,
    parse_iso_times: TIMESTAMP,
    parse_epoch_times: TIMESTAMP,
    parse_times: TIMESTAMP,
}


def texts(*values: str | None) -> pl.Series:
    return pl.Series("name", values, dtype=pl.String)


def each(function: Callable[[pl.Series], pl.Series], *values: str | None) -> list[object]:
    return function(texts(*values)).to_list()


def utc(year: int, month: int, day: int, *clock: int) -> datetime:
    hour, minute, second, microsecond = (*clock, 0, 0, 0, 0)[:4]
    return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)


# Anything that may stand where a number or a time should.
near_numbers = st.text("0123456789.,:-+ eEnNaAiIfFmsuhT/Z[]", max_size=24)
any_values = st.lists(st.none() | near_numbers | any_text(max_size=12), max_size=12)


@pytest.mark.parametrize(("parse", "dtype"), ONE_ARGUMENT.items())
@given(values=any_values)
@settings(max_examples=about(15))
def test_any_text_gives_a_value_or_null(
    parse: ColumnParser, dtype: pl.DataType, values: list[str | None]
) -> None:
    found = parse(texts(*values))
    assert found.dtype == dtype
    assert found.name == "name"
    assert len(found) == len(values)
    assert all(f is None for f, v in zip(found.to_list(), values, strict=True) if not v or v == "-")
    assert parse(encode_texts(texts(*values))).to_list() == found.to_list()


@pytest.mark.parametrize("parse", ONE_ARGUMENT)
@given(values=any_values)
@settings(max_examples=about(8))
def test_a_value_does_not_depend_on_its_neighbours(
    parse: ColumnParser, values: list[str | None]
) -> None:
    together = parse(texts(*values)).to_list()
    assert together == [parse(texts(value))[0] for value in values]


def test_blanks_become_null_in_texts_and_in_encoded_ones() -> None:
    values = texts("a", "-", "", None, "a", "--")
    assert blank_to_null(values).to_list() == ["a", None, None, None, "a", "--"]
    encoded = blank_to_null(encode_texts(values))
    assert encoded.to_list() == ["a", None, None, None, "a", "--"]
    assert isinstance(encoded.dtype, pl.Categorical)


def test_integers() -> None:
    assert each(
        to_integers, "12", "12.0", "12.5", " 7 ", "1e3", "-3", "x", "99999999999999999999"
    ) == [
        12,
        12,
        None,
        7,
        1000,
        -3,
        None,
        None,
    ]
    assert each(to_integers, "9007199254740993") == [2**53 + 1]


def test_floats() -> None:
    assert each(to_floats, "1.5", " 2 ", "nan", "inf", "-inf", "1e400", "1,5") == [
        1.5,
        2.0,
        None,
        None,
        None,
        None,
        None,
    ]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_keep_every_digit(number: float) -> None:
    assert each(to_floats, repr(number)) == [number]


def test_statuses_that_are_none() -> None:
    found = each(to_statuses, "200", "499", "000", "0", "-", "99", "1000", "70000", "-200", "200.0")
    assert found == [200, 499, None, None, None, None, None, None, None, 200]


def test_sizes_are_never_negative_nor_absurd() -> None:
    assert each(to_sizes, "0", "12", "-1", "-", "99999999999999999", "9007199254740992") == [
        0,
        12,
        None,
        None,
        None,
        2**53,
    ]


@given(st.integers(0, 10**12))
def test_seconds_to_the_microsecond(microseconds: int) -> None:
    text = f"{microseconds // 10**6}.{microseconds % 10**6:06d}"
    assert each(seconds_to_ms, text) == [microseconds / 1000]


def test_durations_that_are_none() -> None:
    assert each(seconds_to_ms, "0.000", "-0.001", "-1", "nan", "1e300") == [0.0, *[None] * 4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0ms", 0.0),
        ("12ms", 12.0),
        ("1.5s", 1500.0),
        ("250us", 0.25),
        ("250µs", 0.25),
        ("250μs", 0.25),
        ("1500ns", 0.002),
        ("3 ms", 3.0),
        ("42,64 ms", 42.64),
        ("0,125 s", 125.0),
        ("1,234 ms", None),  # a thousand, or little more than one
        ("1m30s", 90_000.0),
        ("1h2m3.5s", 3_723_500.0),
        ("2h", 7_200_000.0),
        ("0.034", 34.0),
        (" 0.034 ", 34.0),
        ("ms", None),
        ("1x", None),
        ("1s2", None),
        ("-5ms", None),
    ],
)
def test_durations_with_units(text: str, expected: float | None) -> None:
    assert each(durations_to_ms, text) == [expected]


@pytest.mark.parametrize(
    ("unit", "expected"), [("s", 7000.0), ("ms", 7.0), ("us", 0.007), ("ns", 0.0), ("m", 420_000.0)]
)
def test_the_unit_of_a_bare_number(unit: str, expected: float) -> None:
    assert durations_to_ms(texts("7", "8ms"), unit).to_list() == [expected, 8.0]


attempts = st.lists(st.none() | st.integers(0, 100_000), min_size=1, max_size=5)


@given(st.lists(attempts, min_size=1, max_size=4))
def test_upstream_lists_are_summed(groups: list[list[int | None]]) -> None:
    def write(entry: int | None) -> str:
        return "-" if entry is None else f"{entry / 1000:.3f}"

    text = " : ".join(", ".join(map(write, group)) for group in groups)
    known = [entry for group in groups for entry in group if entry is not None]
    assert each(sum_upstream_ms, "0.001", text) == [1.0, float(sum(known)) if known else None]


def test_upstream_lists_that_say_nothing() -> None:
    assert each(sum_upstream_ms, "-", "-, -", "", ":", "0.1, x") == [None] * 5


def test_the_last_status_of_an_upstream_list() -> None:
    found = each(last_upstream_status, "502, 200", "502 : 404", "200", "502, -", "-, 200", "-", "0")
    assert found == [200, 404, 200, None, 200, None, None]


# Times. A zone east of Greenwich by so many minutes, as a timezone and as text.
zones = st.integers(-14 * 60, 14 * 60)
moments = st.datetimes(datetime(1901, 1, 2), datetime(2261, 12, 30))  # noqa: DTZ001


def offset(minutes: int, colon: str = "") -> str:
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{colon}{abs(minutes) % 60:02d}"


def clf(moment: datetime) -> str:
    return f"{moment:%d}/{MONTHS[moment.month - 1]}/{moment.year:04d}:{moment:%H:%M:%S}"


def in_utc(moment: datetime, minutes: int) -> datetime:
    return moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).astimezone(UTC)


@given(st.lists(st.tuples(moments, zones), min_size=1, max_size=5))
def test_clf_times_in_any_zones(pairs: list[tuple[datetime, int]]) -> None:
    local = [clf(moment) for moment, _ in pairs]
    zone = [offset(minutes) for _, minutes in pairs]
    expected = [in_utc(moment.replace(microsecond=0), minutes) for moment, minutes in pairs]
    assert parse_clf_times(texts(*local), texts(*zone)).to_list() == expected
    joined = [" ".join(pair) for pair in zip(local, zone, strict=True)]
    assert parse_joined_clf_times(texts(*joined)).to_list() == expected
    assert parse_times(texts(*(f"[{text}]" for text in joined))).to_list() == expected


def test_clf_times_that_are_none() -> None:
    local = texts("28/Sep/1970:12:00:00", "31/Feb/2020:00:00:00", None, "-", "28/Sep/1970:12:00:00")
    zone = texts("+0600", "+0600", "+0600", "+0600", "six")
    assert parse_clf_times(local, zone).to_list() == [utc(1970, 9, 28, 6), None, None, None, None]


@given(
    pairs=st.lists(st.tuples(moments, zones), min_size=1, max_size=5),
    between=st.sampled_from("T "),
    day=st.sampled_from("-/"),
    digits=st.integers(0, 9),
    comma=st.sampled_from(".,"),
    style=st.sampled_from(["Z", "", "colon", "plain", "blank"]),
)
def test_iso_times(
    pairs: list[tuple[datetime, int]],
    between: str,
    day: str,
    digits: int,
    comma: str,
    style: str,
) -> None:
    written, expected = [], []
    for moment, minutes in pairs:
        ticks = f"{moment.microsecond:06d}999"[:digits]
        zone = {
            "colon": offset(minutes, ":"),
            "plain": offset(minutes),
            "blank": " " + offset(minutes),
        }.get(style, style)
        fraction = comma + ticks if ticks else ""
        written.append(
            f"{moment.year:04d}{day}{moment:%m}{day}{moment:%d}{between}{moment:%H:%M:%S}"
            f"{fraction}{zone}"
        )
        known = moment.replace(microsecond=int(f"{ticks:0<6}"[:6]))
        expected.append(in_utc(known, minutes if style in ("colon", "plain", "blank") else 0))
    assert parse_iso_times(texts(*written)).to_list() == expected
    assert parse_times(texts(*written)).to_list() == expected


def test_iso_times_of_one_column_may_differ() -> None:
    found = each(
        parse_iso_times,
        "2026-11-21T10:00:00.123456789Z",
        "2026-11-21T10:00:00+01",
        "2026/11/21 10:00:00",
        "2026-11-21T10:00Z",
        "2026-11-21 10:00:00,5 UTC",
        "2026-13-21T10:00:00Z",
        "2026-11-21",
        "-",
    )
    assert found == [
        utc(2026, 11, 21, 10, 0, 0, 123456),
        utc(2026, 11, 21, 9),
        utc(2026, 11, 21, 10),
        utc(2026, 11, 21, 10),
        utc(2026, 11, 21, 10, 0, 0, 500_000),
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "28/Sep/9999:12:00:00 +0000",
        "28/Sep/0001:12:00:00 +1400",
        "99999999999999999999",
        "1e300",
    ],
)
def test_times_that_no_log_has_are_null(text: str) -> None:
    assert each(parse_times, text) == [None]


@given(st.integers(0, 4 * 10**15))
@example(1_488_794_783_123_456)
def test_epochs_by_magnitude(microseconds: int) -> None:
    microseconds += 10**14  # milliseconds of the first years look like seconds
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    found = each(parse_epoch_times, str(microseconds), f"{microseconds}789")
    assert found == [expected] * 2
    seconds, rest = divmod(microseconds, 10**6)
    assert each(parse_epoch_times, f"{seconds}.{rest:06d}", f"{seconds}") == [
        expected,
        expected.replace(microsecond=0),
    ]
    millis = expected.replace(microsecond=rest // 1000 * 1000)
    assert each(parse_epoch_times, f"{microseconds // 1000}") == [millis]


def test_times_written_in_other_ways() -> None:
    noon = utc(2026, 11, 7, 13, 2, 31)
    assert each(
        parse_times,
        "Sat, 07 Nov 2026 13:02:31 GMT",
        "Sat, 07 Nov 2026 14:02:31 +0100",
        "Sat Nov  7 13:02:31 2026",
        "Nov 7 2026 13:02:31",
        "07/Nov/2026 13:02:31",
        "11/7/2026, 1:02:31.000 PM",
        "yesterday",
    ) == [*[noon] * 6, None]


def test_times_of_several_kinds_in_one_column() -> None:
    at = utc(2017, 3, 6, 10, 6, 23)
    assert each(
        parse_times, "1488794783", "2017-03-06T10:06:23Z", "[06/Mar/2017:11:06:23 +0100]", None, "-"
    ) == [at, at, at, None, None]


@pytest.mark.parametrize("word", ["infinity", "1_000", "٣", "0x10"])
def test_what_only_python_takes_for_a_number(word: str) -> None:
    assert each(to_floats, word) == [None]
    assert each(to_integers, word) == [None]


class TestDictionary:
    def test_encoding_keeps_values_and_nulls(self) -> None:
        encoded = encode_texts(texts("b", "a", None, "b"))
        assert encoded.to_list() == ["b", "a", None, "b"]
        assert encoded.to_physical().to_list() == [0, 1, None, 0]
        assert category_texts(encoded).to_list() == ["b", "a"]
        assert encode_texts(encoded) is encoded

    def test_a_plain_series_has_no_categories(self) -> None:
        with pytest.raises(TypeError, match="not dictionary-encoded"):
            category_texts(texts("a"))

    def test_equal_results_become_one_category(self) -> None:
        encoded = map_categories(
            encode_texts(texts("A", "a", None, "b", "x")),
            lambda s: s.str.to_lowercase().replace("x", None),
        )
        assert encoded.to_list() == ["a", "a", None, "b", None]
        assert category_texts(encoded).to_list() == ["a", "b"]
        assert encoded.name == "name"

    def test_other_types_come_as_they_are(self) -> None:
        lengths = map_categories(encode_texts(texts("aa", None, "b")), lambda s: s.str.len_bytes())
        assert lengths.to_list() == [2, None, 1]

    def test_codes_may_point_at_equal_texts_and_at_none(self) -> None:
        codes = pl.Series([0, 1, 2, None], dtype=pl.UInt32)
        assert from_codes(codes, texts("a", None, "a")).to_list() == ["a", None, "a", None]

    @given(st.lists(st.none() | any_text(max_size=3), max_size=20))
    def test_mapping_equals_mapping_each(self, values: list[str | None]) -> None:
        def function(s: pl.Series) -> pl.Series:
            return s.str.to_uppercase()

        plain = function(texts(*values)).to_list()
        assert map_categories(encode_texts(texts(*values)), function).to_list() == plain
