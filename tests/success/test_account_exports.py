"""Whole account tables as exporters of many places write them: read as meant, or refused."""

from __future__ import annotations

import csv
import io
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apilog.developer_success.accounts import read_accounts
from apilog.errors import InputError

NUMBERS = (
    *((",", "."), ("", "."), (".", ","), ("\u202f", ","), ("\xa0", ",")),
    *(("'", "."), ("’", "."), (" ", ","), ("", ",")),
)
"""What groups thousands, and the decimal sign."""
CURRENCIES = (
    *("{}", "${}", "€{}", "€ {}", "{} €", "£{}", "R$ {}", "CHF {}", "{} zł", "{} kr", "USD {}"),
    *("{} EUR", "US${}", "{} Kč", "₹{}", "¥{}", "{} USD"),
)
DATES = (
    *("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y"),
    *("%b %d, %Y", "%d.%m.%y", "%Y/%m/%d", "%d %B %Y", "%d-%b-%y"),
)
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", "T%H:%M:%SZ", " %H:%M:%S +0000")
START = datetime(2026, 1, 1, tzinfo=UTC)
Row = tuple[str, datetime, datetime | None, float | None]


def written_table(chance: random.Random) -> tuple[bytes, list[Row]]:
    """A table as one exporter writes it, and what it means."""
    choose = chance.choice
    group, decimal = choose(NUMBERS)
    currency, digits, pattern = (
        choose(CURRENCIES),
        choose((0, 2, 2)),
        choose(DATES) + choose(CLOCKS),
    )
    nothing, joint = choose(("", "-", "N/A", "NULL", "\\N")), choose((";", ",", ", ", "; ", "|"))
    cells: list[list[str]] = []
    rows: list[Row] = []
    for number in range(choose((1, 2, 3, 10, 40))):
        cents = choose((0, 950, 9900, chance.randint(1, 200_000), chance.randint(1, 10**7)))
        whole, rest = divmod(cents if digits else cents // 100 * 100, 100)
        text = f"{whole:,}".replace(",", group) + (f"{decimal}{rest:02d}" if digits else "")
        amount: float | None = (100 * whole + rest) / 100
        first, then = (START + timedelta(days=chance.randint(0, 330)) for _ in range(2))
        if "%M" in pattern:
            first, then = (at + timedelta(minutes=chance.randint(0, 1439)) for at in (first, then))
        money, converted, converted_at = currency.format(text), then.strftime(pattern), then
        if chance.random() < 0.2:
            money, amount = nothing, None
        has_converted = chance.random() < 0.7
        consumers = joint.join(f"k{number}_{i}" for i in range(choose((1, 2, 3))))
        at = [first.strftime(pattern), converted if has_converted else nothing]
        cells.append([f"a{number}", consumers, *at, money])
        rows.append((f"a{number}", first, converted_at if has_converted else None, amount))
    text_of = io.StringIO(newline="")
    ends = choose(("\n", "\r\n"))
    writer = csv.writer(text_of, delimiter=choose((",", ";", "\t", "|")), lineterminator=ends)
    writer.writerows([["Account", "Consumers", "Signed up at", "Converted at", "MRR"], *cells])
    encoding = choose(("utf-8", "utf-8-sig", "utf-16", "cp1252"))
    try:
        return text_of.getvalue().encode(encoding), rows
    except UnicodeEncodeError:
        return text_of.getvalue().encode(), rows


def check_tables(folder: Path, seed: int, count: int) -> None:
    refused: list[str] = []
    for number in range(count):
        data, rows = written_table(random.Random(f"{seed} {number}"))
        path = folder / "accounts.csv"
        path.write_bytes(data)
        try:
            accounts = read_accounts(str(path))
        except InputError as error:
            refused.append(str(error))
            continue
        found = accounts.frame.select("account", "signed_up_at", "converted_at", "mrr").rows()
        assert found == rows, data[:300]
        consumers = [c for c in accounts.claims["consumer"] if not {*",|;"} & {*c}]
        assert consumers == sorted(
            re.findall("k[0-9]+_[0-9]", data.replace(b"\0", b"").decode("latin-1"))
        )
        assert accounts.bad_rows == 0
    for message in refused:
        assert "no other amount tells" in message or "no other date tells" in message
    assert len(refused) < count / 5  # what nothing decides is rare


@pytest.mark.slow
def test_tables_are_read_as_meant_or_refused(tmp_path: Path) -> None:
    check_tables(tmp_path, 1, 15)


@pytest.mark.slow
def test_many_tables_are_read_as_meant_or_refused(tmp_path: Path) -> None:
    check_tables(tmp_path, 2, 30)
