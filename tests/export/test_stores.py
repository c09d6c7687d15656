"""Stores as sources: only the periods whose files changed are read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from apilog.engine.store_parts import StoredPart
from apilog.ingestion import ingest
from apilog.privacy import Privacy
from apilog.store import anonymize, compact
from apilog.time import PeriodLength
from tests.export.sample_exports import log, mark, names, run, state
from tests.weblog import START

DAYS = (0, 24, 48)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    ingest([log(tmp_path / "a.log", DAYS)], tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The days of which something was read since it was last asked."""
    seen: list[str] = []
    real = StoredPart.read

    def noted(part: StoredPart, *args: object) -> object:
        seen.extend(file.name.split("/")[1].removeprefix("date=") for file in part.files)
        return real(part, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(StoredPart, "read", noted)

    def asked() -> list[str]:
        found = sorted(set(seen))
        seen.clear()
        return found

    return asked


def test_what_did_not_change_is_not_read(
    tmp_path: Path, store: Path, read: Callable[[], list[str]]
) -> None:
    to = tmp_path / "to"
    run(store, to)
    before = state(to)
    assert read() == ["2026-11-20", "2026-11-21", "2026-11-22"]
    again = run(store, to)
    assert (read(), again.unchanged, state(to)) == ([], names(to), before)
    assert (again.report.input.records, again.format_line()) == (
        21,
        "periods: 0 new, 0 rewritten, 3 unchanged",
    )
    ingest([log(tmp_path / "b.log", [72.5])], store)
    assert run(store, to).new == ["2026-11-23"]
    assert read() == ["2026-11-23"]


def test_late_records_are_read_with_their_day(
    tmp_path: Path, store: Path, read: Callable[[], list[str]]
) -> None:
    to = tmp_path / "to"
    run(store, to)
    read()
    ingest([log(tmp_path / "b.log", [24.5])], store)
    done = run(store, to)
    assert (done.rewritten, done.unchanged) == (["2026-11-21"], ["2026-11-20", "2026-11-22"])
    assert read() == ["2026-11-21"]
    assert mark(to / "2026-11-21")["requests"] == 14


@pytest.mark.slow
@pytest.mark.parametrize("every", PeriodLength)
def test_other_files_with_the_same_records_leave_the_tables(
    tmp_path: Path, store: Path, read: Callable[[], list[str]], every: PeriodLength
) -> None:
    to = tmp_path / "to"
    ingest([log(tmp_path / "b.log", [0.2, 24.5, 48.5])], store)
    run(store, to, every=every)
    before = state(to)
    compact(store)
    done = run(store, to, every=every)
    assert (done.unchanged, done.rewritten) == (names(to), [])
    after = state(to)
    assert {n for n in before if before[n] != after[n]} == {f"{n}/period.json" for n in names(to)}
    read()
    run(store, to, every=every)
    assert read() == []


@pytest.mark.slow
def test_whatever_else_decides_the_tables_is_read_again(
    tmp_path: Path, store: Path, read: Callable[[], list[str]]
) -> None:
    to = tmp_path / "to"
    run(store, to, tz="Europe/Berlin", tables=None)
    for asked in (
        {"by": ["consumer"]},
        {"hash_consumers": "1"},
        {"hash_consumers": "2"},
    ):
        read()
        done = run(store, to, force=True, tz="Europe/Berlin", tables=None, **asked)
        assert len(read()) == len(done.rewritten) == 3
    (to / "2026-11-21" / "errors.csv").unlink()
    assert run(store, to, tz="Europe/Berlin", tables=None, hash_consumers="2").rewritten == [
        "2026-11-21"
    ]
    assert read() == ["2026-11-21"]
    anonymize(store, Privacy(key=b"2"))
    done = run(store, to, tz="Europe/Berlin", tables=None, hash_consumers="2")
    assert (done.unchanged, len(read())) == (names(to), 3)


def test_a_day_is_closed_although_nothing_came(tmp_path: Path, store: Path) -> None:
    to = tmp_path / "to"
    run(store, to, now=START + timedelta(hours=49))
    assert names(to)[-1] == "2026-11-22.open"
    assert run(store, to, now=START + timedelta(hours=61)).rewritten == ["2026-11-22"]
    assert names(to)[-1] == "2026-11-22"


def test_limits_hold_for_what_is_not_read(
    tmp_path: Path, store: Path, read: Callable[[], list[str]]
) -> None:
    to = tmp_path / "to"
    run(store, to)
    read()
    done = run(store, to, since="2026-11-21T12:00:00Z")
    assert (done.cut, done.unchanged) == (["2026-11-21"], ["2026-11-22"])
    done = run(store, to, keep=timedelta(days=1), now=START + timedelta(hours=61))
    assert (done.unchanged, done.removed) == (["2026-11-22"], ["2026-11-20", "2026-11-21"])
    assert read() == ["2026-11-21"]


@pytest.mark.slow
def test_a_log_among_the_stores_is_read_with_all_of_them(tmp_path: Path, store: Path) -> None:
    to = tmp_path / "to"
    run(store, to)
    done = run([store, log(tmp_path / "b.log", [24.5])], to)
    assert (done.rewritten, done.unchanged) == (["2026-11-21"], ["2026-11-20", "2026-11-22"])
    assert mark(to / "2026-11-21")["made_of"] is None
