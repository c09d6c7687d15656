"""Amounts and times as people write them: read as meant, refused with the value, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.developer_success.accounts.account_times import read_times
from apilog.developer_success.accounts.amounts import read_amounts
from apilog.developer_success.accounts.cell_texts import NOTHINGS
from apilog.errors import InputError
from tests.any_text import any_text
from tests.examples import about


def amounts(texts: Sequence[str | None], cells: str = ",") -> list[float | str | None]:
    """The amounts of a column, and the text of what is bad."""
    (column,) = read_amounts(
        [pl.Series("mrr", texts, dtype=pl.String)], cell_separator=cells
    ).columns
    cells_read = zip(texts, column.values.to_list(), column.bad.to_list(), strict=True)
    return [text if bad else value for text, value, bad in cells_read]


def times(*columns: Sequence[str | None]) -> list[list[datetime | str | None]]:
    named = [pl.Series(f"c{i}", texts, dtype=pl.String) for i, texts in enumerate(columns)]
    return [
        [
            text if bad else value
            for text, value, bad in zip(texts, column.values, column.bad, strict=True)
        ]
        for texts, column in zip(columns, read_times(named).columns, strict=True)
    ]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1.188,00", "99,00", "2.376,50"], [1188, 99, 2376.5]),
        (["1,188.00", "99", "2,376.50"], [1188, 99, 2376.5]),
        (["€ 99", "149 €", "€49.50"], [99, 149, 49.5]),
        (["1'188.–", "CHF 99.-", "1’049.50", "Fr. 3"], [1188, 99, 1049.5, 3]),
        (["1 188,00 kr", "99 kr", "12\u202f345,5\xa0kr"], [1188, 99, 12345.5]),
        (["R$ 1.188,00", "R$0,50"], [1188, 0.5]),
        (["₹1,18,800.00", "Rs. 99", "INR 5"], [118800, 99, 5]),
        (["$1,188.00 CAD", "CA$5"], [1188, 5]),
        (["USD 99", "$5", "12 US$", "usd 1"], [99, 5, 12, 1]),
        (["1.234.567"], [1234567]),
        (["99,-", "1.188,-", "5"], [99, 1188, 5]),
        (["0.125", "1.188"], [0.125, 1.188]),
        (["1234.567", "1.188", "1e3"], [1234.567, 1.188, 1000]),
        (["€ -", "99 €", "- €"], [0, 99, 0]),
        (["1.188E+03", " 5 ", "", None], [1188, 5, None, None]),
        (["\u200f1,188.00\xa0₪", "99 ₪"], [1188, 99]),
        (["99 zł", "1 188,00 zł"], [99, 1188]),
        (["1,188円", "¥99"], [1188, 99]),
    ],
)
def test_amounts(texts: list[str | None], values: list[float | None]) -> None:
    assert amounts(texts) == values


@pytest.mark.parametrize(
    "amount",
    [
        "-1",
        "(99.00)",
        "99.00-",
        "NaN",
        "inf",
        "a lot",
        "99%",
        "12 users",
        "1.2k",
        "$99/mo",
        "1,23,4",
    ],
)
def test_amounts_that_are_none(amount: str) -> None:
    assert amounts([amount, "5"]) == [amount, 5]


def test_a_separator_before_three_digits_is_read_with_a_note_or_refused() -> None:
    for text, cells in (("$1,188", ","), ("€ 1.188", ";"), ("1,188", "\t")):
        column = pl.Series("mrr", [text, "99"])
        read = read_amounts([column], cell_separator=cells)
        assert read.columns[0].values.to_list() == [1188, 99]
        assert f"amounts such as '{text}' are read as 1188 (mrr)" in read.notes[-1]
    for text, cells in (("1.188", ","), ("1,188", ";"), ("TND 1,188", ",")):
        with pytest.raises(InputError, match=f"'{text}' .* may be 1188 or 1.188"):
            amounts([text, "99"], cells)


def test_the_decimal_sign_is_that_of_the_table() -> None:
    mrr, before = pl.Series("mrr", ["1.188", "99"]), pl.Series("mrr_before", ["99,50", None])
    read = read_amounts([mrr, before])
    assert [c.values.to_list() for c in read.columns] == [[1188, 99], [99.5, None]]
    with pytest.raises(InputError, match=r"two decimal signs: '1.188,00' and '1,188.00' \(mrr\)"):
        amounts(["1.188,00", "1,188.00"])


@pytest.mark.parametrize(
    "texts", [["€99", "$149", "£49"], ["$99", "99 CAD"], ["¥5", "CNY 5"], ["99 kr", "SEK 5"]]
)
def test_several_currencies_are_refused(texts: list[str]) -> None:
    with pytest.raises(InputError, match=f"'{texts[1].replace('$', '.')}'"):
        amounts(texts)


def test_amounts_without_a_currency_are_those_of_the_others() -> None:
    read = read_amounts([pl.Series("mrr", ["99", "€5", "0"])])
    assert read.notes == ("accounts: '99' is taken to be in the currency of '€5' (mrr)",)
    assert read_amounts([pl.Series("mrr", ["0", "€5"])]).notes == ()


def test_numbers_as_texts_of_a_database_have_a_point() -> None:
    (read,) = read_amounts([pl.Series(["49.900", "5"])], cell_separator=None).columns
    assert read.values.to_list() == [49.9, 5]


def test_other_types_are_texts() -> None:
    names = pl.Series(["2026-01-02", "1,5"], dtype=pl.Categorical)
    assert read_amounts([names]).columns[0].values.to_list() == [None, 1.5]
    assert read_times([names]).columns[0].bad.to_list() == [False, True]
    for column in (pl.Series([True]), pl.Series([{"a": 1}]), pl.Series([b"\xff"])):
        for read in (*read_amounts([column]).columns, *read_times([column]).columns):
            assert read.bad.to_list() == [True]


def test_numbers_are_numbers() -> None:
    for column in (pl.Series([5.5, None]), pl.Series([Decimal("5.50"), None])):
        (read,) = read_amounts([column]).columns
        assert (read.values.to_list(), read.bad.any()) == ([5.5, None], False)
    (read,) = read_amounts([pl.Series([float("nan"), -1.0, 3.0])]).columns
    assert (read.values.to_list(), read.bad.to_list()) == ([None, None, 3], [False, True, False])


WRITERS = {  # by group, decimal sign and currency
    "plain": ("", ".", "{}"),
    "english": (",", ".", "${}"),
    "german": (".", ",", "{} €"),
    "french": ("\u202f", ",", "{}\xa0€"),
    "swiss": ("’", ".", "CHF {}"),
    "brazilian": (".", ",", "R$ {}"),
    "polish": (" ", ",", "{} zł"),
}


@settings(max_examples=about(60))
@given(st.sampled_from(sorted(WRITERS)), st.lists(st.integers(0, 10**9), min_size=1), st.data())
def test_every_locale_gives_the_same_amounts(
    name: str, cents: list[int], data: st.DataObject
) -> None:
    group, decimal, currency = WRITERS[name]
    digits = data.draw(st.sampled_from([0, 2]), label="digits after the decimal sign")
    texts, values = [], []
    for each in cents:
        whole, rest = (each, "") if digits == 0 else divmod(each, 100)
        grouped = f"{whole:,}".replace(",", group)
        text = f"{grouped}{decimal}{rest:02d}" if digits else grouped
        texts.append(currency.format(text))
        values.append(each / 100 if digits else float(each))
    # Points that group thousands, and nothing else: what is decimal could look like that, too.
    thousands = [text for text in texts if "." in text]
    if digits == 0 and group == "." and thousands and max(cents) < 10**6:
        with pytest.raises(InputError, match="may be"):
            amounts(texts)
    else:
        assert amounts(texts) == values


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        (" 2026-11-21T10:20 ", datetime(2026, 11, 21, 10, 20, tzinfo=UTC)),
        ("2026-11-21 10:20:30", datetime(2026, 11, 21, 10, 20, 30, tzinfo=UTC)),
        ("2026-11-21T10:20:30.25Z", datetime(2026, 11, 21, 10, 20, 30, 250_000, UTC)),
        ("2026-11-21T10:20:30,5+02:00", datetime(2026, 11, 21, 8, 20, 30, 500_000, UTC)),
        ("2026-11-21 10:20:30 -0730", datetime(2026, 11, 21, 17, 50, 30, tzinfo=UTC)),
        ("2026-11-21T10:20:30+02", datetime(2026, 11, 21, 8, 20, 30, tzinfo=UTC)),
        ("2026-11-21 10:20:30 UTC", datetime(2026, 11, 21, 10, 20, 30, tzinfo=UTC)),
        ("21.11.2026", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2.1.26", datetime(2026, 1, 2, tzinfo=UTC)),
        ("21.11.2026, 15:04:05", datetime(2026, 11, 21, 15, 4, 5, tzinfo=UTC)),
        ("1/23/2026 3:04 PM", datetime(2026, 1, 23, 15, 4, tzinfo=UTC)),
        ("1/23/26, 12:04:05\u202fa.m.", datetime(2026, 1, 23, 0, 4, 5, tzinfo=UTC)),
        ("23-01-2026", datetime(2026, 1, 23, tzinfo=UTC)),
        ("5/5/2026", datetime(2026, 5, 5, tzinfo=UTC)),
        ("2026/1/2", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026. 1. 2.", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026年1月2日", datetime(2026, 1, 2, tzinfo=UTC)),
        ("20260102", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2-Jan-26", datetime(2026, 1, 2, tzinfo=UTC)),
        ("January 2nd, 2026 10:00", datetime(2026, 1, 2, 10, tzinfo=UTC)),
        ("Fri, 02 Jan 2026 10:00:00 GMT", datetime(2026, 1, 2, 10, tzinfo=UTC)),
        ("Fri Jan 02 2026 10:00:00 GMT+0100 (CET)", datetime(2026, 1, 2, 9, tzinfo=UTC)),
        ("2026-01-02T10:00+01:00[Europe/Berlin]", datetime(2026, 1, 2, 9, tzinfo=UTC)),
        ("2026-01-02 10:00:00 +0000 UTC", datetime(2026, 1, 2, 10, tzinfo=UTC)),
        ("2. März 2026", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2 de enero de 2026", datetime(2026, 1, 2, tzinfo=UTC)),
        ("1767225600", datetime(2026, 1, 1, tzinfo=UTC)),
        ("1767225600500", datetime(2026, 1, 1, 0, 0, 0, 500_000, UTC)),
        ("", None),
        ("  ", None),
        ("N/A", None),
        ("0000-00-00 00:00:00", None),
        *((text, text) for text in ("soon", "2026-02-30", "31.02.2026", "1969-12-31", "46045")),
        *((text, text) for text in ("2026-01-02 10:00 CET", "2026-01-02T10:00[Europe/Berlin]")),
        *((text, text) for text in ("2026-11-21T25:00:00Z", "13/13/2026", "23/01/26", "26-01-10")),
        ("1/23/2026 13:00 PM", "1/23/2026 13:00 PM"),
    ],
)
def test_times(text: str, instant: datetime | str | None) -> None:
    assert times([text]) == [[instant]]


@pytest.mark.parametrize("column", [[date(2026, 1, 2)], [datetime(2026, 1, 2)], ["2026-01-02"]])  # noqa: DTZ001
def test_times_without_a_zone_are_told(column: list[object]) -> None:
    (read,) = read_times([pl.Series(column)]).columns
    assert (read.values[0], read.lacks_zone) == (datetime(2026, 1, 2, tzinfo=UTC), True)


@pytest.mark.parametrize(
    "column", [["2026-01-02T00:00:00Z"], [datetime(2026, 1, 2, tzinfo=UTC)], [1767312000], [""]]
)
def test_times_with_a_zone_are_not(column: list[object]) -> None:
    (read,) = read_times([pl.Series(column)]).columns
    assert read.values[0] in {datetime(2026, 1, 2, tzinfo=UTC), None}
    assert not read.lacks_zone


def test_times_as_programs_write_them_are_those_of_the_standard_library() -> None:
    texts = [
        f"2026-{day}{mark}{clock}{fraction}{zone}"
        for day in ("02-28", "12-31")
        for mark in ("T", " ")
        for clock in ("00:00:00", "23:59:59")
        for fraction in ("", ".5", ".123456", ".999999")
        for zone in ("Z", "+00:00", "-0530", "+14:00")
    ]
    # Beside them others, and days that there are not.
    others = ["2026-02-30T10:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T01:00:00+01:00"]
    assert times([*texts, *others]) == [
        [datetime.fromisoformat(text).astimezone(UTC) for text in texts]
        + [*others[:2], datetime(1970, 1, 1, tzinfo=UTC)]
    ]


def test_times_that_never_come_are_missing() -> None:
    endless = pl.Series([2**63 - 1, -(2**63) + 1, None]).cast(pl.Datetime("us", "UTC"))
    (read,) = read_times([endless]).columns
    assert (read.values.to_list(), read.bad.any(), read.nothing) == ([None] * 3, False, "infinity")


def test_what_a_column_does_not_tell_another_one_may() -> None:
    second = datetime(2026, 11, 2, tzinfo=UTC)
    column = pl.Series("churned_at", ["02/11/2026"])
    read = read_times([column, pl.Series("signed_up_at", ["28/02/2026"])])
    assert read.columns[0].values.to_list() == [second]
    assert read.notes == (
        "accounts: '02/11/2026' has the day first, as '28/02/2026' tells (churned_at)",
    )
    with pytest.raises(InputError, match=r"churned_at '02/11/2026' .* may have the day first or"):
        read_times([column, pl.Series(["2026-01-02"])])
    both = [pl.Series("b", ["28/02/2026"]), pl.Series("c", ["02/28/2026"])]
    with pytest.raises(InputError, match="churned_at '02/11/2026'"):
        read_times([column, *both])


@settings(max_examples=about(60))
@given(
    st.lists(st.dates(date(1970, 1, 2), date(2060, 1, 1)), min_size=1, max_size=5),
    st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"]),
)
def test_dates_are_read_as_written_or_refused(days: list[date], pattern: str) -> None:
    texts = [day.strftime(pattern) for day in days]
    expected = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    is_decided = any(day.day > 12 for day in days) or all(day.day == day.month for day in days)
    if is_decided:
        assert times(texts) == [expected]
    else:
        with pytest.raises(InputError, match="may have the day first or the month"):
            times(texts)


ODD_TEXTS = st.text("0123456789.,'/-: €$TZapm\xa0", max_size=14) | any_text(max_size=20) | st.none()


@settings(max_examples=about(30))
@given(st.lists(ODD_TEXTS, max_size=4))
def test_any_text_is_a_value_or_bad_or_missing(texts: list[str | None]) -> None:
    columns: list[Callable[[], Sequence[object]]] = [
        lambda: amounts(texts),
        lambda: times(texts)[0],
    ]
    for read in columns:
        try:
            found = read()
        except InputError:
            continue
        for text, value in zip(texts, found, strict=True):
            is_missing = text is None or text.strip().lower() in {"", *NOTHINGS}
            assert (value is None) == is_missing, (text, value)
