"""Accounts out of real databases: PostgreSQL and SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apilog.developer_success.accounts import AccountColumns, read_accounts
from apilog.errors import ApilogError, InputError, UsageError
from tests.commands import Run
from tests.success.postgres_server import PASSWORD, Postgres, running

QUERY = (
    "SELECT id AS account, keys AS consumers, created AS signed_up_at, tier AS plan FROM customers"
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    path = tmp_path / "app.db"
    # Leaving the connection's own block would commit, and not close it.
    with closing(sqlite3.connect(path)) as raw_tables, raw_tables:
        raw_tables.execute("CREATE TABLE users (id, key, since, plan, mrr)")
        raw_tables.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?)",
            [
                (7, "k7", "2026-09-01T10:00:00", "pro", 49),
                (None, None, "soon", None, None),
                (8, None, "1.9.2026", None, "1.049,50 €"),
            ],
        )
    return f"sqlite:///{path}"


def test_accounts_of_postgresql(postgres: Postgres) -> None:
    accounts = read_accounts(postgres.url(), query=f"{QUERY} ORDER BY id", by=["plan"])
    assert accounts.frame["account"].to_list() == ["1", "2"]
    assert accounts.frame["signed_up_at"].to_list() == [
        datetime(2026, 9, 1, 10, tzinfo=UTC),
        datetime(2026, 9, 2, tzinfo=UTC),
    ]
    assert dict(accounts.claims.iter_rows()) == {"k1": 0, "k2": 0, "2": 1}
    assert accounts.notes == ()


def test_times_without_a_zone_and_amounts_of_postgresql(postgres: Postgres) -> None:
    columns = AccountColumns(
        {"account": "id", "signed_up_at": "joined", "converted_at": "day", "mrr": "revenue"}
    )
    accounts = read_accounts(
        postgres.url(), query="SELECT * FROM customers ORDER BY id", columns=columns
    )
    assert accounts.frame["signed_up_at"][1] == datetime(2026, 9, 2, 10, 30, tzinfo=UTC)
    assert accounts.frame["converted_at"].to_list() == [datetime(2026, 9, 10, tzinfo=UTC), None]
    assert accounts.frame["mrr"].to_list() == [49.9, None]
    assert accounts.notes == (
        "accounts: times without a zone are taken as UTC (signed_up_at, converted_at)",
    )


def test_uuids_of_postgresql(postgres: Postgres) -> None:
    query = """
        SELECT u AS account, ARRAY[u, u] AS consumers, timestamptz 'infinity' AS churned_at
        FROM (SELECT uuid '00000000-0000-0001-0000-00000000ff0a' AS u) AS t"""
    accounts = read_accounts(postgres.url(), query=query)
    assert accounts.frame["account"].to_list() == ["00000000-0000-0001-0000-00000000ff0a"]
    assert accounts.claims["consumer"].to_list() == accounts.frame["account"].to_list()
    assert accounts.frame["churned_at"].to_list() == [None]


def test_what_postgresql_refuses_is_one_clear_error(postgres: Postgres) -> None:
    cases = {
        postgres.url(): "SELECT nonsense FROM customers",
        f"{postgres.url()}?": "SELECT interval '1 day' AS account",
        postgres.url(password="wr0ng-password"): QUERY,
        postgres.url(password="wr0ng password"): QUERY,
        postgres.url(database="nowhere"): QUERY,
        "postgresql://postgres:s3cret%20word%26more@127.0.0.1:1/x": QUERY,
        "postgresql://127.0.0.1:1/x?user=u&password=hidden%20too": QUERY,
    }
    for url, query in cases.items():
        with pytest.raises(InputError, match="can't read the accounts from the database") as caught:
            read_accounts(url, query=query)
        message = f"{caught.value} {caught.value.hint}"
        assert "\n" not in message
        for secret in (PASSWORD, "s3cret%20", "wr0ng", "hidden"):
            assert secret not in message, message
        # What is shown with a traceback must not have it either.
        assert caught.value.__suppress_context__


def test_accounts_of_sqlite(sqlite: str) -> None:
    columns = AccountColumns({"account": "id", "consumers": "key", "signed_up_at": "since"})
    accounts = read_accounts(sqlite, query="SELECT * FROM users", columns=columns)
    assert accounts.frame.select("account", "plan", "mrr").rows() == [
        ("7", "pro", 49.0),
        ("8", None, 1049.5),
    ]
    assert accounts.bad_rows == 1
    assert "row 2 is left out: no account" in accounts.notes[-1]


def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    with pytest.raises(InputError, match="there is no database"):
        read_accounts(f"sqlite:///{missing}", query="SELECT 1")
    assert not missing.exists()


@pytest.mark.parametrize(
    ("url", "query", "message"),
    [
        ("mysql://u:pw1234@host/db", "SELECT 1", "no database of the kind 'mysql'"),
        ("sqlite:///x.db", None, "need a query"),
        ("postgresql://u:pw1234@host/db", "", "need a query"),
    ],
)
def test_what_can_not_be_asked(url: str, query: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_accounts(url, query=query)
    assert "pw1234" not in f"{caught.value} {caught.value.hint}"


def test_a_missing_driver_names_the_extra(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from apilog.developer_success.accounts import raw_tables

    monkeypatch.setattr(raw_tables, "_DRIVERS", {"sqlite": "adbc_driver_that_is_not_there"})
    with pytest.raises(ApilogError) as caught:
        read_accounts(sqlite, query="SELECT 1")
    assert caught.value.hint == "in a checkout of apilog: pip install '.[db]'"


def test_the_command_reads_a_database(sqlite: str, tmp_path: Path, run: Run) -> None:
    log = tmp_path / "access.log"
    log.write_text('192.0.2.1 - k7 [02/Sep/2026:10:00:00 +0000] "GET /v1 HTTP/1.1" 200 5 "-" "-"\n')
    query = "SELECT id AS account, key AS consumers FROM users"
    argv = ("--accounts", sqlite, "--accounts-query", query, "-f", "csv", "--quiet")
    result = run("success", log, *argv)
    assert result.code == 0
    assert result.text.splitlines()[2].startswith("first_call,1,0.5,0.5,")
