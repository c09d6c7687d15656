"""Account tables in files: formats, values, mapping, and what is wrong with them."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.developer_success.accounts import AccountColumns, Accounts, read_accounts
from apilog.developer_success.accounts.account_columns import AccountColumnKind, convert_column
from apilog.errors import InputError, UsageError

ROWS: list[dict[str, str | None]] = [
    {"account": "a1", "consumers": "k1; k2", "signed_up_at": "2026-09-01T10:00:00Z", "mrr": "49.5"},
    {"account": "a2", "consumers": None, "signed_up_at": "2026-09-02T10:00:00Z", "mrr": None},
]


def as_csv(rows: list[dict[str, str | None]], separator: str = ",") -> bytes:
    return pl.DataFrame(rows).write_csv(separator=separator).encode()


def as_ndjson(rows: list[dict[str, str | None]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def as_parquet(rows: list[dict[str, str | None]]) -> bytes:
    out = io.BytesIO()
    pl.DataFrame(rows).with_columns(
        pl.col("consumers").str.split(";"),
        pl.col("signed_up_at").str.to_datetime(time_zone="Europe/Berlin"),
        pl.col("mrr").cast(pl.Decimal(10, 2)),
    ).write_parquet(out)
    return out.getvalue()


def read(folder: Path, data: bytes | str, name: str = "accounts.csv", **how: object) -> Accounts:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_accounts(str(path), **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("accounts.csv", as_csv(ROWS)),
        ("semicolons.csv", as_csv(ROWS, ";")),
        ("tabs.tsv", as_csv(ROWS, "\t")),
        ("blanks.csv", as_csv(ROWS).replace(b",signed_up_at,", b", signed_up_at ,")),
        ("with-mark.csv", b"\xef\xbb\xbf" + as_csv(ROWS)),
        ("accounts.ndjson", as_ndjson(ROWS)),
        ("no-ending", as_ndjson(ROWS)),
        ("accounts.parquet", as_parquet(ROWS)),
        ("named-wrongly.csv", as_parquet(ROWS)),
    ],
)
def test_every_format_gives_the_same_accounts(tmp_path: Path, name: str, data: bytes) -> None:
    accounts = read(tmp_path, data, name)
    assert accounts.frame.select("account", "signed_up_at", "mrr").rows() == [
        ("a1", datetime(2026, 9, 1, 10, tzinfo=UTC), 49.5),
        ("a2", datetime(2026, 9, 2, 10, tzinfo=UTC), None),
    ]
    assert accounts.claims.rows() == [("a2", 1), ("k1", 0), ("k2", 0)]
    assert (accounts.notes, accounts.bad_rows) == ((), 0)


@pytest.mark.parametrize("name", ["accounts.csv", "accounts.ndjson"])
@pytest.mark.parametrize("data", [b"", b"\n", b"  \n\n"])
def test_an_empty_file_has_no_accounts(tmp_path: Path, name: str, data: bytes) -> None:
    accounts = read(tmp_path, data, name)
    assert accounts.frame.height == accounts.claims.height == 0


def test_a_head_alone_has_no_accounts(tmp_path: Path) -> None:
    assert read(tmp_path, "account,plan\n").frame.height == 0


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
        ("", None),
        ("  ", None),
        ("soon", "bad"),
        ("2026-02-30", "bad"),
        ("21.11.2026", "bad"),
        ("1969-12-31", "bad"),
        ("2026-11-21T25:00:00Z", "bad"),
    ],
)
def test_times(text: str, instant: datetime | str | None) -> None:
    read = convert_column(pl.Series([text]), AccountColumnKind.INSTANT)
    assert read.values.to_list() == [None if instant == "bad" else instant]
    assert read.bad.to_list() == [instant == "bad"]


def test_times_without_a_zone_are_told() -> None:
    for values in (["2026-11-21"], [date(2026, 11, 21)], [datetime(2026, 11, 21)]):  # noqa: DTZ001
        assert convert_column(pl.Series(values), AccountColumnKind.INSTANT).lacks_zone
    for aware in (["2026-11-21T00:00:00Z"], [datetime(2026, 11, 21, tzinfo=UTC)], [""]):
        assert not convert_column(pl.Series(aware), AccountColumnKind.INSTANT).lacks_zone


@settings(max_examples=30)
@given(st.lists(st.text(max_size=30) | st.none(), max_size=8))
def test_any_text_is_a_value_or_bad_or_missing(texts: list[str | None]) -> None:
    check_conversion(texts)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(st.text(max_size=30) | st.none(), max_size=8))
def test_any_of_many_texts_is_a_value_or_bad_or_missing(texts: list[str | None]) -> None:
    check_conversion(texts)


def check_conversion(texts: list[str | None]) -> None:
    column = pl.Series("x", texts, dtype=pl.String)
    for kind in AccountColumnKind:
        converted = convert_column(column, kind)
        cells = zip(texts, converted.values.to_list(), converted.bad.to_list(), strict=True)
        for text, value, bad in cells:
            is_missing = text is None or not pl.Series([text]).str.strip_chars()[0]
            assert (value is not None) + bad + is_missing == 1, (text, value, bad)


@pytest.mark.parametrize("amount", ["-1", "NaN", "inf", "12 EUR"])
def test_amounts_that_are_none(amount: str) -> None:
    assert convert_column(pl.Series([amount]), AccountColumnKind.MONEY).bad.to_list() == [True]


def test_each_bad_row_is_told_with_its_number_and_reason(tmp_path: Path) -> None:
    accounts = read(
        tmp_path,
        "account,signed_up_at,mrr,trial_started_at,trial_ends_at\n"
        "good,2026-09-01T00:00:00Z,5,,\n"
        ",2026-09-01T00:00:00Z,5,,\n"
        "late,tomorrow,5,,\n"
        "free,,a lot,,\n"
        "odd,,,2026-09-02T00:00:00Z,2026-09-01T00:00:00Z\n",
    )
    assert accounts.frame["account"].to_list() == ["good"]
    assert accounts.claims["consumer"].to_list() == ["good"]
    assert accounts.bad_rows == 4
    assert [note.removeprefix("accounts: row ") for note in accounts.notes] == [
        "2 is left out: no account",
        "3 is left out: signed_up_at is not a time from 1970 on, such as 2026-11-21T10:00:00Z",
        "4 is left out: mrr is not an amount",
        "5 is left out: trial_ends_at is before trial_started_at",
    ]


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    accounts = read(tmp_path, "account,mrr\n" + "".join(f"a{i},x\n" for i in range(25)))
    assert len(accounts.notes) == 11
    assert accounts.notes[-1] == "accounts: 15 more rows are left out"


def test_a_row_with_too_many_cells_is_bad(tmp_path: Path) -> None:
    data = 'account,plan\na1,"pro, or so"\na2,free,,,\n\na3\n'
    accounts = read(tmp_path, data)
    assert accounts.frame.select("account", "plan").rows() == [("a1", "pro, or so"), ("a3", None)]
    assert accounts.notes == ("accounts: row 2 is left out: 5 cells under 2 names",)


def test_a_line_that_is_no_object_is_bad(tmp_path: Path) -> None:
    rows = ('{"account": 1, "mrr": 5}', "[1]", "nonsense")
    data = "\n".join((*rows, '{"account": "b", "consumers": ["k", 2], "mrr": "7"}'))
    accounts = read(tmp_path, data, "accounts.ndjson")
    assert accounts.frame.select("account", "mrr").rows() == [("1", 5.0), ("b", 7.0)]
    assert accounts.claims["consumer"].to_list() == ["1", "2", "k"]
    assert [note.split(": ")[1] for note in accounts.notes] == [
        "row 2 is left out",
        "row 3 is left out",
    ]


def test_columns_are_mapped(tmp_path: Path) -> None:
    columns = AccountColumns({"account": "Customer ID", "plan": "Tier"})
    accounts = read(tmp_path, "Customer ID,Tier,plan\n7,gold,x\n", columns=columns)
    assert accounts.frame.select("account", "plan").rows() == [("7", "gold")]


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column 'account'") as caught:
        read(tmp_path, "acount,plan\n1,2\n")
    assert "did you mean 'acount'?" in caught.value.hint
    with pytest.raises(UsageError, match="no column 'Tier'"):
        read(tmp_path, "account,tier\n1,2\n", columns=AccountColumns({"plan": "Tier"}))
    with pytest.raises(UsageError, match="no column 'country'"):
        read(tmp_path, "account,tier\n1,2\n", by=["country"])
    with pytest.raises(UsageError, match="accounts have no column 'plann'") as caught:
        AccountColumns({"plann": "Tier"})
    assert caught.value.hint == "did you mean 'plan'?"


def test_two_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two columns of the account table have one name"):
        read(tmp_path, "account,plan, plan\na,b,c\n")


def test_an_account_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rows 1, 3 of the account table"):
        read(tmp_path, "account\nx\ny\nx\n")


def test_a_consumer_that_is_claimed_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="claimed by more than one account: rows 1, 2"):
        read(tmp_path, "account,consumers\nx,k1;k2\ny,k2\n")
    # An account without consumers is its own one.
    with pytest.raises(InputError, match="claimed by more than one"):
        read(tmp_path, "account,consumers\nx,\ny,x\n")
    assert read(tmp_path, "account,consumers\nx,k;k; ;k\n").claims.height == 1


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't read the accounts of"):
        read_accounts(str(tmp_path / "missing.csv"))
    with pytest.raises(InputError, match="can't read the accounts of"):
        read(tmp_path, b"PAR1 no more", "broken.parquet")


def test_no_value_of_a_bad_row_is_shown(tmp_path: Path) -> None:
    accounts = read(tmp_path, "account,signed_up_at\na1,dev@example.com\n")
    assert "@" not in " ".join(accounts.notes)
