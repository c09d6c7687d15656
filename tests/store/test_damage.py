"""Stores that something else has damaged: every command says which file, and none counts wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from apilog.store import Store, verify
from tests.commands import Run

FIXTURE = Path(__file__).parent / "fixtures" / "version-1"
SQL = "SELECT consumer, COUNT(*) AS n FROM requests GROUP BY consumer"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """25 records in three files, one of which has 5 of them."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "store"))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:4000])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def make_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def exchange(file: Path) -> None:
    """Another file of the store in its place: a good Parquet file with other rows."""
    others = sorted(file.parent.glob("*.parquet"), key=lambda other: other == file)
    shutil.copy(others[0], file)


def fill_with_text(file: Path) -> None:
    file.write_bytes(b"PAR1=cmd()\x1b[31m\n" * 100)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut": (cut, "has 4,000 bytes instead of 8,678"),
    "flipped": (flip, "has other bytes than were written"),
    "empty": (empty, "has 0 bytes instead of 8,678"),
    "gone": (Path.unlink, "is missing"),
    "folder": (make_folder, "can't be read"),
    "exchanged": (exchange, "has 8,902 bytes instead of 8,678"),
    "text": (fill_with_text, "has 1,600 bytes instead of 8,678"),
}


@pytest.fixture(params=DAMAGES)
def damaged(request: pytest.FixtureRequest, store: Path) -> tuple[Path, str, str]:
    """A store, the name of its damaged file, and what is wrong with it."""
    damage, problem = DAMAGES[request.param]
    file = next(f for f in Store.open(store).record_files() if f.rows == 5)
    damage(store / file.name)
    return store, file.name, problem


def test_verify_names_the_file_what_is_wrong_and_what_is_lost(
    damaged: tuple[Path, str, str], run: Run
) -> None:
    store, name, problem = damaged
    done = run("store", "verify", store)
    assert (done.code, done.stdout) == (2, b"")
    assert f"error: {store / name} {problem}" in done.stderr
    assert done.stderr.endswith("hint: restore it from a backup: it held 5 rows\n")
    assert verify(store).rows == 21


def test_no_command_counts_without_the_file(damaged: tuple[Path, str, str], run: Run) -> None:
    store = damaged[0]
    # Bytes in the middle may be of a column that is not read; then nothing is missing.
    is_flipped = damaged[2].startswith("has other bytes")
    for argv in (
        ("report", store, "-f", "csv", "--table", "overview"),
        ("report", store, "-f", "csv", "--since", "2026-11-20", "--until", "2026-11-22"),
        ("query", SQL, store, "-f", "csv"),
        ("export", store, "--to", store.parent / "to"),
    ):
        done = run(*argv)
        if is_flipped and done.code == 0:
            continue
        if argv[0] == "query" and done.code == 0:
            continue  # reads what Polars reads: see `apilog store verify`
        assert (done.code, done.stdout) == (2, b""), argv
        assert "apilog store verify" in done.stderr
        assert "\x1b" not in done.stderr


@pytest.mark.parametrize("name", ["compact", "anonymize"])
def test_upkeep_leaves_a_damaged_store_as_it_is(
    damaged: tuple[Path, str, str], run: Run, name: str
) -> None:
    store = damaged[0]
    before = Store.open(store).manifest
    done = run("store", name, store, *(["--ip"] if name == "anonymize" else []))
    assert done.code == 2
    assert "apilog store verify" in done.stderr
    kept = {file for file in before.files if "-20/" in file.name}
    assert kept <= set(Store.open(store).manifest.files)


def test_a_store_without_its_manifest_is_told_to_be_one(store: Path, run: Run) -> None:
    shutil.rmtree(store / "manifest")
    before = sorted(store.rglob("*"))
    log = store.parent / "a.log"
    log.write_text("")
    for argv in (
        ("store", "verify", store),
        ("store", "info", store),
        ("store", "compact", store),
        ("report", store),
        ("query", SQL, store),
        ("ingest", log, "--store", store),
        ("export", store, "--to", store.parent / "to"),
    ):
        done = run(*argv)
        assert (done.code, done.stdout) == (2, b""), argv
        assert f"the store {store} has lost its manifest" in done.stderr
        assert "hint: restore that folder from a backup" in done.stderr
    assert [p for p in sorted(store.rglob("*")) if p.name != "lock"] == before


def test_a_damaged_manifest_is_named(store: Path, run: Run) -> None:
    newest = max((store / "manifest").iterdir())
    whole = newest.read_bytes()
    for content in (b"", whole[:500], b"\x00" * 100, b"[]", b"[" * 100_000):
        newest.write_bytes(content)
        done = run("store", "verify", store)
        assert done.code == 2
        assert f"error: {newest} is damaged" in done.stderr
    # What its hint says is true: the commit before still stands.
    newest.unlink()
    assert run("store", "verify", store).code == 0
    assert Store.open(store).scan_records().collect().height == 20
