"""Account tables in files: formats, values, mapping, and what is wrong with them."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest

from apilog.developer_success.accounts import AccountColumns, Accounts, read_accounts
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


def test_each_bad_row_is_told_with_its_number_and_reason(tmp_path: Path) -> None:
    accounts = read(
        tmp_path,
        "account,signed_up_at,mrr,trial_started_at,trial_ends_at\n"
        "good,2026-09-01T00:00:00Z,5,,\n"
        ",2026-09-01T00:00:00Z,,,\n"
        "odd,,,2026-09-02T00:00:00Z,2026-09-01T00:00:00Z\n",
    )
    assert accounts.frame["account"].to_list() == ["good"]
    assert accounts.claims["consumer"].to_list() == ["good"]
    assert accounts.bad_rows == 2
    assert [note.removeprefix("accounts: row ") for note in accounts.notes] == [
        "2 is left out: no account",
        "3 is left out: trial_ends_at is before trial_started_at",
    ]


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    accounts = read(tmp_path, "account,plan\n" + ",pro\n" * 25)
    assert len(accounts.notes) == 11
    assert accounts.notes[-1] == "accounts: 15 more rows are left out"


def test_a_row_with_too_many_cells_is_refused(tmp_path: Path) -> None:
    data = 'account,plan\na1,"pro, or so"\na2,free,,,{}\n\na3\n'
    accounts = read(tmp_path, data.format(""))
    assert accounts.frame.select("account", "plan").rows() == [
        *(("a1", "pro, or so"), ("a2", "free"), ("a3", None))
    ]
    message = refused(tmp_path, data.format("x"))
    assert "row 2 of the account table has 5 cells under 2 names" in message
    assert "put cells that hold a ',' in double quotes" in message


def test_what_the_rows_left_out_pay_is_told(tmp_path: Path) -> None:
    rows = ("a,5,,", ",1000.5,,", "b,7,2026-01-02,2026-01-01", ",,,")
    accounts = read(tmp_path, "account,mrr,trial_started_at,trial_ends_at\n" + "\n".join(rows))
    assert accounts.frame["mrr"].to_list() == [5.0]
    assert "accounts: rows that are left out have 1,007.50 of mrr" in accounts.notes


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


def refused(folder: Path, data: bytes | str, **how: object) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, data, **how)  # type: ignore[arg-type]
    return f"{caught.value}; {caught.value.hint}"


def test_a_value_that_can_not_be_read_is_refused_and_shown(tmp_path: Path) -> None:
    message = refused(tmp_path, "account,mrr,churned_at\na,5,\n,x,\nb,5,soon\nc,a lot,never\n")
    assert "row 3 of the account table: churned_at 'soon' is no time" in message
    assert "2 more" in message
    assert "row 1 of the account table: mrr '-5' is no amount" in refused(
        tmp_path, "account,mrr\na,-5\n"
    )


def test_no_address_is_shown(tmp_path: Path) -> None:
    message = refused(tmp_path, "account,signed_up_at\na1,dev@example.com\n")
    assert "signed_up_at (hidden) is no time" in message
    assert "@" not in message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_files_as_spreadsheets_save_them(tmp_path: Path, encoding: str, end: str) -> None:
    lines = [
        *(
            "sep=;",
            "account;consumers;Signed up at;Plan;MRR;;",
            "Kühn;k1;23.01.2026;pro;1.188,00 €",
        ),
        *("b;k2,k3;2.2.2026;pro;99,00 €;;", ";;;;;;", ""),
    ]
    accounts = read(tmp_path, end.join(lines).encode(encoding))
    assert accounts.frame.select("account", "signed_up_at", "plan", "mrr").rows() == [
        ("Kühn", datetime(2026, 1, 23, tzinfo=UTC), "pro", 1188.0),
        ("b", datetime(2026, 2, 2, tzinfo=UTC), "pro", 99.0),
    ]
    assert accounts.claims.rows() == [("k1", 0), ("k2", 1), ("k2,k3", 1), ("k3", 1)]
    assert accounts.bad_rows == 0
    assert ("Windows-1252" in accounts.notes[0]) == (encoding == "cp1252")


def test_cells_without_content_are_no_cells(tmp_path: Path) -> None:
    accounts = read(tmp_path, "account,mrr,\na,5,,,\n,,,,,\nb,6\n")
    assert accounts.frame.select("account", "mrr").rows() == [("a", 5.0), ("b", 6.0)]
    assert accounts.notes == ()


def test_one_array_of_json_objects_is_a_table(tmp_path: Path) -> None:
    rows = [{"account": "a", "mrr": 5}, {"account": "b", "mrr": None, "consumers": ["k,1"]}]
    accounts = read(tmp_path, json.dumps(rows, indent=1), "accounts.json")
    assert accounts.frame.select("account", "mrr").rows() == [("a", 5.0), ("b", None)]
    assert accounts.claims.rows() == [("a", 0), ("k,1", 1)]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    assert "save its sheet as CSV" in refused(tmp_path, b"PK\x03\x04...")
    assert "decompress it first" in refused(tmp_path, b"\x1f\x8b\x08")
    assert "a web page" in refused(tmp_path, b"<html><table>")
    assert "names no column" in refused(tmp_path, ";;\naccount;mrr;\n")
    assert "one name" in refused(tmp_path, "account,mrr,mrr\na,5,6\n")


def test_names_may_be_written_in_other_ways(tmp_path: Path) -> None:
    names = "Account,Signed-up at,convertedAt,MRR,trial_kind,Trial Kind"
    accounts = read(tmp_path, f"{names}\na,2026-01-01Z,2026-01-02Z,5,x,y\n".replace("Z", "T00:00Z"))
    found = accounts.frame.select("account", "signed_up_at", "converted_at", "mrr", "trial_kind")
    instants = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    assert found.rows() == [("a", *instants, 5.0, "x")]


def test_a_column_that_is_nearly_one_of_these_is_told(tmp_path: Path) -> None:
    accounts = read(tmp_path, "account,sign_up_at,mrr_eur,created_at,note,plan\na,,,,,\n")
    assert [note.split("; ")[0] for note in accounts.notes] == [
        "accounts: the column 'sign_up_at' is not read",
        "accounts: the column 'mrr_eur' is not read",
    ]
    assert read(tmp_path, "account,mrr_eur\na,b\n", by=["mrr_eur"]).notes == ()


def test_amounts_in_several_currencies_are_refused(tmp_path: Path) -> None:
    table = "account,Currency,mrr\na,EUR,5\nb,€,6\nc,,7\nd,{},{}\n"
    assert read(tmp_path, table.format("USD", "0")).frame["mrr"].sum() == 18
    assert "'EUR' and 'USD' (Currency)" in refused(tmp_path, table.format("USD", "8"))
    assert read(tmp_path, table.format("USD", "8"), by=["Currency"]).frame.height == 4


def test_what_means_nothing_is_missing(tmp_path: Path) -> None:
    rows = ("a,\\N,N/A,-", "b,NULL,5,0000-00-00", "c,-,NULL,null")
    accounts = read(tmp_path, "account,plan,mrr,churned_at\n" + "\n".join(rows) + "\n")
    assert accounts.frame.select("plan", "mrr", "churned_at").rows() == [
        *((None, None, None), (None, 5.0, None), ("-", None, None))
    ]
    assert "accounts: 'N/A' is taken as missing (mrr)" in accounts.notes


@pytest.mark.parametrize(
    ("cell", "consumers"),
    [
        ("k1,k2", ["k1", "k1,k2", "k2"]),
        ("k1 | k2", ["k1", "k1 | k2", "k2"]),
        ("k1; k2", ["k1", "k2"]),
        ("k1\nk2", ["k1", "k1\nk2", "k2"]),
        ("Acme, Inc;", ["Acme, Inc"]),
        ("{k1,k2}", ["k1", "k2"]),
        ('["k1", "k2"]', ["k1", "k2"]),
        ("CN=acme,O=Acme Inc,C=DE", ["CN=acme,O=Acme Inc,C=DE"]),
        ("{}", ["a"]),
        ("", ["a"]),
    ],
)
def test_lists_of_consumers(tmp_path: Path, cell: str, consumers: list[str]) -> None:
    table = pl.DataFrame({"account": ["a"], "consumers": [cell]}).write_csv()
    assert read(tmp_path, table).claims["consumer"].to_list() == consumers


def test_bytes_are_uuids_or_texts(tmp_path: Path) -> None:
    ids = [UUID(int=n << 64 | 0xFF << 56).bytes for n in (1, 2)]
    out = io.BytesIO()
    pl.DataFrame({"account": ids, "consumers": [[ids[0], b"k1"], None]}).write_parquet(out)
    claims = read(tmp_path, out.getvalue()).claims
    assert claims.rows() == [
        ("00000000-0000-0001-ff00-000000000000", 0),
        ("00000000-0000-0002-ff00-000000000000", 1),
        ("k1", 0),
    ]


def test_objects_within_are_refused(tmp_path: Path) -> None:
    for consumers in ([{"id": "k1"}], [["k1"]], {"id": "k1"}):
        row = json.dumps({"account": "a", "consumers": consumers})
        assert "consumers of the account table has objects within" in refused(tmp_path, row)


def test_whole_numbers_are_ids(tmp_path: Path) -> None:
    accounts = read(tmp_path, "account,consumers\n7,12.0\n8,\n")
    assert accounts.claims["consumer"].to_list() == ["12", "8"]
    accounts = read(tmp_path, "account,consumers\n7,12.0\n8,v1\n")
    assert accounts.claims["consumer"].to_list() == ["12.0", "v1"]


def test_ids_that_lost_digits_are_refused(tmp_path: Path) -> None:
    message = refused(tmp_path, "account,consumers\na,k1\nb,9.87654E+15\n")
    assert "row 2 of the account table: an id" in message
    assert "9.87" not in message  # ids may be secrets
