"""What export did not make stays as it is, whatever it is called; hostile names and marks."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from apilog.errors import InputError, OutputError, UsageError
from apilog.ingestion import ingest
from apilog.storage.local_folder import FileLock
from apilog.time import PeriodLength
from tests.export.sample_exports import hidden, log, mark, names, run, state
from tests.weblog import START, line, write

DAYS = (0, 24)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return log(tmp_path / "a.log", DAYS)


def test_a_folder_of_others_in_the_way_is_told_and_left(tmp_path: Path, source: Path) -> None:
    to = tmp_path / "to"
    (to / "2026-11-21").mkdir(parents=True)
    (to / "2026-11-21" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="2026-11-21 is there, and was not made by export"):
        run(source, to)
    assert (to / "2026-11-21" / "thesis.txt").read_text() == "mine"
    assert names(to) == ["2026-11-20", "2026-11-21"]
    run(source, to, until="2026-11-21", keep=timedelta(days=1), now=START + timedelta(days=90))
    assert names(to) == ["2026-11-21"]


@pytest.mark.parametrize("kind", ["link", "file", "open folder", "stranger's mark", "copied mark"])
def test_whatever_else_is_in_the_way_is_left(tmp_path: Path, source: Path, kind: str) -> None:
    to, elsewhere = tmp_path / "to", tmp_path / "elsewhere"
    run(source, elsewhere)
    to.mkdir()
    if kind == "link":
        (to / "2026-11-21").symlink_to(elsewhere / "2026-11-21")
    elif kind == "file":
        (to / "2026-11-21").write_text("mine")
    elif kind == "open folder":
        (to / "2026-11-21.open").mkdir()
    else:
        (to / "2026-11-21").mkdir()
        other = elsewhere / "2026-11-20" / "period.json"
        text = '{"version": 1}' if kind == "stranger's mark" else other.read_text()
        (to / "2026-11-21" / "period.json").write_text(text)
    before = state(elsewhere)
    with pytest.raises(OutputError, match="was not made by export"):
        run(source, to)
    run(log(tmp_path / "b.log", []), to, keep=timedelta(0))
    assert len(names(to)) == (0 if kind == "file" else 1)
    assert state(elsewhere) == before


def test_files_of_others_in_a_period_go_on_with_it(tmp_path: Path, source: Path) -> None:
    to = tmp_path / "to"
    run(source, to, now=START + timedelta(hours=25))
    notes = to / "2026-11-21.open" / "notes.txt"
    notes.write_text("mine")
    (to / "2026-11-21.open" / "plots").mkdir()
    run(source, to)
    assert (to / "2026-11-21" / "notes.txt").read_text() == "mine"
    assert (to / "2026-11-21" / "plots").is_dir()
    done = run(source, to, keep=timedelta(days=1))
    assert (done.removed, names(to)) == (["2026-11-20"], ["2026-11-21"])
    assert "2026-11-21 holds files that export did not make: not removed" in done.notes[0]
    assert hidden(to) == set()


def test_what_lies_beside_the_periods_stays(tmp_path: Path, source: Path) -> None:
    to = tmp_path / "to"
    others = ("README", "2026-11-2x/a.csv", "2026-11-20.old/a.csv", ".2026-11-20.keep.new/a.csv")
    for name in others:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_text("mine")
    run(source, to, keep=timedelta(days=1), now=START + timedelta(days=90))
    run(source, to)
    assert all((to / name).read_text() == "mine" for name in others)


@pytest.mark.parametrize("name", ["export.json", "2026-11-21/period.json"])
def test_a_folder_of_a_newer_version_is_refused(tmp_path: Path, source: Path, name: str) -> None:
    to = tmp_path / "to"
    run(source, to)
    newer = json.loads((to / name).read_bytes()) | {"version": 2}
    (to / name).write_text(json.dumps(newer))
    before = state(to)
    with pytest.raises(OutputError, match="has version 2, this apilog writes up to 1") as caught:
        run(source, to)
    assert caught.value.hint == "upgrade apilog"
    assert state(to) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1}', b"\xff", b"[" * 10_000])
def test_a_damaged_mark_of_the_folder_is_told(tmp_path: Path, source: Path, content: bytes) -> None:
    to = tmp_path / "to"
    run(source, to)
    (to / "export.json").write_bytes(content)
    with pytest.raises(OutputError, match="is not what export writes there"):
        run(source, to)
    (to / "export.json").unlink()
    assert len(run(source, to).unchanged) == 2


def test_two_at_once_are_refused(tmp_path: Path, source: Path) -> None:
    to = tmp_path / "to"
    run(source, to)
    before = state(to)
    lock = FileLock(to / ".export.lock")
    with pytest.raises(InputError, match="is being written by process"):
        run(source, to)
    lock.release()
    assert state(to) == before
    assert len(run(source, to).unchanged) == 2


@pytest.mark.parametrize("to", [".", "to", "deep/er/to", "logs/../to"])
def test_a_folder_within_the_sources_is_refused(tmp_path: Path, to: str) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    log(logs / "a.log", DAYS)
    with pytest.raises(UsageError, match="lies in the source"):
        run(tmp_path, tmp_path / to)
    run(logs, tmp_path / "beside")
    assert len(run(logs, tmp_path / "beside").unchanged) == 2


def test_a_store_is_no_place_for_an_export(tmp_path: Path, source: Path) -> None:
    ingest([source], tmp_path / "store")
    with pytest.raises(UsageError, match="lies in the source"):
        run(tmp_path / "store", tmp_path / "store")


def test_texts_of_an_attacker_become_no_names(tmp_path: Path) -> None:
    evil = ["../../etc/passwd", "a/../..", "=cmd()", "x\\x00", "<script>"]
    lines = [
        line(f"/{text}", user=text.replace(" ", ""), ms=1, after=n) for n, text in enumerate(evil)
    ]
    source, to = write(tmp_path / "a.log", lines), tmp_path / "to"
    run(source, to, by=["consumer", "path"], tables=None)
    assert names(to) == ["2026-11-20"]
    assert set(mark(to / "2026-11-20")["files"]) == {
        p.name for p in (to / "2026-11-20").iterdir() if p.name != "period.json"
    }
    cells = (to / "2026-11-20" / "consumers.csv").read_text()
    assert "\n'=cmd()," in cells


@pytest.mark.parametrize("year", ["0001", "9999", "1601"])
def test_times_at_the_ends_of_the_calendar_are_periods_or_rejects(
    tmp_path: Path, year: str
) -> None:
    text = line("/", ms=1).replace("20/Nov/2026", f"01/Jan/{year}")
    for every in PeriodLength:
        source = write(tmp_path / "a.log", [text, line("/", ms=1)])
        done = run(source, tmp_path / every, every=every, tz="Pacific/Apia")
        assert len(done.new) in (1, 2)
