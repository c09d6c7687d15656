"""Run after run: what is written again, what stays, what goes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from apilog.errors import UsageError
from apilog.time import PeriodLength
from tests.export.sample_exports import NOW, hidden, log, mark, names, run, state
from tests.weblog import START, line

DAYS = (0, 24, 48)
"""Hours after noon of the 20th: three days."""
HOUR = timedelta(hours=1)


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", DAYS), tmp_path / "to"
    done = run(source, to)
    assert done.new == names(to) == ["2026-11-20", "2026-11-21", "2026-11-22"]
    before = state(to)
    again = run(source, to)
    assert (again.unchanged, again.new, again.rewritten) == (names(to), [], [])
    assert state(to) == before
    assert again.format_line() == "periods: 0 new, 0 rewritten, 3 unchanged"


def test_only_what_changed_is_written_again(tmp_path: Path) -> None:
    to = tmp_path / "to"
    run(log(tmp_path / "a.log", DAYS), to)
    before = state(to)
    done = run([tmp_path / "a.log", log(tmp_path / "b.log", [24.5, 72])], to)
    assert (done.new, done.rewritten) == (["2026-11-23"], ["2026-11-21"])
    after = state(to)
    for name in before:
        assert (before[name] == after[name]) == (not name.startswith("2026-11-21/")), name
    assert mark(to / "2026-11-21")["requests"] == 14


@pytest.mark.parametrize("damage", ["gone", "short", "unmarked-file"])
def test_a_folder_that_was_tampered_with_is_written_again(tmp_path: Path, damage: str) -> None:
    source, to = log(tmp_path / "a.log", DAYS), tmp_path / "to"
    run(source, to)
    file = to / "2026-11-21" / "endpoints.csv"
    whole = file.read_bytes()
    if damage == "short":
        file.write_bytes(whole[:50])
    else:
        file.unlink()
    assert run(source, to).rewritten == ["2026-11-21"]
    assert file.read_bytes() == whole


def test_a_period_that_is_not_over_is_marked_until_it_is(tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", DAYS), tmp_path / "to"
    noon = START + timedelta(hours=49)
    run(source, to, now=noon)
    assert names(to) == ["2026-11-20", "2026-11-21", "2026-11-22.open"]
    assert mark(to / "2026-11-22.open")["open"] is True
    assert run(source, to, now=noon + HOUR).unchanged == names(to)
    midnight = START + timedelta(hours=60)
    assert run(source, to, now=midnight).rewritten == ["2026-11-22"]
    assert names(to) == ["2026-11-20", "2026-11-21", "2026-11-22"]
    assert mark(to / "2026-11-22")["open"] is False
    # A clock that was wrong and is put back.
    run(source, to, now=noon)
    assert names(to) == ["2026-11-20", "2026-11-21", "2026-11-22.open"]
    assert hidden(to) == set()


def test_open_periods_can_be_left_out(tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", DAYS), tmp_path / "to"
    run(source, to, now=START + timedelta(hours=49), closed_only=True)
    assert names(to) == ["2026-11-20", "2026-11-21"]
    run(source, to, now=START + timedelta(hours=60), closed_only=True)
    assert names(to) == ["2026-11-20", "2026-11-21", "2026-11-22"]


def test_old_periods_are_removed_and_not_written_again(tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", DAYS), tmp_path / "to"
    run(source, to)
    kept = {"keep": timedelta(days=1), "now": START + timedelta(hours=60)}
    assert run(source, to, **kept).removed == ["2026-11-20", "2026-11-21"]  # type: ignore[arg-type]
    assert names(to) == ["2026-11-22"]
    again = run(source, to, **kept)  # type: ignore[arg-type]
    assert (again.removed, again.unchanged) == ([], ["2026-11-22"])
    assert hidden(to) == set()


def test_a_period_older_than_its_log_is_removed_too(tmp_path: Path) -> None:
    to = tmp_path / "to"
    run(log(tmp_path / "a.log", DAYS), to)
    run(log(tmp_path / "b.log", []), to, keep=timedelta(days=1), now=NOW)
    assert names(to) == []


def test_limits_never_cut_a_period(tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", (*DAYS, 11, 12.5)), tmp_path / "to"
    run(source, to)
    before = state(to)
    (to / "2026-11-22" / "errors.csv").unlink()
    done = run(source, to, since="2026-11-20T18:00:00Z", until="2026-11-22T13:00:00Z", force=True)
    assert done.cut == ["2026-11-20", "2026-11-22"]
    assert done.unchanged == ["2026-11-21"]
    assert "2 left out, of which the limits cut off a part" in done.format_line()
    done = run(source, to, since="2026-11-21", until="2026-11-23")
    assert (done.cut, done.rewritten) == ([], ["2026-11-22"])
    after = state(to)
    assert {n: s[2] for n, s in after.items()} == {n: s[2] for n, s in before.items()}


@pytest.mark.slow
def test_logs_that_have_lost_a_part_take_nothing_away(tmp_path: Path) -> None:
    to = tmp_path / "to"
    run(log(tmp_path / "a.log", (0, 1, 2, 24)), to)
    before = state(to)
    rotated = log(tmp_path / "b.log", (2, 24, 25))
    done = run(rotated, to)
    assert (done.kept, done.rewritten) == (["2026-11-20"], ["2026-11-21"])
    assert "1 kept, of which the sources have less" in done.format_line()
    assert all(state(to)[name] == before[name] for name in before if "-20/" in name)
    assert run(rotated, to, force=True).rewritten == ["2026-11-20"]
    assert mark(to / "2026-11-20")["requests"] == 7


@pytest.mark.slow
def test_a_folder_keeps_its_options(tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", DAYS), tmp_path / "to"
    run(source, to)
    before = state(to)
    for other, told in (
        ({"every": PeriodLength.HOUR}, "--every day, not with --every hour"),
        ({"format": "md"}, "--format csv, not with --format md"),
        ({"where": "status < 500"}, "no --where, not with --where status < 500"),
        ({"by": ["host", "path"]}, "no --by, not with --by host --by path"),
        ({"tz": "Europe/Berlin"}, "--tz UTC, not with --tz Europe/Berlin"),
    ):
        with pytest.raises(UsageError) as caught:
            run(source, to, **other)
        assert told in str(caught.value)
        assert "--force" in caught.value.hint
    assert state(to) == before
    run(source, to, format="md", force=True)
    assert {p.suffix for p in (to / "2026-11-20").iterdir()} == {".md", ".json"}
    assert run(source, to, format="md").unchanged == names(to)


@pytest.mark.slow
def test_many_periods_need_no_more_memory_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = log(tmp_path / "a.log", (*range(12), *range(12)))
    run(source, tmp_path / "in-memory", every=PeriodLength.HOUR)
    monkeypatch.setattr("apilog.aggregate.spilling_states.SPILL_ABOVE_BYTES", 1)
    run(source, tmp_path / "on-disk", every=PeriodLength.HOUR)
    contents = (
        {name: content for name, (_, _, content) in state(tmp_path / folder).items()}
        for folder in ("in-memory", "on-disk")
    )
    assert next(contents) == next(contents)


@pytest.mark.slow
def test_periods_of_a_wrong_clock_are_written_and_named(tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", [*DAYS, *(n / 10 for n in range(60))]), tmp_path / "to"
    assert run(source, to).notes == []
    with source.open("a") as file:
        file.write(line(start=START.replace(year=1970)) + "\n")
    done = run(source, to)
    assert done.new == ["1970-11-20"]
    (said,) = done.notes
    assert said.startswith("1970-11-20: 1 request far from all others, as a clock that is wrong")
    assert said.endswith("--since and --until leave them out")
    # Also where it was written before.
    assert run(source, to).notes == done.notes
