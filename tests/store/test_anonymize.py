"""`apilog store anonymize` against plain Python, and against whatever may interrupt it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from apilog.privacy import Privacy
from apilog.schema import SCHEMA
from apilog.store import AnonymizeSummary, Store, StoreWriter, anonymize, verify
from tests.commands import Run
from tests.store.faulty_disk import PowerCut, fail, operations, places
from tests.store.sample_stores import START, assert_tidy, files_under, records, rejects

KEY = b"s3cret"
ALL = Privacy(anonymize_ip=True, key=KEY)
ADDRESSES = ["203.0.113.77", "2001:db8:1:2::3", "::ffff:192.0.2.7", None, "not an address", "::1"]
CONSUMERS = ["acme", None, "alice@example.com", "=cmd()", "x" * 300]
DAY = timedelta(days=1)


def personal(count: int, first_line: int = 1) -> pl.DataFrame:
    """Records of an hour each with addresses, consumers and browsers."""
    lines = range(first_line, first_line + count)
    start = START + timedelta(hours=first_line - 1)
    return records(count, start=start, first_line=first_line).with_columns(
        client_ip=pl.Series([ADDRESSES[n % 6] for n in lines], dtype=pl.String),
        consumer=pl.Series([CONSUMERS[n % 5] for n in lines], dtype=pl.String),
        user_agent=pl.lit("curl/8.5"),
    )


def make(path: Path) -> Store:
    """Three days in two commits, with rejects, and a record without a time."""
    for part in (personal(40), personal(20, first_line=41)):
        with StoreWriter(path) as writer:
            writer.add_records(part)
            writer.add_records(
                part.head(1).with_columns(timestamp=pl.lit(None, SCHEMA["timestamp"]))
            )
            writer.add_rejects(rejects(2))
            writer.commit()
    return Store.open(path)


def rows(store: Store) -> list[dict[str, Any]]:
    """All records, in an order that does not depend on files."""
    return (
        store.scan_records().collect().sort("line_number", "timestamp", nulls_last=True).to_dicts()
    )


def address(text: str | None) -> str | None:
    try:
        found = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    if mapped:
        return f"::ffff:{address(str(mapped))}"
    bits = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network(f"{text}/{bits}", strict=False).network_address)


def consumer(text: str | None) -> str | None:
    if text is None:
        return None
    return "hmac:" + hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()[:32]


def expected(row: dict[str, Any]) -> dict[str, Any]:
    return row | {
        "client_ip": address(row["client_ip"]),
        "consumer": consumer(row["consumer"]),
        "user_agent": None,
    }


def test_every_record_is_rewritten_and_nothing_else_changes(tmp_path: Path) -> None:
    before = rows(make(tmp_path))
    done = anonymize(tmp_path, ALL, drop=["user_agent"])
    store = Store.open(tmp_path)
    assert done == AnonymizeSummary(files=len(store.manifest.files), records=62, rejects=4)
    assert rows(store) == [expected(row) for row in before]
    assert verify(tmp_path).damaged == ()
    assert_tidy(tmp_path)
    left = store.scan_rejects().collect()
    assert left["line"].to_list() == [None] * 4
    assert left["reason"].to_list() == ["not combined"] * 4


def test_no_byte_of_what_was_hidden_is_left(tmp_path: Path) -> None:
    make(tmp_path)
    anonymize(tmp_path, ALL)
    frames = [pl.read_parquet(tmp_path / n) for n in files_under(tmp_path) if n.endswith("parquet")]
    held = str([frame.to_dicts() for frame in frames])
    assert not any(text in held for text in ("203.0.113.77", "alice", "::3", "192.0.2.7", "acme"))


def test_a_second_run_does_nothing_and_new_records_are_all_it_needs(tmp_path: Path) -> None:
    make(tmp_path)
    anonymize(tmp_path, ALL)
    store = Store.open(tmp_path)
    assert anonymize(tmp_path, ALL) == AnonymizeSummary(files=0, records=0, rejects=0)
    # Another key changes nothing: what was hashed stays comparable.
    assert anonymize(tmp_path, Privacy(key=b"other")).files == 0
    assert Store.open(tmp_path) == store
    with StoreWriter(tmp_path) as writer:
        writer.add_records(personal(3, first_line=61))
        writer.commit()
    assert anonymize(tmp_path, ALL).records == 3


def test_young_days_can_be_left_as_they_are(tmp_path: Path) -> None:
    before = rows(make(tmp_path))
    anonymize(tmp_path, ALL, drop=["user_agent"], before=DAY, now=START + 2 * DAY)
    for old, row in zip(before, rows(Store.open(tmp_path)), strict=True):
        day = row["timestamp"].date() if row["timestamp"] else None
        is_old = day is None or day <= START.date()
        assert row == (expected(old) if is_old else old)
    # The rejects were stored now.
    assert Store.open(tmp_path).scan_rejects().collect()["line"].null_count() == 0


def test_only_what_is_asked_for_is_done(tmp_path: Path) -> None:
    before = rows(make(tmp_path))
    anonymize(tmp_path, Privacy(anonymize_ip=True))
    assert rows(Store.open(tmp_path)) == [
        row | {"client_ip": address(row["client_ip"])} for row in before
    ]


@pytest.mark.slow
def test_a_power_cut_leaves_each_day_as_it_was_or_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "whole")
    calls = operations(monkeypatch, lambda: anonymize(tmp_path / "whole", ALL))
    assert len(calls) > 30
    for at in places(calls, 4):
        path = tmp_path / f"{at}"
        fail(monkeypatch, 0, PowerCut, False, lambda path=path: make(path))
        before = rows(Store.open(path))
        failed, _ = fail(monkeypatch, at, PowerCut, True, lambda path=path: anonymize(path, ALL))
        assert failed
        wanted = [expected(row) | {"user_agent": row["user_agent"]} for row in before]
        days: dict[object, set[bool]] = {}
        for old, new, row in zip(before, wanted, rows(Store.open(path)), strict=True):
            assert row in (old, new)
            if old != new:
                days.setdefault(row["timestamp"] and row["timestamp"].date(), set()).add(row == new)
        assert all(len(states) == 1 for states in days.values())
        fail(monkeypatch, 0, PowerCut, False, lambda path=path: anonymize(path, ALL))
        assert rows(Store.open(path)) == wanted
        assert_tidy(path)


def test_the_command(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    monkeypatch.setenv("THE_KEY", "s3cret")
    argv = ("store", "anonymize", tmp_path, "--ip", "--hash-consumers", "env:THE_KEY")
    done = run(*argv, "--drop", "user_agent,referer", "--drop", "host")
    assert (done.code, done.stderr) == (0, "")
    assert done.text == "rewrote 62 records, and took the lines of 4 rejects: 8 files\n"
    assert {row["consumer"] for row in rows(Store.open(tmp_path))} == {*map(consumer, CONSUMERS)}
    done = run(*argv)
    assert done.text == "rewrote 0 records, and took the lines of 0 rejects: 0 files\n"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ((), "nothing to anonymize"),
        (("--drop", "user-agent"), "no column 'user-agent'"),
        (("--drop", "timestamp"), "every record needs it"),
        (("--ip", "--before", "soon"), "soon"),
        (("--hash-consumers", ""), "the key of --hash-consumers is empty"),
    ],
)
def test_wrong_usage_is_told(tmp_path: Path, run: Run, argv: tuple[str, ...], told: str) -> None:
    before = make(tmp_path)
    done = run("store", "anonymize", tmp_path, *argv)
    assert (done.code, done.stdout) == (2, b"")
    assert told in done.stderr
    assert Store.open(tmp_path) == before


def test_what_is_no_store_is_told(tmp_path: Path, run: Run) -> None:
    assert run("store", "anonymize", tmp_path, "--ip").code == 2
    assert run("store", "anonymize", tmp_path / "gone", "--ip").code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_tells_what_would_be_rewritten(tmp_path: Path, run: Run) -> None:
    before = make(tmp_path)
    argv = ("store", "anonymize", tmp_path, "--ip")
    told = run(*argv, "--dry-run").text
    assert told.endswith("; nothing is changed\n")
    assert Store.open(tmp_path) == before
    done = run(*argv).text
    expected = told.partition(";")[0].replace("would rewrite", "rewrote").replace("take", "took")
    assert done.strip() == expected
    assert run(*argv, "--dry-run").text.startswith(
        "would rewrite 0 records, and take the lines of 0"
    )
